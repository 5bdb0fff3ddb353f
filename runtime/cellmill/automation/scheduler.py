"""Ticks of schedules: claimed by a unique row, recorded together with their runs in one transaction.

Any number of schedulers may work on one instance.  A tick whose scheduler died is taken over when its claim runs out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cellmill.automation.clock import Clock
from cellmill.automation.evaluator import Evaluator
from cellmill.automation.source import Source
from cellmill.automation.stale_requests import wanted_runs
from cellmill.automation.submit import run_for
from cellmill.definitions.tick_policy import OverlapPolicy
from cellmill.errors import LeaseLostError, StorageError
from cellmill.instance.automation import InstigatorState, Overlap, RunSubmission, Tick, TickResult
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import Answer, Question, RunAsk, ScheduleSpec
from cellmill.planning.run import FINISHED_STATUSES, SCHEDULE_TAG, SCHEDULED_AT_TAG, TICK_TAG, RunsFilter, RunStatus
from cellmill.planning.tick import MissedTick, TickStatus, due_ticks, overlap_reason, retry_after_s, tick_id
from cellmill.workspace.pins import pin_of, pinned_version
from cellmill.workspace.run_names import PINNED_TAG

_UNFINISHED = [status for status in RunStatus if status not in FINISHED_STATUSES]
#: Seconds for which a claim of a tick holds; longer than an evaluation may take.
CLAIM_S = 90.0


@dataclass(slots=True)
class Scheduled:
    """What one pass did."""

    requested: int = 0
    skipped: int = 0
    missed: int = 0
    failed: int = 0
    #: Ticks that another scheduler had, or that are done.


@dataclass(frozen=True, slots=True)
class Claimed:
    """A tick that this scheduler, and no other, is to decide about, with the schedule's cursor."""

    spec: ScheduleSpec
    tick: Tick
    after: int
    #: The snapshot of the notebooks that it runs, where they are pinned.
    pinned: str | None = None


