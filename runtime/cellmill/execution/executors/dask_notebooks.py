"""Notebook steps as tasks of a Dask cluster: the kernel runs beside its worker, its events come to the one writer.

The notebook's folder must be reached by every worker under the same path, since a kernel works there.  The journal and
the executed notebook are written into the run's folder where the worker reaches that too, so that they can be read
while the step goes on; else they come with the end.
"""

from __future__ import annotations

import contextlib
import os
import queue
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cellmill.errors import ExecutionError
from cellmill.execution.executors.dask_pool import DaskCluster, DaskPool
from cellmill.execution.executors.pool import Done, Lost, Raised, Said
from cellmill.execution.notebook.document import read_notebook
from cellmill.execution.notebook.notebook_run import CancelSwitch, Listener
from cellmill.execution.notebook.notebook_step import NotebookStepOutcome, NotebookStepRequest, run_notebook_step
from cellmill.planning.event import Event

#: Seconds between two looks of a step's worker at whether it is to stop.
_STOP_CHECK_S = 0.5
#: Seconds between two looks of a visit at whether its run is to stop.
_CANCEL_CHECK_S = 0.2


class DaskWorkerLost(ExecutionError):
    """The Dask worker that ran a notebook is gone; what was finished is kept, so retry the run behind it."""

    def __init__(self, notebook: str) -> None:
        self.notebook = notebook
        super().__init__(
            f"The Dask worker that ran {notebook} is gone. What it had finished is kept: retry the run, and it goes on "
            "behind that."
        )

    def __reduce__(self) -> tuple[type[DaskWorkerLost], tuple[str]]:
        return type(self), (self.notebook,)


class NotebookFolderNotShared(ExecutionError):
    """A Dask worker does not reach a notebook's folder; put the workspace where every worker sees it."""

    def __init__(self, folder: str, worker: str) -> None:
        self.folder = folder
        self.worker = worker
        super().__init__(
            f"The Dask worker on {worker} has no folder {folder}, in which the notebook's kernel works. Put the "
            "workspace on a file system that every worker mounts at the same path, or run notebooks on this machine."
        )

    def __reduce__(self) -> tuple[type[NotebookFolderNotShared], tuple[str, str]]:
        return type(self), (self.folder, self.worker)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One notebook step on its way to a worker."""

    name: str
    request: NotebookStepRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What comes back: how the step ended, and the files that the run's folder does not have yet."""

    outcome: NotebookStepOutcome
    files: Mapping[str, bytes] = field(default_factory=dict)


