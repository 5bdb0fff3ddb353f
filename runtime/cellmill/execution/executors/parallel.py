"""Carrying out the steps of a run elsewhere, several at once: which may start, what each must know, and what came of
it.

The same loop drives worker processes and a Dask cluster.  Steps are carried out by the one step runner; their events
come back here,
and only this process writes them.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from cellmill.errors import ExecutionInterruptedError, StepExecutionError
from cellmill.execution.capture import files_of
from cellmill.execution.executors.limits import StepLimits
from cellmill.execution.executors.pool import Done, Lost, Message, Raised, Said
from cellmill.execution.executors.shared_capture import Printed
from cellmill.execution.executors.step_work import StepResult, StepTask
from cellmill.execution.notebook.ends import death_of_process
from cellmill.execution.run_loop import RunLoop
from cellmill.execution.run_state import RunState
from cellmill.execution.step import StepOutcome
from cellmill.execution.step_events import event
from cellmill.planning.event import (
    ErrorInfo,
    ErrorSource,
    Event,
    EventType,
    StepFailureData,
    StepRetryData,
)
from cellmill.planning.plan import FromCollect, FromMany, FromOutput, Plan, Step

_NO_REFS: Mapping[tuple[str, str, str | None], Any] = {}
_STARTS = frozenset({EventType.STEP_START, EventType.STEP_RESTARTED})
#: Seconds between two tries for a slot in a pool that is full.
_SLOT_CHECK_S = 0.25
#: Seconds that interrupted steps get before their workers are killed.
_INTERRUPT_GRACE_S = 5.0
#: The tag by which one step limits its own time, in seconds.
TIMEOUT_TAG = "cellmill/timeout"


class Workers(Protocol):
    """Where tasks are carried out: `WorkerPool` or `DaskPool`."""

    @property
    def free(self) -> int:
        """How many more tasks can start."""

    def start(self, task: Any, timeout_s: float | None = None) -> int:
        """Give a task to a worker."""

    def receive(self, timeout_s: float | None = None, extra_fd: int | None = None) -> list[Message]:
        """Return what workers say."""

    def interrupt(self, task: Any = None) -> None:
        """Interrupt one task or all."""


class ParallelLoop(RunLoop):
    """Carries out the steps of one run with the help of workers.

    Responsibilities: start what is ready within the limits; take events and results; retry; stop when told.
    """

    def __init__(
        self, plan: Plan, services: Any, sink: Any, workers: Workers, limits: StepLimits, **options: Any
    ) -> None:
        super().__init__(plan, services, sink, **options)
        self._workers = workers
        self._limits = limits
        #: Steps that may start, the most urgent first: (minus priority, order of arrival, key).
        self._ready: list[tuple[int, int, str]] = []
        self._arrivals = 0
        #: Steps whose start was heard of; a worker that dies at once may take the news with it.
        self._heard: set[str] = set()
        #: Where outputs lie, by the plan's key of the step that made them.
        self._refs_of: dict[str, dict[tuple[str, str, str | None], Any]] = {}
        self._remember(services.refs)
        self._later: list[tuple[float, str]] = []
        self._retries: dict[str, int] = {}
        self._running: dict[str, StepTask] = {}

    def _make_resources(self) -> None:
        """Make none here: each worker process makes the resources that its steps need."""

    def _steps(self) -> None:
        try:
            while True:
                self._collect_ready()
                self._start_ready()
                if not self._running and not self._ready and not self._later:
                    return
                self._take(self._workers.receive(self._patience()))
        except (KeyboardInterrupt, ExecutionInterruptedError):
            self._stop()
            raise

    def _record(self, events: Iterable[Event]) -> None:
        """Write events that came together in one transaction."""
        for one in events:
            self.sink.emit(one)
        self.sink.flush()

    def _collect_ready(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self._push(heapq.heappop(self._later)[1])
        while (key := self.state.next()) is not None:
            step = self.plan.steps.get(key)
            if step is not None and step.axis is not None:
                self._resolve(key)
            elif self._is_earlier(key):
                self._take_over(key)
            else:
                self._judge(key)

    def _judge(self, key: str) -> None:
        word, reasons = self.verdict(key)
        if word == "run":
            self._push(key)
        elif word == "reuse":
            self._reuse(key)
        elif word == "skip":
            self._skip(key, reasons)
        else:
            self._block(key, reasons)

    def _push(self, key: str) -> None:
        self._arrivals += 1
        heapq.heappush(self._ready, (-self.state.step(key).priority, self._arrivals, key))

    def _remember(self, refs: Mapping[tuple[str, str, str | None], Any]) -> None:
        for at, ref in refs.items():
            self._refs_of.setdefault(at[0].split("[")[0], {})[at] = ref

    def _start_ready(self) -> None:
        free = self._workers.free if self._ready else 0
        held = []
        while self._ready and free > 0:
            entry = heapq.heappop(self._ready)
            key = entry[2]
            step = self.state.step(key)
            if not self._limits.take(key, step):
                held.append(entry)
                continue
            task = self._task(key, step)
            self._running[key] = task
            self._workers.start(task, timeout_of(step))
            free -= 1
        for entry in held:
            heapq.heappush(self._ready, entry)

    def _task(self, key: str, step: Step) -> StepTask:
        bases = set(step.needs)
        known = self.services.versions
        return StepTask(
            key=key,
            plan_key=key if step.mapping_key is None else key[: key.rindex("[")],
            mapping_key=step.mapping_key,
            retry_number=self._retries.get(key, 0),
            mapping={at: keys for at, keys in self.state.items() if at[0] in bases} if self.state else {},
            made=frozenset(at for at in _outputs_needed(step, self.state) if at in self.state.made),
            refs={at: ref for base in bases for at, ref in self._refs_of.get(base, _NO_REFS).items()},
            versions={
                one.asset_key: known[one.asset_key]
                for one in step.inputs
                if one.asset_key is not None and one.asset_key in known
            },
            runs_of_steps={at: run for at, run in self.state.runs_of_steps.items() if at.split("[")[0] in bases},
        )

    def _patience(self) -> float | None:
        waits = []
        if self._later:
            waits.append(max(0.0, self._later[0][0] - time.monotonic()))
        if self._ready and self._workers.free > 0:
            waits.append(_SLOT_CHECK_S)
        return min(waits) if waits else None

    def _take(self, messages: Iterable[Message]) -> None:
        """Write all events that came together in one transaction, then draw the conclusions."""
        events: list[Event] = []
        ended: list[Done | Raised | Lost] = []
        for message in messages:
            if isinstance(message, Said):
                events.extend(self._heard_of(message.value))
            else:
                ended.append(message)
                if isinstance(message, Done) and message.task.key in self._running:
                    events.extend(self._news(message.value.events))
        if events:
            self._record(events)
        for one in ended:
            key = one.task.key
            if self._running.pop(key, None) is None:
                continue
            self._limits.give_back(key)
            if isinstance(one, Done):
                self._ended(key, one.value)
            else:
                self._broken(key, one)

    def _heard_of(self, said: Any) -> Iterator[Event]:
        """Yield the events that a worker told of; what a step has printed is kept at once."""
        if isinstance(said, Printed):
            kept = files_of(Path(self.services.instance.home), self.services.run_id)(said.step_key, said.stream)
            kept.write(said.data)
            kept.close()
        else:
            yield from self._news(said)

    def _news(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events, but for the start of an attempt that was heard of: Dask may have begun it again itself."""
        for one in events:
            if one.type in _STARTS and one.step_key:
                if one.step_key in self._heard:
                    continue
                self._heard.add(one.step_key)
            yield one

    def _ended(self, key: str, result: StepResult) -> None:
        outcome = result.outcome
        self.services.refs.update(result.refs)
        self._remember(result.refs)
        self.services.versions.update(result.versions)
        if outcome.retry_after is not None:
            self._again(key, outcome.retry_after)
            return
        self._note(key, outcome)

    def _again(self, key: str, after_s: float) -> None:
        self._retries[key] = self._retries.get(key, 0) + 1
        self._heard.discard(key)
        heapq.heappush(self._later, (time.monotonic() + after_s, key))

    def _broken(self, key: str, message: Raised | Lost) -> None:
        """A worker died or the engine failed in it: the step's failure, under the step's own retry policy."""
        step = self.state.step(key)
        error = message.error if isinstance(message, Raised) else StepExecutionError(lost_text(key, message))
        policy = step.retry_policy
        number = self._retries.get(key, 0)
        if key not in self._heard:
            kind = EventType.STEP_RESTARTED if number else EventType.STEP_START
            self._record([event(kind, step, self.services, f'Started execution of step "{key}".')])
        if isinstance(message, Lost) and policy is not None and self.retries_enabled and number < policy.max_retries:
            wait = policy.calculate_delay(number + 1)
            text = f'Execution of step "{key}" failed and has requested a retry in {wait} seconds.'
            again = StepRetryData(ErrorInfo.of(error), wait)
            self._record([event(EventType.STEP_UP_FOR_RETRY, step, self.services, text, again, logging.ERROR)])
            self._again(key, wait)
            return
        data = StepFailureData(ErrorInfo.of(error), None, ErrorSource.FRAMEWORK_ERROR)
        text = f'Execution of step "{key}" failed. {error}'
        self._record([event(EventType.STEP_FAILURE, step, self.services, text, data, logging.ERROR)])
        self._note(key, StepOutcome(key, False, error=error))

    def _stop(self) -> None:
        """Interrupt the running steps and take what they still say."""
        self._workers.interrupt()
        deadline = time.monotonic() + _INTERRUPT_GRACE_S
        while self._running and time.monotonic() < deadline:
            for message in self._workers.receive(deadline - time.monotonic()):
                if isinstance(message, Said):
                    self._record(self._heard_of(message.value))
                elif self._running.pop(message.task.key, None) is not None:
                    self._limits.give_back(message.task.key)
                    if isinstance(message, Done):
                        self._record(list(message.value.events))
        for key in list(self._running):
            self._limits.give_back(key)


def lost_text(key: str, message: Lost) -> str:
    """Return what to say about a step whose worker is gone."""
    if message.timed_out:
        return f"Step {key!r} took longer than its limit, so its worker process was killed."
    _, detail = death_of_process(message.status)
    return f"The worker process of step {key!r} is gone: {detail}."


def timeout_of(step: Step) -> float | None:
    """Return the seconds that a step may take, by its tag; None for no limit."""
    value = (step.tags or {}).get(TIMEOUT_TAG)
    return float(value) if value else None


def _outputs_needed(step: Step, state: RunState) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()

    def visit(source: Any) -> None:
        if isinstance(source, FromMany):
            for one in source.sources:
                visit(one)
        elif isinstance(source, FromOutput | FromCollect):
            found.add((source.step_key, source.output_name))
            if step.mapping_key is not None:
                found.add((f"{source.step_key}[{step.mapping_key}]", source.output_name))

    for each in step.inputs:
        visit(each.source)
    return found
