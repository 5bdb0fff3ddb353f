"""How the partitions of a downstream asset correspond to those of its upstream: the simple mappings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from cellmill.definitions.partitions.definition import PartitionsDefinition, StaticPartitionsDefinition
from cellmill.definitions.partitions.loading import DynamicPartitionsStore
from cellmill.definitions.partitions.subset import KeysSubset, PartitionsSubset
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.errors import CheckError, InvalidDefinitionError


class UpstreamPartitionsResult(NamedTuple):
    """The upstream partitions that exist, and those that are needed and do not exist.

    Args:
        partitions_subset: Those that exist.
        required_but_nonexistent_subset: Those that are needed and do not exist.
    """

    partitions_subset: PartitionsSubset
    required_but_nonexistent_subset: PartitionsSubset

    @property
    def required_but_nonexistent_partition_keys(self) -> Sequence[str]:
        """The keys that are needed and do not exist."""
        return sorted(self.required_but_nonexistent_subset.get_partition_keys())


class PartitionMapping(ABC):
    """Which upstream partitions a downstream partition reads, and back."""

    @property
    def description(self) -> str:
        """The mapping in one sentence."""
        return (type(self).__doc__ or "").split("\n")[0]

    @abstractmethod
    def get_downstream_partitions_for_partitions(
        self,
        upstream_partitions_subset: PartitionsSubset,
        upstream_partitions_def: PartitionsDefinition,
        downstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> PartitionsSubset:
        """The downstream partitions that read any of the upstream ones.

        Args:
            upstream_partitions_subset: The upstream partitions.
            upstream_partitions_def: Partitions of the asset that is read.
            downstream_partitions_def: Partitions of the asset that reads.
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.
        """

    @abstractmethod
    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: PartitionsDefinition | None,
        upstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> UpstreamPartitionsResult:
        """The upstream partitions that the downstream ones read.

        Args:
            downstream_partitions_subset: The downstream partitions; None where the asset has none.
            downstream_partitions_def: Partitions of the asset that reads.
            upstream_partitions_def: Partitions of the asset that is read.
            current_time: The moment for which partitions are listed; None means now.
            dynamic_partitions_store: Where keys of dynamic partitions are kept: an instance; None: that of
                `partition_loading_context`.

        Returns:
            Those that exist, and those that are needed and do not exist.
        """

    def validate_partition_mapping(  # noqa: B027 -- most mappings join anything
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        """Nothing if the mapping can join these two definitions.

        Args:
            upstream_partitions_def: Partitions of the asset that is read.
            downstream_partitions_def: Partitions of the asset that reads.

        Raises:
            InvalidDefinitionError: otherwise.
        """

    def _identity(self) -> tuple[object, ...]:
        return ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((type(self), self._identity()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._identity()))})"


def all_found(definition: PartitionsDefinition, found: PartitionsSubset) -> UpstreamPartitionsResult:
    """The result in which everything that is needed exists."""
    return UpstreamPartitionsResult(found, definition.empty_subset())


def split_existing(
    definition: PartitionsDefinition,
    keys: Iterable[str],
    current_time: datetime | None,
    dynamic_partitions_store: DynamicPartitionsStore | None,
) -> UpstreamPartitionsResult:
    """The keys, told apart by whether they exist."""
    there: list[str] = []
    missing: list[str] = []
    for key in keys:
        exists = definition.has_partition_key(key, current_time, dynamic_partitions_store)
        (there if exists else missing).append(key)
    return UpstreamPartitionsResult(definition.subset_with_partition_keys(there), KeysSubset(missing))


class IdentityPartitionMapping(PartitionMapping):
    """Assumes upstream and downstream assets share the same partitions definition. Maps partitions by their keys."""

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        if type(upstream_partitions_def) is not type(downstream_partitions_def):
            raise InvalidDefinitionError(
                "Upstream and downstream partitions definitions must match, or a different partition mapping must be "
                f"provided. Got upstream {upstream_partitions_def!r} and downstream {downstream_partitions_def!r}"
            )

    def get_downstream_partitions_for_partitions(
        self,
        upstream_partitions_subset: PartitionsSubset,
        upstream_partitions_def: PartitionsDefinition,
        downstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> PartitionsSubset:
        if upstream_partitions_def == downstream_partitions_def:
            return upstream_partitions_subset
        keys = upstream_partitions_subset.get_partition_keys()
        return split_existing(downstream_partitions_def, keys, current_time, dynamic_partitions_store).partitions_subset

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: PartitionsDefinition | None,
        upstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> UpstreamPartitionsResult:
        if downstream_partitions_subset is None or downstream_partitions_def is None:
            raise CheckError("The downstream asset is not partitioned, so its upstream cannot have the same partitions")
        if upstream_partitions_def == downstream_partitions_def:
            return all_found(upstream_partitions_def, downstream_partitions_subset)
        keys = downstream_partitions_subset.get_partition_keys()
        return split_existing(upstream_partitions_def, keys, current_time, dynamic_partitions_store)


class AllPartitionMapping(PartitionMapping):
    """Each downstream partition depends on all partitions of the upstream asset."""

    def get_downstream_partitions_for_partitions(
        self,
        upstream_partitions_subset: PartitionsSubset,
        upstream_partitions_def: PartitionsDefinition,
        downstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> PartitionsSubset:
        return downstream_partitions_def.subset_with_all_partitions(current_time, dynamic_partitions_store)

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: PartitionsDefinition | None,
        upstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> UpstreamPartitionsResult:
        subset = upstream_partitions_def.subset_with_all_partitions(current_time, dynamic_partitions_store)
        return all_found(upstream_partitions_def, subset)


class LastPartitionMapping(PartitionMapping):
    """Each downstream partition depends on the last partition of the upstream asset."""

    def get_downstream_partitions_for_partitions(
        self,
        upstream_partitions_subset: PartitionsSubset,
        upstream_partitions_def: PartitionsDefinition,
        downstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> PartitionsSubset:
        last = upstream_partitions_def.get_last_partition_key(current_time, dynamic_partitions_store)
        if last is None or last not in upstream_partitions_subset:
            return downstream_partitions_def.empty_subset()
        return downstream_partitions_def.subset_with_all_partitions(current_time, dynamic_partitions_store)

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: PartitionsDefinition | None,
        upstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> UpstreamPartitionsResult:
        last = upstream_partitions_def.get_last_partition_key(current_time, dynamic_partitions_store)
        return all_found(
            upstream_partitions_def, upstream_partitions_def.subset_with_partition_keys([last] if last else [])
        )


class SpecificPartitionsPartitionMapping(PartitionMapping):
    """Each downstream partition depends on the named partitions of the upstream asset.

    Args:
        partition_keys: The upstream partitions that are read.
    """

    def __init__(self, partition_keys: Sequence[str]) -> None:
        self.partition_keys = list(partition_keys)

    def _identity(self) -> tuple[object, ...]:
        return (tuple(self.partition_keys),)

    @property
    def description(self) -> str:
        return f"Each downstream partition depends on the following upstream partitions: {self.partition_keys}"

    def get_downstream_partitions_for_partitions(
        self,
        upstream_partitions_subset: PartitionsSubset,
        upstream_partitions_def: PartitionsDefinition,
        downstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> PartitionsSubset:
        if any(key in upstream_partitions_subset for key in self.partition_keys):
            return downstream_partitions_def.subset_with_all_partitions(current_time, dynamic_partitions_store)
        return downstream_partitions_def.empty_subset()

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: PartitionsDefinition | None,
        upstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> UpstreamPartitionsResult:
        subset = upstream_partitions_def.subset_with_partition_keys(self.partition_keys)
        return all_found(upstream_partitions_def, subset)


class StaticPartitionMapping(PartitionMapping):
    """Maps upstream partitions to their downstream dependencies according to the mapping given.

    Both sides are partitioned by a `StaticPartitionsDefinition`.

    Args:
        downstream_partition_keys_by_upstream_partition_key: For each upstream key the key, or the keys, that read it. A
            key that is not named is read by none.

    Raises:
        CheckError: for keys that are neither text nor a list.
    """

    def __init__(
        self, downstream_partition_keys_by_upstream_partition_key: Mapping[str, str | Collection[str]]
    ) -> None:
        self.downstream_partition_keys_by_upstream_partition_key = downstream_partition_keys_by_upstream_partition_key
        self._down: dict[str, frozenset[str]] = {}
        self._up: dict[str, set[str]] = defaultdict(set)
        for upstream, given in downstream_partition_keys_by_upstream_partition_key.items():
            if isinstance(given, str):
                keys = [given]
            elif isinstance(given, Collection):
                keys = list(given)
            else:
                raise CheckError(f"The keys downstream of {upstream!r} are a key or a list of keys, not {given!r}")
            self._down[upstream] = frozenset(keys)
            for key in keys:
                self._up[key].add(upstream)

    def _identity(self) -> tuple[object, ...]:
        return (frozenset(self._down.items()),)

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        sides = (("Upstream", upstream_partitions_def, self._down), ("Downstream", downstream_partitions_def, self._up))
        for what, definition, keys in sides:
            if not isinstance(definition, StaticPartitionsDefinition):
                raise InvalidDefinitionError(f"{what} partitions definition must be a StaticPartitionsDefinition")
            unknown = sorted(key for key in keys if not definition.has_partition_key(key))
            if unknown:
                raise InvalidDefinitionError(
                    f"{what} partitions definition does not have partitions with keys {unknown}; its keys "
                    f"are {definition}"
                )

    def get_downstream_partitions_for_partitions(
        self,
        upstream_partitions_subset: PartitionsSubset,
        upstream_partitions_def: PartitionsDefinition,
        downstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> PartitionsSubset:
        self.validate_partition_mapping(upstream_partitions_def, downstream_partitions_def)
        found: set[str] = set()
        for key in upstream_partitions_subset.get_partition_keys():
            found |= self._down.get(key, frozenset())
        return downstream_partitions_def.subset_with_partition_keys(found)

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: PartitionsDefinition | None,
        upstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> UpstreamPartitionsResult:
        self.validate_partition_mapping(upstream_partitions_def, downstream_partitions_def)
        if downstream_partitions_subset is None:
            raise CheckError("The downstream asset is not partitioned")
        found: set[str] = set()
        for key in downstream_partitions_subset.get_partition_keys():
            found |= self._up.get(key, set())
        return all_found(upstream_partitions_def, upstream_partitions_def.subset_with_partition_keys(found))


def both_time_windows(left: object, right: object) -> bool:
    """Whether both are definitions of time windows."""
    return isinstance(left, TimeWindowPartitionsDefinition) and isinstance(right, TimeWindowPartitionsDefinition)
