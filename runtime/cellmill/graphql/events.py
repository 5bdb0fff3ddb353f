"""Events of runs: one type for each kind, under Dagster's names, made from one table."""

from __future__ import annotations

import logging
from collections.abc import Callable
from copy import copy
from enum import Enum
from typing import Annotated, Any, Union

import strawberry

from cellmill.definitions.output import CODE_VERSION_TAG
from cellmill.graphql.documented import documented, said
from cellmill.graphql.metadata import AssetKey, MetadataEntry, metadata_entries
from cellmill.graphql.problems import PythonError
from cellmill.planning.event import Event, EventType


@strawberry.enum(description="How serious a message is.")
class LogLevel(Enum):
    """How serious a message is."""

    CRITICAL = "CRITICAL"
    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"
    DEBUG = "DEBUG"


# The functional form: a type checker knows it with literal members only.
_enum: Callable[..., Any] = Enum
DagsterEventType = strawberry.enum(
    _enum("DagsterEventType", {kind.value: kind.value for kind in EventType if kind is not EventType.LOG}),
    description="The kinds of events.",
)


def _level(number: int) -> LogLevel:
    for name in ("CRITICAL", "ERROR", "WARNING", "INFO"):
        if number >= getattr(logging, name):
            return LogLevel[name]
    return LogLevel.DEBUG


def _event_type(root: MessageEvent) -> Any:
    """Its kind; null for a message of user code."""
    kind = root.event.type
    return None if kind is EventType.LOG else DagsterEventType(kind.value)


@strawberry.interface(description="One thing that happened in a run.")
class MessageEvent:
    """One thing that happened in a run."""

    event: strawberry.Private[Event]

    @documented
    def run_id(self) -> str:
        """The run's id."""
        return self.event.run_id

    @documented
    def message(self) -> str:
        """What happened, in words."""
        return self.event.message or ""

    @documented
    def timestamp(self) -> str:
        """When, in milliseconds since the epoch."""
        return str(int(self.event.timestamp * 1000))

    @documented
    def level(self) -> LogLevel:
        """How serious it is."""
        return _level(self.event.level)

    @documented
    def step_key(self) -> str | None:
        """The step it belongs to."""
        return self.event.step_key

    event_type = documented(_event_type, DagsterEventType | None)


@strawberry.interface(description="An event of one step.")
class StepEvent:
    """An event of one step."""

    event: strawberry.Private[Event]

    @documented
    def step_key(self) -> str | None:
        """The step."""
        return self.event.step_key

    @strawberry.field(name="solidHandleID", description="The op (the older name).")
    def solid_handle_id(self) -> str | None:
        """The op."""
        return self.event.step_key


@strawberry.interface(description="An event of the run as a whole.")
class RunEvent:
    """An event of the run as a whole."""

    event: strawberry.Private[Event]

    @documented
    def pipeline_name(self) -> str:
        """The job's name."""
        return self.event.job_name


@strawberry.interface(description="An event that may carry an error.")
class ErrorEvent:
    """An event that may carry an error."""

    event: strawberry.Private[Event]

    @documented
    def error(self) -> PythonError | None:
        """The error, with its traceback."""
        return python_error(self.event.error_info)


@strawberry.interface(description="An event that marks the start or the end of something that takes time.")
class MarkerEvent:
    """An event that marks the start or the end of something."""

    event: strawberry.Private[Event]

    @documented
    def marker_start(self) -> str | None:
        """What starts here."""
        return getattr(self.event.data, "marker_start", None)

    @documented
    def marker_end(self) -> str | None:
        """What ends here."""
        return getattr(self.event.data, "marker_end", None)


@strawberry.interface(description="An event with labelled values.")
class DisplayableEvent:
    """An event with labelled values."""

    event: strawberry.Private[Event]

    @documented
    def label(self) -> str | None:
        """Its short name."""
        return getattr(_subject(self.event), "label", None)

    @documented
    def description(self) -> str | None:
        """What it means."""
        return getattr(_subject(self.event), "description", None)

    @documented
    def metadata_entries(self) -> list[MetadataEntry]:
        """Its labelled values."""
        return metadata_entries(getattr(_subject(self.event), "metadata", None))


