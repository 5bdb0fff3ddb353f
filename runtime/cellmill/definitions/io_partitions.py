"""The partition questions that an IO manager may ask of its context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.partitions.key import PartitionKeyRange
from cellmill.definitions.partitions.loading import partition_loading_context
from cellmill.errors import CheckError, InvariantViolationError

if TYPE_CHECKING:
    from cellmill.definitions.asset_key import AssetKey


class AssetPartitions:
    """Answers about the partitions of the asset that a context is about."""

    __slots__ = ("_asset_key", "_partition_key", "_asset_partitions_def", "_asset_partitions_subset", "_instance")

    _asset_key: AssetKey | None
    _partition_key: str | None
    _asset_partitions_def: Any
    #: A `PartitionsSubset`, or just its keys as a tuple.
    _asset_partitions_subset: Any
    _instance: Any

    @property
    def has_partition_key(self) -> bool:
        """Whether the run is for one partition."""
        return self._partition_key is not None

    @property
    def partition_key(self) -> str:
        """The partition of the run."""
        if self._partition_key is None:
            raise CheckError("Tried to access partition_key on a non-partitioned run.")
        return self._partition_key

    @property
    def has_asset_partitions(self) -> bool:
        """Whether the asset is partitioned."""
        return self._asset_partitions_subset is not None

    @property
    def asset_partitions_def(self) -> Any:
        """The partitions definition of the asset."""
        if self._asset_key is None or self._asset_partitions_def is None:
            raise InvariantViolationError(
                f"Attempting to access partitions def for asset {self._asset_key}, but it is not partitioned"
            )
        return self._asset_partitions_def

    @property
    def asset_partition_keys(self) -> Sequence[str]:
        """The keys of the asset's partitions that are stored or loaded."""
        if self._asset_partitions_subset is None:
            raise CheckError("Tried to access asset_partition_keys, but the asset is not partitioned.")
        subset = self._asset_partitions_subset
        return list(subset if isinstance(subset, tuple) else subset.get_partition_keys())

    @property
    def asset_partition_key(self) -> str:
        """The one partition of the asset that is stored or loaded; an error where there are several."""
        if self._asset_partitions_subset is None:
            raise CheckError("The value does not correspond to a partitioned asset.")
        keys = self.asset_partition_keys
        if len(keys) == 1:
            return keys[0]
        if not keys:
            raise CheckError("Tried to access asset_partition_key, but the value has no partitions.")
        raise CheckError(
            f"Tried to access asset_partition_key, but there are {len(keys)} partitions: {keys[0]!r} to {keys[-1]!r}. "
            "Use asset_partition_keys."
        )

    @property
    def asset_partition_key_range(self) -> Any:
        """The first and last partition of a gap-free range of the asset's partitions."""
        subset = self._asset_partitions_subset
        if subset is None:
            raise CheckError("Tried to access asset_partition_key_range, but the asset is not partitioned.")
        if self._asset_partitions_def is None:
            return PartitionKeyRange(subset[0], subset[-1])
        definition = self._asset_partitions_def
        with partition_loading_context(dynamic_partitions_store=self._instance):
            if isinstance(subset, tuple):
                subset = definition.subset_with_partition_keys(subset)
            ranges = subset.get_partition_key_ranges(definition)
        if len(ranges) != 1:
            raise CheckError(f"Tried to access asset_partition_key_range, but there are {len(ranges)} ranges.")
        return ranges[0]

    @property
    def asset_partitions_time_window(self) -> Any:
        """The time from the start of the first to the end of the last of the asset's partitions."""
        subset = self._asset_partitions_subset
        if subset is None:
            raise CheckError("Tried to access asset_partitions_time_window, but the asset is not partitioned.")
        definition = self.asset_partitions_def
        if not hasattr(definition, "time_window_for_partition_key"):
            raise ValueError(
                "Tried to access asset_partitions_time_window, but the asset is not partitioned by time: "
                f"{type(definition).__name__}"
            )
        keys = self.asset_partition_keys
        first = definition.time_window_for_partition_key(keys[0])
        last = definition.time_window_for_partition_key(keys[-1])
        return type(first)(first.start, last.end)
