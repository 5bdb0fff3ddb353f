"""The events of a step, made from what happened."""

from __future__ import annotations

import logging
import time
from typing import Any

from cellmill.definitions.events import AssetMaterialization, AssetObservation
from cellmill.definitions.outcome import ExpectationResult
from cellmill.errors import CellmillError, TypeCheckError
from cellmill.planning.event import (
    PASSED_CHECK,
    AssetObservationData,
    Event,
    EventType,
    LogsCapturedData,
    StepExpectationResultData,
    StepMaterializationData,
    StepOutputHandle,
    TypeCheckData,
)

DEBUG, INFO, ERROR = logging.DEBUG, logging.INFO, logging.ERROR
now = time.time


def event(
    kind: EventType,
    step: Any,
    services: Any,
    message: str,
    data: Any = None,
    level: int = DEBUG,
    asset_key: Any = None,
    partition: str | None = None,
) -> Event:
    """Return an event of a step."""
    return Event(kind, services.run_id, now(), step.key, message, level, asset_key, partition, data, services.job_name)


def captured_event(step: Any, services: Any) -> Event:
    """Return the event that says where a step's output is kept."""
    data = LogsCapturedData(step.key, (step.key,))
    return event(EventType.LOGS_CAPTURED, step, services, f'Kept what step "{step.key}" printed.', data)


def type_label(one: Any) -> str:
    """Return the name of the type of an input or output for messages."""
    if one.is_untyped:
        return "Any"
    return "Nothing" if one.is_nothing else str(one.definition.dagster_type.display_name)


def record_user_event(step: Any, services: Any, emit: Any, happened: Any) -> None:
    """Record what user code reports."""
    if isinstance(happened, AssetMaterialization):
        label = happened.label
        emit(
            event(
                EventType.ASSET_MATERIALIZATION,
                step,
                services,
                happened.description or f"Materialized value{' ' + label if label else ''}.",
                StepMaterializationData(happened),
                asset_key=happened.asset_key,
                partition=happened.partition,
            )
        )
    elif isinstance(happened, AssetObservation):
        emit(
            event(
                EventType.ASSET_OBSERVATION,
                step,
                services,
                happened.description or f"Observed asset {happened.asset_key.to_user_string()}.",
                AssetObservationData(happened),
                asset_key=happened.asset_key,
                partition=happened.partition,
            )
        )
    elif isinstance(happened, ExpectationResult):
        word = "passed" if happened.success else "failed"
        emit(
            event(
                EventType.STEP_EXPECTATION_RESULT,
                step,
                services,
                f"Expectation {happened.label} {word}",
                StepExpectationResultData(happened),
                INFO if happened.success else ERROR,
            )
        )


def check_type(one: Any, value: Any, context: Any, what: str) -> tuple[TypeCheckData | None, Any]:
    """Return how the type check of a value ended: the data for its event, and the check that failed or None."""
    if one.is_untyped or one.is_nothing:
        return PASSED_CHECK, None
    declared = one.definition.dagster_type
    try:
        check = declared.type_check(context, value)
    except Exception as error:
        if isinstance(error, CellmillError):
            raise
        raise TypeCheckError(
            f"Error occurred while type-checking {what} of type {declared.display_name}, with Python type {type(value)}"
        ) from error
    data = TypeCheckData(check.success, str(one.name), check.description, check.metadata)
    return data, None if check.success else check


def output_handle(step: Any, name: str, mapping_key: str | None = None) -> StepOutputHandle:
    """Return what names an output."""
    return StepOutputHandle(step.key, name, mapping_key)
