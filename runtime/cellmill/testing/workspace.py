"""A workspace that a test writes, runs and forgets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from cellmill.instance.instance import Instance
from cellmill.workspace.workspace import Workspace

if TYPE_CHECKING:
    from cellmill.instance.instance import Instance
    from cellmill.workspace.workspace import Workspace

_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class TemporaryWorkspace:
    """A folder with notebooks and modules, and an instance of its own.

    Args:
        root: The folder; made where it does not exist, such as pytest's `tmp_path`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / ".cellmill"
        root.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(exist_ok=True)

    def notebook(self, name: str, *cells: str) -> Path:
        """Write a notebook of code cells.

        Args:
            name: Name of the file, with or without .ipynb.
            cells: The cells' sources, which may be indented; `%load_ext cellmill` comes before them, unless one has it.

        Returns:
            The path of the file.
        """
        sources = [dedent(cell).strip("\n") for cell in cells]
        if not any("load_ext cellmill" in source for source in sources):
            sources.insert(0, "%load_ext cellmill")
        content = {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{at}",
                    "metadata": {},
                    "source": source.splitlines(True),
                    "outputs": [],
                    "execution_count": None,
                }
                for at, source in enumerate(sources)
            ],
            "metadata": {"kernelspec": _KERNEL, "language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        return self.file(name if name.endswith(".ipynb") else f"{name}.ipynb", json.dumps(content, indent=1) + "\n")

    def file(self, name: str, text: str) -> Path:
        """Write a file: a module, `cellmill.toml`, data.

        Args:
            name: Its path from the workspace's folder.
            text: What is in it.

        Returns:
            The path of the file.
        """
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the `cellmill` command in the workspace.

        Args:
            arguments: What comes behind `cellmill`, word by word.
            check: Whether a failure raises an `AssertionError` with what the command said.

        Returns:
            The finished process, with its output as text.
        """
        done = subprocess.run(
            [sys.executable, "-m", "cellmill", *arguments],
            cwd=self.root,
            env={**os.environ, "CELLMILL_HOME": str(self.home), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise AssertionError(f"cellmill {' '.join(arguments)} gave {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    @cached_property
    def instance(self) -> Instance:
        """Its instance."""
        return Instance.get(self.home)

    @cached_property
    def workspace(self) -> Workspace:
        """Its code locations, read once; `workspace.refresh()` reads again."""
        return Workspace.open(self.root, home=self.home)

    def close(self) -> None:
        """Let go of hosts and database."""
        for name in ("workspace", "instance"):
            made = self.__dict__.pop(name, None)
            if made is not None:
                made.close()
