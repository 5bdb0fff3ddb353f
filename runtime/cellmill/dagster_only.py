"""What Dagster has names for and cellmill itself has none: kept so that code written for Dagster finds them."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.code_location import Definitions
from cellmill.definitions.code_repository import Repository
from cellmill.definitions.logger import level_number
from cellmill.definitions.metadata import MetadataValue
from cellmill.definitions.metadata_mapping import normalize_metadata_value
from cellmill.definitions.run_request import RunRequest, SensorResult, SkipReason
from cellmill.errors import CheckError, InvariantViolationError
from cellmill.instance.wire import loads
from cellmill.planning.event import Event, EventType, LogMessageData

T = TypeVar("T")

MAX_RUNTIME_SECONDS_TAG = "dagster/max_runtime"
AssetOrCheckKey: TypeAlias = AssetKey | AssetCheckKey
_SensorAnswer: TypeAlias = SkipReason | RunRequest | SensorResult
SensorReturnTypesUnion: TypeAlias = Iterator[_SensorAnswer] | Sequence[RunRequest] | _SensorAnswer | None


class _MakesEvents(type):
    """The type of names that stand for `Event`: every event is one of theirs, and to call them makes an event."""

    def __instancecheck__(cls, value: object) -> bool:
        return builtins.isinstance(value, Event)

    def __getattr__(cls, name: str) -> Any:
        return getattr(Event, name)


class DagsterEvent(metaclass=_MakesEvents):
    """An event, made by the arguments that Dagster's takes."""

    def __new__(
        cls,
        event_type_value: str,
        job_name: str,
        step_handle: Any = None,
        node_handle: Any = None,
        step_kind_value: str | None = None,
        logging_tags: Mapping[str, str] | None = None,
        event_specific_data: Any = None,
        message: str | None = None,
        pid: int | None = None,
        step_key: str | None = None,
    ) -> Any:
        """Return the event."""
        return Event(
            type=EventType(event_type_value),
            run_id="",
            timestamp=time.time(),
            step_key=step_key or (None if step_handle is None else step_handle.to_key()),
            message=message,
            data=event_specific_data,
            job_name=job_name,
        )


class EventLogEntry(metaclass=_MakesEvents):
    """An entry of the log, made by the arguments that Dagster's takes: an event, or a message of user code."""

    def __new__(
        cls,
        error_info: Any,
        level: str | int,
        user_message: str,
        run_id: str,
        timestamp: float,
        step_key: str | None = None,
        job_name: str | None = None,
        dagster_event: Any = None,
    ) -> Any:
        """Return the event."""
        number = level_number(level)
        if dagster_event is None:
            data = None if error_info is None else LogMessageData({}, error=error_info)
            return Event(
                EventType.LOG, run_id, timestamp, step_key, user_message, number, data=data, job_name=job_name or ""
            )
        return replace(
            dagster_event,
            run_id=run_id,
            timestamp=timestamp,
            level=number,
            step_key=step_key or dagster_event.step_key,
            job_name=job_name or dagster_event.job_name,
            message=dagster_event.message or user_message,
        )


class ConfigSchema:
    """Stands in annotations for all that `config_schema` takes; not to be made."""

    def __init__(self) -> None:
        raise CheckError("ConfigSchema is only for annotations; write a schema as Field, type or dictionary.")


class BindResourcesToJobs(list[Any]):
    """Jobs that get the resources of their `Definitions`; every job does now, so a plain list is as good."""


class MetadataEntry:
    """A label with a metadata value; a dictionary from label to value has taken its place."""

    def __init__(self, label: str, description: str | None = None, entry_data: Any = None, value: Any = None) -> None:
        if (entry_data is None) == (value is None):
            raise CheckError("A MetadataEntry has either entry_data or value.")
        self.label = label
        self.description = description
        self.entry_data: MetadataValue[Any] = normalize_metadata_value(value if value is not None else entry_data)

    @property
    def value(self) -> MetadataValue[Any]:
        """The value."""
        return self.entry_data


