"""Partitions that are windows of time between the ticks of a cron expression."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.key import PartitionKeyRange, TimeWindow
from cellmill.definitions.partitions.loading import DynamicPartitionsStore, PartitionLoadingContext
from cellmill.definitions.partitions.numbered_windows import NumberedWindows
from cellmill.definitions.partitions.pages import PaginatedResults
from cellmill.definitions.partitions.time_window_subset import TimeWindowPartitionsSubset
from cellmill.errors import CheckError, InvalidDefinitionError, InvalidPartitionKeyError


class TimeWindowPartitionsDefinition(NumberedWindows, PartitionsDefinition):
    """One partition per window between two ticks of a cron expression; it exists once its window has ended.

    Window numbers (`number_of`, `key_of`, `cadence`) are how everything inside counts; keys are for people. For hours,
    days, weeks and months there are `HourlyPartitionsDefinition` and its like.

    Args:
        start: When the first window may begin: a datetime, or text in the format `fmt`. A window that begins earlier
            does not count.
        fmt: Format of the keys as of `strftime`, also of dates given as text; fine enough to tell windows apart.
        end: When the last window must have ended, as `start`; None: no end, a partition is added with each window.
        schedule_type: A usual length of the windows, with the offsets; instead of `cron_schedule`.
        timezone: IANA name of the zone in which windows begin and keys are written, such as "Europe/Berlin"; None means
            UTC.
        end_offset: How many more windows count that have not ended: 1 adds the current one; -1 leaves out the last that
            has ended.
        minute_offset: With `schedule_type`: minute of the hour (0 to 59) at which windows begin; None means 0.
        hour_offset: With `schedule_type`: hour of the day (0 to 23) at which windows begin; None means 0.
        day_offset: With `schedule_type`: day of the week (0 is Sunday) or of the month (from 1); None: Sunday, or the
            1st.
        cron_schedule: Cron expression at whose ticks windows begin, and the one before ends.
        exclusions: Windows that do not exist: cron expressions or datetimes at which such windows begin.

    Raises:
        CheckError: for both `cron_schedule` and `schedule_type` or offsets, or neither.
        InvalidCronError: for an expression that is none.
        InvalidPartitionKeyError: for a date that is not of the format.
        InvalidDefinitionError: for a zone that does not exist.

    Source: crontab(5) for the expression; the IANA time zone database for zones.
    """

    # ---- keys

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[str]:
        return self._keys(self.first_number, self.stop_number(current_time))

    def get_partition_keys_between_indexes(
        self, start_idx: int, end_idx: int, current_time: datetime | None = None
    ) -> list[str]:
        """The keys from one position to before another, in the list of all keys.

        Args:
            start_idx: Position of the first key, from 0.
            end_idx: Position behind the last key.
            current_time: The moment for which partitions are listed; None means now.
        """
        first = self.first_number
        return self._keys(first + start_idx, min(first + end_idx, self.stop_number(current_time)))

    def get_paginated_partition_keys(
        self, context: PartitionLoadingContext, limit: int, ascending: bool, cursor: str | None = None
    ) -> PaginatedResults:
        first, stop = self.first_number, self.stop_number(context.effective_dt)
        if cursor:
            first, stop = (self.number_of(cursor) + 1, stop) if ascending else (first, self.number_of(cursor))
        count = min(limit, max(stop - first, 0))
        keys = self._keys(first, first + count) if ascending else self._keys(stop - count, stop)[::-1]
        return PaginatedResults(keys, keys[-1] if keys else cursor or "", stop - first > count)

    def without_exclusions(self) -> TimeWindowPartitionsDefinition:
        """The same windows with those that are excluded here."""
        return TimeWindowPartitionsDefinition(
            start=self.start_ts,
            end=self.end_ts,
            fmt=self.fmt,
            timezone=self.timezone,
            end_offset=self.end_offset,
            cron_schedule=self.cron_schedule,
        )

    def get_first_partition_key(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> str | None:
        return self.key_of(self.first_number) if self.stop_number(current_time) > self.first_number else None

    def get_last_partition_key(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> str | None:
        stop = self.stop_number(current_time)
        return self.key_of(stop - 1) if stop > self.first_number else None

    def get_num_partitions(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> int:
        return self.stop_number(current_time) - self.first_number

    def has_partition_key(
        self,
        partition_key: str,
        current_time: datetime | None = None,
        dynamic_partitions_store: DynamicPartitionsStore | None = None,
    ) -> bool:
        try:
            number = self.number_of(partition_key)
        except InvalidPartitionKeyError:
            return False
        return self.first_number <= number < self.stop_number(current_time) and self.key_of(number) == partition_key

    def get_next_partition_key(self, partition_key: str, current_time: datetime | None = None) -> str | None:
        """The key after this one, or None at the end.

        Args:
            partition_key: A key.
            current_time: The moment for which partitions are listed; None means now.
        """
        number = self.number_of(partition_key) + 1
        return self.key_of(number) if number < self.stop_number(current_time) else None

    def get_partition_key(self, key: str | date | datetime) -> str:
        """The key of a date, or the key itself where it is one.

        Args:
            key: A key, or a date or datetime on which a window begins.

        Raises:
            InvalidPartitionKeyError: for a date that no partition begins on.
        """
        text = key if isinstance(key, str) else key.strftime(self.fmt)
        if not self.has_partition_key(text):
            raise InvalidPartitionKeyError(f"Got invalid partition key {text!r}")
        return text

    def get_partition_key_for_timestamp(self, timestamp: float, end_closed: bool = False) -> str:
        """The key of the window that holds an instant.

        Args:
            timestamp: Seconds since 1970.
            end_closed: Whether a window holds its end instead of its start.
        """
        number = self.cadence.floor(timestamp)
        if end_closed and self.cadence.instant(number) == timestamp:
            number -= 1
        return self.key_of(number)

    def less_than(self, partition_key1: str, partition_key2: str) -> bool:
        """Whether the first key's window is earlier.

        Args:
            partition_key1: A key.
            partition_key2: The key that it is compared with.
        """
        return self.number_of(partition_key1) < self.number_of(partition_key2)

    def get_partition_keys_in_range(
        self, partition_key_range: PartitionKeyRange, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[str]:
        return self._keys(*self._range_numbers(partition_key_range))

    def _range_numbers(self, key_range: PartitionKeyRange) -> tuple[int, int]:
        first, last = self.number_of(key_range.start), self.number_of(key_range.end)
        if first < self.first_number:
            raise CheckError(
                f"Partition key range start {key_range.start} is before the partitions definition start "
                f"time {self.start}"
            )
        if self.end_ts is not None and self.cadence.end(last) > self.end_ts.timestamp:
            raise CheckError(
                f"Partition key range end {key_range.end} is after the partitions definition end time {self.end}"
            )
        return first, last + 1

    def get_partition_key_range(self, keys: Iterable[str]) -> PartitionKeyRange:
        numbers = [self.checked_number_of(key) for key in keys]
        return PartitionKeyRange(self.key_of(min(numbers)), self.key_of(max(numbers)))

    # ---- windows

    def time_window_for_partition_key(self, partition_key: str) -> TimeWindow:
        """The window that a key names.

        Args:
            partition_key: A key.

        Returns:
            Its start and end, in the zone of the partitions; the end does not belong to it.

        Raises:
            InvalidPartitionKeyError: for text that is no date of the format.
        """
        return self.window(self.number_of(partition_key))

    def time_windows_for_partition_keys(
        self, partition_keys: Iterable[str], validate: bool = True
    ) -> Sequence[TimeWindow]:
        """The windows of some keys, in order of time.

        Args:
            partition_keys: The keys, in any order.
            validate: Whether each key must be that of a window exactly.
        """
        find = self.checked_number_of if validate else self.number_of
        return [self.window(number) for number in sorted(find(key) for key in partition_keys)]

    def start_time_for_partition_key(self, partition_key: str) -> datetime:
        """When a key's window starts.

        Args:
            partition_key: A key.
        """
        return self.time_window_for_partition_key(partition_key).start

    def end_time_for_partition_key(self, partition_key: str) -> datetime:
        """When a key's window ends.

        Args:
            partition_key: A key.
        """
        return self.time_window_for_partition_key(partition_key).end

    def get_first_partition_window(self, current_time: datetime | None = None) -> TimeWindow | None:
        """The window of the first partition, or None while there is none.

        Args:
            current_time: The moment for which partitions are listed; None means now.
        """
        return self.window(self.first_number) if self.get_num_partitions(current_time) else None

    def get_last_partition_window(self, current_time: datetime | None = None) -> TimeWindow | None:
        """The window of the last partition, or None while there is none.

        Args:
            current_time: The moment for which partitions are listed; None means now.
        """
        return self.window(self.stop_number(current_time) - 1) if self.get_num_partitions(current_time) else None

    def get_next_partition_window(self, end_dt: datetime, respect_bounds: bool = True) -> TimeWindow | None:
        """The first window that starts at or after a moment.

        Args:
            end_dt: The moment.
            respect_bounds: Whether only windows count whose partitions exist; None is returned where there is none.
        """
        number = self.cadence.ceil(end_dt.timestamp())
        return None if respect_bounds and number >= self.stop_number() else self.window(number)

    def get_prev_partition_window(self, start_dt: datetime, respect_bounds: bool = True) -> TimeWindow | None:
        """The last window that has ended by a moment.

        Args:
            start_dt: The moment.
            respect_bounds: Whether only windows count whose partitions exist; None is returned where there is none.
        """
        number = self.cadence.closed_before(start_dt.timestamp()) - 1
        return (
            None
            if respect_bounds and (number < self.first_number or self.get_num_partitions() == 0)
            else self.window(number)
        )

    def get_partition_key_range_for_time_window(
        self, time_window: TimeWindow, respect_bounds: bool = True
    ) -> PartitionKeyRange:
        """The range of the windows that lie in a window of time.

        Args:
            time_window: A span of time; its end does not belong to it.
            respect_bounds: Accepted for Dagster's sake and ignored.
        """
        first = self.cadence.floor(time_window.start.timestamp())
        last = self.cadence.closed_before(time_window.end.timestamp()) - 1
        return PartitionKeyRange(self.key_of(first), self.key_of(last))

    def get_partition_keys_in_time_window(self, time_window: TimeWindow) -> Sequence[str]:
        """The keys of the windows that start in a window of time.

        Args:
            time_window: A span of time; its end does not belong to it.
        """
        return self._keys(*self.numbers_in(*time_window))

    def get_num_partitions_in_window(self, time_window: TimeWindow) -> int:
        """How many windows start in a window of time.

        Args:
            time_window: A span of time; its end does not belong to it.
        """
        start, stop = self.numbers_in(*time_window)
        return stop - start

    def has_any_partitions_in_window(self, time_window: TimeWindow) -> bool:
        """Whether a window starts in a window of time.

        Args:
            time_window: A span of time; its end does not belong to it.
        """
        return self.get_num_partitions_in_window(time_window) > 0

    # ---- subsets

    def empty_subset(self) -> TimeWindowPartitionsSubset:
        return TimeWindowPartitionsSubset(self, ranges=())

    def subset_with_all_partitions(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> TimeWindowPartitionsSubset:
        start, stop = self.first_number, self.stop_number(current_time)
        return TimeWindowPartitionsSubset(self, ranges=((start, stop),) if start < stop else ())

    def subset_in_range(self, partition_key_range: PartitionKeyRange) -> TimeWindowPartitionsSubset:
        return self.empty_subset().with_partition_key_range(self, partition_key_range)

    def get_partition_subset_in_time_window(self, time_window: TimeWindow) -> TimeWindowPartitionsSubset:
        """The subset of the windows that start in a window of time.

        Args:
            time_window: A span of time; its end does not belong to it.
        """
        return TimeWindowPartitionsSubset(self, included_time_windows=[time_window])

    # ---- identity

    def validate_partition_definition(self) -> None:
        if self.key_of(self.first_number) == self.key_of(self.first_number + 1):
            raise InvalidDefinitionError(
                "This partition set contains multiple time ranges that map to the same partition key. "
                "This usually indicates that the "
                f"partition set's format string ({self.fmt}) is not granular enough to produce a unique "
                f"key for each time in the cron "
                f"schedule ({self.cron_schedule})."
            )

    def equal_except_for_start_or_end(self, other: TimeWindowPartitionsDefinition) -> bool:
        """Whether windows and keys are the same apart from the first and the last.

        Args:
            other: The definition that it is compared with.
        """
        return self._windows_identity() == other._windows_identity() and self.end_offset == other.end_offset

    def _windows_identity(self) -> tuple[object, ...]:
        return (self.timezone, self.fmt, self.cron_schedule, self.exclusions)

    def _all_identity(self) -> tuple[object, ...]:
        return (self.start_ts, self.end_ts, self.end_offset, *self._windows_identity())

    def get_serializable_unique_identifier(self, dynamic_partitions_store: DynamicPartitionsStore | None = None) -> str:
        return hashlib.sha1(repr(self._all_identity()).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TimeWindowPartitionsDefinition) and self._all_identity() == other._all_identity()

    def __hash__(self) -> int:
        return hash(self._all_identity())

    def __str__(self) -> str:
        kind = self.schedule_type
        head = kind.value.capitalize() if kind else f"Windows of {self.cron_schedule!r}"
        until = f", until {self.end.strftime(self.fmt)}" if self.end else ""
        count = self.end_offset
        offset = f" End offsetted by {self.end_offset} partition{'' if count == 1 else 's'}." if count else ""
        return f"{head}, starting {self.start.strftime(self.fmt)} {self.timezone}{until}.{offset}"

    def __repr__(self) -> str:
        extra = f", exclusions={list(self.exclusions)}" if self.exclusions else ""
        return (
            f"TimeWindowPartitionsDefinition(start={self.start_timestamp}, end={self.end_timestamp}, "
            f"timezone={self.timezone!r}, "
            f"fmt={self.fmt!r}, end_offset={self.end_offset}, cron_schedule={self.cron_schedule!r}{extra})"
        )
