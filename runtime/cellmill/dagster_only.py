"""What Dagster has names for and cellmill itself has none: kept so that code written for Dagster finds them."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.code_location import Definitions, Repository
from cellmill.definitions.metadata import MetadataValue
from cellmill.definitions.metadata_mapping import normalize_metadata_value
from cellmill.errors import CheckError
from cellmill.instance.wire import loads

T = TypeVar("T")

MAX_RUNTIME_SECONDS_TAG = "dagster/max_runtime"
AssetOrCheckKey: TypeAlias = AssetKey | AssetCheckKey


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


class RepositoryData:
    """The definitions of a repository, made when they are asked for."""

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
