"""Partition keys, ranges of them, and windows of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from cellmill.errors import InvalidDefinitionError

#: Parts that a key may not contain, because keys are written as `a...b` ranges and one to a line.
INVALID_SUBSTRINGS = ("...", "\a", "\b", "\f", "\n", "\r", "\t", "\v", "\0")
#: Between the dimensions of a multi-partition key.
DIMENSION_DELIMITER = "|"
#: Tags of a run that say which partition it makes.
PARTITION_NAME_TAG = "dagster/partition"
PARTITION_SET_TAG = "dagster/partition_set"
MULTIDIMENSIONAL_PREFIX = "dagster/partition/"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


class PartitionKeyRange(NamedTuple):
    """A range of partition keys, both ends included.

    Args:
        start: The first key.
        end: The last key.
    """

    start: str
    end: str


class TimeWindow(NamedTuple):
    """A half-open span of time: `start` belongs to it, `end` does not.

    Args:
        start: When it begins, with a time zone.
        end: When it ends, with a time zone.
    """

    start: datetime
    end: datetime

    @property
    def is_empty(self) -> bool:
        """Whether the window holds no time at all."""
        return self.start == self.end


class TimestampWithTimezone(NamedTuple):
    """An instant and the zone in which it is shown.

    Args:
        timestamp: Seconds since 1970.
        timezone: IANA name of the zone.
    """

    timestamp: float
    timezone: str


class PartitionDimensionKey(NamedTuple):
    """The key in one dimension of a multi-partition key.

    Args:
        dimension_name: Name of the dimension.
        partition_key: The key in it.
    """

    dimension_name: str
    partition_key: str


class MultiPartitionKey(str):
    """A key with one part per dimension, written `a|2024-01-01` in the alphabetical order of the dimensions' names.

    It is text, and can be used wherever a key is.

    Args:
        keys_by_dimension: The parts by the names of their dimensions.
    """

    dimension_keys: list[PartitionDimensionKey]

    def __new__(cls, keys_by_dimension: Mapping[str, str]) -> MultiPartitionKey:
        ordered = [PartitionDimensionKey(name, keys_by_dimension[name]) for name in sorted(keys_by_dimension)]
        self = super().__new__(cls, DIMENSION_DELIMITER.join(key.partition_key for key in ordered))
        self.dimension_keys = ordered
        return self

    def __reduce__(self) -> tuple[type[MultiPartitionKey], tuple[dict[str, str]]]:
        return type(self), (self.keys_by_dimension,)

    @property
    def keys_by_dimension(self) -> dict[str, str]:
        """Mapping of dimension name to the key in that dimension."""
        return {key.dimension_name: key.partition_key for key in self.dimension_keys}


class Partition:
    """A value with the name of its partition, as the functions of old partitioned configs receive it.

    Args:
        value: What the partition stands for.
        name: Its key; None takes the value as text.
    """

    __slots__ = ("name", "value")

    def __init__(self, value: Any, name: str | None = None) -> None:
        self.value = value
        self.name = name or str(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Partition) and self.value == other.value and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Partition(value={self.value!r}, name={self.name!r})"


def check_key_text(keys: Sequence[str]) -> None:
    """Nothing, if all keys may be partition keys.

    Args:
        keys: The keys.

    Raises:
        InvalidDefinitionError: that names the key and the part that is not allowed.
    """
    for key in keys:
        if not isinstance(key, str):
            raise InvalidDefinitionError(
                f"A partition key is text; {key!r} is {type(key).__name__}: write {str(key)!r}"
            )
        for part in INVALID_SUBSTRINGS:
            if part in key:
                raise InvalidDefinitionError(
                    f"The partition key {key!r} contains {part!r}, which is not allowed to be in a key"
                )