class DaskNotebooks:
    """Carries out notebook steps on one cluster, for several threads of a run's worker at once."""

    def __init__(self, cluster: DaskCluster, *, env: Mapping[str, str] | None = None) -> None:
        self._env = dict(env or {})
        self._pool = DaskPool(carry_out, cluster, what="A notebook's step")
        self._orders: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._waiting: dict[str, queue.SimpleQueue[Any]] = {}
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._closed = False
        self._thread = threading.Thread(target=self._pump, name="cellmill-dask-notebooks", daemon=True)
        self._thread.start()

    def run(
        self,
        request: NotebookStepRequest,
        *,
        emit: Callable[[Sequence[Event]], None] = lambda events: None,
        listener: Listener | None = None,
        cancel: CancelSwitch | None = None,
    ) -> NotebookStepOutcome:
        """Execute the step on a worker of the cluster, as `run_notebook_step` does here.

        Args:
            request: The notebook, its parameters and limits.
            emit: Takes events of asset cells as they arrive.
            listener: Told what happens, as it happens.
            cancel: Stops the step.

        Raises:
            DaskWorkerLost: where the worker is gone before it said how the step ended.
            DaskClusterGone: where the scheduler cannot be reached any more.
            NotebookFolderNotShared: where the worker does not see the run's folder.
        """
        snapshot = request.snapshot if request.snapshot is not None else read_notebook(request.path)
        env = {**request.env, **self._env}
        task = _Task(name=uuid.uuid4().hex, request=replace(request, snapshot=snapshot, hold_failed=False, env=env))
        said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._order(lambda: self._begin(task, said))
        told = False
        while True:
            if cancel is not None and cancel.is_thrown and not told:
                told = True
                self._stop(task)
            with contextlib.suppress(queue.Empty):
                match said.get(timeout=_CANCEL_CHECK_S):
                    case Said(value=events):
                        emit(events)
                    case Done(value=result):
                        return _kept(result, request)
                    case Raised(error=error):
                        raise error
                    case Lost():
                        raise DaskWorkerLost(request.path.name)
                    case BaseException() as gone:
                        raise gone

    def close(self) -> None:
        """Leave the cluster; one of our own ends."""
        self._closed = True
        self._wake()
        self._thread.join()
        self._pool.close()
        os.close(self._read)
        os.close(self._write)

    def _order(self, work: Callable[[], object]) -> None:
        """Have the one thread that speaks with the cluster do something."""
        self._orders.put(work)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"x")

    def _begin(self, task: _Task, said: queue.SimpleQueue[Any]) -> None:
        self._waiting[task.name] = said
        self._pool.start(task)

    def _stop(self, task: _Task) -> None:
        """Tell the worker of a step to interrupt its cell."""
        self._pool.set_flag(task.name)

    def _pump(self) -> None:
        while True:
            try:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._read, 4096)
                # asked behind the reading: what was read may have been the sign to end
                if self._closed:
                    return
                while not self._orders.empty():
                    self._orders.get()()
                for message in self._pool.receive(None, self._read):
                    over = not isinstance(message, Said)
                    name = message.task.name
                    said = self._waiting.pop(name, None) if over else self._waiting.get(name)
                    if said is not None:
                        said.put(message)
            except Exception as error:  # the cluster is gone: each step that waits for it has to know
                waiting, self._waiting = self._waiting, {}
                for said in waiting.values():
                    said.put(error)


def carry_out(task: _Task, say: Callable[[Any], None]) -> _Result:
    """Carry out one notebook step in a Dask worker."""
    request = task.request
    if not request.path.parent.is_dir():
        raise NotebookFolderNotShared(str(request.path.parent), os.uname().nodename)
    switch = CancelSwitch()
    with _watched(task.name, switch), contextlib.ExitStack() as stack:
        shared = request.artifacts.parent.is_dir()
        if not shared:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cellmill-step-"))
            request = replace(request, artifacts=Path(folder))
        outcome = run_notebook_step(request, emit=lambda events: say(list(events)), cancel=switch)
        paths = () if shared else (outcome.notebook_path, outcome.journal_path)
        return _Result(outcome=outcome, files={path.name: path.read_bytes() for path in paths})


@contextlib.contextmanager
def _watched(name: str, switch: CancelSwitch) -> Iterator[None]:
    """Throw the switch when the run's worker asks for the stop, or is gone."""
    from distributed import Event as Flag
    from distributed import get_client, get_worker

    over = threading.Event()
    flag = Flag(name, client=get_client())
    worker = get_worker()
    key = worker.get_current_task()

    def watch() -> None:
        while not over.is_set():
            wanted = worker.state.tasks.get(key)
            # a client that is gone wants nothing any more
            if flag.wait(timeout=_STOP_CHECK_S) or wanted is None or wanted.state == "cancelled":
                switch.throw()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        switch.close()


def _kept(result: _Result, request: NotebookStepRequest) -> NotebookStepOutcome:
    """Put the files that came with the end into the run's folder."""
    outcome = result.outcome
    if not result.files:
        return outcome
    request.artifacts.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, data in result.files.items():
        path = request.artifacts / name
        path.touch(mode=0o600)
        path.write_bytes(data)
    return replace(
        outcome,
        notebook_path=request.artifacts / outcome.notebook_path.name,
        journal_path=request.artifacts / outcome.journal_path.name,
    )