@dataclass(frozen=True)
class PaginatedResults(Generic[T]):
    """A page of results and the cursor behind it."""

    results: Sequence[T]
    cursor: str
    has_more: bool


def _named(kind: str, name: str, found: Sequence[Any]) -> Any:
    for each in found:
        if each.name == name:
            return each
    raise InvariantViolationError(f"Could not find {kind} {name!r}; there are {[each.name for each in found]}.")


class RepositoryData:
    """The definitions of a repository, made when they are asked for."""

    def get_job(self, job_name: str) -> Any:
        """Return the job of this name."""
        return _named("job", job_name, self.get_all_jobs())

    def get_job_names(self) -> Sequence[str]:
        """Return the names of the jobs."""
        return [each.name for each in self.get_all_jobs()]

    def has_job(self, job_name: str) -> bool:
        """Return whether there is a job of this name."""
        return job_name in self.get_job_names()

    def get_schedule(self, schedule_name: str) -> Any:
        """Return the schedule of this name."""
        return _named("schedule", schedule_name, self.get_all_schedules())

    def get_schedule_names(self) -> Sequence[str]:
        """Return the names of the schedules."""
        return [each.name for each in self.get_all_schedules()]

    def has_schedule(self, schedule_name: str) -> bool:
        """Return whether there is a schedule of this name."""
        return schedule_name in self.get_schedule_names()

    def get_sensor(self, sensor_name: str) -> Any:
        """Return the sensor of this name."""
        return _named("sensor", sensor_name, self.get_all_sensors())

    def get_sensor_names(self) -> Sequence[str]:
        """Return the names of the sensors."""
        return [each.name for each in self.get_all_sensors()]

    def has_sensor(self, sensor_name: str) -> bool:
        """Return whether there is a sensor of this name."""
        return sensor_name in self.get_sensor_names()

    def get_asset_checks_defs_by_key(self) -> Mapping[AssetCheckKey, Any]:
        """Return the definition of each check."""
        return {}

    def get_all_jobs(self) -> Sequence[Any]:
        """Return the jobs."""
        return []

    def get_all_schedules(self) -> Sequence[Any]:
        """Return the schedules."""
        return []

    def get_all_sensors(self) -> Sequence[Any]:
        """Return the sensors."""
        return []

    def get_assets_defs_by_key(self) -> Mapping[AssetKey, Any]:
        """Return the definition of each asset."""
        return {}

    def get_source_assets_by_key(self) -> Mapping[AssetKey, Any]:
        """Return the definition of each asset that is only loaded or watched."""
        return {}

    def get_top_level_resources(self) -> Mapping[str, Any]:
        """Return the resources."""
        return {}


def deserialize_value(val: str, as_type: type[Any] | tuple[type[Any], ...] | None = None) -> Any:
    """Return the value that `serialize_value` wrote; an error where it is of another type than `as_type`."""
    if not isinstance(val, str):
        raise CheckError(f"A serialized value is a string, not {val!r}.")
    value = loads(val)
    if as_type is not None and not builtins.isinstance(value, as_type):
        raise DeserializationError(f"Deserialized object was not expected type {as_type}, got {type(value)}.")
    return value


class DeserializationError(ValueError):
    """A text does not hold a value of the type that was asked for."""


def create_repository_using_definitions_args(
    name: str,
    assets: Any = None,
    schedules: Any = None,
    sensors: Any = None,
    jobs: Any = None,
    resources: Mapping[str, Any] | None = None,
    executor: Any = None,
    loggers: Mapping[str, Any] | None = None,
    asset_checks: Any = None,
    metadata: Mapping[str, Any] | None = None,
) -> Repository:
    """Return the repository of `Definitions` with these arguments, under a name of its own."""
    make: Callable[..., Definitions] = Definitions
    defs = make(
        assets=assets,
        schedules=schedules,
        sensors=sensors,
        jobs=jobs,
        resources=resources,
        executor=executor,
        loggers=loggers,
        asset_checks=asset_checks,
        metadata=metadata,
    )
    return Repository(defs, name)