def _subject(event: Event) -> Any:
    """What the labelled values of an event describe."""
    data = event.data
    for name in ("materialization", "asset_observation", "expectation_result", "user_failure_data"):
        found = getattr(data, name, None)
        if found is not None:
            return found
    return data


def python_error(error: Any) -> PythonError | None:
    """The API's form of an error that was recorded."""
    if error is None:
        return None
    cause = error.cause
    return PythonError(
        message=error.message,
        class_name=error.cls_name,
        stack=list(error.stack or ()),
        cause=python_error(cause) if cause is not None else None,
    )


@strawberry.type(description="How the type check of a value ended.")
class TypeCheck:
    """How the type check of a value ended."""

    success: bool = said("Whether the value has the type.")
    label: str | None = said("The check's name.", None)
    description: str | None = said("What was found.", None)
    metadata_entries: list[MetadataEntry] = said("Labelled values of the check.", strawberry.UNSET)


@strawberry.type(description="What user code said about its failure.")
class FailureMetadata:
    """What user code said about its failure."""

    label: str | None = said("Its name.", None)
    description: str | None = said("What happened.", None)
    metadata_entries: list[MetadataEntry] = said("Labelled values.", strawberry.UNSET)


@strawberry.type(description="How an expectation ended.")
class ExpectationResult:
    """How an expectation ended."""

    success: bool = said("Whether it was met.")
    label: str | None = said("Its name.", None)
    description: str | None = said("What was expected.", None)
    metadata_entries: list[MetadataEntry] = said("Labelled values.", strawberry.UNSET)


def _type_check(event: Event) -> TypeCheck:
    data = getattr(event.data, "type_check_data", None)
    if data is None:
        return TypeCheck(success=True, metadata_entries=[])
    return TypeCheck(
        success=data.success,
        label=data.label or None,
        description=data.description,
        metadata_entries=metadata_entries(data.metadata),
    )


class _Fields:
    """Fields that the types of some kinds of events have, beside those of their interfaces."""

    event: Event


class _InputField(_Fields):
    @documented
    def input_name(self) -> str:
        """The input."""
        return str(self.event.data.input_name)


class _OutputField(_Fields):
    @documented
    def output_name(self) -> str:
        """The output."""
        return str(self.event.data.output_name)


class _TypeCheckField(_Fields):
    @documented
    def type_check(self) -> TypeCheck:
        """How the type check of the value ended."""
        return _type_check(self.event)


class _ManagerField(_Fields):
    @documented
    def manager_key(self) -> str:
        """The IO manager."""
        return str(self.event.data.manager_key)


class _FailureField(_Fields):
    @documented
    def failure_metadata(self) -> FailureMetadata | None:
        """What user code said about the failure."""
        said_ = getattr(self.event.data, "user_failure_data", None)
        if said_ is None:
            return None
        entries = metadata_entries(said_.metadata)
        return FailureMetadata(label=said_.label, description=said_.description, metadata_entries=entries)


class _RetryField(_Fields):
    @documented
    def seconds_to_wait(self) -> float | None:
        """How long the step waits before it is run again."""
        return getattr(self.event.data, "seconds_to_wait", None)


class _ExpectationField(_Fields):
    @documented
    def expectation_result(self) -> ExpectationResult:
        """How the expectation ended."""
        result = self.event.data.expectation_result
        return ExpectationResult(
            success=result.success,
            label=result.label,
            description=result.description,
            metadata_entries=metadata_entries(result.metadata),
        )


class _AssetField(_Fields):
    @documented
    def asset_key(self) -> AssetKey | None:
        """The asset."""
        key = self.event.asset_key or getattr(self.event.data, "asset_key", None)
        return AssetKey.of(key) if key is not None else None

    @documented
    def partition(self) -> str | None:
        """The partition of the asset."""
        return self.event.partition


