"""What all partitions definitions offer, and the definitions whose keys are simply listed."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cellmill.definitions.partitions.key import PARTITION_NAME_TAG, Partition, PartitionKeyRange, check_key_text
from cellmill.definitions.partitions.loading import (
    DynamicPartitionsStore,
    PartitionLoadingContext,
    dynamic_store,
    effective_time,
)
from cellmill.definitions.partitions.pages import PaginatedResults, page_of
from cellmill.definitions.partitions.requests import AddDynamicPartitionsRequest, DeleteDynamicPartitionsRequest
from cellmill.definitions.partitions.right_key import right_key
from cellmill.definitions.partitions.subset import KeysSubset, PartitionsSubset
from cellmill.errors import InvalidDefinitionError, InvalidInvocationError, UnknownPartitionError


class PartitionsDefinition(ABC):
    """The set of keys into which an asset or a job is cut."""

    @abstractmethod
    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[str]:
        """All keys that exist, in order.

        Args:
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.

        Raises:
            InvalidInvocationError: where dynamic partitions have no store to ask.
        """

    def get_first_partition_key(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> str | None:
        """The first key, or None while there is none.

        Args:
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.
        """
        keys = self.get_partition_keys(current_time, dynamic_partitions_store)
        return keys[0] if keys else None

    def get_last_partition_key(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> str | None:
        """The last key, or None while there is none.

        Args:
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.
        """
        keys = self.get_partition_keys(current_time, dynamic_partitions_store)
        return keys[-1] if keys else None

    def get_paginated_partition_keys(
        self, context: PartitionLoadingContext, limit: int, ascending: bool, cursor: str | None = None
    ) -> PaginatedResults:
        """Some of the keys, and the cursor that asks for those behind them.

        Args:
            context: The moment for which partitions are listed, and where keys of dynamic ones are kept.
            limit: How many keys are wanted at most.
            ascending: Whether the first keys come first.
            cursor: The cursor of the page before; None asks for the first one.
        """
        keys = self.get_partition_keys(context.effective_dt, context.dynamic_partitions_store)
        return page_of(keys, limit, ascending=ascending, cursor=cursor)

    def get_num_partitions(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> int:
        """How many keys exist.

        Args:
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.
        """
        return len(self.get_partition_keys(current_time, dynamic_partitions_store))

    def has_partition_key(
        self,
        partition_key: str,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> bool:
        """Whether this key exists.

        Args:
            partition_key: The text that may be a key.
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.
        """
        return partition_key in self.get_partition_keys(current_time, dynamic_partitions_store)

    def validate_partition_key(
        self,
        partition_key: str,
        current_time: Any = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> None:
        """Nothing if the key exists.

        Args:
            partition_key: The text that may be a key.
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.

        Raises:
            UnknownPartitionError: otherwise.
        """
        moment = current_time if isinstance(current_time, datetime) else getattr(current_time, "effective_dt", None)
        store = dynamic_partitions_store or getattr(current_time, "dynamic_partitions_store", None)
        if not self.has_partition_key(partition_key, moment, store):
            said = f"Could not find a partition with key `{partition_key}` in {str(self).rstrip('.')}."
            raise UnknownPartitionError(f"{said} {right_key(self, partition_key, moment, store)}".rstrip())

    def get_partition_keys_in_range(
        self, partition_key_range: PartitionKeyRange, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[str]:
        """The keys from the range's start to its end, both included.

        Args:
            partition_key_range: The first and the last key.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.

        Raises:
            InvalidInvocationError: for a range whose ends do not exist.
        """
        keys = list(self.get_partition_keys(None, dynamic_partitions_store))
        wrong = [key for key in dict.fromkeys(partition_key_range) if key not in keys]
        if wrong:
            raise InvalidInvocationError(
                f"Partition range {partition_key_range.start} to {partition_key_range.end} is not a valid range. "
                f"Nonexistent partition keys: {wrong}"
            )
        return keys[keys.index(partition_key_range.start) : keys.index(partition_key_range.end) + 1]

    def get_partition_key_range(self, keys: Iterable[str]) -> PartitionKeyRange:
        """The smallest range that holds all of the keys.

        Args:
            keys: The keys, in any order; at least one.
        """
        order = {key: index for index, key in enumerate(self.get_partition_keys())}
        ranked = sorted(keys, key=lambda key: order[key])
        return PartitionKeyRange(ranked[0], ranked[-1])

    def filter_valid_partition_keys(self, partition_keys: set[str]) -> set[str]:
        """Those of the keys that exist.

        Args:
            partition_keys: Texts that may be keys.
        """
        return {key for key in partition_keys if self.has_partition_key(key)}

    def get_tags_for_partition_key(self, partition_key: str) -> Mapping[str, str]:
        """The tags of a run that makes this partition.

        Args:
            partition_key: A key.
        """
        return {PARTITION_NAME_TAG: partition_key}

    def validate_partition_definition(self) -> None:  # noqa: B027 -- most definitions have nothing to check
        """Nothing, unless the definition can be seen to give two partitions one key."""

    @property
    def partitions_subset_class(self) -> type[PartitionsSubset]:
        """The class of this definition's subsets."""
        return type(self.empty_subset())

    def empty_subset(self) -> PartitionsSubset:
        """The subset without any key."""
        return KeysSubset()

    def subset_with_partition_keys(self, partition_keys: Iterable[str]) -> PartitionsSubset:
        """The subset of these keys.

        Args:
            partition_keys: The keys that it holds.
        """
        return self.empty_subset().with_partition_keys(partition_keys)

    def subset_with_all_partitions(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> PartitionsSubset:
        """The subset of all keys that exist.

        Args:
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.
        """
        return self.subset_with_partition_keys(self.get_partition_keys(current_time, dynamic_partitions_store))

    def subset_in_range(self, partition_key_range: PartitionKeyRange) -> PartitionsSubset:
        """The subset of the keys in a range.

        Args:
            partition_key_range: The first and the last key.
        """
        return self.subset_with_partition_keys(self.get_partition_keys_in_range(partition_key_range))

    def deserialize_subset(self, serialized: str) -> PartitionsSubset:
        """The subset that `serialize()` wrote.

        Args:
            serialized: The text.

        Raises:
            InvalidSerializedSubsetError: for text of another form.
        """
        return self.empty_subset().deserialized(serialized)

    def can_deserialize_subset(
        self,
        serialized: str,
        serialized_partitions_def_unique_id: str | None = None,
        serialized_partitions_def_class_name: str | None = None,
    ) -> bool:
        """Whether a subset was written by a definition of this kind.

        Args:
            serialized: The text that `serialize()` wrote.
            serialized_partitions_def_unique_id: Accepted for Dagster's sake and ignored.
            serialized_partitions_def_class_name: Name of the definition's class, where it is known.
        """
        if serialized_partitions_def_class_name not in (None, type(self).__name__):
            return False
        return self.empty_subset().can_deserialize(serialized)

    def get_serializable_unique_identifier(self, dynamic_partitions_store: DynamicPartitionsStore | None = None) -> str:
        """A hash that changes with the set of keys.

        Args:
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.
        """
        return hashlib.sha1(json.dumps(self._identity(dynamic_partitions_store)).encode()).hexdigest()

    def _identity(self, dynamic_partitions_store: DynamicPartitionsStore | None) -> object:
        return list(self.get_partition_keys(None, dynamic_partitions_store))


class StaticPartitionsDefinition(PartitionsDefinition):
    """A fixed list of keys.

    >>> from cellmill import StaticPartitionsDefinition
    >>> StaticPartitionsDefinition(["de", "fr"]).get_partition_keys()
    ['de', 'fr']

    Args:
        partition_keys: The keys, in the order in which they are listed; without `...` and control characters.

    Raises:
        InvalidDefinitionError: for a key that comes twice or is no valid key.
    """

    def __init__(self, partition_keys: Sequence[str]) -> None:
        if isinstance(partition_keys, str):
            raise InvalidDefinitionError(
                f"partition_keys is a list of keys, not the text {partition_keys!r}: write [{partition_keys!r}]"
            )
        self._keys = tuple(partition_keys)
        check_key_text(self._keys)
        self._index = {key: index for index, key in enumerate(self._keys)}
        if len(self._index) != len(self._keys):
            twice = [key for key, count in Counter(self._keys).items() if count > 1]
            raise InvalidDefinitionError(
                f"Partition keys must be unique. Duplicate instances of partition keys: {twice}."
            )

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[str]:
        return list(self._keys)

    def get_num_partitions(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> int:
        return len(self._keys)

    def has_partition_key(
        self,
        partition_key: str,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> bool:
        return partition_key in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StaticPartitionsDefinition) and self._keys == other._keys

    def __hash__(self) -> int:
        return hash(self._keys)

    def __str__(self) -> str:
        return ", ".join(f"'{key}'" for key in self._keys)

    def __repr__(self) -> str:
        return f"StaticPartitionsDefinition(partition_keys={list(self._keys)})"


class DynamicPartitionsDefinition(PartitionsDefinition):
    """Keys that are added and removed at run time, kept by the instance under `name`.

    Add them with `instance.add_dynamic_partitions(name, keys)`, or from a sensor with a `SensorResult` of
    `build_add_request(keys)`.

    Args:
        partition_fn: Function of the present moment that lists the keys; instead of `name`.
        name: Name under which the instance keeps the keys; definitions of one name share them.

    Raises:
        InvalidDefinitionError: for both a function and a name, or neither.
    """

    def __init__(
        self,
        partition_fn: Callable[[datetime | None], Sequence[str] | Sequence[Partition]] | None = None,
        name: str | None = None,
    ) -> None:
        if partition_fn is None and name is None:
            raise InvalidDefinitionError("Must provide either partition_fn or name to DynamicPartitionsDefinition.")
        if partition_fn is not None and name is not None:
            raise InvalidDefinitionError("Cannot provide both partition_fn and name to DynamicPartitionsDefinition.")
        if isinstance(partition_fn, str):
            raise InvalidDefinitionError(
                f"Write DynamicPartitionsDefinition(name={partition_fn!r}): the first argument is a function"
            )
        self.partition_fn = partition_fn
        self.name = name

    def _validated_name(self) -> str:
        if self.name is None:
            raise InvalidInvocationError(
                "These dynamic partitions have a function and no name, so keys cannot be added to them"
            )
        return self.name

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[str]:
        if self.partition_fn is not None:
            found = self.partition_fn(effective_time(current_time))
            return [item.name if isinstance(item, Partition) else item for item in found]
        name = self._validated_name()
        return list(dynamic_store(dynamic_partitions_store, name).get_dynamic_partitions(partitions_def_name=name))

    def has_partition_key(
        self,
        partition_key: str,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> bool:
        if self.partition_fn is not None:
            return partition_key in self.get_partition_keys(current_time)
        name = self._validated_name()
        return dynamic_store(dynamic_partitions_store, name).has_dynamic_partition(
            partitions_def_name=name, partition_key=partition_key
        )

    def build_add_request(self, partition_keys: Sequence[str]) -> AddDynamicPartitionsRequest:
        """The request by which a sensor adds these keys.

        Args:
            partition_keys: The keys; those that exist already stay as they are.

        Raises:
            InvalidDefinitionError: for text that cannot be a key.
            InvalidInvocationError: where the keys are listed by a function.
        """
        check_key_text(partition_keys)
        return AddDynamicPartitionsRequest(self._validated_name(), partition_keys)

    def build_delete_request(self, partition_keys: Sequence[str]) -> DeleteDynamicPartitionsRequest:
        """The request by which a sensor removes these keys.

        Args:
            partition_keys: The keys; those that do not exist do not matter.

        Raises:
            InvalidInvocationError: where the keys are listed by a function.
        """
        return DeleteDynamicPartitionsRequest(self._validated_name(), partition_keys)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DynamicPartitionsDefinition)
            and self.name == other.name
            and self.partition_fn == other.partition_fn
        )

    def __hash__(self) -> int:
        return hash((self.name, self.partition_fn))

    def __str__(self) -> str:
        if self.name:
            return f'Dynamic partitions: "{self.name}"'
        return ", ".join(f"'{key}'" for key in self.get_partition_keys())

    def __repr__(self) -> str:
        return f"DynamicPartitionsDefinition(name={self.name!r})"
