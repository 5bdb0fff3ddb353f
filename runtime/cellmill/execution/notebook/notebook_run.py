"""Executing the cells of one notebook in one kernel, with a truthful word for every end.

The loop waits on the kernel's sockets and on the kernel's process at once, so a dead kernel is noticed when it dies,
not when a
timeout is over; nothing is polled but the memory limit.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cellmill.execution.notebook.answer import Answer
from cellmill.execution.notebook.document import Node
from cellmill.execution.notebook.ends import STOPPING, CellError, CellResult, End, NotebookResult, death_of_process
from cellmill.execution.notebook.journal import Journal, mark_cell, mark_notebook
from cellmill.execution.notebook.kernel import Kernel
from cellmill.execution.notebook.memory import memory_of_group, out_of_memory_kills, peak_memory
from cellmill.execution.notebook.outputs import OutputCollector
from cellmill.execution.notebook.wire import Channels, Message

#: Seconds between two looks at the memory of a kernel that has a limit.
_MEMORY_CHECK_S = 0.25
#: Seconds an interrupted cell gets to end before its kernel is killed.
CANCEL_GRACE_S = 5.0
#: Seconds after which the kernel's process and its sockets are looked at again though nothing was heard of them.
_LOOK_AGAIN_S = 30.0
#: Seconds to wait for outputs that a kernel sent before it died.
_DRAIN_S = 0.2

#: papermill's and nbclient's tag for cells that an unattended run leaves out.
SKIP_TAG = "skip-execution"
RAISES_TAG = "raises-exception"


class CancelSwitch:
    """Tells a running notebook to stop; safe to throw from a signal handler or from another thread."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._event = threading.Event()

    def throw(self) -> None:
        """Ask for the stop; a second call changes nothing."""
        self._event.set()
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"x")

    @property
    def is_thrown(self) -> bool:
        """True once the stop was asked for."""
        return self._event.is_set()

    def fileno(self) -> int:
        """The descriptor that becomes readable when the switch is thrown."""
        return self._read

    def close(self) -> None:
        """Release the pipe."""
        os.close(self._read)
        os.close(self._write)


class Listener:
    """What a run tells while it goes on; override what is of interest."""

    def cell_started(self, index: int, cell: Node) -> None:
        """A cell is about to run."""

    def output(self, index: int, output: Node) -> None:
        """A cell showed or printed something."""

    def cell_ended(self, result: CellResult, cell: Node) -> None:
        """A cell ended, or was skipped."""

    def tick(self) -> None:
        """Some messages were handled."""


