"""Carrying out the steps of a run elsewhere, several at once: which may start, what each must know, and what came of
it.

The same loop drives worker processes and a Dask cluster.  Steps are carried out by the one step runner; their events
come back here,
and only this process writes them.
"""

from __future__ import annotations

import heapq
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cellmill.errors import ExecutionInterruptedError, StepExecutionError
from cellmill.execution.capture import StepCapture
from cellmill.execution.executors.limits import StepLimits
from cellmill.execution.executors.pool import Done, Lost, Message, Raised, Said
from cellmill.execution.executors.step_memory import (
    MEMORY_TAG,
    limited_memory,
    memory_limit_of,
    ran_out_of_memory,
    refuse_shared_process,
)
from cellmill.execution.hooks import run_hooks
from cellmill.execution.in_process import run_loggers, stored_values
from cellmill.execution.notebook.ends import death_of_process
from cellmill.execution.resources import resource_scope
from cellmill.execution.run_loop import RunLoop
from cellmill.execution.run_state import RunState
from cellmill.execution.services import Services
from cellmill.execution.step import StepOutcome, run_step
from cellmill.execution.step_events import captured_event, event
from cellmill.instance.instance import Instance
from cellmill.planning.event import (
    EngineEventData,
    ErrorInfo,
    ErrorSource,
    Event,
    EventType,
    StepFailureData,
    StepRetryData,
)
from cellmill.planning.plan import FromCollect, FromMany, FromOutput, Plan, Step, plan_job
from cellmill.planning.run import Run

_NO_REFS: Mapping[tuple[str, str, str | None], Any] = {}
#: Seconds between two tries for a slot in a pool that is full.
_SLOT_CHECK_S = 0.25
#: Seconds that interrupted steps get before their workers are killed.
_INTERRUPT_GRACE_S = 5.0
#: The tag by which one step limits its own time, in seconds.
TIMEOUT_TAG = "cellmill/timeout"


@dataclass(frozen=True, slots=True)
class StepTask:
    """One attempt at one step, with what it must know of the run."""

    key: str
    plan_key: str
    mapping_key: str | None
    retry_number: int
    mapping: Mapping[tuple[str, str], list[str]]
    made: frozenset[tuple[str, str]]
    refs: Mapping[tuple[str, str, str | None], Any]
    versions: Mapping[Any, str | None]
    runs_of_steps: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StepResult:
    """How an attempt ended, with what the steps below must know."""

    outcome: StepOutcome
    refs: Mapping[tuple[str, str, str | None], Any]
    versions: Mapping[Any, str | None]


class KnownOfRun(dict[tuple[str, str], list[str]]):
    """What a step asks of the run, in a process that sees only its own steps."""

    def __init__(self, plan: Plan, task: StepTask, run_id: str) -> None:
        super().__init__(task.mapping)
        self._plan = plan
        self._task = task
        self._run_id = run_id

    def is_mapped(self, step_key: str) -> bool:
        """Return whether the step is multiplied by a dynamic output."""
        step = self._plan.steps.get(step_key)
        return step is not None and step.axis is not None

    def has_output(self, step_key: str, output_name: str) -> bool:
        """Return whether the output was made."""
        return (step_key, output_name) in self._task.made

    def manager_key(self, step_key: str, output_name: str) -> str:
        """Return the key of the IO manager that stored an output."""
        return str(self.output(step_key.split("[")[0], output_name).io_manager_key)

    def output(self, step_key: str, output_name: str) -> Any:
        """Return an output of a step in the plan."""
        return self._plan.steps[step_key].outputs_by_name[output_name]

    def op(self, step_key: str) -> Any:
        """Return the op of a step in the plan."""
        return self._plan.steps[step_key].op

    def run_of(self, step_key: str) -> str:
        """Return the run that made a step's outputs."""
        return self._task.runs_of_steps.get(step_key, self._run_id)


