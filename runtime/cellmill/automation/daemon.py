"""One process with several loops.

When one of them dies the process ends with the reason, so that whatever started it starts it again.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cellmill.automation import openlineage
from cellmill.automation.backfills import BackfillLoop
from cellmill.automation.clock import Clock, SystemClock
from cellmill.automation.conditions import ConditionLoop
from cellmill.automation.housekeeping import Housekeeping
from cellmill.automation.monitor import Monitor
from cellmill.automation.queue import QueueLimits, RunQueue
from cellmill.automation.scheduler import Scheduler
from cellmill.automation.sensors import Sensors
from cellmill.automation.source import Source
from cellmill.automation.submit import launch
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.errors import StorageBusyError, StorageConnectionError, StorageError, StorageFullError
from cellmill.execution.retention import RetentionPolicy
from cellmill.instance.instance import Instance
from cellmill.planning.run import Run
from cellmill.workspace.source import WorkspaceSource

#: Seconds between the beginnings of two passes of each loop.
INTERVALS: Mapping[str, float] = {
    "scheduler": 1.0,
    "sensors": 1.0,
    "queue": 0.5,
    "monitor": 5.0,
    "backfills": 1.0,
    "automation": 10.0,
    "openlineage": 5.0,
    "retention": 60.0,
}
#: Where runs and datasets are told, in OpenLineage's own variable; without it the loop is not there.
LINEAGE_VARIABLE = "OPENLINEAGE_URL"
#: Seconds for which a heartbeat speaks for a loop: many times the interval between two beats.
HEARTBEAT_S = 60.0
#: Part of its interval that a loop rests in any case.
PAUSE = 0.1
#: Seconds that a pass waits for users' functions; what is answered later is recorded by the next pass.
PATIENCE_S = 1.0
#: Seconds for which a loop finds the database busy or away before it gives up: long enough for a restart of PostgreSQL.
OUTAGE_S = 180.0

log = logging.getLogger("cellmill.daemon")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatus:
    """How a loop of some daemon does, as its heartbeat says."""

    name: str
    owner: str
    healthy: bool
    last_beat: float
    error: str | None = None


@dataclass(slots=True)
class Daemon:
    """The loops of one process."""

    instance: Instance
    loops: Mapping[str, Callable[[], Any]]
    clock: Clock = field(default_factory=SystemClock)
    intervals: Mapping[str, float] = field(default_factory=lambda: INTERVALS)
    owner: str = field(default_factory=lambda: f"{os.uname().nodename}:{os.getpid()}:{uuid.uuid4().hex[:12]}")
    reason: str | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> int:
        """Runs all loops until stopped (0) or until one of them dies (1)."""
        threads = [
            threading.Thread(target=self._loop, args=(name,), name=f"cellmill-{name}", daemon=True)
            for name in self.loops
        ]
        for thread in threads:
            thread.start()
        while not self._stop.wait(0.5) and all(thread.is_alive() for thread in threads):
            pass
        self._stop.set()
        for thread in threads:
            thread.join(10)
        self._release()
        if self.reason is not None:
            log.error("The daemon ends: %s", self.reason)
            return 1
        return 0

    def _release(self) -> None:
        """Takes back the heartbeats of a daemon that stopped in order, so that nobody queues runs for it."""
        try:
            for lease in self.instance.leases.all():
                if lease.owner == self.owner and "error" not in lease.body:
                    self.instance.leases.release(lease)
        except StorageError as error:
            log.warning("The heartbeats could not be taken back: %s", error)

    def stop(self) -> None:
        """Asks the loops to end after their present pass."""
        self._stop.set()

    def _loop(self, name: str) -> None:
        trouble = _Trouble(name)
        try:
            while not self._stop.is_set():
                began = self.clock.now()
                self._beat(name, paused=trouble.paused)
                trouble.meet(self.loops[name])
                # From beginning to beginning; yet a pass that takes its whole interval leaves others some time.
                interval = self.intervals.get(name, 1.0)
                left = interval - max(0.0, self.clock.now() - began)
                self.clock.wait(self._stop, max(left, interval * PAUSE))
        except BaseException as error:  # the shell of a loop: its end is the daemon's end
            self.reason = f"the loop {name!r} died of {type(error).__name__}: {error}"
            log.debug("%s", traceback.format_exc())
            self._beat(name, error=self.reason)
        finally:
            self._stop.set()

    def _beat(self, name: str, **said: str | None) -> None:
        body = {"pid": os.getpid(), "loop": name, **{key: text for key, text in said.items() if text is not None}}
        try:
            self.instance.leases.acquire(f"daemon:{name}", self.owner, HEARTBEAT_S, body)
        except StorageError as error:
            log.warning("The heartbeat of %s could not be written: %s", name, error)


class _Trouble:
    """What a loop bears with: a full disk for as long as it lasts, a database that is busy or away for a while."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._since: float | None = None
        #: Why the loop does nothing at present.
        self.paused: str | None = None

    def meet(self, work: Callable[[], Any]) -> None:
        """Makes a pass; raises what is not to be borne with."""
        try:
            work()
        except StorageFullError as error:
            if self.paused is None:
                log.warning("The loop %s is paused: %s", self._name, error)
            self.paused = str(error)
        except (StorageBusyError, StorageConnectionError):
            now = time.monotonic()
            self._since = self._since or now
            if now - self._since > OUTAGE_S:
                raise
        else:
            self._since = self.paused = None


