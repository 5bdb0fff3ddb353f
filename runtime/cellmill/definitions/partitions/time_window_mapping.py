"""The mapping between windows of time, of the same or of different lengths."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.loading import DynamicPartitionsStore
from cellmill.definitions.partitions.mapping import PartitionMapping, UpstreamPartitionsResult
from cellmill.definitions.partitions.numbered_windows import NumberedWindows
from cellmill.definitions.partitions.subset import PartitionsSubset
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.partitions.time_window_subset import (
    Ranges,
    TimeWindowPartitionsSubset,
    intersected,
    merged,
    without,
)
from cellmill.errors import CheckError, InvalidDefinitionError

Windows = TimeWindowPartitionsDefinition


class TimeWindowPartitionMapping(PartitionMapping):
    """Maps a downstream partition to any upstream partition with an overlapping time window.

    What assets partitioned by time use by default, without offsets. With `start_offset=-1` a partition also reads the
    one before.

    Args:
        start_offset: By how many partitions of the downstream asset the start of what is read is moved; negative: back.
        end_offset: By how many partitions of the downstream asset the end of what is read is moved; negative: back.
        allow_nonexistent_upstream_partitions: Whether windows that the upstream asset does not have are left out,
            instead of being an error.

    Raises:
        CheckError: for an offset that is no whole number.
    """

    def __init__(
        self, start_offset: int = 0, end_offset: int = 0, allow_nonexistent_upstream_partitions: bool = False
    ) -> None:
        for name, value in (("start_offset", start_offset), ("end_offset", end_offset)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise CheckError(f"{name} is a whole number of partitions, not {value!r}")
        self.start_offset = start_offset
        self.end_offset = end_offset
        self.allow_nonexistent_upstream_partitions = bool(allow_nonexistent_upstream_partitions)

    def _identity(self) -> tuple[object, ...]:
        return (self.start_offset, self.end_offset, self.allow_nonexistent_upstream_partitions)

    def __repr__(self) -> str:
        return (
            f"TimeWindowPartitionMapping(start_offset={self.start_offset}, end_offset={self.end_offset}, "
            f"allow_nonexistent_upstream_partitions={self.allow_nonexistent_upstream_partitions})"
        )

    @property
    def description(self) -> str:
        text = "Maps a downstream partition to any upstream partition with an overlapping time window."
        if self.start_offset or self.end_offset:
            text += (
                f" The start and end of the upstream time window are offset by {self.start_offset} and "
                f"{self.end_offset} partitions."
            )
        return text

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        if not isinstance(downstream_partitions_def, Windows):
            raise InvalidDefinitionError("Downstream partitions definition must be a TimeWindowPartitionsDefinition")
        if not isinstance(upstream_partitions_def, Windows):
            raise InvalidDefinitionError("Upstream partitions definition must be a TimeWindowPartitionsDefinition")
        if upstream_partitions_def.timezone != downstream_partitions_def.timezone:
            raise InvalidDefinitionError(
                f"Timezones {upstream_partitions_def.timezone} and {downstream_partitions_def.timezone} don't match: "
                "give both partitions definitions the same timezone"
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
        assert isinstance(downstream_partitions_def, Windows)
        source = as_windows(upstream_partitions_def, upstream_partitions_subset)
        aligned = [_aligned(source.partitions_def, pair, downstream_partitions_def) for pair in source.ranges]
        wanted = merged((first - self.end_offset, last + 1 - self.start_offset) for first, last in aligned)
        existing = downstream_partitions_def.subset_with_all_partitions(current_time)
        return TimeWindowPartitionsSubset(downstream_partitions_def, ranges=intersected(wanted, existing.ranges))

    def get_upstream_mapped_partitions_result_for_partitions(
        self,
        downstream_partitions_subset: PartitionsSubset | None,
        downstream_partitions_def: PartitionsDefinition | None,
        upstream_partitions_def: PartitionsDefinition,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> UpstreamPartitionsResult:
        self.validate_partition_mapping(upstream_partitions_def, downstream_partitions_def)
        assert isinstance(upstream_partitions_def, Windows)
        source = as_windows(downstream_partitions_def, downstream_partitions_subset)
        wanted = self._upstream_ranges(source, upstream_partitions_def)
        existing = upstream_partitions_def.subset_with_all_partitions(current_time).ranges
        missing: Ranges = ()
        # What only an offset reaches, before the first or behind the last partition, is not required.
        if not self.allow_nonexistent_upstream_partitions and without(
            self._upstream_ranges(source, upstream_partitions_def, shifted=False), existing
        ):
            missing = without(wanted, existing)
        return UpstreamPartitionsResult(
            TimeWindowPartitionsSubset(upstream_partitions_def, ranges=intersected(wanted, existing)),
            TimeWindowPartitionsSubset(upstream_partitions_def, ranges=missing),
        )

    def _upstream_ranges(self, source: TimeWindowPartitionsSubset, upstream: Windows, shifted: bool = True) -> Ranges:
        by = (self.start_offset, self.end_offset) if shifted else (0, 0)
        ranges = ((start + by[0], stop + by[1]) for start, stop in source.ranges)
        aligned = (_aligned(source.partitions_def, pair, upstream) for pair in ranges if pair[0] < pair[1])
        return merged((first, last + 1) for first, last in aligned)


def as_windows(definition: Any, subset: Any) -> TimeWindowPartitionsSubset:
    """The subset as ranges of the definition's windows."""
    if subset is None:
        raise CheckError("The asset is not partitioned")
    if isinstance(subset, TimeWindowPartitionsSubset):
        return subset
    found: TimeWindowPartitionsSubset = definition.empty_subset().with_partition_keys(subset.get_partition_keys())
    return found


def _aligned(source: NumberedWindows, pair: tuple[int, int], target: NumberedWindows) -> tuple[int, int]:
    """The first and the last window of `target` that overlap the windows `pair` of `source`."""
    if source.cadence is target.cadence:
        return pair[0], pair[1] - 1
    start, end = source.cadence.instant(pair[0]), source.cadence.end(pair[1] - 1)
    first, last = target.cadence.floor(start), target.cadence.floor(end - 1)
    if target.cadence.end(first) <= start:
        first += 1
    return first, last
