"""What happened in a run: one event type for all who write, store, send and show it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.event_data import (
    PASSED_CHECK,
    AssetCheckEvaluationPlanned,
    AssetFailedToMaterializeData,
    AssetMaterializationPlannedData,
    AssetObservationData,
    EngineEventData,
    ErrorInfo,
    ErrorSource,
    HandledOutputData,
    HookErroredData,
    JobCanceledData,
    LoadedInputData,
    LogMessageData,
    LogsCapturedData,
    RunFailureReason,
    StepExpectationResultData,
    StepFailureData,
    StepInputData,
    StepMaterializationData,
    StepOutputData,
    StepOutputHandle,
    StepRetryData,
    StepSuccessData,
    TypeCheckData,
    UserFailureData,
)
from cellmill.planning.event_type import HOOK_EVENTS, MARKER_EVENTS, RUN_EVENTS, STEP_EVENTS, EventType
from cellmill.planning.late import LateField, quick

__all__ = [
    "HOOK_EVENTS",
    "MARKER_EVENTS",
    "PASSED_CHECK",
    "RUN_EVENTS",
    "STEP_EVENTS",
    "AssetCheckEvaluationPlanned",
    "AssetFailedToMaterializeData",
    "AssetMaterializationPlannedData",
    "AssetObservationData",
    "EngineEventData",
    "ErrorInfo",
    "ErrorSource",
    "Event",
    "EventType",
    "HandledOutputData",
    "HookErroredData",
    "JobCanceledData",
    "JobFailureData",
    "LoadedInputData",
    "LogMessageData",
    "LogsCapturedData",
    "RunFailureReason",
    "StepExpectationResultData",
    "StepFailureData",
    "StepInputData",
    "StepMaterializationData",
    "StepOutputData",
    "StepOutputHandle",
    "StepRetryData",
    "StepSuccessData",
    "TypeCheckData",
    "UserFailureData",
    "planned_steps",
    "steps_planned",
]


class StepHandle(str):
    """A step's key, or the names of an op and of the graphs that it is in, joined by dots."""

    __slots__ = ()

    def to_key(self) -> str:
        """The text."""
        return str(self)

    to_string = to_key

    @property
    def name(self) -> str:
        """The op's own name."""
        return self.rpartition(".")[2]

    @property
    def path(self) -> list[str]:
        """The names, the outermost first."""
        return self.split(".")


@quick
@dataclass(frozen=True, slots=True)
class Event(LateField):
    """One thing that happened in a run, or to an asset outside any run.

    Made by cellmill; found with `instance.all_logs(run_id)`, in results and in contexts of sensors.

    Args:
        type: The kind of event.
        run_id: The run; empty for an event outside any run.
        timestamp: When, in seconds since 1970.
        step_key: The step that it belongs to; None for an event of the run as a whole.
        message: What happened, in words.
        level: How much it matters, as of `logging`.
        asset_key: The asset that it is about.
        partition: The partition that it is about.
        data: The payload, by kind of event; properties such as `asset_materialization` give it a type.
        job_name: The run's job.
    """

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

    LATE = "data"

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
    def step_handle(self) -> StepHandle | None:
        """The step that the event is of; None for an event of the run."""
        return None if self.step_key is None else StepHandle(self.step_key)

    @property
    def node_handle(self) -> StepHandle | None:
        """The op in its graphs that the event is of; None for an event of the run."""
        return None if self.step_key is None else StepHandle(self.step_key.partition("[")[0])

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


@dataclass(frozen=True, slots=True)
class JobFailureData:
    """A run failed; among what events carry the one that names another event."""

    error: ErrorInfo | None
    failure_reason: RunFailureReason | None = None
    first_step_failure_event: Event | None = None


#: Under this name an engine event says which steps a run is going to carry out.
_PLANNED_STEPS = "cellmill/planned_steps"


def steps_planned(run_id: str, job_name: str, step_keys: Sequence[str], timestamp: float) -> Event:
    """Return the event that says which steps a run is going to carry out, beside those that make assets.

    One event for all of them: a run of ten thousand steps does not pay for each.
    """
    data = EngineEventData(metadata={_PLANNED_STEPS: list(step_keys)})
    message = f"{job_name} intends to carry out {len(step_keys)} steps."
    return Event(EventType.ENGINE_EVENT, run_id, timestamp, message=message, data=data, job_name=job_name)


def planned_steps(event: Event) -> Sequence[str]:
    """Return the steps that an event of the engine says are going to be carried out; nothing for every other event."""
    if event.type is not EventType.ENGINE_EVENT or event.step_key is not None:
        return ()
    found: Sequence[str] = event.data.metadata.get(_PLANNED_STEPS, ()) if event.data is not None else ()
    return found