def make_loops(
    instance: Instance,
    source: Source,
    clock: Clock,
    owner: str,
    *,
    limits: QueueLimits | None = None,
    launcher: Callable[[Instance, Run], Any] = launch,
    max_runtime_s: float | None = None,
    retention: Callable[[], RetentionPolicy] | None = None,
    only: Sequence[str] | None = None,
) -> dict[str, Callable[[], Any]]:
    """The loops by name, each a function that makes one pass."""
    scheduler = Scheduler(instance, source, clock, owner)
    sensors = Sensors(instance, source, clock, owner)
    queue = RunQueue(instance, clock, limits, launcher=launcher, has_job=source.has_job, owner=owner)
    monitor = Monitor(instance, clock, owner, max_runtime_s=max_runtime_s)
    backfills = BackfillLoop(instance, source, clock)
    conditions = ConditionLoop(instance, source, clock, owner)
    loops: dict[str, Callable[[], Any]] = {
        "scheduler": lambda: scheduler.run_once(PATIENCE_S),
        "sensors": lambda: sensors.run_once(PATIENCE_S),
        "queue": queue.run_once,
        "monitor": monitor.run_once,
        "backfills": backfills.run_once,
        "automation": conditions.run_once,
    }
    if retention is not None:
        loops["retention"] = Housekeeping(instance, retention, owner).run_once
    if os.environ.get(LINEAGE_VARIABLE):
        loops["openlineage"] = openlineage.OpenLineageEmitter(instance).pass_quietly
    return {name: loop for name, loop in loops.items() if only is None or name in only}


def make_daemon(
    instance: Instance,
    source: Source | WorkspaceSource,
    *,
    clock: Clock | None = None,
    limits: QueueLimits | None = None,
    launcher: Callable[[Instance, Run], Any] = launch,
    max_runtime_s: float | None = None,
    retention: Callable[[], RetentionPolicy] | None = None,
    only: Sequence[str] | None = None,
) -> Daemon:
    """A daemon with the loops named by `only` (all of them otherwise), not started yet."""
    used = clock or SystemClock()
    if isinstance(source, WorkspaceSource):
        source = AutomatedWorkspace(source, instance)
    daemon = Daemon(instance, {}, used)
    daemon.loops = make_loops(
        instance,
        source,
        used,
        daemon.owner,
        limits=limits,
        launcher=launcher,
        max_runtime_s=max_runtime_s,
        retention=retention,
        only=only,
    )
    return daemon


def run(daemon: Daemon) -> int:
    """Runs the daemon in this process until SIGTERM or SIGINT; its exit status is 0, or 1 when a loop died."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: daemon.stop())
    return daemon.run()


def daemon_status(instance: Instance) -> list[LoopStatus]:
    """How every loop that ever ran does."""
    now = instance.db.now()
    return [
        LoopStatus(
            name=lease.name.removeprefix("daemon:"),
            owner=lease.owner,
            healthy=lease.expires_at > now and not (lease.body.keys() & {"error", "paused"}),
            last_beat=lease.renewed_at,
            error=lease.body.get("error") or lease.body.get("paused"),
        )
        for lease in instance.leases.all()
        if lease.name.startswith("daemon:")
    ]