class _MadeField(_Fields):
    @documented
    def code_version(self) -> str | None:
        """The version of the code that made it."""
        made = self.event.asset_materialization
        return (made.tags or {}).get(CODE_VERSION_TAG) if made is not None else None


_STEP, _RUN, _ERROR = (StepEvent,), (RunEvent,), (ErrorEvent,)
_SHOWN = (DisplayableEvent,)

#: Kind of event -> (type name, description, what it is made of beside `MessageEvent`).
TABLE: dict[EventType, tuple[str, str, tuple[type, ...]]] = {
    EventType.LOG: ("LogMessageEvent", "A message of user code.", ()),
    EventType.STEP_START: ("ExecutionStepStartEvent", "A step started.", _STEP),
    EventType.STEP_SUCCESS: ("ExecutionStepSuccessEvent", "A step ended well.", _STEP),
    EventType.STEP_FAILURE: ("ExecutionStepFailureEvent", "A step failed.", (*_STEP, *_ERROR, _FailureField)),
    EventType.STEP_SKIPPED: ("ExecutionStepSkippedEvent", "A step was skipped.", _STEP),
    EventType.STEP_UP_FOR_RETRY: (
        "ExecutionStepUpForRetryEvent",
        "A step failed and will be run again.",
        (*_STEP, *_ERROR, _RetryField),
    ),
    EventType.STEP_RESTARTED: ("ExecutionStepRestartEvent", "A step was started again.", _STEP),
    EventType.STEP_INPUT: ("ExecutionStepInputEvent", "A step got an input.", (*_STEP, _InputField, _TypeCheckField)),
    EventType.STEP_OUTPUT: (
        "ExecutionStepOutputEvent",
        "A step made an output.",
        (*_STEP, *_SHOWN, _OutputField, _TypeCheckField),
    ),
    EventType.STEP_EXPECTATION_RESULT: (
        "StepExpectationResultEvent",
        "An expectation was evaluated.",
        (*_STEP, _ExpectationField),
    ),
    EventType.ASSET_MATERIALIZATION: (
        "MaterializationEvent",
        "An asset was made.",
        (*_STEP, *_SHOWN, _AssetField, _MadeField),
    ),
    EventType.ASSET_OBSERVATION: ("ObservationEvent", "An asset was looked at.", (*_STEP, *_SHOWN, _AssetField)),
    EventType.ASSET_MATERIALIZATION_PLANNED: (
        "AssetMaterializationPlannedEvent",
        "A run means to make an asset.",
        (*_RUN, _AssetField),
    ),
    EventType.ASSET_FAILED_TO_MATERIALIZE: (
        "FailedToMaterializeEvent",
        "A planned materialization did not come.",
        (*_STEP, *_ERROR, _AssetField),
    ),
    EventType.ASSET_CHECK_EVALUATION: ("AssetCheckEvaluationEvent", "A check was evaluated.", _STEP),
    EventType.ASSET_CHECK_EVALUATION_PLANNED: ("AssetCheckEvaluationPlannedEvent", "A run means to check.", _STEP),
    EventType.RUN_ENQUEUED: ("RunEnqueuedEvent", "The run waits in the queue.", _RUN),
    EventType.RUN_DEQUEUED: ("RunDequeuedEvent", "The run left the queue.", _RUN),
    EventType.RUN_STARTING: ("RunStartingEvent", "A process is being started for the run.", _RUN),
    EventType.RUN_START: ("RunStartEvent", "The run started.", _RUN),
    EventType.RUN_SUCCESS: ("RunSuccessEvent", "The run ended well.", _RUN),
    EventType.RUN_FAILURE: ("RunFailureEvent", "The run failed.", (*_RUN, *_ERROR)),
    EventType.RUN_CANCELING: ("RunCancelingEvent", "The run is being stopped.", _RUN),
    EventType.RUN_CANCELED: ("RunCanceledEvent", "The run was stopped.", (*_RUN, *_ERROR)),
    EventType.HOOK_COMPLETED: ("HookCompletedEvent", "A hook ran.", _STEP),
    EventType.HOOK_SKIPPED: ("HookSkippedEvent", "A hook was skipped.", _STEP),
    EventType.HOOK_ERRORED: ("HookErroredEvent", "A hook failed.", (*_STEP, *_ERROR)),
    EventType.LOADED_INPUT: (
        "LoadedInputEvent",
        "An IO manager loaded an input.",
        (*_STEP, *_SHOWN, _InputField, _ManagerField),
    ),
    EventType.HANDLED_OUTPUT: (
        "HandledOutputEvent",
        "An IO manager stored an output.",
        (*_STEP, *_SHOWN, _OutputField, _ManagerField),
    ),
    EventType.LOGS_CAPTURED: ("LogsCapturedEvent", "What a process prints is being kept.", ()),
    EventType.ENGINE_EVENT: (
        "EngineEvent",
        "The engine has something to say.",
        (*_STEP, *_SHOWN, *_ERROR, MarkerEvent),
    ),
    EventType.STEP_WORKER_STARTING: ("StepWorkerStartingEvent", "A process is being started.", (*_STEP, MarkerEvent)),
    EventType.STEP_WORKER_STARTED: ("StepWorkerStartedEvent", "A process was started.", (*_STEP, MarkerEvent)),
    EventType.RESOURCE_INIT_STARTED: ("ResourceInitStartedEvent", "Resources are being set up.", (*_STEP, MarkerEvent)),
    EventType.RESOURCE_INIT_SUCCESS: ("ResourceInitSuccessEvent", "Resources are set up.", (*_STEP, MarkerEvent)),
    EventType.RESOURCE_INIT_FAILURE: (
        "ResourceInitFailureEvent",
        "Resources could not be set up.",
        (*_STEP, *_ERROR, MarkerEvent),
    ),
}


