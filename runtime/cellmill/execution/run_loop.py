"""The loop of a run: which step is next, its retries and hooks, and how the run ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from cellmill.errors import CellmillError, ExecutionInterruptedError, ResourceFunctionError
from cellmill.execution.capture import StepCapture
from cellmill.execution.hooks import run_hooks
from cellmill.execution.memo import is_fresh
from cellmill.execution.resources import make_resources, required_resources
from cellmill.execution.run_state import RunState
from cellmill.execution.step import StepOutcome, run_step
from cellmill.execution.step_events import captured_event
from cellmill.planning.event import (
    AssetCheckEvaluationPlanned,
    AssetMaterializationPlannedData,
    EngineEventData,
    ErrorInfo,
    Event,
    EventType,
    JobCanceledData,
    JobFailureData,
    RunFailureReason,
)
from cellmill.planning.run import MEMOIZED_TAG

DEBUG, INFO, ERROR = 10, 20, 40


class RunFailed(CellmillError):
    """A run ended without success."""


class RunLoop:
    """Carries out the steps of one run in this process.

    Responsibilities: the order of steps, retries after their delay, hooks, the events that frame the run.
    """

    def __init__(
        self,
        plan: Any,
        services: Any,
        sink: Any,
        *,
        raise_on_error: bool = True,
        retries_enabled: bool = True,
        sleep: Callable[[float], None] = time.sleep,
        previous: Mapping[str, tuple[frozenset[str], Mapping[str, list[str]], str]] | None = None,
        planned: bool = True,
        capture: StepCapture | None = None,
    ) -> None:
        self.plan = plan
        self.services = services
        self.sink = sink
        services.flush = sink.flush
        self.raise_on_error = raise_on_error
        self.retries_enabled = retries_enabled
        self.sleep = sleep
        #: Where what steps print is kept, in a process that is the run's own.
        self.capture = capture
        #: Steps that are not carried out, with what an earlier run made of them.
        self.previous = previous or {}
        self.state = RunState(plan)
        self.state.run_id = services.run_id
        self.state.runs_of_steps = {key: found[2] for key, found in self.previous.items()}
        self.first_error: BaseException | None = None
        self.planned = planned
        self._is_memoized = services.run.tags.get(MEMOIZED_TAG) == "true"

    # -- events ---------------------------------------------------------------------------------------------------

    def emit(self, kind: EventType, message: str, data: Any = None, level: int = DEBUG, **more: Any) -> None:
        """Record an event of the run itself."""
        services = self.services
        self.sink.emit(
            Event(
                kind,
                services.run_id,
                time.time(),
                None,
                message,
                level,
                data=data,
                job_name=services.job_name,
                **more,
            )
        )

    def plan_events(self) -> None:
        """Record what the run means to make."""
        services = self.services
        for step in self.plan.steps.values():
            if step.assets is None or step.key in self.previous:
                continue
            for output in step.outputs:
                if (
                    output.asset_key is not None
                    and output.asset_key in step.assets.keys
                    and step.assets.is_materializable
                ):
                    for partition in services.partition_keys_of(step.assets.partitions_def) or [None]:
                        self.sink.emit(
                            Event(
                                EventType.ASSET_MATERIALIZATION_PLANNED,
                                services.run_id,
                                time.time(),
                                step.key,
                                f"{services.job_name} intends to materialize asset {output.asset_key.to_string()}",
                                DEBUG,
                                output.asset_key,
                                partition,
                                AssetMaterializationPlannedData(output.asset_key, partition),
                                services.job_name,
                            )
                        )
                elif output.check_spec is not None and output.check_spec.key in step.assets.check_keys:
                    spec = output.check_spec
                    self.sink.emit(
                        Event(
                            EventType.ASSET_CHECK_EVALUATION_PLANNED,
                            services.run_id,
                            time.time(),
                            step.key,
                            f"{services.job_name} intends to execute asset check {spec.name} on asset "
                            f"{spec.asset_key.to_string()}",
                            DEBUG,
                            spec.asset_key,
                            None,
                            AssetCheckEvaluationPlanned(spec.asset_key, spec.name),
                            services.job_name,
                        )
                    )

    # -- the run --------------------------------------------------------------------------------------------------

    def run(self) -> bool:
        """Carry out the run and return whether it succeeded; the first user error is raised if that is wished."""
        name = self.services.job_name
        if self.planned:
            self.plan_events()
        self.emit(EventType.RUN_START, f'Started execution of run for "{name}".')
        self.emit(
            EventType.ENGINE_EVENT,
            f"Executing steps in process (pid: {os.getpid()})",
            EngineEventData({}, None, None, None),
        )
        # one transaction for both: the first step then finds nothing to write
        self.sink.flush()
        started = time.perf_counter()
        try:
            self._make_resources()
            self._steps()
        except (KeyboardInterrupt, ExecutionInterruptedError) as error:
            self._ended_by_interrupt(error)
            raise
        except Exception as error:
            self._ended_by_error(error)
            if self.raise_on_error:
                raise
            return False
        self.emit(
            EventType.ENGINE_EVENT,
            f"Finished steps in process (pid: {os.getpid()}) in {(time.perf_counter() - started) * 1000:.0f}ms",
            EngineEventData({}, None, None, None),
        )
        failed = sorted(self.state.failed)
        if not failed:
            self.emit(EventType.RUN_SUCCESS, f'Finished execution of run for "{name}".')
            self.sink.flush()
            return True
        first = next((e for e in self.sink.events if e.type is EventType.STEP_FAILURE), None)
        self.emit(
            EventType.RUN_FAILURE,
            f'Execution of run for "{name}" failed. Steps failed: {failed}.',
            JobFailureData(
                None if first is None else first.step_failure_data.error, RunFailureReason.STEP_FAILURE, first
            ),
            ERROR,
        )
        self.sink.flush()
        if self.raise_on_error and self.first_error is not None:
            raise self.first_error
        return False

    def _ended_by_interrupt(self, error: BaseException) -> None:
        self.emit(
            EventType.RUN_CANCELED,
            f'Execution of run for "{self.services.job_name}" was interrupted.',
            JobCanceledData(ErrorInfo.of(error)),
            ERROR,
        )
        self.sink.flush()

    def _ended_by_error(self, error: Exception) -> None:
        reason = RunFailureReason.RUN_EXCEPTION
        if isinstance(error, ResourceFunctionError):
            reason = RunFailureReason.JOB_INITIALIZATION_FAILURE
        self.emit(
            EventType.RUN_FAILURE,
            f'Execution of run for "{self.services.job_name}" failed. {type(error).__name__}: {error}',
            JobFailureData(ErrorInfo.of(error), reason),
            ERROR,
        )
        self.sink.flush()

    def _make_resources(self) -> None:
        """Make the resources that any step needs before the first step starts."""
        scope = self.services.scope
        steps = (step for step in self.plan.steps.values() if step.key not in self.previous)
        make_resources(scope, required_resources(steps, self.services.job.resource_defs), self.emit)

    # -- the steps ------------------------------------------------------------------------------------------------

    def _steps(self) -> None:
        state = self.state
        later: list[tuple[float, str, int]] = []
        while True:
            key = state.next()
            if key is None:
                if not later:
                    return
                later.sort()
                due, key, retry = later.pop(0)
                wait = due - time.monotonic()
                if wait > 0:
                    self.sleep(wait)
                self._carry_out(key, retry, later)
                continue
            if key in state.plan.steps and state.plan.steps[key].axis is not None:
                self._resolve(key)
                continue
            if self._is_earlier(key):
                self._take_over(key)
                continue
            verdict, reasons = self.verdict(key)
            if verdict == "run":
                self._carry_out(key, 0, later)
            elif verdict == "reuse":
                self._reuse(key)
            elif verdict == "skip":
                self._skip(key, reasons)
            else:
                self._block(key, reasons)

    def verdict(self, key: str) -> tuple[str, list[str]]:
        """Return what is to be done about a step whose turn it is (run, reuse, skip, block), and why."""
        word, reasons = self.state.verdict(key)
        if word == "run" and self._is_memoized:
            # What the steps before made counts as well.
            self.sink.flush()
            if is_fresh(self.state.step(key), self.services):
                return "reuse", []
        return word, reasons

    def _reuse(self, key: str) -> None:
        step = self.state.step(key)
        self._say_skipped(step.key, f'Skipping step "{step.key}": what it makes is fresh.')
        self.state.succeeded.add(key)
        self.state.ended(key, frozenset(output.name for output in step.outputs))

    def _resolve(self, key: str) -> None:
        """Turn a mapped step into its parts, or skip or block it as a whole."""
        state = self.state
        step = state.plan.steps[key]
        assert step.axis is not None
        source = step.axis[0]
        if key in self.previous and source not in state.succeeded:
            self._take_over(key)
            return
        if source in state.failed or source in state.blocked:
            self._block(key, [source])
            return
        if source in state.skipped or (step.axis not in state and source not in state.succeeded):
            # how many steps it would have been is not known, so none of them is told of
            state.skipped.add(key)
            state.ended(key)
            return
        if not state.resolve(key):
            state.resolved_empty(key)

    def _is_earlier(self, key: str) -> bool:
        """Whether an earlier run is taken for what this step made; that of a mapped step goes for all its parts."""
        return key in self.previous or (key not in self.plan.steps and key[: key.rindex("[")] in self.previous)

    def _take_over(self, key: str) -> None:
        outputs, mapping_keys, _ = self.previous.get(key, (frozenset(), {}, ""))
        self.state.succeeded.add(key)
        self.state.ended(key, outputs, mapping_keys)

    def _skip(self, key: str, reasons: list[str]) -> None:
        step = self.state.step(key)
        self._say_skipped(step.key, f"Skipping step {step.key} due to skipped dependencies: {reasons}.")
        self.state.skipped.add(key)
        self.state.ended(key)

    def _say_skipped(self, step_key: str, text: str) -> None:
        services = self.services
        moment, name = time.time(), services.job_name
        self.sink.emit(Event(EventType.STEP_SKIPPED, services.run_id, moment, step_key, text, DEBUG, job_name=name))
        self.sink.flush()

    def _block(self, key: str, reasons: list[str]) -> None:
        self.emit(EventType.LOG, f"Dependencies for step {key} failed: {reasons}. Not executing.", None, ERROR)
        self.state.blocked.add(key)
        self.state.ended(key)

    def _carry_out(self, key: str, retry: int, later: list[tuple[float, str, int]]) -> None:
        state = self.state
        step = state.step(key)
        # the events of the last step go with the run's end, in one transaction
        self.sink.flush()
        start = len(self.sink.events)
        if self.capture is not None:
            self.capture.begin(step.key)
        outcome = run_step(
            step,
            self.services,
            self.sink.emit,
            known=state,
            retry_number=retry,
            retries_enabled=self.retries_enabled,
        )
        if self.capture is not None and any(self.capture.end().values()):
            self.sink.emit(captured_event(step, self.services))
        if step.hooks or outcome.retry_after is not None:
            self.sink.flush()
        if outcome.retry_after is not None:
            later.append((time.monotonic() + outcome.retry_after, key, retry + 1))
            return
        if step.hooks:
            run_hooks(step, self.services, self.sink, outcome, self.sink.events[start:])
        self._note(key, outcome)

    def _note(self, key: str, outcome: StepOutcome) -> None:
        if outcome.success:
            self.state.succeeded.add(key)
        else:
            self.state.failed.add(key)
            if self.first_error is None:
                self.first_error = outcome.error
        self.state.ended(key, outcome.outputs if outcome.success else (), outcome.mapping_keys)
