"""Sets of partitions: keys where there is no order to use, ranges of windows where time gives one."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from cellmill.definitions.partitions.key import PartitionKeyRange
from cellmill.errors import InvalidSerializedSubsetError

_VERSION = 1


class KeysInOrder(Protocol):
    """What a subset asks of the `PartitionsDefinition` that it is of."""

    def get_partition_keys(self, *args: Any, **kwargs: Any) -> Sequence[str]:
        """All keys that exist, in order."""

    def get_partition_keys_in_range(self, partition_key_range: PartitionKeyRange) -> Sequence[str]:
        """The keys from the range's start to its end, both included."""


class PartitionsSubset(ABC):
    """A set of partition keys that supports `|`, `&`, `-`, `in`, `len` and serialisation."""

    @abstractmethod
    def get_partition_keys(self) -> Iterable[str]:
        """The keys of the subset."""

    @abstractmethod
    def with_partition_keys(self, partition_keys: Iterable[str]) -> PartitionsSubset:
        """The subset with these keys added.

        Args:
            partition_keys: The keys to add.
        """

    @abstractmethod
    def serialize(self) -> str:
        """The subset as JSON text."""

    @abstractmethod
    def deserialized(self, serialized: str) -> PartitionsSubset:
        """The subset of the same definition that `serialize` wrote.

        Args:
            serialized: The text.

        Raises:
            InvalidSerializedSubsetError: for text of another form.
        """

    @abstractmethod
    def __or__(self, other: PartitionsSubset) -> PartitionsSubset: ...

    @abstractmethod
    def __and__(self, other: PartitionsSubset) -> PartitionsSubset: ...

    @abstractmethod
    def __sub__(self, other: PartitionsSubset) -> PartitionsSubset: ...

    @abstractmethod
    def __contains__(self, value: object) -> bool: ...

    @abstractmethod
    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[str]:
        return iter(self.get_partition_keys())

    @property
    def is_empty(self) -> bool:
        """Whether no key is in it."""
        return len(self) == 0

    @abstractmethod
    def empty_subset(self) -> PartitionsSubset:
        """The empty subset of the same kind."""

    def get_partition_keys_not_in_subset(self, partitions_def: KeysInOrder, *args: Any, **kwargs: Any) -> Iterable[str]:
        """The keys of the definition that are not in the subset.

        Args:
            partitions_def: The definition that the subset is of.
            args: As of its `get_partition_keys`: the moment, and the store of dynamic keys.
            kwargs: The same by name.
        """
        return [key for key in partitions_def.get_partition_keys(*args, **kwargs) if key not in self]

    def get_partition_key_ranges(
        self, partitions_def: KeysInOrder, *args: Any, **kwargs: Any
    ) -> Sequence[PartitionKeyRange]:
        """The subset as ranges of neighbouring keys of the definition.

        Args:
            partitions_def: The definition that the subset is of.
            args: As of its `get_partition_keys`: the moment, and the store of dynamic keys.
            kwargs: The same by name.
        """
        return key_ranges(partitions_def.get_partition_keys(*args, **kwargs), self)

    def with_partition_key_range(self, partitions_def: KeysInOrder, key_range: PartitionKeyRange) -> PartitionsSubset:
        """The subset with the keys of a range added.

        Args:
            partitions_def: The definition that the subset is of.
            key_range: The first and the last key.
        """
        return self.with_partition_keys(partitions_def.get_partition_keys_in_range(key_range))

    def with_partition_key_ranges(
        self, partitions_def: KeysInOrder, key_ranges: Iterable[PartitionKeyRange]
    ) -> PartitionsSubset:
        """The subset with the keys of some ranges added.

        Args:
            partitions_def: The definition that the subset is of.
            key_ranges: The ranges, each of a first and a last key.
        """
        found: PartitionsSubset = self
        for key_range in key_ranges:
            found = found.with_partition_key_range(partitions_def, key_range)
        return found

    def can_deserialize(self, serialized: str) -> bool:
        """Whether `deserialized` accepts a text.

        Args:
            serialized: The text.
        """
        try:
            self.deserialized(serialized)
        except (InvalidSerializedSubsetError, ValueError):
            return False
        return True


def key_ranges(ordered: Sequence[str], wanted: Any) -> list[PartitionKeyRange]:
    """The keys that are wanted as ranges of neighbours in `ordered`."""
    found: list[PartitionKeyRange] = []
    start: str | None = None
    previous = ""
    for key in ordered:
        if key in wanted:
            start = key if start is None else start
            previous = key
        elif start is not None:
            found.append(PartitionKeyRange(start, previous))
            start = None
    if start is not None:
        found.append(PartitionKeyRange(start, previous))
    return found


class KeysSubset(PartitionsSubset):
    """A subset that is a set of keys; Dagster's `DefaultPartitionsSubset`.

    Args:
        subset: The keys; None is empty.
    """

    __slots__ = ("subset",)

    def __init__(self, subset: Iterable[str] | None = None) -> None:
        self.subset: frozenset[str] = frozenset(subset or ())

    def get_partition_keys(self) -> Iterable[str]:
        return self.subset

    def with_partition_keys(self, partition_keys: Iterable[str]) -> KeysSubset:
        return KeysSubset(self.subset.union(partition_keys))

    def empty_subset(self) -> KeysSubset:
        return KeysSubset()

    def serialize(self) -> str:
        return json.dumps({"version": _VERSION, "subset": sorted(self.subset)})

    def deserialized(self, serialized: str) -> KeysSubset:
        data = json.loads(serialized)
        if isinstance(data, list):
            return KeysSubset(data)
        if not isinstance(data, dict) or data.get("version") != _VERSION or "subset" not in data:
            raise InvalidSerializedSubsetError(f"Not a set of partition keys: {serialized[:80]!r}")
        return KeysSubset(data["subset"])

    def __or__(self, other: PartitionsSubset) -> PartitionsSubset:
        return KeysSubset(self.subset.union(other.get_partition_keys()))

    def __and__(self, other: PartitionsSubset) -> PartitionsSubset:
        return KeysSubset(key for key in self.subset if key in other)

    def __sub__(self, other: PartitionsSubset) -> PartitionsSubset:
        return KeysSubset(key for key in self.subset if key not in other)

    def __contains__(self, value: object) -> bool:
        return value in self.subset

    def __len__(self) -> int:
        return len(self.subset)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeysSubset) and self.subset == other.subset

    def __hash__(self) -> int:
        return hash(self.subset)

    def __repr__(self) -> str:
        return f"KeysSubset({sorted(self.subset)})"


DefaultPartitionsSubset = KeysSubset
