"""The source of cells, read from notebooks on disk and kept while their files do not change."""

from __future__ import annotations

import json
from pathlib import Path

#: Notebooks whose cells are kept.
_KEPT = 64


class CellSources:
    """Cells of recently read notebooks, by id and by position."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[int, list[tuple[str | None, str]]]] = {}

    def source(self, path: Path, cell_id: str | None, index: int) -> str | None:
        """The source of one cell; None where the file or the cell is gone."""
        cells = self._cells(path)
        for found, text in cells:
            if cell_id is not None and found == cell_id:
                return text
        return cells[index][1] if cell_id is None and index < len(cells) else None

    def _cells(self, path: Path) -> list[tuple[str | None, str]]:
        try:
            stamp = path.stat().st_mtime_ns
            known = self._read.get(path)
            if known is not None and known[0] == stamp:
                return known[1]
            notebook = json.loads(path.read_bytes())
            cells = [(cell.get("id"), "".join(cell.get("source") or ())) for cell in notebook.get("cells", ())]
        except (OSError, ValueError, AttributeError):
            return []
        if len(self._read) >= _KEPT:
            self._read.clear()
        self._read[path] = (stamp, cells)
        return cells
