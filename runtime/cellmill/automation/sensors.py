"""Evaluations of sensors: the function runs outside this process.

Its cursor and its runs commit together or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cellmill import faults
from cellmill.automation.clock import Clock
from cellmill.automation.evaluator import Evaluator
from cellmill.automation.source import Source
from cellmill.automation.stale_requests import wanted_runs
from cellmill.automation.submit import run_for
from cellmill.errors import LeaseLostError, StorageError
from cellmill.instance.automation import InstigatorState, RunSubmission, Tick
from cellmill.instance.instance import Instance
from cellmill.instance.instance_assets import event_outside_runs
from cellmill.instance.wire import loads
from cellmill.planning.instigator import Answer, Question, SensorSpec
from cellmill.planning.run import RUN_KEY_TAG, SENSOR_TAG
from cellmill.planning.tick import TickStatus, sensor_backoff_s

#: Seconds for which the claim of an evaluation holds; longer than an evaluation may take.
CLAIM_S = 90.0


@dataclass(slots=True)
class Sensed:
    """What one pass did."""

    evaluated: int = 0
    requested: int = 0
    skipped: int = 0
    failed: int = 0
    deduplicated: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """An evaluation that this daemon, and no other, is to make."""

    spec: SensorSpec
    state: InstigatorState
    tick: Tick


class Sensors:
    """One pass over all sensors at a time; one that hangs or fails holds nobody else up."""

    def __init__(
        self,
        instance: Instance,
        source: Source,
        clock: Clock,
        owner: str,
        *,
        claim_s: float = CLAIM_S,
    ) -> None:
        self._instance = instance
        self._source = source
        self._clock = clock
        self._owner = owner
        self._claim_s = claim_s
        self._evaluator: Evaluator[Work] = Evaluator(source, "sensors")

    def run_once(self, patience_s: float | None = None) -> Sensed:
        """Evaluates the sensors whose interval has passed.

        After `patience_s` the pass ends; what a location has not answered by then is taken up by a later one.
        """
        done = Sensed()
        self._take_answers(0.0, done)
        now = self._clock.now()
        states = {state.id: state for state in self._instance.automation.instigators("sensor")}
        due = {}
        for spec in self._source.sensors():
            if spec.automates is not None:
                continue  # the loop of automation conditions evaluates it
            state = self._state(spec, states.get(spec.id), now)
            if state is not None and not self._evaluator.is_busy(spec.location) and self._is_due(spec, state, now):
                due[spec.id] = spec
        if due:
            self._ask(due, now)
        self._take_answers(patience_s, done)
        return done

    def _ask(self, due: Mapping[str, SensorSpec], now: float) -> None:
        """Claims what is due and asks each location for its own."""
        claimed: dict[str, list[Work]] = {}
        for state, tick in self._instance.automation.claim_evaluations(
            list(due),
            int(now),
            owner=self._owner,
            lease_s=self._claim_s,
            is_due=lambda state: state.status == "RUNNING" and self._is_due(due[state.id], state, now),
        ):
            spec = due[state.id]
            claimed.setdefault(spec.location, []).append(Work(spec, state, tick))
        for location, works in claimed.items():
            # Those that failed last time come last: they may fail again, slowly.
            works.sort(key=lambda work: work.state.failures)
            self._evaluator.ask(location, [(work, sensor_question(work.spec, work.state)) for work in works])

    def _take_answers(self, patience_s: float | None, done: Sensed) -> None:
        for work, outcome in self._evaluator.answers(patience_s):
            self._finish(work, outcome, done)

    def _state(self, spec: SensorSpec, state: InstigatorState | None, now: float) -> InstigatorState | None:
        if state is None:
            if not spec.running_by_default:
                return None
            body = {"started_at": now}
            state = InstigatorState(
                id=spec.id, kind="sensor", name=spec.name, location=spec.location, status="RUNNING", body=body
            )
            state = self._instance.automation.add_instigator(state)
        return state if state.status == "RUNNING" else None

    def _is_due(self, spec: SensorSpec, state: InstigatorState, now: float) -> bool:
        if state.last_tick_at is None:
            return True
        return now >= state.last_tick_at + sensor_backoff_s(spec.minimum_interval_s, state.failures)

    def _finish(self, work: Work, outcome: Answer | Exception, done: Sensed) -> None:
        spec, state, tick = work.spec, work.state, work.tick
        done.evaluated += 1
        faults.hit("sensor.evaluated")
        try:
            outcome = self._resolved(spec, outcome)
            if isinstance(outcome, Exception):
                done.failed += 1
                text = f"{type(outcome).__name__}: {outcome}"
                wait = sensor_backoff_s(spec.minimum_interval_s, state.failures + 1)
                self._instance.automation.record_tick(
                    tick,
                    status=TickStatus.FAILURE,
                    failures=state.failures + 1,
                    body={"error": text, "next_in_s": wait},
                )
            else:
                self._record(spec, state, tick, outcome, done)
        except LeaseLostError:
            # Another daemon took the evaluation over; its record is the one that counts.
            return
        faults.hit("sensor.committed")

    def _resolved(self, spec: SensorSpec, outcome: Answer | Exception) -> Answer | Exception:
        """The answer with what is known only now: which of the assets are stale."""
        if isinstance(outcome, Exception):
            return outcome
        try:
            runs = wanted_runs(outcome.runs, spec.location, _first_job(spec), self._source)
            return replace(outcome, runs=tuple(runs))
        except StorageError:
            raise
        except Exception as error:  # the shell of a tick: whatever went wrong is recorded on it
            return error

    def _record(self, spec: SensorSpec, state: InstigatorState, tick: Tick, answer: Answer, done: Sensed) -> None:
        submissions = [self._submission(spec, tick, ask) for ask in answer.runs]
        keys = [item.run_key for item in submissions if item.run_key is not None]
        result = self._instance.automation.record_tick(
            tick,
            status=TickStatus.SUCCESS if submissions else TickStatus.SKIPPED,
            submissions=submissions,
            cursor=answer.cursor,
            failures=0,
            body={"reason": answer.skip_reason} if answer.skip_reason else {},
            dynamic_partitions=answer.dynamic_partitions,
            remember={"last_run_key": keys[-1]} if keys else None,
            asset_events=[event_outside_runs(loads(text)) for text in answer.asset_events],
        )
        done.requested += len(result.recorded)
        done.deduplicated += len(result.deduplicated)
        done.skipped += not submissions

    def _submission(self, spec: SensorSpec, tick: Tick, ask: Any) -> RunSubmission:
        tags = {**ask.tags, SENSOR_TAG: spec.name, "dagster/tick": str(tick.id)}
        if ask.run_key is not None:
            tags[RUN_KEY_TAG] = ask.run_key
        run = run_for(ask, location=spec.location, tags=tags, default_job=_first_job(spec))
        return RunSubmission(run=run, run_key=ask.run_key)


def _first_job(spec: SensorSpec) -> str:
    return spec.jobs[0] if spec.jobs else ""


def sensor_question(spec: SensorSpec, state: InstigatorState | None, cursor: str | None = None) -> Question:
    """What a sensor is asked that stands where `state` says, or at another cursor."""
    memory = state.body if state is not None else {}
    payload = {
        "cursor": state.cursor if cursor is None and state is not None else cursor,
        "last_run_key": memory.get("last_run_key"),
        "last_tick_completion_time": state.last_tick_at if state is not None else None,
        "started_at": memory.get("started_at"),
        "location": spec.location,
    }
    return Question(spec=spec, payload=payload)
