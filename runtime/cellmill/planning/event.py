"""What happened in a run: one event type for all who write, store, send and show it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.value_ref import ValueRef

_EMPTY: Mapping[str, Any] = {}


class EventType(str, Enum):
    """The kinds of events; values are Dagster's strings."""

    STEP_OUTPUT = "STEP_OUTPUT"
    STEP_INPUT = "STEP_INPUT"
    STEP_FAILURE = "STEP_FAILURE"
    STEP_START = "STEP_START"
    STEP_SUCCESS = "STEP_SUCCESS"
    STEP_SKIPPED = "STEP_SKIPPED"
    STEP_WORKER_STARTING = "STEP_WORKER_STARTING"
    STEP_WORKER_STARTED = "STEP_WORKER_STARTED"
    STEP_UP_FOR_RETRY = "STEP_UP_FOR_RETRY"
    STEP_RESTARTED = "STEP_RESTARTED"
    STEP_EXPECTATION_RESULT = "STEP_EXPECTATION_RESULT"
    RESOURCE_INIT_STARTED = "RESOURCE_INIT_STARTED"
    RESOURCE_INIT_SUCCESS = "RESOURCE_INIT_SUCCESS"
    RESOURCE_INIT_FAILURE = "RESOURCE_INIT_FAILURE"
    ASSET_MATERIALIZATION = "ASSET_MATERIALIZATION"
    ASSET_MATERIALIZATION_PLANNED = "ASSET_MATERIALIZATION_PLANNED"
    ASSET_FAILED_TO_MATERIALIZE = "ASSET_FAILED_TO_MATERIALIZE"
    ASSET_OBSERVATION = "ASSET_OBSERVATION"
    ASSET_CHECK_EVALUATION = "ASSET_CHECK_EVALUATION"
    ASSET_CHECK_EVALUATION_PLANNED = "ASSET_CHECK_EVALUATION_PLANNED"
    RUN_ENQUEUED = "PIPELINE_ENQUEUED"
    RUN_DEQUEUED = "PIPELINE_DEQUEUED"
    RUN_STARTING = "PIPELINE_STARTING"
    RUN_START = "PIPELINE_START"
    RUN_SUCCESS = "PIPELINE_SUCCESS"
    RUN_FAILURE = "PIPELINE_FAILURE"
    RUN_CANCELING = "PIPELINE_CANCELING"
    RUN_CANCELED = "PIPELINE_CANCELED"
    PIPELINE_ENQUEUED = "PIPELINE_ENQUEUED"
    PIPELINE_DEQUEUED = "PIPELINE_DEQUEUED"
    PIPELINE_STARTING = "PIPELINE_STARTING"
    PIPELINE_START = "PIPELINE_START"
    PIPELINE_SUCCESS = "PIPELINE_SUCCESS"
    PIPELINE_FAILURE = "PIPELINE_FAILURE"
    PIPELINE_CANCELING = "PIPELINE_CANCELING"
    PIPELINE_CANCELED = "PIPELINE_CANCELED"
    HOOK_COMPLETED = "HOOK_COMPLETED"
    HOOK_ERRORED = "HOOK_ERRORED"
    HOOK_SKIPPED = "HOOK_SKIPPED"
    LOADED_INPUT = "LOADED_INPUT"
    HANDLED_OUTPUT = "HANDLED_OUTPUT"
    ENGINE_EVENT = "ENGINE_EVENT"
    LOGS_CAPTURED = "LOGS_CAPTURED"
    #: A message that user code logged; Dagster keeps these without an event type.
    LOG = "LOG"

    # Enum's own is written in Python, and events are looked up by type all the time.
    __hash__ = str.__hash__


