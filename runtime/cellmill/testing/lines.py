"""Where the lines of cells stand in a notebook's file, so that tracebacks and coverage name the file that one edits."""

from __future__ import annotations

import json
import linecache
from collections.abc import Mapping, Sequence
from pathlib import Path

from cellmill.notebooks.document import Notebook, read_notebook


class FileLines:
    """The lines of a notebook's cells as lines of its file.

    In an .ipynb each line of source is one line of JSON; where it is not (JSON on one line), lines count from the cell.
    """

    def __init__(self, path: Path, notebook: Notebook, text: str) -> None:
        self.path = path
        self._of_cell: dict[int, tuple[int, ...]] = {}
        self._shown = text.split("\n")
        if notebook.form == "percent":
            for cell in notebook.cells:
                count = cell.source.count("\n") + 1
                self._of_cell[cell.index] = tuple(range(cell.line, cell.line + count))
        else:
            self._find(notebook)

    @classmethod
    def read(cls, path: Path) -> FileLines:
        """Return the lines of a file."""
        text = path.read_text("utf-8")
        return cls(path, read_notebook(text, str(path)), text)

    def _find(self, notebook: Notebook) -> None:
        texts: dict[int, str] = {}
        for number, line in enumerate(self._shown, start=1):
            stripped = line.strip().rstrip(",")
            stripped = stripped.removeprefix('"source": ').removeprefix("[").removesuffix("]")
            if stripped[:1] == '"' and stripped[-1:] == '"' and len(stripped) > 1:
                try:
                    value = json.loads(stripped)
                except ValueError:
                    continue
                if isinstance(value, str):
                    texts[number] = value.rstrip("\n")
        numbers = sorted(texts)
        at = 0
        for cell in notebook.cells:
            wanted = cell.source.rstrip("\n").split("\n")
            found = _consecutive(texts, numbers, at, wanted)
            if found is None:
                continue
            at = numbers.index(found[-1]) + 1
            self._of_cell[cell.index] = found
            for number, shown in zip(found, wanted, strict=True):
                self._shown[number - 1] = shown

    def line(self, cell: int, line: int) -> int:
        """Return the line of the file where line `line` of a cell stands."""
        lines = self._of_cell.get(cell)
        return lines[line - 1] if lines and 0 < line <= len(lines) else line

    def show_in_tracebacks(self) -> None:
        """Let tracebacks show the source of cells rather than the JSON around it."""
        text = [line + "\n" for line in self._shown]
        # no mtime: linecache then never looks at the file again
        linecache.cache[str(self.path)] = (sum(map(len, text)), None, text, str(self.path))

    def code(self) -> Mapping[int, tuple[int, ...]]:
        """Return the lines of the file by cell."""
        return self._of_cell

    @property
    def shown(self) -> Sequence[str]:
        """The lines of the file, with the source of cells as it is written."""
        return self._shown


def _consecutive(
    texts: Mapping[int, str], numbers: Sequence[int], start: int, wanted: Sequence[str]
) -> tuple[int, ...] | None:
    for at in range(start, len(numbers) - len(wanted) + 1):
        first = numbers[at]
        if all(texts.get(first + offset) == line for offset, line in enumerate(wanted)):
            return tuple(range(first, first + len(wanted)))
    return None
