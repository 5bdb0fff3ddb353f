"""The one step runner: in-process runs, worker processes, kernels and notebook runs all carry out steps by it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cellmill import faults
from cellmill.definitions.outcome import Failure, RetryRequested
from cellmill.definitions.output import Output
from cellmill.errors import (
    AssetCheckFailedError,
    CellmillError,
    ExecutionInterruptedError,
    InvariantViolationError,
    MaxRetriesExceededError,
    ResourceFunctionError,
    StepExecutionError,
    UserCodeExecutionError,
)
from cellmill.execution.context import _CURRENT, OpExecutionContext, context_class
from cellmill.execution.log import enter_log, leave_log
from cellmill.execution.step_events import DEBUG, ERROR, event
from cellmill.execution.step_inputs import StepInputs
from cellmill.execution.step_outputs import StepOutputs
from cellmill.execution.user_code import NOT_A_VALUE, arguments, results
from cellmill.planning.event import (
    ErrorInfo,
    ErrorSource,
    Event,
    EventType,
    StepFailureData,
    StepRetryData,
    StepSuccessData,
    UserFailureData,
)

Emit = Callable[[Event], None]


@dataclass(slots=True)
class StepOutcome:
    """How a step ended."""

    step_key: str
    success: bool
    #: Names of the outputs that were made.
    outputs: frozenset[str] = frozenset()
    #: Mapping keys of dynamic outputs, in the order they came.
    mapping_keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    error: BaseException | None = None
    #: Seconds to wait before the step is to be run again; None where it has ended.
    retry_after: float | None = None

    @property
    def wants_retry(self) -> bool:
        """Whether the step is to be run again."""
        return self.retry_after is not None


class NoMapping(dict[tuple[str, str], list[str]]):
    """What is known of the run beyond the step, where nothing is."""

    def is_mapped(self, step_key: str) -> bool:
        """Return whether the step is multiplied by a dynamic output."""
        return False


def run_step(
    step: Any,
    services: Any,
    emit: Emit,
    *,
    known: Any = None,
    retry_number: int = 0,
    retries_enabled: bool = True,
    captured: list[Event] | None = None,
) -> StepOutcome:
    """Carry out one step and return how it ended; user errors become events and never leave this function.

    `known` answers what the step must know of the run: mapping keys, and the outputs of other steps.
    """
    started = time.perf_counter()
    kind, word = (EventType.STEP_START, "Started") if not retry_number else (EventType.STEP_RESTARTED, "Restarted")
    emit(event(kind, step, services, f'{word} execution of step "{step.key}".'))
    faults.hit("step.started")
    log = services.log_for(step.key, emit)
    context = context_class(step.assets, step.op.shape)(
        step, services, log, emit, retry_number, services.config.ops[step.handle].config
    )
    outputs = StepOutputs(step, services, emit, context)
    context.note_outputs(outputs.made, outputs.mapping_keys)
    try:
        inputs = StepInputs(step, services, emit, context, known if known is not None else NoMapping()).load()
        _compute(step, services, context, inputs, outputs)
        if context._typed_stream:
            _refuse_implicit(step, context, outputs)
        outputs.finish()
        if outputs.failed_checks:
            _raise_failed_checks(outputs)
    except (KeyboardInterrupt, ExecutionInterruptedError) as error:
        _failed(step, services, emit, error, ErrorSource.INTERRUPT)
        raise
    except Exception as error:
        return after_error(step, services, emit, error, outputs, retry_number, retries_enabled)
    duration = (time.perf_counter() - started) * 1000
    emit(
        event(
            EventType.STEP_SUCCESS,
            step,
            services,
            f'Finished execution of step "{step.key}" in {_duration(duration)}.',
            StepSuccessData(duration),
        )
    )
    return StepOutcome(step.key, True, frozenset(outputs.made), outputs.mapping_keys)


def _duration(milliseconds: float) -> str:
    if milliseconds >= 60_000:
        return f"{int(milliseconds // 60_000)}m{int(milliseconds % 60_000 / 1000)}s"
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.2f}s"
    return f"{milliseconds:.3g}ms"


def _compute(
    step: Any, services: Any, context: OpExecutionContext, inputs: dict[str, Any], outputs: StepOutputs
) -> None:
    op = step.op
    observing = step.assets is not None and step.assets.is_observable and len(step.outputs) == 1
    _CURRENT.append(context)
    token = enter_log(context.log)
    take = outputs.take
    try:
        args, kwargs = arguments(op, context, inputs)
        try:
            returned = op.compute_fn(*args, **kwargs)
            if observing and not hasattr(returned, "send"):
                outputs.observed(returned, step.outputs[0])
                return
            plain = op.gives_one_value and not isinstance(returned, NOT_A_VALUE) and not context._typed_stream
            stream = iter(()) if plain else results(op, returned, context, services.event_loop)
        except (Failure, RetryRequested):
            raise
        except Exception as error:
            raise _user_error(step, error) from error
        if plain:
            outputs.output(Output(returned, op.output_defs[0].name))
            return
        while True:
            try:
                given = next(stream)
            except StopIteration:
                return
            except (Failure, RetryRequested, CellmillError):
                raise
            except Exception as error:
                raise _user_error(step, error) from error
            take(given)
    finally:
        leave_log(token)
        _CURRENT.pop()


def _refuse_implicit(step: Any, context: OpExecutionContext, outputs: StepOutputs) -> None:
    """Raise where a step that was asked to give each output explicitly gave not all that are selected."""
    assets = step.assets
    missing = [
        one.name
        for one in step.outputs
        if one.name not in outputs.made
        and (one.asset_key is None or assets is None or one.asset_key in assets.keys)
        and (one.check_spec is None or one.check_spec.key in assets.check_keys)
    ]
    if missing:
        reason = context.typed_event_stream_error_message
        raise InvariantViolationError(
            f'Op "{step.op.name}" did not yield or return expected outputs {missing}.{f" {reason}" if reason else ""}'
        )


def _user_error(step: Any, error: Exception) -> StepExecutionError:
    return StepExecutionError(f'Error occurred while executing op "{step.node_name}":', error)


def _raise_failed_checks(outputs: StepOutputs) -> None:
    names = ", ".join(f"{one.check_name} on {one.asset_key.to_user_string()}" for one in outputs.failed_checks)
    raise AssetCheckFailedError(
        f"{len(outputs.failed_checks)} blocking asset check failed with ERROR severity: {names}"
    )


def user_exception(error: BaseException) -> BaseException:
    """Return what user code raised, where `error` wraps it."""
    if isinstance(error, ResourceFunctionError):
        # Which resource failed is worth more than what its function raised; that is the cause.
        return error
    found = getattr(error, "user_exception", None)
    if isinstance(found, BaseException):
        return found
    return error.__cause__ if error.__cause__ is not None and _wraps(error) else error


def _wraps(error: BaseException) -> bool:
    return isinstance(error, UserCodeExecutionError)


def after_error(
    step: Any,
    services: Any,
    emit: Emit,
    error: Exception,
    outputs: StepOutputs | None,
    retry_number: int,
    retries_enabled: bool,
) -> StepOutcome:
    """Record how an attempt ended by an error: for now, or for good; without `outputs` it did not come to its body."""
    original = user_exception(error)
    made = frozenset(outputs.made) if outputs is not None else frozenset()
    policy = step.retry_policy
    if isinstance(original, RetryRequested) and retries_enabled:
        if retry_number < original.max_retries:
            return _retry(step, services, emit, error, original.seconds_to_wait or 0.0, made)
        error = _exceeded(step, error, original.max_retries)
    elif policy is not None and retries_enabled and _may_retry(original):
        if retry_number < policy.max_retries:
            return _retry(step, services, emit, error, policy.calculate_delay(retry_number + 1), made)
    _failed(step, services, emit, error, ErrorSource.USER_CODE_ERROR if original is not error else None)
    return StepOutcome(step.key, False, made, outputs.mapping_keys if outputs is not None else {}, error)


def _may_retry(error: BaseException) -> bool:
    if isinstance(error, AssetCheckFailedError):
        return False
    return not (isinstance(error, Failure) and not error.allow_retries)


def _exceeded(step: Any, error: Exception, most: int) -> Exception:
    made = MaxRetriesExceededError(f"Exceeded max_retries of {most} of step {step.key!r}.")
    made.__cause__ = error
    return made


def _retry(step: Any, services: Any, emit: Emit, error: Exception, wait: float, made: frozenset[str]) -> StepOutcome:
    emit(
        event(
            EventType.STEP_UP_FOR_RETRY,
            step,
            services,
            f'Execution of step "{step.key}" failed and has requested a retry'
            + (f" in {wait} seconds." if wait else "."),
            StepRetryData(ErrorInfo.of(error), wait),
            ERROR,
        )
    )
    return StepOutcome(step.key, False, made, {}, error, wait)


def _failed(step: Any, services: Any, emit: Emit, error: BaseException, source: ErrorSource | None) -> None:
    original = user_exception(error)
    failure = None
    if isinstance(original, Failure):
        failure = UserFailureData("intentional-failure", original.description, original.metadata)
        source = ErrorSource.USER_CODE_ERROR
    if source is None:
        source = ErrorSource.FRAMEWORK_ERROR if isinstance(error, CellmillError) else ErrorSource.UNEXPECTED_ERROR
    emit(
        event(
            EventType.STEP_FAILURE,
            step,
            services,
            f'Execution of step "{step.key}" failed.',
            StepFailureData(ErrorInfo.of(error), failure, source),
            ERROR,
        )
    )


__all__ = ["DEBUG", "StepOutcome", "after_error", "run_step", "user_exception"]