class Scheduler:
    """One pass over all schedules at a time."""

    def __init__(
        self, instance: Instance, source: Source, clock: Clock, owner: str, *, claim_s: float = CLAIM_S
    ) -> None:
        self._instance = instance
        self._source = source
        self._clock = clock
        self._owner = owner
        self._claim_s = claim_s
        self._evaluator: Evaluator[Claimed] = Evaluator(source, "schedules")
        #: Ticks that users' functions decide, claimed in this pass.
        self._to_ask: list[Claimed] = []

    def run_once(self, patience_s: float | None = None) -> Scheduled:
        """Runs what is due now; a schedule that fails stops no other.

        After `patience_s` the pass ends; what a location has not answered by then is taken up by a later one.
        """
        done = Scheduled()
        self._take_answers(0.0, done)
        now = self._clock.now()
        states = {state.id: state for state in self._instance.automation.instigators("schedule")}
        specs = {spec.id: spec for spec in self._source.schedules()}
        self._take_over(specs, states, done)
        for spec in specs.values():
            state = self._current_state(spec, states.get(spec.id), now)
            if state is not None and state.status == "RUNNING" and not self._must_wait(spec):
                self._run_schedule(spec, state, now, done)
        self._ask()
        self._take_answers(patience_s, done)
        return done

    def _current_state(self, spec: ScheduleSpec, state: InstigatorState | None, now: float) -> InstigatorState | None:
        """The state with a cursor that fits the definition.

        A new or changed definition begins now, never in the past.
        """
        remembered = self._instance.automation
        cursor = json.dumps(int(now))
        if state is None:
            if not spec.running_by_default:
                return None
            first = InstigatorState(id=spec.id, kind="schedule", name=spec.name, location=spec.location,
                                    status="RUNNING", cursor=cursor, definition_hash=spec.definition_hash)  # fmt: skip
            return remembered.add_instigator(first)
        running = state.status == "RUNNING"
        fresh = state.definition_hash != spec.definition_hash or state.cursor is None
        resumed = running and bool(state.body.get("paused"))
        # Where somebody else changed it meanwhile, the next pass sees how it is.
        if fresh or resumed:
            body = {key: value for key, value in state.body.items() if key != "paused"}
            begun = replace(state, definition_hash=spec.definition_hash, cursor=cursor, body=body)
            return remembered.replace_instigator(state, begun)
        if not running and not state.body.get("paused"):
            return remembered.replace_instigator(state, replace(state, body={**state.body, "paused": True}))
        return state

    def _run_schedule(self, spec: ScheduleSpec, state: InstigatorState, now: float, done: Scheduled) -> None:
        after = int(json.loads(state.cursor or "0"))
        due = due_ticks(spec.ticks_after, after, now, spec.catch_up)
        if due.missed:
            self._record_missed(spec, due.missed, done)
            if not due.run:
                last = max(tick.at_epoch_s for tick in due.missed)
                moved = replace(state, cursor=json.dumps(max(last, after)))
                self._instance.automation.replace_instigator(state, moved)
        for at in due.run:
            tick = self._instance.automation.claim_tick(spec.id, at, owner=self._owner, lease_s=self._claim_s)
            if tick is None:
                continue
            self._perform(Claimed(spec, tick, after, _pinned(state)), done)

    def _record_missed(self, spec: ScheduleSpec, missed: Sequence[MissedTick], done: Scheduled) -> None:
        by_reason: dict[str, list[int]] = {}
        for tick in missed:
            by_reason.setdefault(tick.reason, []).append(tick.at_epoch_s)
        for reason, instants in by_reason.items():
            self._instance.automation.record_missed(spec.id, instants, status=TickStatus.MISSED, reason=reason)
            done.missed += len(instants)

    def _take_over(self, specs: dict[str, ScheduleSpec], states: dict[str, InstigatorState], done: Scheduled) -> None:
        """Finishes ticks whose scheduler died after claiming them, or that are to be tried again."""
        now = self._instance.db.now()
        for tick in self._instance.automation.ticks(statuses=[TickStatus.STARTED], limit=500):
            spec = specs.get(tick.instigator_id)
            if spec is None or tick.expires_at is None or tick.expires_at >= now or self._must_wait(spec):
                continue
            taken = self._instance.automation.claim_tick(spec.id, tick.at, owner=self._owner, lease_s=self._claim_s)
            if taken is not None:
                state = states.get(spec.id)
                after = int(json.loads(state.cursor)) if state is not None and state.cursor else 0
                self._perform(Claimed(spec, taken, after, _pinned(state)), done)

    def _perform(self, claimed: Claimed, done: Scheduled) -> None:
        """Decides about a claimed tick; where a user's function does, it is asked at the end of the pass."""
        try:
            answer: Answer | Exception | None = self._answer(claimed.spec)
        except StorageError:
            raise
        except Exception as error:  # the shell of a tick: whatever went wrong is recorded on it
            answer = error
        if answer is None:
            self._to_ask.append(claimed)
        else:
            self._finish(claimed, answer, done)

    def _answer(self, spec: ScheduleSpec) -> Answer | None:
        """What a tick asks for; None where a user's function decides that."""
        reason = self._held_back(spec)
        if reason is not None:
            return Answer(skip_reason=reason)
        if not self._source.has_job(spec.location, spec.job_name):
            raise LookupError(
                f"The job {spec.job_name!r} of schedule {spec.name!r} is gone; correct the "
                f"schedule or bring the job back"
            )
        return None if spec.evaluated else spec.plain_answer()

    def _must_wait(self, spec: ScheduleSpec) -> bool:
        """Whether its location has not yet answered for earlier ticks, maybe this schedule's own."""
        return spec.evaluated and self._evaluator.is_busy(spec.location)

    def _held_back(self, spec: ScheduleSpec) -> str | None:
        if spec.overlap is OverlapPolicy.ALLOW:
            return None
        filters = RunsFilter(statuses=_UNFINISHED, tags={SCHEDULE_TAG: spec.name}, location=spec.location or None)
        return overlap_reason(spec.overlap, self._instance.get_runs_count(filters))

    def _ask(self) -> None:
        """Gives the claimed ticks to their locations, those that failed before last: they may fail again, slowly."""
        by_location: dict[str, list[Claimed]] = {}
        for claimed in sorted(self._to_ask, key=lambda one: one.tick.attempt):
            by_location.setdefault(claimed.spec.location, []).append(claimed)
        self._to_ask = []
        for location, works in by_location.items():
            self._evaluator.ask(location, [(one, Question(spec=one.spec, at=one.tick.at)) for one in works])

    def _take_answers(self, patience_s: float | None, done: Scheduled) -> None:
        for claimed, answer in self._evaluator.answers(patience_s):
            self._finish(claimed, answer, done)

    def _finish(self, claimed: Claimed, answer: Answer | Exception, done: Scheduled) -> None:
        """Records what became of a tick, in one transaction with its runs."""
        spec, tick = claimed.spec, claimed.tick
        cursor = json.dumps(max(tick.at, claimed.after))
        body: dict[str, object] = {"lateness_s": max(0, int(self._clock.now()) - tick.at)}
        try:
            if isinstance(answer, Exception):
                raise answer
            asks = list(wanted_runs(answer.runs, spec.location, spec.job_name, self._source))
            submissions = [self._submission(claimed, ask, index, len(asks)) for index, ask in enumerate(asks)]
        except Exception as error:  # the shell of a tick: whatever went wrong is recorded on it
            done.failed += 1
            self._fail(tick, cursor, body, error)
            return
        if not submissions:
            reason = {} if answer.skip_reason is None else {"reason": answer.skip_reason}
            done.skipped += answer.skip_reason is not None
            self._record(tick, TickStatus.SKIPPED, (), cursor, {**body, **reason})
            return
        result = self._record(tick, TickStatus.SUCCESS, submissions, cursor, body, self._overlap(spec))
        done.requested += len(result.recorded)
        done.skipped += result.held_back is not None

    def _overlap(self, spec: ScheduleSpec) -> Overlap | None:
        """Which runs are in the way of this schedule's next, counted again where its run is recorded."""
        if spec.overlap is OverlapPolicy.ALLOW:
            return None
        return Overlap(
            tag=(SCHEDULE_TAG, spec.name),
            location=spec.location or None,
            reason=lambda count: overlap_reason(spec.overlap, count),
        )

    def _submission(self, claimed: Claimed, ask: RunAsk, index: int, count: int) -> RunSubmission:
        spec, tick = claimed.spec, claimed.tick
        key = ask.run_key or (tick_id(spec.id, tick.at) if count == 1 else f"{tick_id(spec.id, tick.at)}#{index}")
        tags = {**ask.tags, SCHEDULE_TAG: spec.name, TICK_TAG: str(tick.id), SCHEDULED_AT_TAG: str(tick.at)}
        if claimed.pinned is not None:
            tags[PINNED_TAG] = claimed.pinned
            if not spec.evaluated and ask.asset_selection is not None:
                # what was selected then is made, whatever the selection means now
                kept = pinned_version(self._instance, claimed.pinned).assets
                ask = replace(ask, asset_selection=kept)
        run = run_for(ask, location=spec.location, tags=tags, default_job=spec.job_name)
        return RunSubmission(run=run, run_key=key)

    def _fail(self, tick: Tick, cursor: str, body: dict[str, object], error: Exception) -> None:
        again = retry_after_s(tick.attempt)
        text = f"{type(error).__name__}: {error}"
        if again is None:
            self._record(tick, TickStatus.FAILURE, (), cursor, {**body, "error": text, "attempts": tick.attempt})
            return
        self._instance.automation.postpone_tick(
            tick, again, {**body, "error": text, "attempts": tick.attempt}, cursor=cursor
        )

    def _record(
        self,
        tick: Tick,
        status: TickStatus,
        submissions: Sequence[RunSubmission],
        cursor: str,
        body: dict[str, object],
        overlap: Overlap | None = None,
    ) -> TickResult:
        try:
            return self._instance.automation.record_tick(
                tick,
                status=status,
                submissions=submissions,
                cursor=cursor,
                failures=0 if status is not TickStatus.FAILURE else tick.attempt,
                body=body,
                overlap=overlap,
            )
        except LeaseLostError:
            # Another scheduler took the tick over while this one was away: its record is the one that counts.
            return TickResult()


def _pinned(state: InstigatorState | None) -> str | None:
    pin = pin_of(state)
    return None if pin is None else pin.snapshot
