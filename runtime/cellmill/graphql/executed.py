"""The notebooks of a run as they were executed, or are being executed."""

from __future__ import annotations

from pathlib import Path

import strawberry

from cellmill.execution.notebook.journal import read_journal
from cellmill.execution.notebook.live import cells_of
from cellmill.graphql.documented import documented, said


@strawberry.type(description="A code cell of a notebook of a run, as it stands now.")
class ExecutedCell:
    """A code cell of a notebook of a run, as it stands now."""

    index: int = said("Its position in the notebook, from 0.")
    cell_id: str = said("Its id in the notebook.")
    state: str = said("waiting, running, or how it ended: succeeded, failed, timed out, killed, skipped, …")
    detail: str = said("Why it ended so; empty where there is nothing to say.")
    start_time: float | None = said("When it started, in seconds since the epoch.")
    end_time: float | None = said("When it ended, in seconds since the epoch.")
    execution_count: int | None = said("Its number in the kernel.")
    peak_memory: float | None = said("The most memory that the kernel has held until its end, in bytes.")


@strawberry.type(description="A notebook as a run executed it, or executes it now, with its outputs.")
class ExecutedNotebook:
    """A notebook as a run executed it, or executes it now."""

    name: str = said("Its path below the run's folder.")
    step_key: str = said("The step that executed it.")
    url: str = said("Its address below the server's base URL; while the run goes on, its outputs so far.")
    journal: strawberry.Private[Path | None] = None

    @documented
    def cells(self) -> list[ExecutedCell]:
        """Its code cells, as they stand now."""
        if self.journal is None:
            return []
        return [
            ExecutedCell(
                index=cell.index,
                cell_id=cell.cell_id,
                state=cell.state,
                detail=cell.detail,
                start_time=cell.started_at,
                end_time=cell.ended_at,
                execution_count=cell.execution_count,
                peak_memory=cell.peak_memory,
            )
            for cell in cells_of(read_journal(self.journal))
        ]
