"""One step in a worker: what it must know, the one step runner around it, and what it tells while it works."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellmill.execution.capture import StepCapture, files_of
from cellmill.execution.executors.shared_capture import captured, sender
from cellmill.execution.executors.step_memory import (
    MEMORY_TAG,
    limited_memory,
    memory_limit_of,
    ran_out_of_memory,
    refuse_shared_process,
    threads_of_worker,
)
from cellmill.execution.hooks import run_hooks
from cellmill.execution.in_process import run_loggers
from cellmill.execution.log import captured_python_logs
from cellmill.execution.resources import make_resources, required_resources, resource_scope
from cellmill.execution.services import Services
from cellmill.execution.step import StepOutcome, after_error, run_step
from cellmill.execution.step_events import captured_event, event
from cellmill.instance.instance import Instance
from cellmill.instance.python_logs import PythonLogs
from cellmill.io.default import stored_values
from cellmill.planning.event import EngineEventData, Event, EventType
from cellmill.planning.plan import Plan, Step
from cellmill.planning.planner import plan_job
from cellmill.planning.run import Run


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
    #: What it had not told before: its outputs become known together with its end, or not at all.
    events: Sequence[Event]
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
        python_logs: PythonLogs | None = None,
        input_values: Mapping[str, Any] | None = None,
        retries_enabled: bool = True,
        shares_process: bool = False,
    ) -> None:
        self._job = job
        #: Whether what carries the steps out is somebody else's process, which may do other things besides.
        self._shares_process = shares_process
        self._capture: StepCapture | None = None
        self._run = run
        self._home = home
        self._storage = storage
        self._python_logs = python_logs
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
        limit = memory_limit_of(step)
        if limit is not None and self._shares_process:
            refuse_shared_process(step)
        with self._captured(step, services, sink, say):
            with limited_memory(limit):
                outcome = self._attempt(step, services, sink, KnownOfRun(plan, task, self._run.run_id), task)
            if limit is not None and ran_out_of_memory(outcome.error):
                text = f'Step "{step.key}" reached its memory limit of {limit / 1e6:g} MB (tag {MEMORY_TAG}).'
                sink.emit(event(EventType.ENGINE_EVENT, step, services, text, EngineEventData()))
            if step.hooks and not outcome.wants_retry:
                run_hooks(step, services, sink, outcome, sink.events)
        services.output_contexts.clear()
        if services.outputs is not None:
            services.outputs.clear()
        return StepResult(
            outcome,
            sink.rest(),
            {at: ref for at, ref in services.refs.items() if refs.get(at) is not ref},
            {key: version for key, version in services.versions.items() if versions.get(key, "") != version},
        )

    def _attempt(
        self, step: Step, services: Services, sink: _SaySink, known: KnownOfRun, task: StepTask
    ) -> StepOutcome:
        """Make what the step requires, whether it reads it or not, then run it."""

        def tell(kind: EventType, text: str, data: Any, level: int) -> None:
            sink.emit(event(kind, step, services, text, data, level))

        try:
            make_resources(services.scope, required_resources([step], self._job.resource_defs), tell)
        except Exception as error:
            return after_error(step, services, sink.emit, error, None, task.retry_number, self._retries_enabled)
        return run_step(
            step,
            services,
            sink.emit,
            known=known,
            retry_number=task.retry_number,
            retries_enabled=self._retries_enabled,
        )

    def close(self) -> None:
        """Take down the resources that this process made, and give back what they and the steps wrote to."""
        if self._opened is not None and self._opened[0] == os.getpid():
            stack = self._opened[2]
            self._opened = None
            try:
                stack.close()
            finally:
                if self._capture is not None:
                    self._capture.close()

    def _services(self) -> Services:
        if self._opened is None or self._opened[0] != os.getpid():
            stack = ExitStack()
            instance = stack.enter_context(
                Instance.get(self._home, storage=self._storage, python_logs=self._python_logs)
            )
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
            stack.enter_context(captured_python_logs(instance.managed_python_loggers, instance.python_log_level))
            self._opened = (os.getpid(), services, stack)
            self._capture = None if self._shares_process else self._new_capture()
        return self._opened[1]

    def _new_capture(self) -> StepCapture:
        return StepCapture(files_of(Path(self._home), self._run.run_id))

    @contextmanager
    def _captured(self, step: Step, services: Services, sink: _SaySink, say: Callable[[Any], None]) -> Iterator[None]:
        """Keep what the step prints: in the run's folder, or by sending it to the run."""
        if self._capture is None:
            with captured(step.key, sender(say), threads_of_worker()) as end:
                try:
                    yield
                finally:
                    if end():
                        sink.emit(captured_event(step, services))
            return
        self._capture.begin(step.key)
        try:
            yield
        finally:
            if any(self._capture.end().values()):
                sink.emit(captured_event(step, services))


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

    def rest(self) -> list[Event]:
        """Return what was gathered and not said yet."""
        return self._unsent

    def flush(self) -> None:
        """Say what was gathered."""
        if self._unsent:
            self._say(self._unsent)
            self._unsent = []


#: Events that a viewer wants to see before the step has ended.
_AT_ONCE = frozenset({EventType.STEP_START, EventType.STEP_RESTARTED, EventType.LOG, EventType.ENGINE_EVENT})
