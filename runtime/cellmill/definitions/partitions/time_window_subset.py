"""Subsets of time-window partitions, kept as ranges of window numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cellmill.definitions.local_time import at_epoch, load_zone
from cellmill.definitions.partitions.key import PartitionKeyRange, TimeWindow
from cellmill.definitions.partitions.numbered_windows import NumberedWindows
from cellmill.definitions.partitions.subset import KeysSubset, PartitionsSubset
from cellmill.errors import InvalidPartitionKeyError, InvalidSerializedSubsetError

if TYPE_CHECKING:
    from datetime import datetime

#: Half-open ranges of window numbers, rising, never touching.
Ranges = tuple[tuple[int, int], ...]


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same numbers as rising ranges that do not touch."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(pair for pair in ranges if pair[0] < pair[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return tuple(found)


def intersected(left: Ranges, right: Ranges) -> Ranges:
    """The numbers in both."""
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, stop = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < stop:
            found.append((start, stop))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def without(left: Ranges, right: Ranges) -> Ranges:
    """The numbers in `left` that are not in `right`."""
    found: list[tuple[int, int]] = []
    j = 0
    for start, stop in left:
        while j < len(right) and right[j][1] <= start:
            j += 1
        k = j
        while k < len(right) and right[k][0] < stop:
            if start < right[k][0]:
                found.append((start, right[k][0]))
            start = right[k][1]
            k += 1
        if start < stop:
            found.append((start, stop))
    return tuple(found)


class TimeWindowPartitionsSubset(PartitionsSubset):
    """A subset of time windows; ten thousand neighbouring ones cost two numbers.

    Made by the methods of a `TimeWindowPartitionsDefinition`.

    Args:
        partitions_def: The definition whose windows they are.
        num_partitions: Accepted for Dagster's sake and ignored: it is counted.
        included_time_windows: Spans of time; the windows that start in one of them are in the subset.
        ranges: Instead: half-open ranges of window numbers, rising, that do not touch.
    """

    __slots__ = ("partitions_def", "ranges")

    def __init__(
        self,
        partitions_def: NumberedWindows,
        num_partitions: int | None = None,
        included_time_windows: Sequence[TimeWindow] = (),
        ranges: Ranges | None = None,
    ) -> None:
        self.partitions_def = partitions_def
        if ranges is None:
            ranges = merged(partitions_def.numbers_in(*window) for window in included_time_windows)
        self.ranges: Ranges = ranges

    @property
    def num_partitions(self) -> int:
        """How many windows are in it."""
        return len(self)

    @property
    def included_time_windows(self) -> Sequence[TimeWindow]:
        """The subset as windows of time; neighbours are joined."""
        zone = load_zone(self.partitions_def.timezone)
        return [TimeWindow(at_epoch(start, zone), at_epoch(end, zone)) for start, end in self._spans()]

    @property
    def first_start(self) -> datetime:
        """When the first window starts."""
        return self.included_time_windows[0].start

    def _spans(self) -> Iterator[tuple[int, int]]:
        cadence = self.partitions_def.cadence
        for start, stop in self.ranges:
            if not self.partitions_def.exclusions:
                yield cadence.instant(start), cadence.end(stop - 1)
                continue
            begun = cadence.instant(start)
            for number in range(start, stop):
                if number + 1 == stop or cadence.end(number) != cadence.instant(number + 1):
                    yield begun, cadence.end(number)
                    if number + 1 < stop:
                        begun = cadence.instant(number + 1)

    def numbers(self) -> Iterator[int]:
        """The numbers of the windows, rising."""
        for start, stop in self.ranges:
            yield from range(start, stop)

    def get_partition_keys(self) -> Iterable[str]:
        key_of = self.partitions_def.key_of
        return [key_of(number) for number in self.numbers()]

    def _number(self, key: object) -> int | None:
        if not isinstance(key, str):
            return None
        try:
            number = self.partitions_def.number_of(key)
        except InvalidPartitionKeyError:
            return None
        return number

    def with_partition_keys(self, partition_keys: Iterable[str]) -> TimeWindowPartitionsSubset:
        numbers = [self.partitions_def.checked_number_of(key) for key in partition_keys]
        return self._with(merged([*self.ranges, *((number, number + 1) for number in numbers)]))

    def with_partition_key_range(self, partitions_def: Any, key_range: PartitionKeyRange) -> TimeWindowPartitionsSubset:
        first, last = (self.partitions_def.checked_number_of(key) for key in key_range)
        return self._with(merged([*self.ranges, (first, last + 1)]))

    def with_partitions_def(self, partitions_def: NumberedWindows) -> TimeWindowPartitionsSubset:
        """The same windows as a subset of another definition.

        Args:
            partitions_def: The other definition; its windows that start in one of these are in the subset.
        """
        return TimeWindowPartitionsSubset(partitions_def, included_time_windows=self.included_time_windows)

    def _with(self, ranges: Ranges) -> TimeWindowPartitionsSubset:
        return TimeWindowPartitionsSubset(self.partitions_def, ranges=ranges)

    def empty_subset(self) -> TimeWindowPartitionsSubset:
        return self._with(())

    def get_partition_key_ranges(self, partitions_def: Any, *args: Any, **kwargs: Any) -> Sequence[PartitionKeyRange]:
        key_of = self.partitions_def.key_of
        return [PartitionKeyRange(key_of(start), key_of(stop - 1)) for start, stop in self.ranges]

    def get_partition_keys_not_in_subset(self, partitions_def: Any, *args: Any, **kwargs: Any) -> Iterable[str]:
        return (
            self._coerced(partitions_def.subset_with_all_partitions(*args, **kwargs)).__sub__(self).get_partition_keys()
        )

    def serialize(self) -> str:
        spans = [[float(start), float(end)] for start, end in self._spans()]
        return json.dumps({"version": 1, "time_windows": spans, "num_partitions": len(self)})

    def deserialized(self, serialized: str) -> TimeWindowPartitionsSubset:
        data = json.loads(serialized)
        spans = data if isinstance(data, list) else data.get("time_windows") if isinstance(data, dict) else None
        if spans is None or (isinstance(data, dict) and data.get("version") != 1):
            raise InvalidSerializedSubsetError(f"Not a set of time windows: {serialized[:80]!r}")
        numbers = (self.partitions_def.numbers_between(float(start), float(end)) for start, end in spans)
        return self._with(merged(numbers))

    def _coerced(self, other: PartitionsSubset) -> TimeWindowPartitionsSubset:
        if isinstance(other, TimeWindowPartitionsSubset):
            return (
                other
                if other.partitions_def.cadence is self.partitions_def.cadence
                else other.with_partitions_def(self.partitions_def)
            )
        numbers = (number for number in map(self._number, other.get_partition_keys()) if number is not None)
        return self._with(merged((number, number + 1) for number in numbers))

    def __or__(self, other: PartitionsSubset) -> PartitionsSubset:
        return self._with(merged([*self.ranges, *self._coerced(other).ranges]))

    def __and__(self, other: PartitionsSubset) -> PartitionsSubset:
        return self._with(intersected(self.ranges, self._coerced(other).ranges))

    def __sub__(self, other: PartitionsSubset) -> PartitionsSubset:
        return self._with(without(self.ranges, self._coerced(other).ranges))

    def __contains__(self, value: object) -> bool:
        number = self._number(value)
        return number is not None and any(start <= number < stop for start, stop in self.ranges)

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.ranges)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TimeWindowPartitionsSubset):
            return self.partitions_def == other.partitions_def and tuple(self._spans()) == tuple(other._spans())
        return isinstance(other, KeysSubset) and other.is_empty and self.is_empty

    def __hash__(self) -> int:
        return hash(self.ranges)

    def __repr__(self) -> str:
        return f"TimeWindowPartitionsSubset({[tuple(key_range) for key_range in self.get_partition_key_ranges(None)]})"