@dataclass(slots=True, kw_only=True)
class NotebookRun:
    """One execution of a notebook's cells in a kernel that is ready."""

    notebook: Node
    kernel: Kernel
    channels: Channels
    journal: Journal | None = None
    listener: Listener = field(default_factory=Listener)
    #: Seconds that one cell may take; None for no limit.
    cell_timeout_s: float | None = None
    #: Instant (`time.monotonic`) at which the whole notebook must be done.
    deadline: float | None = None
    #: Bytes that the kernel and its children may hold together.
    memory_limit: int | None = None
    output_limit: int | None = None
    #: Why the cells at these positions are not run.
    skip: Mapping[int, str] = field(default_factory=dict)
    #: Receives the data of each message on a comm, by the comm's target name.
    comms: Mapping[str, Callable[[Mapping[str, Any], int], None]] = field(default_factory=dict)
    cancel: CancelSwitch | None = None
    #: Code to run, unseen, before the cell at a position (such as loading a stored value).
    before: Mapping[int, str] = field(default_factory=dict)
    #: Code to run, unseen, behind the cell at a position (such as making the assets that it defines).
    after: Mapping[int, str] = field(default_factory=dict)
    #: Positions to execute, in this order; None for all cells, top to bottom.
    order: Sequence[int] | None = None
    #: Secret values and what to show in their place.
    mask: Mapping[str, str] = field(default_factory=dict)
    stop_on_error: bool = True

    _requests: dict[str, int] = field(default_factory=dict, init=False)
    _comm_targets: dict[str, str] = field(default_factory=dict, init=False)
    _results: dict[int, CellResult] = field(default_factory=dict, init=False)
    _killed_for: tuple[End, str] | None = field(default=None, init=False)
    _collector: OutputCollector = field(init=False)
    _oom_kills: int | None = field(default=None, init=False)

    def run(self) -> NotebookResult:
        """Run the cells in order and return how each ended; the notebook is changed in place and told to the
        journal.
        """
        cells = self.notebook["cells"]
        self._collector = OutputCollector(
            cells, self.journal.output if self.journal else None, self.output_limit, self.mask, self._sync_widget
        )
        self._oom_kills = out_of_memory_kills()
        started_at = time.time()
        self._begin()
        end, detail = End.SUCCEEDED, ""
        with self._watched():
            for index in self._order():
                cell = cells[index]
                result = self._cell(index, cell)
                self._finish(result, cell)
                if result.end in STOPPING and (self.stop_on_error or result.end is not End.FAILED):
                    end, detail = result.end, result.detail
                    if _left_with_failure(result):
                        end = End.FAILED
                    break
        for index, cell in enumerate(cells):
            if index not in self._results:
                self._results[index] = CellResult(index=index, end=End.NOT_REACHED)
                mark_cell(cell, self._results[index])
        ended_at = time.time()
        mark_notebook(self.notebook, end, detail, started_at, ended_at)
        widgets = self._collector.widgets_metadata()
        if widgets:
            self.notebook["metadata"]["widgets"] = widgets
        if self.journal is not None:
            self.journal.append(
                "notebook_ended", end=end.value, detail=detail, metadata={"widgets": widgets} if widgets else {}
            )
        return NotebookResult(end=end, detail=detail, cells=self._results, notebook=self.notebook)

    def _order(self) -> Sequence[int]:
        """Return the positions to go through: first all that are not executed, so that live viewers see them marked
        at once.
        """
        everything = range(len(self.notebook["cells"]))
        if self.order is None:
            return everything
        wanted = set(self.order)
        return [*(index for index in everything if index not in wanted), *self.order]

    def _begin(self) -> None:
        for cell in self.notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"] = []
                cell["execution_count"] = None
                cell["metadata"].pop("execution", None)
        if self.journal is not None:
            self.journal.amounts_to = lambda: (self.notebook, list(self._results.values()))
            self.journal.notebook_started(self.notebook)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        descriptors = [self.kernel.watch_fd] if self.kernel.watch_fd is not None else []
        if self.cancel is not None:
            descriptors.append(self.cancel.fileno())
        for descriptor in descriptors:
            self.channels.watch(descriptor)
        try:
            yield
        finally:
            for descriptor in descriptors:
                self.channels.unwatch(descriptor)

    def _cell(self, index: int, cell: Node) -> CellResult:
        if cell["cell_type"] != "code" or not cell["source"].strip():
            now = time.time()
            return CellResult(index=index, end=End.SUCCEEDED, started_at=now, ended_at=now)
        tags = cell["metadata"].get("tags", ())
        if index in self.skip:
            return CellResult(index=index, end=End.SKIPPED, detail=self.skip[index])
        if SKIP_TAG in tags:
            return CellResult(index=index, end=End.SKIPPED, detail=f"it is tagged {SKIP_TAG!r}")
        if self.cancel is not None and self.cancel.is_thrown:
            return CellResult(index=index, end=End.CANCELLED, detail="the run was cancelled before this cell")
        if index in self.before:
            prepared = self._execute(index, self.before[index], allow_errors=False, silent=True)
            if prepared.end is not End.SUCCEEDED:
                return prepared
        result = self._execute(index, cell["source"], allow_errors=RAISES_TAG in tags, silent=False)
        if index in self.after and result.end is End.SUCCEEDED:
            made = self._execute(index, self.after[index], allow_errors=False, silent=True)
            result = replace(made, started_at=result.started_at)
        return result

    def _finish(self, result: CellResult, cell: Node) -> None:
        self._results[result.index] = result
        mark_cell(cell, result)
        if self.journal is not None and cell["cell_type"] == "code":
            self.journal.cell_ended(result)
        self.listener.cell_ended(result, cell)

    def _execute(self, index: int, code: str, *, allow_errors: bool, silent: bool) -> CellResult:
        cell = self.notebook["cells"][index]
        started_at = time.time()
        if not silent:
            self._collector.start(index)
            if self.journal is not None:
                self.journal.append("cell_started", cell=index)
            self.listener.cell_started(index, cell)
        request = self.channels.execute(
            code,
            store_history=not silent,
            stop_on_error=not allow_errors,
            silent=silent,
            cell_id=None if silent else cell.get("id"),
        )
        self._requests[request] = index
        end, detail, error = self._until_done(request, index)
        if error is None and end in (End.TIMED_OUT, End.KILLED, End.OUT_OF_MEMORY, End.CANCELLED):
            error = CellError(_ERROR_NAMES[end], detail, (f"{_ERROR_NAMES[end]}: {detail}",))
            self._collector.add(index, error.as_output())
        elif silent and error is not None:
            self._collector.add(index, error.as_output())
        if end is End.FAILED and allow_errors:
            end, detail = End.SUCCEEDED, "it raised, as its tag allows"
        return CellResult(
            index=index,
            end=end,
            detail=detail,
            error=error,
            started_at=started_at,
            ended_at=time.time(),
            execution_count=cell.get("execution_count"),
            peak_memory=peak_memory(self.kernel.pid),
        )

    def _until_done(self, request: str, index: int) -> tuple[End, str, CellError | None]:
        """Handle messages until the request is answered and idle, or something stronger than an answer ended it."""
        deadline = self._deadline()
        answer = Answer(request, lambda: self.channels.send("shell", "kernel_info_request", {}))
        cancelled_at: float | None = None
        while not answer.is_whole:
            for channel, message in self._receive(deadline, cancelled_at, answer):
                answer.take(channel, message)
                if channel == "shell" and message["parent_header"].get("msg_id") == request:
                    self._time(index, "shell.execute_reply", message)
                elif channel == "iopub":
                    answer.error = self._published(message, request) or answer.error
            self.listener.tick()
            if answer.is_whole:
                break
            status = self.kernel.poll()
            if status is not None:
                self._drain(request)
                return (*self._death(status), None)
            answer.look()
            now = time.monotonic()
            if self._over_memory():
                continue
            if cancelled_at is None and self.cancel is not None and self.cancel.is_thrown:
                cancelled_at = now
                self.channels.unwatch(self.cancel.fileno())
                self.kernel.interrupt()
            elif cancelled_at is not None and now - cancelled_at > CANCEL_GRACE_S and self._killed_for is None:
                self._kill(
                    End.CANCELLED,
                    f"the cell did not end within {CANCEL_GRACE_S:g} s of the interrupt, so its kernel was killed",
                )
            elif deadline is not None and now >= deadline and self._killed_for is None:
                self._kill(End.TIMED_OUT, self._timeout_detail())
        if cancelled_at is not None:
            assert self.cancel is not None
            self.channels.watch(self.cancel.fileno())
            return End.CANCELLED, "the run was cancelled", answer.error
        return self._answered(answer, index)

    def _answered(self, answer: Answer, index: int) -> tuple[End, str, CellError | None]:
        reply, error = answer.reply or {}, answer.error
        if reply.get("execution_count"):
            self.notebook["cells"][index].setdefault("execution_count", reply["execution_count"])
        if error is None and reply.get("status") == "error":
            error = CellError(reply.get("ename", "Error"), reply.get("evalue", ""), tuple(reply.get("traceback", ())))
        if error is None:
            if reply.get("status") in ("abort", "aborted"):
                return End.FAILED, "the kernel refused to run it", None
            if answer.is_lost:
                return End.FAILED, "the kernel went on without an answer for it", None
            return End.SUCCEEDED, "", None
        if error.ename == "SystemExit":
            return End.EXITED, f"sys.exit({error.evalue})", error
        return End.FAILED, f"{error.ename}: {error.evalue}".rstrip(": "), error

    def _receive(self, deadline: float | None, cancelled_at: float | None, answer: Answer) -> list[tuple[str, Message]]:
        waits = [_LOOK_AGAIN_S]
        now = time.monotonic()
        patience = answer.patience_s()
        if patience is not None:
            waits.append(patience)
        if deadline is not None and self._killed_for is None:
            waits.append(deadline - now)
        if cancelled_at is not None:
            waits.append(cancelled_at + CANCEL_GRACE_S + 0.01 - now)
        if self.memory_limit is not None:
            waits.append(_MEMORY_CHECK_S)
        if self.kernel.watch_fd is None or self._killed_for is not None:
            waits.append(0.5)
        return self.channels.receive(max(0.0, min(waits)))

    def _published(self, message: Message, request: str) -> CellError | None:
        """Handle one iopub message; return the error that it shows of `request`."""
        parent = message["parent_header"].get("msg_id")
        kind, content = message["msg_type"], message["content"]
        index = self._requests.get(parent)
        if index is None:
            return None
        if kind == "status":
            self._time(index, f"iopub.status.{content['execution_state']}", message)
        elif kind == "execute_input":
            self._time(index, "iopub.execute_input", message)
            self.notebook["cells"][index]["execution_count"] = content["execution_count"]
        elif kind.startswith("comm") and self._comm(kind, content, index):
            pass
        else:
            output = self._collector.take(message, index)
            if output is not None:
                self.listener.output(index, output)
                if output["output_type"] == "error" and parent == request:
                    return CellError(output["ename"], output["evalue"], tuple(output["traceback"]))
        return None

    def _time(self, index: int, moment: str, message: Message) -> None:
        """Note when the kernel did something, under the names that every Jupyter front end uses."""
        date = message["header"].get("date")
        if date:
            metadata = self.notebook["cells"][index]["metadata"]
            metadata.setdefault("execution", {})[moment] = date.replace("+00:00", "Z")

    def _comm(self, kind: str, content: Node, index: int) -> bool:
        if kind == "comm_open":
            self._comm_targets[content["comm_id"]] = content.get("target_name", "")
        handler = self.comms.get(self._comm_targets.get(content.get("comm_id", ""), ""))
        if handler is None:
            return False
        if content.get("data"):
            handler(content["data"], index)
        return True

    def _sync_widget(self, comm_id: str, state: Mapping[str, Any]) -> None:
        data = {"method": "update", "state": dict(state), "buffer_paths": []}
        self.channels.send("shell", "comm_msg", {"comm_id": comm_id, "data": data})

    def _deadline(self) -> float | None:
        limits = [time.monotonic() + self.cell_timeout_s] if self.cell_timeout_s else []
        if self.deadline is not None:
            limits.append(self.deadline)
        return min(limits, default=None)

    def _timeout_detail(self) -> str:
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return "the notebook's time was over"
        return f"the cell took longer than {self.cell_timeout_s:g} s"

    def _over_memory(self) -> bool:
        if self.memory_limit is None or self._killed_for is not None or self.kernel.pid is None:
            return False
        held = memory_of_group(self.kernel.pid)
        if held <= self.memory_limit:
            return False
        self._kill(
            End.OUT_OF_MEMORY,
            f"the kernel held {held / 1e6:,.0f} MB, over its limit of {self.memory_limit / 1e6:,.0f} MB",
        )
        return True

    def _kill(self, end: End, detail: str) -> None:
        self._killed_for = (end, detail)
        self.kernel.kill()

    def _death(self, status: int) -> tuple[End, str]:
        if self._killed_for is not None:
            return self._killed_for
        end, detail = death_of_process(status)
        kills = out_of_memory_kills()
        if status == -signal.SIGKILL and kills is not None and self._oom_kills is not None and kills > self._oom_kills:
            return End.OUT_OF_MEMORY, "the system's out-of-memory killer ended the kernel"
        return end, detail.replace("the process", "the kernel", 1)

    def _drain(self, request: str) -> None:
        """Take what the kernel sent before it died."""
        while messages := self.channels.receive(_DRAIN_S):
            for channel, message in messages:
                if channel == "iopub":
                    self._published(message, request)
            if all(channel != "iopub" for channel, _ in messages):
                break


_ERROR_NAMES = {
    End.TIMED_OUT: "CellTimeoutError",
    End.KILLED: "DeadKernelError",
    End.OUT_OF_MEMORY: "OutOfMemory",
    End.CANCELLED: "RunCancelled",
}


def _left_with_failure(result: CellResult) -> bool:
    """`sys.exit()` and `sys.exit(0)` leave early without failure, any other status fails."""
    return result.end is End.EXITED and result.error is not None and result.error.evalue not in ("", "0", "None")
