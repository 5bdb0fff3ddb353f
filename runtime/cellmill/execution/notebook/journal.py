"""The journal of a notebook's run: what happened to its cells, one JSON line each, appended as it happens.

The journal is what live viewers read and what survives a kill; the executed notebook is a rendering of it.  papermill
instead saves the whole file twice a cell, which is quadratic and was 64 to 81% of its run time when measured.  What was
cleared or updated since is left out when a journal has grown large, so that its size is that of what it amounts to.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

from cellmill.errors import NO_ROOM
from cellmill.execution.notebook.document import Node, full_disk
from cellmill.execution.notebook.ends import STOPPING, CellResult, End
from cellmill.execution.notebook.outputs import apply
from cellmill.redaction import redacted

#: How the name of a journal ends, behind the name of its notebook without ending.
ENDING = ".journal.jsonl"
#: Bytes at which a journal is written anew without what was cleared or updated since.
COMPACT_AT = 64_000_000


class Journal:
    """Appends lines to one file; a line is complete or, after a kill, the torn last one that readers leave out."""

    def __init__(self, path: str | os.PathLike[str], *, compact_at: int = COMPACT_AT) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = _opened(self.path)
        self._size = 0
        self._least = self._compact_at = compact_at
        #: Gives the notebook with its outputs so far and how its cells ended, for a journal that has grown large.
        self.amounts_to: Callable[[], tuple[Node, list[CellResult]]] | None = None
        self._started: Node = {}
        self._running: Node | None = None

    def append(self, event: str, **fields: Any) -> None:
        """Append one line; it reaches the file in one write."""
        line = {"event": event, "at": time.time(), **fields}
        if event == "notebook_started":
            self._started = {"at": line["at"]}
        elif event in ("cell_started", "cell_ended"):
            self._running = line if event == "cell_started" else None
        self._size += _write(self._file, line)
        if self._size > self._compact_at and self.amounts_to is not None:
            self._compact(*self.amounts_to())

    def _compact(self, notebook: Node, results: list[CellResult]) -> None:
        """Replace the file by one that amounts to the same; readers begin anew with it."""
        temporary = self.path.with_name(f".{self.path.name}.tmp-{os.getpid()}")
        temporary.unlink(missing_ok=True)
        new = _opened(temporary)
        lines = [{"event": "notebook_started", **self._started, "notebook": notebook}]
        lines += [_cell_ended(result) for result in results]
        lines += [{**self._running, "event": "cell_goes_on"}] if self._running is not None else []
        self._size = sum(_write(new, line) for line in lines)
        self._compact_at = max(self._least, 2 * self._size)
        os.replace(temporary, self.path)
        os.close(self._file)
        self._file = new

    def notebook_started(self, notebook: Node, **fields: Any) -> None:
        """Record the notebook as it was when the run started, without outputs."""
        self.append("notebook_started", notebook=notebook, **fields)

    def output(self, operation: str, index: int, value: Any) -> None:
        """Record a change of a cell's outputs (the sink of an `OutputCollector`)."""
        self.append(operation, cell=index, value=value)

    def cell_ended(self, result: CellResult) -> None:
        """Record how a cell ended."""
        self.append(**_cell_ended(result))

    def close(self) -> None:
        """Close the file; the lines stay."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _write(file: int, line: Node) -> int:
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str)
    data = (redacted(text) + "\n").encode("utf-8", "surrogateescape")
    size = len(data)
    try:
        while data:
            data = data[os.write(file, data) :]
    except OSError as error:
        if error.errno in NO_ROOM:
            raise full_disk("the journal of a notebook", error) from error
        raise
    return size


def _cell_ended(result: CellResult) -> Node:
    return {
        "event": "cell_ended",
        "cell": result.index,
        "end": result.end.value,
        "detail": result.detail,
        "started_at": result.started_at,
        "ended_at": result.ended_at,
        "execution_count": result.execution_count,
        "peak_memory": result.peak_memory,
    }


@dataclass(slots=True)
class JournalState:
    """What a journal says so far; feed it lines and it stays current."""

    notebook: Node = field(default_factory=lambda: {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    results: dict[int, CellResult] = field(default_factory=dict)
    running: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    end: End | None = None
    detail: str = ""
    #: Position in the file behind the last whole line, where the next read starts.
    offset: int = 0
    #: Which file that is; a journal that has grown large is replaced by a smaller one.
    inode: int = 0

    def take(self, line: Node) -> None:
        """Apply one line."""
        event = line["event"]
        if event == "notebook_started":
            self.notebook = line["notebook"]
            self.started_at = line["at"]
        elif event in ("cell_started", "cell_goes_on"):
            self.running = line["cell"]
            if event == "cell_started":
                self.notebook["cells"][self.running]["outputs"] = []
            self.results[self.running] = CellResult(index=self.running, end=End.NOT_REACHED, started_at=line["at"])
        elif event == "cell_ended":
            self._cell_ended(line)
        elif event == "notebook_ended":
            self.end, self.detail, self.ended_at = End(line["end"]), line.get("detail", ""), line["at"]
            self.notebook["metadata"].update(line.get("metadata") or {})
            self.running = None
        elif event in ("output", "clear", "update"):
            apply(event, line["cell"], line["value"], self.notebook["cells"])

    def _cell_ended(self, line: Node) -> None:
        index = line["cell"]
        if self.running == index:
            self.running = None
        self.results[index] = CellResult(
            index=index,
            end=End(line["end"]),
            detail=line["detail"],
            started_at=line["started_at"],
            ended_at=line["ended_at"],
            execution_count=line["execution_count"],
            peak_memory=line["peak_memory"],
        )


def read_journal(path: str | os.PathLike[str], state: JournalState | None = None) -> JournalState:
    """Return the state that the journal at `path` has reached, reading on from `state` if it is given.

    It is another one where the journal was replaced since.
    """
    with open(path, "rb") as file:
        inode = os.fstat(file.fileno()).st_ino
        if state is None or state.inode != inode:
            state = JournalState(inode=inode)
        for line in _new_lines(file, state):
            state.take(line)
    return state


def _new_lines(file: IO[bytes], state: JournalState) -> Iterator[Node]:
    file.seek(state.offset)
    for raw in file:
        if not raw.endswith(b"\n"):
            return
        state.offset += len(raw)
        yield json.loads(raw)


def notebook_of(state: JournalState, end: End = End.KILLED, detail: str = "") -> Node:
    """Return the executed notebook that a journal amounts to.

    Where the journal stops without its last line, the run was cut off: the running cell ended as `end` says, later
    ones were
    never reached.
    """
    results = dict(state.results)
    if state.end is None and state.running is not None:
        started = results[state.running].started_at
        results[state.running] = CellResult(
            index=state.running, end=end, detail=detail or "the run was cut off here", started_at=started
        )
    for index, cell in enumerate(state.notebook["cells"]):
        mark_cell(cell, results.get(index, CellResult(index=index, end=End.NOT_REACHED)))
    mark_notebook(state.notebook, state.end or end, state.detail or detail, state.started_at, state.ended_at)
    return state.notebook


def mark_cell(cell: Node, result: CellResult) -> None:
    """Write into the cell's metadata how it ended: papermill's own entries, and ours with the exact word."""
    metadata = cell.setdefault("metadata", {})
    metadata["papermill"] = papermill_entry(result.end, result.started_at, result.ended_at)
    if cell.get("cell_type") == "code":
        metadata["cellmill"] = {**metadata.get("cellmill", {}), "end": result.end.value}
        if result.detail:
            metadata["cellmill"]["detail"] = result.detail
        if result.peak_memory is not None:
            metadata["cellmill"]["peak_memory"] = result.peak_memory
        if result.end in (End.SKIPPED, End.NOT_REACHED):
            cell["outputs"] = []
            cell["execution_count"] = None
        elif result.execution_count is not None:
            cell["execution_count"] = result.execution_count


def papermill_entry(end: End, started_at: float | None, ended_at: float | None) -> Node:
    """Return what papermill writes into a cell's metadata about how it ended."""
    stopped = end in STOPPING
    duration = ended_at - started_at if started_at and ended_at else None
    return {
        "exception": stopped if started_at is not None else None,
        "start_time": iso(started_at),
        "end_time": iso(ended_at),
        "duration": round(duration, 6) if duration is not None else None,
        "status": "failed" if stopped else "pending" if end in (End.NOT_REACHED, End.SKIPPED) else "completed",
    }


def mark_notebook(notebook: Node, end: End, detail: str, started_at: float | None, ended_at: float | None) -> None:
    """Write into the notebook's metadata how the run ended."""
    metadata = notebook.setdefault("metadata", {})
    papermill = metadata.setdefault("papermill", {})
    papermill["start_time"] = iso(started_at)
    papermill["end_time"] = iso(ended_at)
    papermill["duration"] = round(ended_at - started_at, 6) if started_at and ended_at else None
    papermill["exception"] = True if end in STOPPING else None
    metadata["cellmill"] = {**metadata.get("cellmill", {}), "end": end.value}
    if detail:
        metadata["cellmill"]["detail"] = detail


def iso(seconds: float | None) -> str | None:
    """Return the instant as papermill writes it, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
