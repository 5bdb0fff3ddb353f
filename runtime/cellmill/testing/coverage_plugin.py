"""The coverage plugin: cells that tests called, under the notebook's own name.

`[tool.coverage.run] plugins = ["cellmill.testing.coverage_plugin"]`
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from coverage.plugin import CoveragePlugin, FileReporter, FileTracer

from cellmill.notebooks.scan import scan_notebook
from cellmill.notebooks.syntax import parse_source
from cellmill.testing.lines import FileLines


class NotebookCoverage(CoveragePlugin):
    """Measures code that runs under a notebook's name."""

    def file_tracer(self, filename: str) -> FileTracer | None:
        """Return the tracer of a notebook; None for every other file."""
        return NotebookTracer(filename) if filename.endswith(".ipynb") and Path(filename).is_file() else None

    def file_reporter(self, filename: str) -> FileReporter | str:
        """Return what reports on a notebook."""
        return NotebookReporter(filename)


class NotebookTracer(FileTracer):
    """Lines that run are lines of the notebook's file."""

    def __init__(self, filename: str) -> None:
        self._filename = filename

    def source_filename(self) -> str:
        """Return the notebook's path."""
        return self._filename


class NotebookReporter(FileReporter):
    """The lines of a notebook that hold statements of asset cells, checks, ops and the plain cells between them."""

    def lines(self) -> set[int]:
        """Return the lines of the file on which a statement starts."""
        path = Path(self.filename)
        places = FileLines.read(path)
        scan = scan_notebook(path.read_bytes(), self.filename)
        found: set[int] = set()
        for cell in scan.cells:
            for node in _statements(parse_source(cell.cell.source).body):
                found.add(places.line(cell.cell.index, node.lineno))
        return found

    def source(self) -> str:
        """Return the file with the source of cells as it is written."""
        return "\n".join(FileLines.read(Path(self.filename)).shown)


def _statements(body: tuple[ast.stmt, ...]) -> list[ast.stmt]:
    """Return what can be executed: no magics, no docstrings."""
    found: list[ast.stmt] = []
    for top in body:
        if "get_ipython()" in ast.unparse(top):
            continue
        for node in ast.walk(top):
            if isinstance(node, ast.stmt) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                found.append(node)
    return found


def coverage_init(registry: Any, options: dict[str, Any]) -> None:
    """Register the plugin with coverage."""
    registry.add_file_tracer(NotebookCoverage())
