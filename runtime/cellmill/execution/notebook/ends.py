"""The words for how a cell, a notebook and a step can end; every end has its own word, and none is the default."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class End(StrEnum):
    """How something that was to run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    KILLED = "killed"
    OUT_OF_MEMORY = "out of memory"
    CANCELLED = "cancelled"
    EXITED = "exited"
    SKIPPED = "skipped"
    NOT_REACHED = "not reached"


#: Ends after which the later cells of a notebook are not run.
STOPPING = frozenset({End.FAILED, End.TIMED_OUT, End.KILLED, End.OUT_OF_MEMORY, End.CANCELLED, End.EXITED})

#: Ends of a notebook that count as success: `sys.exit()` and `sys.exit(0)` leave early on purpose.
SUCCESSFUL = frozenset({End.SUCCEEDED, End.EXITED})


@dataclass(frozen=True, slots=True)
class CellError:
    """What a kernel reported when a cell raised, or what we say in its place when the kernel could not."""

    ename: str
    evalue: str
    traceback: tuple[str, ...] = ()

    def as_output(self) -> dict[str, Any]:
        """Return the notebook output of type `error` for it."""
        return {"output_type": "error", "ename": self.ename, "evalue": self.evalue, "traceback": list(self.traceback)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """How one cell ended."""

    index: int
    end: End
    detail: str = ""
    error: CellError | None = None
    #: Seconds since the epoch; None for a cell that never started.
    started_at: float | None = None
    ended_at: float | None = None
    execution_count: int | None = None
    #: Largest resident memory of the kernel's process so far, in bytes; None where it cannot be read.
    peak_memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookResult:
    """How a notebook's run ended, cell by cell."""

    end: End
    detail: str = ""
    cells: Mapping[int, CellResult] = field(default_factory=dict)
    notebook: dict[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """True when every cell that was to run ran, or the notebook left early with exit status 0."""
        return self.end in SUCCESSFUL

    @property
    def failed_cell(self) -> CellResult | None:
        """The cell at which the run stopped, if it did."""
        return next((cell for cell in self.cells.values() if cell.end in STOPPING), None)


def signal_name(number: int) -> str:
    """Return `SIGKILL (9)` for 9."""
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"


def death_of_process(status: int | None) -> tuple[End, str]:
    """Return the word and the detail for a process that ended with `status` (negative: by that signal) before its
    work did.
    """
    if status is None:
        return End.KILLED, "the process is gone and left no exit status"
    if status < 0:
        return End.KILLED, f"the process was killed by {signal_name(-status)}"
    if status > 128:
        return End.KILLED, f"the process ended with status {status}, as after {signal_name(status - 128)}"
    return End.KILLED, f"the process ended by itself with status {status} before its work was done"
