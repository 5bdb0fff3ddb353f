"""A real IPython shell with cellmill loaded, in a folder of its own."""

from __future__ import annotations

import atexit
import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cellmill_kernel.session import Session, end_session, get_session
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class Notebook:
    """Runs cells in a shell, as a client does that sends cell ids."""

    def __init__(self, shell: InteractiveShell, folder: Path) -> None:
        self.shell = shell
        self.folder = folder
        self.last: Any = None

    def run(self, source: str, cell_id: str | None = None) -> SimpleNamespace:
        """Run a cell; what it printed, displayed and raised."""
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            result = self.shell.run_cell(source, store_history=True, cell_id=cell_id)
        return SimpleNamespace(
            printed=out.getvalue(), value=result.result, error=result.error_in_exec or result.error_before_exec
        )

    def ok(self, source: str, cell_id: str | None = None) -> SimpleNamespace:
        """Run a cell that must not fail."""
        result = self.run(source, cell_id)
        assert result.error is None, result.printed
        return result

    @property
    def session(self) -> Session:
        """The session."""
        return get_session()

    @property
    def names(self) -> dict[str, Any]:
        """The notebook's namespace."""
        return self.shell.user_ns

    def save(self, **cells: str) -> Path:
        """Save a notebook of these cells by id (underscores for dashes)."""
        path = self.folder / "book.ipynb"
        path.write_text(
            json.dumps(
                {
                    "cells": [
                        {"cell_type": "code", "id": name, "metadata": {}, "source": source, "outputs": [],
                         "execution_count": None}
                        for name, source in cells.items()
                    ],
                    "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python"}},
                    "nbformat": 4,
                    "nbformat_minor": 5,
                }
            )
        )  # fmt: skip
        # a file that is saved twice within the clock's resolution would look unchanged
        self._stamp = getattr(self, "_stamp", 1_700_000_000) + 10
        os.utime(path, (self._stamp, self._stamp))
        return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """A shell without cellmill."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.delenv("CELLMILL_HOME", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config()
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor"
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    yield Notebook(shell, tmp_path)
    end_session()
    InteractiveShell.clear_instance()
    _close(shell)


def _close(shell: InteractiveShell) -> None:
    """End a shell now: at the exit of the process each would collect the garbage of all, which takes minutes."""
    atexit.unregister(shell.atexit_operations)
    shell.history_manager.end_session()
    shell.history_manager.close()


@pytest.fixture
def nb(bare: Notebook) -> Notebook:
    """A shell with cellmill loaded."""
    bare.ok("%load_ext cellmill")
    return bare
