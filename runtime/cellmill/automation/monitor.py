"""Runs whose process is gone, runs that go on for too long, slots nobody holds, and runs that are to be tried again."""

from __future__ import annotations

from dataclasses import dataclass, field
from logging import ERROR

from cellmill.automation.clock import Clock
from cellmill.errors import ConcurrencyError, DuplicateRunError
from cellmill.execution.run_ledger import complete_artifacts
from cellmill.instance.instance import Instance
from cellmill.instance.leases import ExpiredRun
from cellmill.instance.sql import Query
from cellmill.planning.event import Event, EventType, JobFailureData, RunFailureReason
from cellmill.planning.run import (
    PARENT_RUN_TAG,
    RESUME_RETRY_TAG,
    ROOT_RUN_TAG,
    Run,
    RunStatus,
    make_run_id,
)
from cellmill.planning.run_state import RunSignal, step

MAX_RETRIES_TAG = "dagster/max_retries"
RETRY_STRATEGY_TAG = "dagster/retry_strategy"
RETRY_NUMBER_TAG = "dagster/retry_number"
MAX_RUNTIME_TAG = "dagster/max_runtime"
RETRY_ORIGIN = "retry"
#: Times a run whose process never began is put back into the queue.
MAX_LAUNCH_ATTEMPTS = 3
#: Seconds; failures older than this are not retried any more.
RETRY_WINDOW_S = 86_400.0


@dataclass(slots=True)
class Watched:
    """What one pass did."""

    crashed: list[str] = field(default_factory=list)
    requeued: list[str] = field(default_factory=list)
    timed_out: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)


