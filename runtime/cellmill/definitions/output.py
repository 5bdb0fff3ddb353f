"""Values of outputs as user code hands them over: `Output`, `DynamicOutput`, and the version of their data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cellmill.definitions.tags import checked_tags
from cellmill.errors import CheckError, InvalidDefinitionError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import metadata_mapping
else:
    metadata_mapping = on_first_use("cellmill.definitions.metadata_mapping")

DEFAULT_OUTPUT = "result"

#: No metadata, no tags.
EMPTY: Mapping[str, Any] = {}

#: Tags of materializations that carry versions, under Dagster's names.
DATA_VERSION_TAG = "dagster/data_version"
CODE_VERSION_TAG = "dagster/code_version"
INPUT_DATA_VERSION_TAG_PREFIX = "dagster/input_data_version"
INPUT_EVENT_POINTER_TAG_PREFIX = "dagster/input_event_pointer"
DATA_VERSION_IS_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"

_MAPPING_KEY = re.compile(r"[A-Za-z0-9_]+")


def normalized(metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return `metadata` with every value as a metadata value."""
    if not metadata:
        return EMPTY
    return metadata_mapping.normalize_metadata(metadata)


def event_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return tags of an output or event, checked."""
    return checked_tags(tags, "an event")


def checked_metadata(metadata: Mapping[str, Any] | None, what: str) -> Mapping[str, Any]:
    """Return `metadata` of `what` with every value as a metadata value; None is no metadata."""
    if metadata is None:
        return EMPTY
    if not isinstance(metadata, Mapping):
        raise CheckError(f"metadata of {what} is a mapping from str; got {type(metadata).__name__}.")
    return normalized(metadata)


class _NoValue:
    """Stands for "no value was given" where None is a value."""

    def __repr__(self) -> str:
        return "NO_VALUE"

    def __reduce__(self) -> str:
        return "NO_VALUE"

    def __bool__(self) -> bool:
        return False


NO_VALUE = _NoValue()


@dataclass(frozen=True, slots=True)
class DataVersion:
    """The version of an asset's data, as its maker names it.

    Materializations with equal versions count as the same data: nothing downstream becomes stale.

    Args:
        value: The version: any text, such as a hash of the data or the time of a file's last change.
    """

    value: str

    def __post_init__(self) -> None:
        if not isinstance(self.value, str):
            raise CheckError(f"A DataVersion is a str; got {self.value!r} of type {type(self.value).__name__}.")


DEFAULT_DATA_VERSION = DataVersion("INITIAL")
UNKNOWN_DATA_VERSION = DataVersion("UNKNOWN")
NULL_DATA_VERSION = DataVersion("NULL")


@dataclass(frozen=True, slots=True)
class DataVersionsByPartition:
    """The data version of each partition of an observed asset; an observing function returns it.

    Args:
        data_versions_by_partition: By partition key, the version: a `DataVersion` or its text.
    """

    data_versions_by_partition: Mapping[str, DataVersion]

    def __init__(self, data_versions_by_partition: Mapping[str, str | DataVersion]) -> None:
        versions = {
            key: value if isinstance(value, DataVersion) else DataVersion(value)
            for key, value in data_versions_by_partition.items()
        }
        object.__setattr__(self, "data_versions_by_partition", versions)


class Output:
    """A value of one output, with what is known about it; functions of ops and assets return or yield it.

    `Output[int]` as the return annotation says that the value within is an int.

    Args:
        value: The value, which the output's IO manager stores.
        output_name: Which output it is, where there are several; `result` is the only one's name.
        metadata: What is known of this value, by name: plain values or `MetadataValue`s.
        data_version: Version of the data; None takes the hash of what is stored, or, where equal values may be stored
            as different bytes, a hash of the code version and of the versions of the inputs.
        tags: Tags of the materialization, where the output is an asset.
        metadata_entries: Taken from older code and not used; give `metadata`.
    """

    __slots__ = ("data_version", "metadata", "output_name", "tags", "value")

    def __init__(
        self,
        value: Any,
        output_name: str | None = DEFAULT_OUTPUT,
        metadata: Mapping[str, Any] | None = None,
        data_version: DataVersion | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        metadata_entries: object = None,
    ) -> None:
        if output_name is not None and not isinstance(output_name, str):
            raise CheckError(f"output_name of an Output is a str; got {type(output_name).__name__}.")
        if data_version is not None and not isinstance(data_version, DataVersion):
            raise CheckError(f"data_version of an Output is a DataVersion; got {type(data_version).__name__}.")
        self.value = value
        self.output_name = output_name
        self.metadata = normalized(metadata) if metadata else EMPTY
        self.data_version = data_version
        self.tags = event_tags(tags) if tags else None

    def __class_getitem__(cls, item: Any) -> Any:
        return Annotated[item, OutputMarker]

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> Output:
        """Return the same output with other metadata.

        Args:
            metadata: What is known of the value from now on, instead of what was.
        """
        return Output(self.value, self.output_name, metadata, self.data_version, tags=self.tags)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Output)
            and self.value == other.value
            and self.output_name == other.output_name
            and self.metadata == other.metadata
            and self.data_version == other.data_version
            and self.tags == other.tags
        )

    def __repr__(self) -> str:
        return f"Output(value={self.value!r}, output_name={self.output_name!r}, metadata={dict(self.metadata)!r})"


class DynamicOutput:
    """One of any number of values of a dynamic output, with its key.

    Args:
        value: The value, which the output's IO manager stores.
        mapping_key: What tells this value from the others of the output: letters, digits and `_`. Steps that are mapped
            over it carry it in brackets.
        output_name: Which output it is, where there are several; `result` is the only one's name.
        metadata: What is known of this value, by name.
        metadata_entries: Taken from older code and not used; give `metadata`.

    Raises:
        InvalidDefinitionError: where the mapping key has other characters.
    """

    __slots__ = ("data_version", "mapping_key", "metadata", "output_name", "tags", "value")

    def __init__(
        self,
        value: Any,
        mapping_key: str,
        output_name: str | None = DEFAULT_OUTPUT,
        metadata: Mapping[str, Any] | None = None,
        metadata_entries: object = None,
    ) -> None:
        if not isinstance(mapping_key, str):
            raise CheckError(f"A mapping key is a str; got {mapping_key!r} of type {type(mapping_key).__name__}.")
        if not _MAPPING_KEY.fullmatch(mapping_key):
            raise InvalidDefinitionError(
                f'"{mapping_key}" is not a valid mapping key. It must match the regex ^[A-Za-z0-9_]+$, so that step '
                "keys and files can be named after it."
            )
        self.value = value
        self.mapping_key = mapping_key
        self.output_name = output_name
        self.metadata = normalized(metadata) if metadata else EMPTY
        self.data_version: DataVersion | None = None
        self.tags: Mapping[str, str] | None = None

    def __class_getitem__(cls, item: Any) -> Any:
        return Annotated[item, DynamicOutputMarker]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DynamicOutput)
            and self.value == other.value
            and self.output_name == other.output_name
            and self.mapping_key == other.mapping_key
            and self.metadata == other.metadata
        )

    def __repr__(self) -> str:
        return (
            f"DynamicOutput(value={self.value!r}, mapping_key={self.mapping_key!r}, output_name={self.output_name!r})"
        )


class OutputMarker:
    """Marks the annotation ``Output[T]``."""


class DynamicOutputMarker:
    """Marks the annotation ``DynamicOutput[T]``."""
