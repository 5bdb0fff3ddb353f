"""The run queue: admits queued runs by priority within limits.

The slot is taken in the transaction that admits the run.

A run is admitted by changing its state from QUEUED to STARTING under a lease.  Whoever dies between that and the
launch leaves a run whose lease runs out; the monitor puts it back.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from logging import ERROR, INFO
from typing import Any

from cellmill import faults
from cellmill.automation.clock import Clock
from cellmill.automation.submit import launch
from cellmill.errors import DefinitionError, StorageFullError
from cellmill.instance.instance import Instance
from cellmill.instance.leases import claim_slots_in
from cellmill.instance.run_writer import append_in
from cellmill.instance.sql import Database, Query, Transaction
from cellmill.planning.event import Event, EventType, JobFailureData
from cellmill.planning.run import Run, RunStatus

#: Queued runs that one pass looks at.
BATCH = 100
#: Seconds in which an admitted run must have got its process.
LAUNCH_LEASE_S = 60.0
#: Seconds; a run that waited longer in the queue has expired.  None would let it wait for ever.
QUEUED_DEADLINE_S = 7 * 86_400.0
#: Bytes; a run that begins on a nearly full disk fails half-way, and takes the others with it.
MIN_FREE_BYTES = 50_000_000
POOLS_TAG = "cellmill/pools"
_ACTIVE = ("STARTING", "STARTED", "CANCELING")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLimit:
    """At most `limit` runs at a time with this tag; with `per_value` that many for each of its values."""

    key: str
    limit: int
    value: str | None = None
    per_value: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """How many runs may be active at a time; a negative number stands for no limit."""

    max_concurrent_runs: int = 10
    tag_limits: Sequence[TagLimit] = ()
    queued_deadline_s: float | None = QUEUED_DEADLINE_S
    #: Bytes that must be free where the instance lies; with less, nothing is launched.
    min_free_bytes: int = MIN_FREE_BYTES


@dataclass(slots=True)
class Admitted:
    """What one pass did."""

    launched: list[str] = field(default_factory=list)
    waiting: int = 0
    expired: int = 0
    failed: int = 0


class DefinitionMissing(DefinitionError):
    """The job or asset of a queued run is gone; bring the definition back and run it again."""


class RunQueue:
    """One pass over the queue at a time; any number of queues may work on one instance."""

    def __init__(
        self,
        instance: Instance,
        clock: Clock,
        limits: QueueLimits | None = None,
        *,
        launcher: Callable[[Instance, Run], Any] = launch,
        has_job: Callable[[str, str], bool] | None = None,
        owner: str = "queue",
        batch: int = BATCH,
    ) -> None:
        self._instance = instance
        self._clock = clock
        self._limits = limits or QueueLimits()
        self._launcher = launcher
        self._has_job = has_job
        self._owner = owner
        self._batch = batch

    def run_once(self) -> Admitted:
        """Launches what may run now, highest priority first, then oldest.

        Raises:
            StorageFullError: before anything is changed, where the disk of the instance is nearly full.
        """
        self._require_room()
        done = Admitted()
        full = False
        for run_id, job_name, location, created_at in self._candidates():
            # Where no run may start at all, the others are not asked one by one: that would be a transaction each.
            if self._is_expired(created_at):
                self._end(run_id, "Expired: the run waited in the queue longer than its deadline.")
                done.expired += 1
            elif self._has_job is not None and not self._has_job(location, job_name):
                self._end(run_id, f"DefinitionMissing: the job {job_name!r} is gone; bring it back and run this again.")
                done.failed += 1
            elif full:
                done.waiting += 1
            elif not self._admit_and_launch(run_id, done):
                full = self._is_full(self._instance.db)
        return done

    def _require_room(self) -> None:
        if not self._instance.is_persistent:
            return
        free = shutil.disk_usage(self._instance.home).free
        if free < self._limits.min_free_bytes:
            raise StorageFullError(
                f"Only {free // 1_000_000} MB are free in {self._instance.home}: no run is launched until there "
                f"is room for {self._limits.min_free_bytes // 1_000_000} MB (min_free_bytes of [run_queue])."
            )

    def _candidates(self) -> list[tuple[Any, ...]]:
        return self._instance.db.rows(
            "SELECT run_id, job_name, location, created_at FROM runs WHERE status = ? "
            "ORDER BY priority DESC, id LIMIT ?",
            (RunStatus.QUEUED.value, self._batch),
        )

    def _is_expired(self, created_at: float) -> bool:
        deadline = self._limits.queued_deadline_s
        return deadline is not None and self._clock.now() - created_at > deadline

    def _end(self, run_id: str, reason: str) -> None:
        run = self._instance.get_run_by_id(run_id)
        if run is not None:
            self._instance.run_writer(run_id, run.attempt).append(
                [_event(run, EventType.RUN_FAILURE, reason, self._clock)]
            )

    def _admit_and_launch(self, run_id: str, done: Admitted) -> bool:
        """Whether the run was admitted."""
        if not self._admit(run_id):
            done.waiting += 1
            return False
        run = self._instance.get_run_by_id(run_id)
        if run is None:
            return True
        try:
            self._launcher(self._instance, run)
        except Exception as error:  # the shell of a launch: the run says why it never began
            self._end(run_id, f"The run's process could not be started: {type(error).__name__}: {error}")
            self._instance.leases.free_slots(run_id)
            done.failed += 1
            return True
        faults.hit("run.launched")
        done.launched.append(run_id)
        return True

    def _admit(self, run_id: str) -> bool:
        """Takes the run's slots and its state in one transaction; False where a limit is reached or it is taken."""
        db = self._instance.db
        with db.write() as tx:
            if db.dialect != "sqlite":
                # Counting and admitting must not be parted: SQLite's write lock does that by itself.
                tx.run("SELECT pg_advisory_xact_lock(727001)")
            rows = Query("SELECT status, body, attempt, job_name FROM runs").where("run_id = ?", run_id).rows(tx)
            row = rows[0] if rows else None
            if row is None or row[0] != RunStatus.QUEUED.value:
                return False
            tags = json.loads(row[1]).get("tags", {})
            if not self._has_room(tx, tags):
                return False
            pools = [name for name in tags.get(POOLS_TAG, "").split(",") if name]
            if pools and not claim_slots_in(tx, db, pools, run_id):
                return False
            now = db.now()
            append_in(tx, db, run_id, row[2], [_starting(run_id, row[3], now)])
            tx.run(
                "UPDATE runs SET owner = ?, lease_expires_at = ? WHERE run_id = ?",
                (self._owner, now + LAUNCH_LEASE_S, run_id),
            )
        return True

    def _has_room(self, tx: Transaction, tags: Mapping[str, str]) -> bool:
        if self._is_full(tx):
            return False
        for limit in self._limits.tag_limits:
            value = tags.get(limit.key)
            if value is None or (limit.value is not None and limit.value != value):
                continue
            if self._active_with(tx, limit, value) >= limit.limit:
                return False
        return True

    def _is_full(self, db: Transaction | Database) -> bool:
        most = self._limits.max_concurrent_runs
        row = db.row("SELECT count(*) FROM runs WHERE status IN (?, ?, ?)", _ACTIVE) if most >= 0 else None
        return row is not None and row[0] >= most

    @staticmethod
    def _active_with(tx: Transaction, limit: TagLimit, value: str) -> int:
        text = (
            "SELECT count(*) FROM runs r JOIN run_tags t ON t.run_id = r.run_id "
            "WHERE r.status IN (?, ?, ?) AND t.key = ?"
        )
        params: tuple[Any, ...] = (*_ACTIVE, limit.key)
        if limit.value is not None or limit.per_value:
            text, params = text + " AND t.value = ?", (*params, value)
        row = tx.row(text, params)
        return int(row[0]) if row is not None else 0


def _starting(run_id: str, job_name: str, now: float) -> Event:
    message = "The run left the queue; its process is being started."
    return Event(
        type=EventType.RUN_STARTING, run_id=run_id, timestamp=now, message=message, level=INFO, job_name=job_name
    )


def _event(run: Run, kind: EventType, message: str, clock: Clock) -> Event:
    return Event(
        type=kind,
        run_id=run.run_id,
        timestamp=clock.now(),
        message=message,
        level=ERROR,
        data=JobFailureData(error=None),
        job_name=run.job_name,
    )
