"""Partitions in two dimensions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from cellmill.definitions.partitions.definition import (
    DynamicPartitionsDefinition,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from cellmill.definitions.partitions.key import (
    DIMENSION_DELIMITER,
    INVALID_SUBSTRINGS,
    MULTIDIMENSIONAL_PREFIX,
    PARTITION_NAME_TAG,
    MultiPartitionKey,
    PartitionDimensionKey,
    PartitionKeyRange,
    TimeWindow,
)
from cellmill.definitions.partitions.loading import DynamicPartitionsStore
from cellmill.definitions.partitions.subset import KeysSubset
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.errors import CheckError, InvalidDefinitionError, InvalidInvocationError, UnknownPartitionError


class PartitionDimensionDefinition(NamedTuple):
    """A dimension: its name and its partitions.

    Args:
        name: Name of the dimension.
        partitions_def: Its partitions.
    """

    name: str
    partitions_def: PartitionsDefinition


class MultiPartitionsSubset(KeysSubset):
    """A subset of multi-partition keys."""

    __slots__ = ("partitions_def",)

    def __init__(self, partitions_def: MultiPartitionsDefinition, subset: Iterable[str] | None = None) -> None:
        self.partitions_def = partitions_def
        super().__init__(partitions_def.get_partition_key_from_str(key) for key in subset or ())

    def with_partition_keys(self, partition_keys: Iterable[str]) -> KeysSubset:
        return MultiPartitionsSubset(self.partitions_def, self.subset.union(partition_keys))

    def empty_subset(self) -> KeysSubset:
        return MultiPartitionsSubset(self.partitions_def)

    def deserialized(self, serialized: str) -> KeysSubset:
        return MultiPartitionsSubset(self.partitions_def, super().deserialized(serialized).subset)


#: What stands between the parts of a key, and between the keys of a list.
_OF_SEVERAL_KEYS = (DIMENSION_DELIMITER, "[", "]", ",")


def _checked_dimensions(partitions_defs: Mapping[str, PartitionsDefinition]) -> None:
    if len(partitions_defs) != 2:
        raise InvalidInvocationError(
            "Multi-partitions definitions have two dimensions. Your multi-partitions definition has "
            f"{len(partitions_defs)}: {', '.join(map(repr, partitions_defs)) or 'none'}."
        )
    for name, dimension in partitions_defs.items():
        if not isinstance(dimension, PartitionsDefinition):
            raise InvalidDefinitionError(f"The dimension {name!r} is {dimension!r}; give it a partitions definition")
        if isinstance(dimension, DynamicPartitionsDefinition) and dimension.name is None:
            raise InvalidDefinitionError(
                f"DynamicPartitionsDefinition must have a name to be used in a MultiPartitionsDefinition "
                f"(dimension {name!r})."
            )
        if isinstance(dimension, MultiPartitionsDefinition):
            raise InvalidDefinitionError(f"The dimension {name!r} is itself multi-partitioned, which is not possible.")
        if isinstance(dimension, StaticPartitionsDefinition):
            wrong = [key for key in dimension.get_partition_keys() if any(one in key for one in _OF_SEVERAL_KEYS)]
            if wrong:
                raise InvalidDefinitionError(
                    f"Invalid character(s) in the partition keys {wrong} of the dimension {name!r}: "
                    f"{' '.join(_OF_SEVERAL_KEYS)} separate dimensions and keys"
                )
        if any(part in name for part in (*INVALID_SUBSTRINGS, DIMENSION_DELIMITER)):
            raise InvalidDefinitionError(f"The dimension name {name!r} contains a character that keys may not contain")


class MultiPartitionsDefinition(PartitionsDefinition):
    """The product of two partitions definitions, with keys such as `a|2024-01-01`.

    The parts of a key stand in the alphabetical order of the dimensions' names, however they were given. At most one
    dimension should be windows of time: it then orders the partitions.

    >>> from cellmill import MultiPartitionsDefinition, StaticPartitionsDefinition
    >>> both = {"size": StaticPartitionsDefinition(["s", "l"]), "colour": StaticPartitionsDefinition(["red"])}
    >>> MultiPartitionsDefinition(both).get_partition_keys()
    ['red|s', 'red|l']

    Args:
        partitions_defs: The two definitions by the names of their dimensions.

    Raises:
        InvalidInvocationError: for any other number of dimensions than two.
        InvalidDefinitionError: for a dimension that is multi-partitioned itself or dynamic without a name, and for `|`
            in a key.
    """

    def __init__(self, partitions_defs: Mapping[str, PartitionsDefinition]) -> None:
        _checked_dimensions(partitions_defs)
        self._dimensions = tuple(
            PartitionDimensionDefinition(name, partitions_defs[name]) for name in sorted(partitions_defs)
        )

    @property
    def partitions_defs(self) -> Sequence[PartitionDimensionDefinition]:
        """The dimensions in the order of their names."""
        return list(self._dimensions)

    @property
    def partition_dimension_names(self) -> list[str]:
        """The names of the dimensions in order."""
        return [dimension.name for dimension in self._dimensions]

    def get_partitions_def_for_dimension(self, dimension_name: str) -> PartitionsDefinition:
        """The partitions of one dimension.

        Args:
            dimension_name: Its name.

        Raises:
            CheckError: for a name that no dimension has.
        """
        for dimension in self._dimensions:
            if dimension.name == dimension_name:
                return dimension.partitions_def
        raise CheckError(
            f"Invalid dimension name {dimension_name!r}; the dimensions are {self.partition_dimension_names}"
        )

    @property
    def time_window_dimension(self) -> PartitionDimensionDefinition:
        """The dimension that is made of time windows."""
        found = [
            dimension
            for dimension in self._dimensions
            if isinstance(dimension.partitions_def, TimeWindowPartitionsDefinition)
        ]
        if len(found) != 1:
            raise CheckError(
                f"Expected exactly one dimension of time windows, found {len(found)} in "
                f"{self.partition_dimension_names}"
            )
        return found[0]

    @property
    def has_time_window_dimension(self) -> bool:
        """Whether exactly one dimension is made of time windows."""
        return (
            sum(isinstance(dimension.partitions_def, TimeWindowPartitionsDefinition) for dimension in self._dimensions)
            == 1
        )

    @property
    def time_window_partitions_def(self) -> TimeWindowPartitionsDefinition:
        """The partitions of the dimension that is made of time windows."""
        definition = self.time_window_dimension.partitions_def
        assert isinstance(definition, TimeWindowPartitionsDefinition)
        return definition

    @property
    def primary_dimension(self) -> PartitionDimensionDefinition:
        """The dimension of time windows if there is one, else the first."""
        return self.time_window_dimension if self.has_time_window_dimension else self._dimensions[0]

    @property
    def secondary_dimension(self) -> PartitionDimensionDefinition:
        """The dimension that is not the primary one."""
        primary = self.primary_dimension
        return next(dimension for dimension in self._dimensions if dimension is not primary)

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[MultiPartitionKey]:
        lists = (
            dimension.partitions_def.get_partition_keys(current_time, dynamic_partitions_store)
            for dimension in self._dimensions
        )
        names = self.partition_dimension_names
        return [MultiPartitionKey(dict(zip(names, keys, strict=True))) for keys in itertools.product(*lists)]

    def get_num_partitions(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> int:
        count = 1
        for dimension in self._dimensions:
            count *= dimension.partitions_def.get_num_partitions(current_time, dynamic_partitions_store)
        return count

    def _split(self, partition_key: str) -> MultiPartitionKey | None:
        if isinstance(partition_key, MultiPartitionKey):
            return partition_key if sorted(partition_key.keys_by_dimension) == self.partition_dimension_names else None
        parts = partition_key.split(DIMENSION_DELIMITER)
        if len(parts) != len(self._dimensions):
            return None
        return MultiPartitionKey(dict(zip(self.partition_dimension_names, parts, strict=True)))

    def is_valid_key_format(self, partition_key: str) -> bool:
        """Whether a text has one part per dimension.

        Args:
            partition_key: The text.
        """
        return self._split(partition_key) is not None

    def get_partition_key_from_str(self, partition_key_str: str) -> MultiPartitionKey:
        """The key with its parts.

        Args:
            partition_key_str: The parts in the order of the dimensions' names, with `|` between them.

        Raises:
            CheckError: for text without one part per dimension.
        """
        key = self._split(partition_key_str)
        if key is None:
            raise CheckError(
                f"Expected {len(self._dimensions)} partition keys in partition key string {partition_key_str}, but got "
                f"{len(partition_key_str.split(DIMENSION_DELIMITER))}; write it as "
                f"{DIMENSION_DELIMITER.join(self.partition_dimension_names)}"
            )
        return key

    def has_partition_key(
        self,
        partition_key: str,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> bool:
        if isinstance(partition_key, MultiPartitionKey) and self._split(partition_key) is None:
            raise UnknownPartitionError(
                f"Invalid partition key {partition_key}. The dimensions of the partition key are not the "
                f"dimensions of the partitions definition."
            )
        key = self._split(partition_key)
        return key is not None and all(
            dimension.partitions_def.has_partition_key(
                key.keys_by_dimension[dimension.name], current_time, dynamic_partitions_store
            )
            for dimension in self._dimensions
        )

    def get_partition_keys_in_range(
        self, partition_key_range: PartitionKeyRange, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[str]:
        start, end = (self.get_partition_key_from_str(key) for key in partition_key_range)
        lists = [
            dimension.partitions_def.get_partition_keys_in_range(
                PartitionKeyRange(start.keys_by_dimension[dimension.name], end.keys_by_dimension[dimension.name]),
                dynamic_partitions_store,
            )
            for dimension in self._dimensions
        ]
        names = self.partition_dimension_names
        return [MultiPartitionKey(dict(zip(names, keys, strict=True))) for keys in itertools.product(*lists)]

    def get_multipartition_keys_with_dimension_value(
        self,
        dimension_name: str,
        dimension_partition_key: str,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
        current_time: datetime | None = None,
    ) -> Sequence[MultiPartitionKey]:
        """All keys with a part in one dimension.

        Args:
            dimension_name: Name of the dimension.
            dimension_partition_key: The part.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.
            current_time: The moment for which partitions are listed; None means now.
        """
        return self.get_multipartition_keys_with_dimension_values(
            dimension_name, [dimension_partition_key], dynamic_partitions_store, current_time
        )

    def get_multipartition_keys_with_dimension_values(
        self,
        dimension_name: str,
        dimension_partition_keys: Sequence[str],
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
        current_time: datetime | None = None,
    ) -> Sequence[MultiPartitionKey]:
        """All keys with one of several parts in one dimension.

        Args:
            dimension_name: Name of the dimension.
            dimension_partition_keys: The parts.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.
            current_time: The moment for which partitions are listed; None means now.
        """
        self.get_partitions_def_for_dimension(dimension_name)
        lists = [
            dimension_partition_keys
            if dimension.name == dimension_name
            else dimension.partitions_def.get_partition_keys(current_time, dynamic_partitions_store)
            for dimension in self._dimensions
        ]
        names = self.partition_dimension_names
        return [MultiPartitionKey(dict(zip(names, keys, strict=True))) for keys in itertools.product(*lists)]

    def time_window_for_partition_key(self, partition_key: str) -> TimeWindow:
        """The window of a key's part in the dimension of time windows.

        Args:
            partition_key: The key.
        """
        key = self.get_partition_key_from_str(partition_key)
        return self.time_window_partitions_def.time_window_for_partition_key(
            key.keys_by_dimension[self.time_window_dimension.name]
        )

    def get_tags_for_partition_key(self, partition_key: str) -> Mapping[str, str]:
        return multipartition_tags(self.get_partition_key_from_str(partition_key))

    def validate_partition_definition(self) -> None:
        for dimension in self._dimensions:
            dimension.partitions_def.validate_partition_definition()

    def empty_subset(self) -> MultiPartitionsSubset:
        return MultiPartitionsSubset(self)

    def get_serializable_unique_identifier(self, dynamic_partitions_store: DynamicPartitionsStore | None = None) -> str:
        return " ".join(
            dimension.partitions_def.get_serializable_unique_identifier(dynamic_partitions_store)
            for dimension in self._dimensions
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MultiPartitionsDefinition) and self._dimensions == other._dimensions

    def __hash__(self) -> int:
        return hash(self._dimensions)

    def __str__(self) -> str:
        lines = (f"{dimension.name.capitalize()}: {dimension.partitions_def}" for dimension in self._dimensions)
        return "Multi-partitioned, with dimensions: \n" + " \n".join(lines)

    def __repr__(self) -> str:
        return f"MultiPartitionsDefinition({dict(self._dimensions)})"


def multipartition_tags(key: MultiPartitionKey) -> dict[str, str]:
    """The tags of a run that makes this partition: one per dimension and the whole key."""
    tags = {f"{MULTIDIMENSIONAL_PREFIX}{name}": part for name, part in key.dimension_keys}
    return {**tags, PARTITION_NAME_TAG: str(key)}


__all__ = ["MultiPartitionKey", "MultiPartitionsDefinition", "PartitionDimensionDefinition", "PartitionDimensionKey"]
