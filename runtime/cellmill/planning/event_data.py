"""What the kinds of events carry: one small frozen class for each."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.planning.late import quick


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An exception as data: it outlives the process that raised it.

    Args:
        message: Its class and message, as the last lines of a traceback have them.
        stack: The lines of the traceback, outermost call first.
        cls_name: Name of the exception's class.
        cause: The exception that it was raised from.
        context: The exception that was being handled when it was raised.
    """

    message: str
    stack: Sequence[str] = ()
    cls_name: str | None = None
    cause: ErrorInfo | None = None
    context: ErrorInfo | None = None

    @classmethod
    def of(cls, error: BaseException, *, frames_to_skip: int = 0) -> ErrorInfo:
        """Return an exception as data, with what caused it.

        Args:
            error: The exception.
            frames_to_skip: How many of the outermost calls are left out of the traceback.
        """
        cause = error.__cause__
        context = error.__context__ if cause is None and not error.__suppress_context__ else None
        stack = traceback.format_tb(error.__traceback__)[frames_to_skip:]
        return cls(
            message="".join(traceback.format_exception_only(type(error), error)),
            stack=tuple(stack),
            cls_name=getattr(error, "recorded_name", type(error).__name__),
            cause=cls.of(cause) if cause is not None else None,
            context=cls.of(context) if context is not None else None,
        )

    def to_string(self) -> str:
        """Return the text a traceback has."""
        above = f"\nThe above exception was caused by the following exception:\n{self.cause}" if self.cause else ""
        return f"{self.message}\nStack Trace:\n{''.join(self.stack)}{above}" if self.stack else f"{self.message}{above}"

    def __str__(self) -> str:
        return self.to_string()


@quick
@dataclass(frozen=True, slots=True)
class StepOutputHandle:
    """Names one output of one step (of one mapping key)."""

    step_key: str
    output_name: str = "result"
    mapping_key: str | None = None


@dataclass(frozen=True, slots=True)
class TypeCheckData:
    """How the type check of a value ended."""

    success: bool
    label: str = ""
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


#: Of a value that every type takes.
PASSED_CHECK = TypeCheckData(True)


@quick
@dataclass(frozen=True, slots=True)
class StepInputData:
    """A step got an input."""

    input_name: str
    type_check_data: TypeCheckData | None = PASSED_CHECK


@quick
@dataclass(frozen=True, slots=True)
class StepOutputData:
    """A step made an output."""

    step_output_handle: StepOutputHandle
    type_check_data: TypeCheckData | None = PASSED_CHECK
    version: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output_name(self) -> str:
        """The output's name."""
        return self.step_output_handle.output_name

    @property
    def mapping_key(self) -> str | None:
        """The key of a dynamic output."""
        return self.step_output_handle.mapping_key


@quick
@dataclass(frozen=True, slots=True)
class StepSuccessData:
    """A step ended well."""

    duration_ms: float


@dataclass(frozen=True, slots=True)
class UserFailureData:
    """What user code itself said about its failure."""

    label: str = "intentional-failure"
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class ErrorSource(Enum):
    """Where a step's error comes from."""

    FRAMEWORK_ERROR = "FRAMEWORK_ERROR"
    USER_CODE_ERROR = "USER_CODE_ERROR"
    UNEXPECTED_ERROR = "UNEXPECTED_ERROR"
    INTERRUPT = "INTERRUPT"


@dataclass(frozen=True, slots=True)
class StepFailureData:
    """A step failed."""

    error: ErrorInfo | None
    user_failure_data: UserFailureData | None = None
    error_source: ErrorSource = ErrorSource.USER_CODE_ERROR

    @property
    def error_display_string(self) -> str:
        """The error as text: the user's own words where user code failed."""
        if self.error is None:
            return ""
        if self.error_source is ErrorSource.USER_CODE_ERROR and self.error.cause is not None:
            return f"{self.error.message.strip()}\n\n{self.error.cause.to_string()}"
        return self.error.to_string()


@dataclass(frozen=True, slots=True)
class StepRetryData:
    """A step failed and will be run again."""

    error: ErrorInfo | None
    seconds_to_wait: float | None = None


@quick
@dataclass(frozen=True, slots=True)
class StepMaterializationData:
    """An asset was made; `value_ref` says where the value lies."""

    materialization: Any
    asset_lineage: Sequence[Any] = ()
    value_ref: ValueRef | None = None


@dataclass(frozen=True, slots=True)
class AssetObservationData:
    """An asset was looked at."""

    asset_observation: Any


@dataclass(frozen=True, slots=True)
class StepExpectationResultData:
    """An expectation was evaluated."""

    expectation_result: Any


@quick
@dataclass(frozen=True, slots=True)
class HandledOutputData:
    """An IO manager stored an output."""

    output_name: str
    manager_key: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    value_ref: ValueRef | None = None
    mapping_key: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class LoadedInputData:
    """An IO manager loaded an input."""

    input_name: str
    manager_key: str
    upstream_output_name: str | None = None
    upstream_step_key: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssetMaterializationPlannedData:
    """A run means to make an asset."""

    asset_key: AssetKey
    partition: str | None = None
    partitions_subset: Any = None


@dataclass(frozen=True, slots=True)
class AssetFailedToMaterializeData:
    """A planned materialization did not come."""

    asset_key: AssetKey
    reason: str
    partition: str | None = None
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class AssetCheckEvaluationPlanned:
    """A run means to evaluate a check."""

    asset_key: AssetKey
    check_name: str
    partition: str | None = None

    @property
    def asset_check_key(self) -> AssetCheckKey:
        """The check's key."""
        return AssetCheckKey(self.asset_key, self.check_name)


@dataclass(frozen=True, slots=True)
class HookErroredData:
    """A hook failed (its run goes on)."""

    error: ErrorInfo


class RunFailureReason(Enum):
    """Why a run failed."""

    USER_CODE = "USER_CODE"
    STEP_FAILURE = "STEP_FAILURE"
    RUN_EXCEPTION = "RUN_EXCEPTION"
    JOB_INITIALIZATION_FAILURE = "JOB_INITIALIZATION_FAILURE"
    START_TIMEOUT = "START_TIMEOUT"
    RUN_WORKER_RESTART = "RUN_WORKER_RESTART"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class JobCanceledData:
    """A run was cancelled."""

    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class EngineEventData:
    """The engine has something to say."""

    metadata: Mapping[str, Any] = field(default_factory=dict)
    error: ErrorInfo | None = None
    marker_start: str | None = None
    marker_end: str | None = None


@dataclass(frozen=True, slots=True)
class LogMessageData:
    """User code logged a message with fields of its own."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    logger_name: str | None = None
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class LogsCapturedData:
    """Where what a process printed is kept."""

    file_key: str
    step_keys: Sequence[str] = ()
    external_stdout_url: str | None = None
    external_stderr_url: str | None = None
