"""What a run's supervisor reads and writes in the instance, and the request to stop a run."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cellmill import faults
from cellmill.errors import LeaseLostError, RunFinishedError, StorageError
from cellmill.execution.launcher import LEASE_S, WORKER, LaunchedRun, launch_run, log_path_of, owner_pid
from cellmill.execution.spare import SpareProcess
from cellmill.first_use import on_first_use
from cellmill.instance.instance import Instance
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import RunStatus

if TYPE_CHECKING:
    from cellmill.execution.notebook import notebook_step
else:
    notebook_step = on_first_use("cellmill.execution.notebook.notebook_step")


class InstanceLedger:
    """One attempt at one run, in its instance (the `Ledger` of `cellmill.execution.launcher`)."""

    def __init__(self, instance: Instance, run_id: str, owner: str, attempt: int) -> None:
        self._instance = instance
        self._run_id = run_id
        self._owner = owner
        self._attempt = attempt

    @classmethod
    def open(cls, home: str, run_id: str, owner: str, attempt: int) -> Self:
        """Open the instance at `home` for one supervisor."""
        return cls(Instance.get(home), run_id, owner, attempt)

    def renew(self, lease_s: float) -> bool:
        """Keep the lease; False when the run was taken over. A database that is busy does not lose it."""
        try:
            if self._instance.leases.renew_run(self._run_id, attempt=self._attempt, owner=self._owner, lease_s=lease_s):
                return True
        except StorageError:
            return True
        # a run that has its end needs no lease, and its worker may finish what it does after it
        return self._status() is not None and self._attempt_is_ours()

    def stop_requested(self) -> bool:
        """Return True when the run is being cancelled."""
        return self._status() is RunStatus.CANCELING

    def ended(self) -> bool:
        """Return True when the run has its final state, or another attempt works on it, or it was deleted."""
        run = self._instance.get_run_by_id(self._run_id)
        return run is None or run.is_finished or run.attempt != self._attempt

    def record_end(self, *, cancelled: bool, reason: str) -> None:
        """Write the final state; a run that got one meanwhile keeps it."""
        kind = EventType.RUN_CANCELED if cancelled or self.stop_requested() else EventType.RUN_FAILURE
        event = Event(kind, self._run_id, time.time(), message=reason)
        with contextlib.suppress(LeaseLostError, RunFinishedError):
            self._instance.run_writer(self._run_id, self._attempt).append([event])
        self._instance.leases.free_slots(self._run_id)
        complete_artifacts(self._instance, self._run_id)

    def _status(self) -> RunStatus | None:
        run = self._instance.get_run_by_id(self._run_id)
        return None if run is None else run.status

    def _attempt_is_ours(self) -> bool:
        run = self._instance.get_run_by_id(self._run_id)
        return run is not None and run.attempt == self._attempt


def complete_artifacts(instance: Instance, run_id: str) -> list[Path]:
    """Make the executed notebooks that a dead worker left as journals only; return their paths.

    They are a help for who looks at the run, so a full disk or a folder on another machine changes nothing of its end.
    """
    folder = log_path_of(instance.home, run_id).parent
    try:
        if not next(folder.glob("**/*.journal.jsonl"), None):
            return []
        return notebook_step.recover_notebooks(folder)
    except (OSError, ValueError):
        return []


def request_stop(instance: Instance, run_id: str, *, reason: str = "Somebody asked for the run to stop.") -> bool:
    """Ask for a run to be cancelled; False when it has already ended.

    A run without a process is cancelled at once.  One whose supervisor lives on this host is told directly; elsewhere
    the supervisor
    notices at its next look at the instance.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or not run.is_cancelable:
        return run is not None and run.status is RunStatus.CANCELING
    writer = instance.run_writer(run_id, run.attempt)
    now = time.time()
    waiting = run.status in (RunStatus.QUEUED, RunStatus.NOT_STARTED)
    try:
        writer.append([Event(EventType.RUN_CANCELING, run_id, now, message=reason)])
        if waiting:
            writer.append([Event(EventType.RUN_CANCELED, run_id, now, message=reason)])
            return True
    except RunFinishedError:
        return False
    row = instance.db.row("SELECT owner FROM runs WHERE run_id = ?", (run_id,))
    pid = owner_pid(row[0]) if row is not None and row[0] else None
    if pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
    return True


def launch_recorded_run(
    instance: Instance,
    run_id: str,
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    worker: str = WORKER,
    arguments: Sequence[str] = (),
    lease_s: float = LEASE_S,
    spare: SpareProcess | None = None,
) -> LaunchedRun:
    """Start the process of a run that the instance holds, and give it its first lease; returns without waiting for
    it.
    """
    run = instance.runs.require(run_id).dagster_run
    log = log_path_of(instance.home, run_id)
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    launched = launch_run(
        run_id,
        home=instance.home,
        attempt=run.attempt,
        cwd=cwd,
        env=env,
        log_path=log,
        worker=worker,
        arguments=arguments,
        lease_s=lease_s,
        spare=spare,
    )
    instance.leases.renew_run(run_id, attempt=run.attempt, owner=launched.owner, lease_s=lease_s)
    faults.hit("run.launched")
    return launched
