"""The notebook as it is now: the cells that were executed, by id, over those of the file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellmill.notebooks.document import Cell, Notebook, read_notebook
from cellmill.notebooks.problem import NotebookError

#: Version of Python whose grammar the cells of this kernel have.
PYTHON = (sys.version_info[0], sys.version_info[1])


@dataclass(slots=True)
class LiveCell:
    """A cell that was executed in this kernel: the code that ran is what counts."""

    id: str
    source: str
    #: order of first execution
    number: int
    #: when it ran last, in seconds since 1970
    ran_at: float
    #: source in the file when it was last read; differs where the cell was edited but not run
    saved: str | None = None


@dataclass(slots=True)
class LiveNotebook:
    """Document order from the file, sources from what ran.

    - a cell that was never run has the file's source;
    - a cell that ran and is gone from the saved file is gone;
    - cells of an unsaved notebook follow in the order of execution.
    """

    path: str = ""
    file: Path | None = None
    ran: dict[str, LiveCell] = field(default_factory=dict)
    _stamp: tuple[int, int] | None = None
    _saved: Notebook | None = None
    _seen_in_file: set[str] = field(default_factory=set)
    #: changes with every change of structure or source
    version: int = 0

    def record(self, cell_id: str, source: str) -> bool:
        """Note that a cell ran; False where it ran before with the same source."""
        cell = self.ran.get(cell_id)
        if cell is None:
            self.ran[cell_id] = LiveCell(cell_id, source, len(self.ran), time.time())
        elif cell.source == source:
            cell.ran_at = time.time()
            return False
        else:
            cell.source, cell.ran_at = source, time.time()
        self.version += 1
        return True

    def refresh(self) -> bool:
        """Read the file again where it changed; True where it did."""
        if self.file is None:
            return False
        try:
            stat = self.file.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if stamp == self._stamp:
                return False
            self._saved = read_notebook(self.file.read_bytes(), self.path)
        except (OSError, NotebookError):
            return False
        self._stamp = stamp
        ids = {cell.id for cell in self._saved.cells}
        # a save writes every cell there is: what ran before it and is not in the file was deleted, if it was ever saved
        # or not
        deleted = {cell.id for cell in self.ran.values() if cell.ran_at < stat.st_mtime and not is_session_id(cell.id)}
        for gone in ((self._seen_in_file | deleted) - ids) & set(self.ran):
            del self.ran[gone]
        self._seen_in_file |= ids
        for cell in self._saved.cells:
            if cell.id in self.ran:
                self.ran[cell.id].saved = cell.source
        self.version += 1
        return True

    def document(self) -> Notebook:
        """The notebook as it is now."""
        cells: list[Cell] = []
        placed: set[str] = set()
        for cell in self._saved.cells if self._saved is not None else ():
            ran = self.ran.get(cell.id)
            source = ran.source if ran is not None else cell.source
            placed.add(cell.id)
            cells.append(
                Cell(
                    id=cell.id, index=len(cells), kind=cell.kind, source=source, tags=cell.tags, metadata=cell.metadata
                )
            )
        for ran in sorted(self.ran.values(), key=lambda item: item.number):
            if ran.id not in placed:
                cells.append(Cell(id=ran.id, index=len(cells), kind="code", source=ran.source))
        return Notebook(path=self.path, cells=tuple(cells), form="ipynb")

    def mentions_assets(self) -> bool:
        """Whether any cell looks like an asset cell: a look at the text only."""
        saved = self._saved.cells if self._saved is not None else ()
        return any("asset" in cell.source for cell in saved) or any(
            "asset" in cell.source for cell in self.ran.values()
        )

    def find_id(self, source: str) -> str | None:
        """The id of the saved cell with this source that did not run yet: for clients that send no cell id."""
        found = [cell.id for cell in self._saved.cells if cell.source == source] if self._saved is not None else []
        return next((ident for ident in found if ident not in self.ran), found[0] if found else None)

    def edited_not_run(self) -> Iterator[LiveCell]:
        """Cells whose saved source is another than what ran."""
        return (cell for cell in self.ran.values() if cell.saved is not None and cell.saved != cell.source)


#: What ids begin with of code that no cell of a notebook is: such code is in no file.
SESSION_ID = "run-"


def is_session_id(cell_id: str) -> bool:
    """True for the id of code that ran without a cell of a notebook."""
    return cell_id.startswith(SESSION_ID)


def find_notebook_file(shell: Any, root: Path, cell_id: str | None = None, source: str | None = None) -> Path | None:
    """The file of the notebook that this kernel runs, as far as its client says, else by a cell's id or source."""
    named = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", "")
    if named and named.endswith(".ipynb"):
        for candidate in (Path(named), root / named, Path.cwd() / Path(named).name):
            if candidate.is_file():
                return candidate.absolute()
    if not (cell_id or source):
        return None
    for path in _notebooks(root):
        try:
            notebook = read_notebook(path.read_bytes(), str(path))
        except (OSError, NotebookError):
            continue
        if any(
            (cell_id and cell.id == cell_id) or (not cell_id and source and cell.source == source)
            for cell in notebook.cells
        ):
            return path
    return None


#: Notebooks looked at when a kernel's notebook is searched by a cell's id.
_MAX_SEARCHED = 200


def _notebooks(root: Path) -> Iterator[Path]:
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith((".", "node_modules", "__pycache__"))]
        for name in sorted(files):
            if name.endswith(".ipynb"):
                count += 1
                if count > _MAX_SEARCHED:
                    return
                yield Path(folder) / name
