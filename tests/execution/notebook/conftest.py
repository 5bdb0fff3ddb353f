"""Notebooks made of a list of cells, and warm kernel servers that end with the tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

MakeNotebook = Callable[..., Path]


def notebook_of(*sources: str, tags: Mapping[int, list[str]] | None = None) -> dict[str, Any]:
    """Return a notebook with these code cells; a source that starts with '#md ' is a markdown cell."""
    cells: list[dict[str, Any]] = []
    for index, source in enumerate(sources):
        metadata: dict[str, Any] = {"tags": list((tags or {}).get(index, []))}
        if source.startswith("#md "):
            cells.append({"cell_type": "markdown", "id": f"cell-{index}", "metadata": metadata, "source": source[4:]})
        else:
            cells.append(
                {
                    "cell_type": "code",
                    "id": f"cell-{index}",
                    "metadata": metadata,
                    "source": source,
                    "outputs": [],
                    "execution_count": None,
                }
            )
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def make_notebook(tmp_path: Path) -> MakeNotebook:
    """Return a function that writes a notebook of these cells and returns its path."""

    def make(*sources: str, tags: Mapping[int, list[str]] | None = None, name: str = "notebook") -> Path:
        path = tmp_path / f"{name}.ipynb"
        path.write_text(json.dumps(notebook_of(*sources, tags=tags)), encoding="utf-8")
        return path

    return make


@pytest.fixture(scope="session", autouse=True)
def private_kernel_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the servers of warm kernels to these tests, and end them."""
    from cellmill.execution.notebook.forkserver import stop_servers

    before = os.environ.get("XDG_RUNTIME_DIR")
    folder = tmp_path_factory.mktemp("runtime")
    folder.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    yield
    stop_servers()
    if before is None:
        del os.environ["XDG_RUNTIME_DIR"]
    else:
        os.environ["XDG_RUNTIME_DIR"] = before