class Monitor:
    """One pass over the runs at a time; of several monitors one acts on each run."""

    def __init__(self, instance: Instance, clock: Clock, owner: str, *, max_runtime_s: float | None = None) -> None:
        self._instance = instance
        self._clock = clock
        self._owner = owner
        self._max_runtime_s = max_runtime_s

    def run_once(self) -> Watched:
        """Ends what is dead or late, tries again what is to be tried again."""
        done = Watched()
        for expired in self._instance.leases.expired_runs():
            self._reap(expired, done)
        self._stop_late_runs(done)
        self._retry_failed(done)
        self._free_slots()
        return done

    def _reap(self, expired: ExpiredRun, done: Watched) -> None:
        status = RunStatus(expired.status)
        never_began = status is RunStatus.STARTING and expired.attempt < MAX_LAUNCH_ATTEMPTS
        if never_began:
            # Whatever process there may be is fenced off by the new attempt before the run is queued again.
            if self._take(expired, RunStatus.QUEUED) is not None:
                done.requeued.append(expired.run_id)
            return
        run = self._take(expired, status)
        if run is None:
            return
        after, _ = step(status, RunSignal.LEASE_EXPIRED)
        late_s = max(0.0, self._instance.db.now() - expired.lease_expires_at)
        reason = (
            f"The run's process (owner {expired.owner}) was not heard of for {late_s:.0f} s beyond its "
            f"lease: it was killed, "
            "ran out of memory, or its machine is gone."
        )
        if status is RunStatus.STARTING:
            reason = f"Attempts exhausted: {expired.attempt} processes of the run ended before it began. {reason}"
        if self._end(run, after, reason, RunFailureReason.RUN_WORKER_RESTART):
            done.crashed.append(run.run_id)
            complete_artifacts(self._instance, run.run_id)

    def _take(self, expired: ExpiredRun, status: RunStatus) -> Run | None:
        """Fences the old attempt off; None where another monitor was first or the run has ended meanwhile."""
        run = self._instance.runs.new_attempt(
            expired.run_id, expected=expired.attempt, status=status, owner=self._owner
        )
        if run is not None and status is RunStatus.QUEUED:
            with self._instance.db.write() as tx:
                tx.run("UPDATE runs SET lease_expires_at = NULL, owner = NULL WHERE run_id = ?", (run.run_id,))
        return run

    def _end(self, run: Run, status: RunStatus, reason: str, cause: RunFailureReason) -> bool:
        kind = EventType.RUN_CANCELED if status is RunStatus.CANCELED else EventType.RUN_FAILURE
        data = JobFailureData(error=None, failure_reason=cause) if kind is EventType.RUN_FAILURE else None
        event = Event(
            type=kind,
            run_id=run.run_id,
            timestamp=self._clock.now(),
            message=reason,
            level=ERROR,
            data=data,
            job_name=run.job_name,
        )
        try:
            self._instance.run_writer(run.run_id, run.attempt).append([event])
        except ConcurrencyError:
            return False
        return True

    def _stop_late_runs(self, done: Watched) -> None:
        now = self._clock.now()
        rows = self._instance.db.rows(
            "SELECT r.run_id, r.attempt, r.started_at, t.value FROM runs r LEFT JOIN run_tags t ON "
            "t.run_id = r.run_id AND t.key = ? "
            "WHERE r.status = ?",
            (MAX_RUNTIME_TAG, RunStatus.STARTED.value),
        )
        for run_id, attempt, started_at, limit in rows:
            seconds = _number(limit) if limit is not None else self._max_runtime_s
            if seconds is None or started_at is None or now - started_at <= seconds:
                continue
            run = self._instance.runs.new_attempt(run_id, expected=attempt, status=RunStatus.STARTED, owner=self._owner)
            reason = f"Exceeded maximum runtime of {seconds:g} seconds."
            if run is not None and self._end(run, RunStatus.FAILURE, reason, RunFailureReason.UNKNOWN):
                done.timed_out.append(run_id)

    def _retry_failed(self, done: Watched) -> None:
        query = Query("SELECT run_id FROM runs r").where("r.status = ?", RunStatus.FAILURE.value)
        query.where("r.ended_at > ?", self._clock.now() - RETRY_WINDOW_S)
        query.where("EXISTS (SELECT 1 FROM run_tags t WHERE t.run_id = r.run_id AND t.key = ?)", MAX_RETRIES_TAG)
        query.where("NOT EXISTS (SELECT 1 FROM runs n WHERE n.origin = ? AND n.run_key = r.run_id)", RETRY_ORIGIN)
        for (run_id,) in query.rows(self._instance.db):
            run = self._instance.get_run_by_id(run_id)
            retry = None if run is None else retry_of(run)
            if retry is None:
                continue
            try:
                self._instance.add_run(retry, origin=RETRY_ORIGIN, run_key=run_id)
            except DuplicateRunError:
                continue  # another monitor was first
            done.retried.append(retry.run_id)

    def _free_slots(self) -> None:
        with self._instance.db.write() as tx:
            tx.run(
                "DELETE FROM pool_claims WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = pool_claims.run_id "
                "AND r.status NOT IN (?, ?, ?))",
                (RunStatus.SUCCESS.value, RunStatus.FAILURE.value, RunStatus.CANCELED.value),
            )


def retry_of(run: Run) -> Run | None:
    """The next attempt at a failed run, from its failure or from its start as its tags say; None when none is left."""
    limit = _number(run.tags.get(MAX_RETRIES_TAG))
    number = int(run.tags.get(RETRY_NUMBER_TAG, "0")) + 1
    if limit is None or number > limit:
        return None
    root = run.root_run_id or run.run_id
    tags = {
        **run.tags,
        RETRY_NUMBER_TAG: str(number),
        PARENT_RUN_TAG: run.run_id,
        ROOT_RUN_TAG: root,
        RESUME_RETRY_TAG: "false" if run.tags.get(RETRY_STRATEGY_TAG) == "ALL_STEPS" else "true",
    }
    return Run(
        run_id=make_run_id(),
        job_name=run.job_name,
        run_config=run.run_config,
        tags=tags,
        asset_selection=run.asset_selection,
        asset_check_selection=run.asset_check_selection,
        op_selection=run.op_selection,
        location=run.location,
        code_snapshot=run.code_snapshot,
        root_run_id=root,
        parent_run_id=run.run_id,
        status=RunStatus.QUEUED,
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
