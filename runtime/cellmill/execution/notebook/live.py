"""Notebooks of runs as they stand, while they go on and afterwards: read from their journals by anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellmill.execution.notebook.document import Node
from cellmill.execution.notebook.journal import ENDING, JournalState, mark_cell, read_journal

#: What a cell that has no end yet is.
WAITING, RUNNING = "waiting", "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One code cell of a notebook of a run, as it stands."""

    index: int
    cell_id: str
    #: How it ended (`End`), or that it waits or runs.
    state: str
    detail: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    execution_count: int | None = None
    peak_memory: int | None = None


def journals_of(folder: Path) -> dict[str, Path]:
    """Return the journals of a run's folder by the names of their executed notebooks, which may not be there yet."""
    found = sorted(folder.glob(f"**/*{ENDING}")) if folder.is_dir() else []
    return {str(path.relative_to(folder)).removesuffix(ENDING) + ".ipynb": path for path in found}


def cells_of(state: JournalState) -> list[CellView]:
    """Return the code cells of a journal's notebook as they stand."""
    return [_view(index, cell, state) for index, cell in enumerate(state.notebook["cells"]) if _is_code(cell)]


def _view(index: int, cell: Node, state: JournalState) -> CellView:
    cell_id = str(cell.get("id", ""))
    result = state.results.get(index)
    if result is None or state.running == index:
        word = RUNNING if state.running == index else WAITING if state.end is None else "not reached"
        started = result.started_at if result is not None else None
        return CellView(index=index, cell_id=cell_id, state=word, started_at=started)
    return CellView(
        index=index,
        cell_id=cell_id,
        state=result.end.value,
        detail=result.detail,
        started_at=result.started_at,
        ended_at=result.ended_at,
        execution_count=result.execution_count,
        peak_memory=result.peak_memory,
    )


def notebook_now(path: Path) -> Node | None:
    """Return the executed notebook that is or will be at `path`, with the outputs so far; None where there is none."""
    if path.is_file():
        return dict(json.loads(path.read_bytes()))
    journal = path.with_name(path.name.removesuffix(".ipynb") + ENDING)
    if not journal.is_file():
        return None
    state = read_journal(journal)
    for index, result in state.results.items():
        if index != state.running:
            mark_cell(state.notebook["cells"][index], result)
    return state.notebook


class Followed:
    """The journals of a run's folder, each read on from where it was left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._states: dict[str, JournalState] = {}

    def look(self) -> Iterator[tuple[str, JournalState]]:
        """Yield each notebook's name and what its journal says now."""
        for name, path in journals_of(self._folder).items():
            state = self._states[name] = read_journal(path, self._states.get(name))
            yield name, state


def progress_line(name: str, state: JournalState, now: float) -> str:
    """Return how far a notebook has come, in a line."""
    cells = [view for view in cells_of(state) if view.state != "skipped"]
    done = sum(view.ended_at is not None for view in cells)
    running = next((view for view in cells if view.state == RUNNING), None)
    text = f"{name}: {done} of {len(cells)} cells"
    if running is not None and running.started_at is not None:
        text += f", cell {running.index + 1} for {now - running.started_at:.1f} s"
    peak = max((view.peak_memory or 0 for view in cells), default=0)
    return text + (f", {peak / 1e6:,.0f} MB" if peak else "")


def _is_code(cell: Node) -> bool:
    return cell.get("cell_type") == "code" and bool(str(cell.get("source", "")).strip())
