"""Where code of a cell is written: the notebook, the cell and the line, instead of the name that IPython gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellmill.definitions.inference import find_cells_with
from cellmill.notebooks.place import describe_place

if TYPE_CHECKING:
    from .host import Host


class CodePlaces:
    """Knows which cell ran as which execution of the shell."""

    def __init__(self, session: Host) -> None:
        self._session = session
        self._by_number: dict[int, str] = {}
        find_cells_with(self.place)

    def note(self, cell_id: str, number: int) -> None:
        """A cell starts, as this execution of the shell."""
        self._by_number[number] = cell_id

    def place(self, filename: str, line: int) -> str:
        """Return where the line of a cell's code is; "" for code of a file."""
        compiled: dict[str, int] = getattr(self._session.shell.compile, "_filename_map", {})
        cell_id = self._by_number.get(compiled.get(filename, -1))
        if cell_id is None:
            return ""
        cells = [cell.id for cell in self._session.registry.scan().notebook.cells]
        if cell_id not in cells:
            return ""
        return describe_place(self._session.live.path, cells.index(cell_id), line)

    def close(self) -> None:
        """Find no cells any more."""
        find_cells_with(None)