RUN_EVENTS = frozenset(
    {
        EventType.RUN_ENQUEUED,
        EventType.RUN_DEQUEUED,
        EventType.RUN_STARTING,
        EventType.RUN_START,
        EventType.RUN_SUCCESS,
        EventType.RUN_FAILURE,
        EventType.RUN_CANCELING,
        EventType.RUN_CANCELED,
    }
)
STEP_EVENTS = frozenset(kind for kind in EventType if kind.value.startswith("STEP_")) | {
    EventType.ASSET_MATERIALIZATION,
    EventType.ASSET_OBSERVATION,
    EventType.HANDLED_OUTPUT,
    EventType.LOADED_INPUT,
}
HOOK_EVENTS = frozenset({EventType.HOOK_COMPLETED, EventType.HOOK_ERRORED, EventType.HOOK_SKIPPED})
MARKER_EVENTS = frozenset(
    {
        EventType.ENGINE_EVENT,
        EventType.STEP_WORKER_STARTING,
        EventType.STEP_WORKER_STARTED,
        EventType.RESOURCE_INIT_STARTED,
        EventType.RESOURCE_INIT_SUCCESS,
        EventType.RESOURCE_INIT_FAILURE,
    }
)


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An exception as data: it outlives the process that raised it."""

    message: str
    stack: Sequence[str] = ()
    cls_name: str | None = None
    cause: ErrorInfo | None = None
    context: ErrorInfo | None = None

    @classmethod
    def of(cls, error: BaseException, *, frames_to_skip: int = 0) -> ErrorInfo:
        """Return `error` as data, with what caused it."""
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


@dataclass(frozen=True, slots=True)
class StepInputData:
    """A step got an input."""

    input_name: str
    type_check_data: TypeCheckData | None = PASSED_CHECK


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


@dataclass(frozen=True, slots=True)
class HandledOutputData:
    """An IO manager stored an output."""

    output_name: str
    manager_key: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    value_ref: ValueRef | None = None
    mapping_key: str | None = None


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
class JobFailureData:
    """A run failed."""

    error: ErrorInfo | None
    failure_reason: RunFailureReason | None = None
    first_step_failure_event: Event | None = None


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


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a run, or to an asset outside any run (`run_id` is then empty)."""

    type: EventType
    run_id: str
    timestamp: float
    step_key: str | None = None
    message: str | None = None
    level: int = logging.DEBUG
    asset_key: AssetKey | None = None
    partition: str | None = None
    data: Any = None
    job_name: str = ""

    # Dagster keeps an entry of the log and the event in it apart; here they are one.

    @property
    def dagster_event(self) -> Event | None:
        """The event itself; None for a message of user code."""
        return None if self.type is EventType.LOG else self

    @property
    def event(self) -> Event | None:
        """The event itself; None for a message of user code."""
        return self.dagster_event

    def get_dagster_event(self) -> Event:
        """Return the event itself."""
        return self

    @property
    def is_dagster_event(self) -> bool:
        """Whether this is more than a message of user code."""
        return self.type is not EventType.LOG

    @property
    def user_message(self) -> str:
        """The text of the event."""
        return self.message or ""

    @property
    def error_info(self) -> ErrorInfo | None:
        """The error that the event carries."""
        error = getattr(self.data, "error", None)
        return error if isinstance(error, ErrorInfo) else None

    @property
    def dagster_event_type(self) -> EventType | None:
        """The kind of event; None for a message of user code."""
        return None if self.type is EventType.LOG else self.type

    @property
    def event_type(self) -> EventType:
        """The kind of event."""
        return self.type

    @property
    def event_type_value(self) -> str:
        """The kind of event as a string."""
        return self.type.value

    @property
    def event_specific_data(self) -> Any:
        """The payload."""
        return self.data

    @property
    def pipeline_name(self) -> str:
        """The job's name under its old name."""
        return self.job_name

    # -- what kind ------------------------------------------------------------------------------------------------

    @property
    def node_name(self) -> str | None:
        """The name of the node whose step the event belongs to, without the graphs around it."""
        return None if self.step_key is None else self.step_key.split("[", 1)[0].rpartition(".")[2]

    @property
    def logging_tags(self) -> dict[str, str]:
        """Run, job and step as text."""
        found = {"run_id": self.run_id, "job_name": self.job_name, "step_key": self.step_key or ""}
        return {name: value for name, value in found.items() if value}

    @property
    def is_step_event(self) -> bool:
        """Whether the event belongs to a step."""
        return self.type in STEP_EVENTS

    @property
    def is_job_event(self) -> bool:
        """Whether the event is about the run as a whole."""
        return self.type in RUN_EVENTS

    is_run_event = is_job_event

    @property
    def is_hook_event(self) -> bool:
        """Whether a hook ran."""
        return self.type in HOOK_EVENTS

    @property
    def is_step_start(self) -> bool:
        """Whether a step started."""
        return self.type is EventType.STEP_START

    @property
    def is_step_success(self) -> bool:
        """Whether a step ended well."""
        return self.type is EventType.STEP_SUCCESS

    @property
    def is_step_failure(self) -> bool:
        """Whether a step failed."""
        return self.type is EventType.STEP_FAILURE

    @property
    def is_step_skipped(self) -> bool:
        """Whether a step was skipped."""
        return self.type is EventType.STEP_SKIPPED

    @property
    def is_step_up_for_retry(self) -> bool:
        """Whether a step will be run again."""
        return self.type is EventType.STEP_UP_FOR_RETRY

    @property
    def is_step_restarted(self) -> bool:
        """Whether a step was started again."""
        return self.type is EventType.STEP_RESTARTED

    @property
    def is_successful_output(self) -> bool:
        """Whether a step made an output."""
        return self.type is EventType.STEP_OUTPUT

    @property
    def is_job_success(self) -> bool:
        """Whether the run ended well."""
        return self.type is EventType.RUN_SUCCESS

    @property
    def is_job_failure(self) -> bool:
        """Whether the run failed."""
        return self.type is EventType.RUN_FAILURE

    is_run_failure = is_job_failure

    @property
    def is_failure(self) -> bool:
        """Whether the run or a step failed."""
        return self.type in (EventType.STEP_FAILURE, EventType.RUN_FAILURE, EventType.RUN_CANCELED)

    @property
    def is_handled_output(self) -> bool:
        """Whether an IO manager stored an output."""
        return self.type is EventType.HANDLED_OUTPUT

    @property
    def is_loaded_input(self) -> bool:
        """Whether an IO manager loaded an input."""
        return self.type is EventType.LOADED_INPUT

    @property
    def is_step_materialization(self) -> bool:
        """Whether an asset was made."""
        return self.type is EventType.ASSET_MATERIALIZATION

    is_asset_materialization = is_step_materialization

    @property
    def is_asset_observation(self) -> bool:
        """Whether an asset was looked at."""
        return self.type is EventType.ASSET_OBSERVATION

    @property
    def is_asset_materialization_planned(self) -> bool:
        """Whether the run means to make an asset."""
        return self.type is EventType.ASSET_MATERIALIZATION_PLANNED

    @property
    def is_asset_check_evaluation(self) -> bool:
        """Whether a check was evaluated."""
        return self.type is EventType.ASSET_CHECK_EVALUATION

    @property
    def is_expectation_result(self) -> bool:
        """Whether an expectation was evaluated."""
        return self.type is EventType.STEP_EXPECTATION_RESULT

    @property
    def is_engine_event(self) -> bool:
        """Whether the engine itself speaks."""
        return self.type is EventType.ENGINE_EVENT

    @property
    def is_resource_init_failure(self) -> bool:
        """Whether a resource could not be made."""
        return self.type is EventType.RESOURCE_INIT_FAILURE

    # -- payloads under their own names ---------------------------------------------------------------------------

    def _payload(self, *kinds: EventType) -> Any:
        if self.type not in kinds:
            raise ValueError(f"An event of type {self.type.value} has no data of {kinds[0].value}.")
        return self.data

    @property
    def step_input_data(self) -> StepInputData:
        """The payload of STEP_INPUT."""
        data: StepInputData = self._payload(EventType.STEP_INPUT)
        return data

    @property
    def step_output_data(self) -> StepOutputData:
        """The payload of STEP_OUTPUT."""
        data: StepOutputData = self._payload(EventType.STEP_OUTPUT)
        return data

    @property
    def step_success_data(self) -> StepSuccessData:
        """The payload of STEP_SUCCESS."""
        data: StepSuccessData = self._payload(EventType.STEP_SUCCESS)
        return data

    @property
    def step_failure_data(self) -> StepFailureData:
        """The payload of STEP_FAILURE."""
        data: StepFailureData = self._payload(EventType.STEP_FAILURE)
        return data

    @property
    def step_retry_data(self) -> StepRetryData:
        """The payload of STEP_UP_FOR_RETRY."""
        data: StepRetryData = self._payload(EventType.STEP_UP_FOR_RETRY)
        return data

    @property
    def step_materialization_data(self) -> StepMaterializationData:
        """The payload of ASSET_MATERIALIZATION."""
        data: StepMaterializationData = self._payload(EventType.ASSET_MATERIALIZATION)
        return data

    @property
    def materialization(self) -> Any:
        """The materialization that the event reports."""
        return self.step_materialization_data.materialization

    @property
    def asset_materialization(self) -> Any:
        """The materialization that the event reports, or None for another event."""
        return self.data.materialization if self.type is EventType.ASSET_MATERIALIZATION else None

    @property
    def asset_observation_data(self) -> AssetObservationData:
        """The payload of ASSET_OBSERVATION."""
        data: AssetObservationData = self._payload(EventType.ASSET_OBSERVATION)
        return data

    @property
    def asset_observation(self) -> Any:
        """The observation that the event reports, or None for another event."""
        return self.data.asset_observation if self.type is EventType.ASSET_OBSERVATION else None

    @property
    def asset_materialization_planned_data(self) -> AssetMaterializationPlannedData:
        """The payload of ASSET_MATERIALIZATION_PLANNED."""
        data: AssetMaterializationPlannedData = self._payload(EventType.ASSET_MATERIALIZATION_PLANNED)
        return data

    @property
    def asset_check_evaluation_data(self) -> Any:
        """The payload of ASSET_CHECK_EVALUATION."""
        return self._payload(EventType.ASSET_CHECK_EVALUATION)

    @property
    def asset_check_evaluation(self) -> Any:
        """The check's evaluation that the event reports, or None for another event."""
        return self.data if self.type is EventType.ASSET_CHECK_EVALUATION else None

    @property
    def is_asset_failed_to_materialize(self) -> bool:
        """Whether a planned materialization did not come."""
        return self.type is EventType.ASSET_FAILED_TO_MATERIALIZE

    @property
    def asset_failed_to_materialize_data(self) -> AssetFailedToMaterializeData:
        """The payload of ASSET_FAILED_TO_MATERIALIZE."""
        data: AssetFailedToMaterializeData = self._payload(EventType.ASSET_FAILED_TO_MATERIALIZE)
        return data

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of the materialization or observation that the event reports."""
        found = self.asset_materialization or self.asset_observation
        return dict(found.tags or {}) if found is not None else {}

    @property
    def asset_check_planned_data(self) -> AssetCheckEvaluationPlanned:
        """The payload of ASSET_CHECK_EVALUATION_PLANNED."""
        data: AssetCheckEvaluationPlanned = self._payload(EventType.ASSET_CHECK_EVALUATION_PLANNED)
        return data

    @property
    def step_expectation_result_data(self) -> StepExpectationResultData:
        """The payload of STEP_EXPECTATION_RESULT."""
        data: StepExpectationResultData = self._payload(EventType.STEP_EXPECTATION_RESULT)
        return data

    @property
    def loaded_input_data(self) -> LoadedInputData:
        """The payload of LOADED_INPUT."""
        data: LoadedInputData = self._payload(EventType.LOADED_INPUT)
        return data

    @property
    def handled_output_data(self) -> HandledOutputData:
        """The payload of HANDLED_OUTPUT."""
        data: HandledOutputData = self._payload(EventType.HANDLED_OUTPUT)
        return data

    @property
    def job_failure_data(self) -> JobFailureData:
        """The payload of RUN_FAILURE."""
        data: JobFailureData = self._payload(EventType.RUN_FAILURE)
        return data

    @property
    def job_canceled_data(self) -> JobCanceledData:
        """The payload of RUN_CANCELED."""
        data: JobCanceledData = self._payload(EventType.RUN_CANCELED)
        return data

    @property
    def logs_captured_data(self) -> LogsCapturedData:
        """The payload of LOGS_CAPTURED."""
        data: LogsCapturedData = self._payload(EventType.LOGS_CAPTURED)
        return data

    @property
    def hook_errored_data(self) -> HookErroredData:
        """The payload of HOOK_ERRORED."""
        data: HookErroredData = self._payload(EventType.HOOK_ERRORED)
        return data

    @property
    def engine_event_data(self) -> EngineEventData:
        """The payload of the engine's own events."""
        data: EngineEventData = self._payload(*MARKER_EVENTS)
        return data