class StepWork:
    """What a worker does with a `StepTask`: the one step runner, with resources that are the worker's own.

    It holds definitions and plain data only; the instance, resources and IO managers are opened once in each process.
    """

    def __init__(
        self,
        job: Any,
        run: Run,
        home: str,
        config: Any,
        *,
        storage: str | None = None,
        input_values: Mapping[str, Any] | None = None,
        retries_enabled: bool = True,
        capture: bool = True,
    ) -> None:
        self._job = job
        self._captures = capture
        self._capture: StepCapture | None = None
        self._run = run
        self._home = home
        self._storage = storage
        self._config = config
        self._input_values = input_values
        self._retries_enabled = retries_enabled
        self._opened: tuple[int, Services, ExitStack] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None, "_capture": None}

    def __call__(self, task: StepTask, say: Callable[[Any], None]) -> StepResult:
        """Carry out one attempt; its start is told at once, the rest of its events with its end."""
        services = self._services()
        services.refs.update(task.refs)
        services.versions.update(task.versions)
        refs, versions = dict(services.refs), dict(services.versions)
        plan = plan_job(self._job)
        step = plan.steps[task.plan_key]
        if task.mapping_key is not None:
            step = step.mapped(task.mapping_key)
        sink = _SaySink(say)
        if self._capture is not None:
            self._capture.begin(step.key)
        limit = memory_limit_of(step)
        if limit is not None and not self._captures:
            refuse_shared_process(step)
        with limited_memory(limit):
            outcome = run_step(
                step,
                services,
                sink.emit,
                known=KnownOfRun(plan, task, self._run.run_id),
                retry_number=task.retry_number,
                retries_enabled=self._retries_enabled,
            )
        if limit is not None and ran_out_of_memory(outcome.error):
            text = f'Step "{step.key}" reached its memory limit of {limit / 1e6:g} MB (tag {MEMORY_TAG}).'
            sink.emit(event(EventType.ENGINE_EVENT, step, services, text, EngineEventData()))
        if step.hooks and not outcome.wants_retry:
            run_hooks(step, services, sink, outcome, sink.events)
        if self._capture is not None and any(self._capture.end().values()):
            sink.emit(captured_event(step, services))
        sink.flush()
        services.output_contexts.clear()
        if services.outputs is not None:
            services.outputs.clear()
        return StepResult(
            outcome,
            {at: ref for at, ref in services.refs.items() if refs.get(at) is not ref},
            {key: version for key, version in services.versions.items() if versions.get(key, "") != version},
        )

    def close(self) -> None:
        """Take down the resources that this process made."""
        if self._opened is not None and self._opened[0] == os.getpid():
            stack = self._opened[2]
            self._opened = None
            stack.close()

    def _services(self) -> Services:
        if self._opened is None or self._opened[0] != os.getpid():
            stack = ExitStack()
            instance = stack.enter_context(Instance.get(self._home, storage=self._storage))
            loggers = run_loggers(self._job, self._config, instance)
            scope = stack.enter_context(
                resource_scope(self._job.resource_defs, self._config.resources, instance=instance, run=self._run)
            )
            services = Services(
                run=self._run,
                job=self._job,
                config=self._config,
                scope=scope,
                instance=instance,
                loggers=loggers,
                default_io_manager=lambda: stored_values(instance),
                find_ref=instance.find_value_ref,
                find_versions=instance.data_versions,
                find_partition_versions=instance.partition_data_versions,
                find_state=instance.asset_state,
                input_values=self._input_values,
                keep_outputs=True,
            )
            self._opened = (os.getpid(), services, stack)
            self._capture = StepCapture(Path(self._home), self._run.run_id) if self._captures else None
        return self._opened[1]


class _SaySink:
    """Gathers a step's events and says them in few messages."""

    def __init__(self, say: Callable[[Any], None]) -> None:
        self._say = say
        self._unsent: list[Event] = []
        self.events: list[Event] = []

    def emit(self, one: Event) -> None:
        """Take one event."""
        self.events.append(one)
        self._unsent.append(one)
        if one.type in _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Say what was gathered."""
        if self._unsent:
            self._say(self._unsent)
            self._unsent = []


_STARTS = frozenset({EventType.STEP_START, EventType.STEP_RESTARTED})
#: Events that a viewer wants to see before the step has ended.
_AT_ONCE = frozenset({EventType.STEP_START, EventType.STEP_RESTARTED, EventType.LOG, EventType.ENGINE_EVENT})


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
            if key in self.previous:
                self._take_over(key)
            elif step is not None and step.axis is not None:
                self._resolve(key)
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
            runs_of_steps={need: self.state.runs_of_steps[need] for need in bases if need in self.state.runs_of_steps},
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
                events.extend(message.value)
            else:
                ended.append(message)
        if events:
            self._heard.update(one.step_key for one in events if one.step_key and one.type in _STARTS)
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
                    self._record(message.value)
                elif self._running.pop(message.task.key, None) is not None:
                    self._limits.give_back(message.task.key)
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