def _make(name: str, description: str, parts: tuple[type, ...]) -> Any:
    interfaces = [part for part in parts if hasattr(part, "__strawberry_definition__")]
    fields = {
        field_name: copy(value)
        for part in parts
        if part not in interfaces
        for field_name, value in vars(part).items()
        if not field_name.startswith("__")
    }
    namespace = {"__module__": __name__, "__doc__": description, **fields}
    return strawberry.type(type(name, (MessageEvent, *interfaces), namespace), description=description)


_TYPES: dict[EventType, Any] = {kind: _make(*row) for kind, row in TABLE.items()}
ALL_TYPES = tuple(dict.fromkeys(_TYPES.values()))
_union: Any = Union
_annotated: Any = Annotated
DagsterRunEvent = _annotated[_union[ALL_TYPES], strawberry.union("DagsterRunEvent", description="Any event of a run.")]


@strawberry.type(description="An object was copied or removed; only runs recorded by Dagster have such events.")
class ObjectStoreOperationResult:
    """What was done to an object."""

    op: str = said("What was done.")
    metadata_entries: list[MetadataEntry] = said("Labelled values.", strawberry.UNSET)


@strawberry.type(description="An object was copied or removed; only runs recorded by Dagster have such events.")
class ObjectStoreOperationEvent(MessageEvent, StepEvent):
    """An object was copied or removed."""

    @documented
    def operation_result(self) -> ObjectStoreOperationResult:
        """What was done."""
        return ObjectStoreOperationResult(op="SET_OBJECT", metadata_entries=[])


def run_event(event: Event) -> MessageEvent:
    """The API's form of an event."""
    made = _TYPES.get(event.type, _TYPES[EventType.ENGINE_EVENT])(event=event)
    assert isinstance(made, MessageEvent)
    return made


def event_types() -> dict[EventType, Any]:
    """The type of each kind of event."""
    return _TYPES
