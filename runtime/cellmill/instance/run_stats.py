"""Counts and times of runs and steps, from their events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cellmill.instance.event_record import EventRecord
from cellmill.instance.sql import Database, Query, chunks
from cellmill.planning.event import EventType, planned_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """How a run went, in numbers."""

    run_id: str
    steps_succeeded: int = 0
    steps_failed: int = 0
    materializations: int = 0
    expectations: int = 0
    enqueued_time: float | None = None
    launch_time: float | None = None
    start_time: float | None = None
    end_time: float | None = None


class StepEventStatus(StrEnum):
    """The state of a step."""

    SKIPPED = "SKIPPED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    IN_PROGRESS = "IN_PROGRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStats:
    """How a step went, in numbers."""

    run_id: str
    step_key: str
    status: StepEventStatus | None = None
    start_time: float | None = None
    end_time: float | None = None
    attempts: int = 0
    materialization_events: Sequence[EventRecord] = field(default_factory=list)


_COUNTED = {
    EventType.STEP_SUCCESS.value: "steps_succeeded",
    EventType.STEP_FAILURE.value: "steps_failed",
    EventType.ASSET_MATERIALIZATION.value: "materializations",
    EventType.STEP_EXPECTATION_RESULT.value: "expectations",
}
_TIMED = {
    EventType.RUN_ENQUEUED.value: "enqueued_time",
    EventType.RUN_STARTING.value: "launch_time",
    EventType.RUN_START.value: "start_time",
    EventType.RUN_SUCCESS.value: "end_time",
    EventType.RUN_FAILURE.value: "end_time",
    EventType.RUN_CANCELED.value: "end_time",
}


def run_stats(db: Database, run_ids: Iterable[str]) -> dict[str, RunStats]:
    """The numbers of each run, in one query over their events."""
    found: dict[str, dict[str, Any]] = {run_id: {} for run_id in run_ids}
    for part in chunks(list(found)):
        query = Query("SELECT run_id, type, count(*), max(timestamp) FROM events").where_in("run_id", part)
        for run_id, kind, count, last in db.rows(query.text + " GROUP BY run_id, type", query.params):
            if kind in _COUNTED:
                found[run_id][_COUNTED[kind]] = count
            elif kind in _TIMED:
                found[run_id][_TIMED[kind]] = last
    return {run_id: RunStats(run_id=run_id, **numbers) for run_id, numbers in found.items()}


_STATES = {
    EventType.STEP_START: StepEventStatus.IN_PROGRESS,
    EventType.STEP_SUCCESS: StepEventStatus.SUCCESS,
    EventType.STEP_FAILURE: StepEventStatus.FAILURE,
    EventType.STEP_SKIPPED: StepEventStatus.SKIPPED,
    EventType.STEP_UP_FOR_RETRY: StepEventStatus.IN_PROGRESS,
}


#: The events that tell how a step stands, and which steps are to come.
STEP_EVENTS = frozenset(
    {*_STATES, EventType.STEP_START, EventType.STEP_RESTARTED, EventType.ASSET_MATERIALIZATION_PLANNED}
)


def step_stats(records: Sequence[EventRecord], step_keys: Sequence[str] | None = None) -> list[StepStats]:
    """The numbers of each step, in the order in which steps first appear."""
    steps: dict[str, list[EventRecord]] = {}
    run_id = ""
    for record in records:
        run_id, key = record.event.run_id, record.event.step_key
        for name in planned_steps(record.event):
            if step_keys is None or name in step_keys:
                steps.setdefault(name, [])
        if key is not None and (step_keys is None or key in step_keys):
            steps.setdefault(key, []).append(record)
    return [_one_step(run_id, key, found) for key, found in steps.items()]


def _one_step(run_id: str, step_key: str, records: Sequence[EventRecord]) -> StepStats:
    status, start, end, attempts = None, None, None, 0
    for record in records:
        kind = record.event.type
        if kind in (EventType.STEP_START, EventType.STEP_RESTARTED):
            attempts += 1
            start = record.timestamp if start is None else start
        if kind in _STATES:
            status = _STATES[kind]
            end = record.timestamp if status is not StepEventStatus.IN_PROGRESS else None
    return StepStats(
        run_id=run_id,
        step_key=step_key,
        status=status,
        start_time=start,
        end_time=end,
        attempts=attempts,
        materialization_events=[r for r in records if r.event.type is EventType.ASSET_MATERIALIZATION],
    )
