"""Partitions that are windows of time between the ticks of a cron expression."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property

from cellmill.definitions.cron import parse_cron
from cellmill.definitions.local_time import at_epoch, load_zone, local_epoch
from cellmill.definitions.partitions.cadence import Cadence, cadence_of, excluding
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.key import PartitionKeyRange, TimestampWithTimezone, TimeWindow
from cellmill.definitions.partitions.loading import DynamicPartitionsStore, effective_time
from cellmill.definitions.partitions.time_window_subset import TimeWindowPartitionsSubset
from cellmill.errors import CheckError, InvalidCronError, InvalidDefinitionError, InvalidPartitionKeyError

_SHORT_OFFSETS = ("%z", "%:z")


class ScheduleType(StrEnum):
    """The four usual lengths of a window."""

    HOURLY = "HOURLY"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


_PATTERNS = {
    ScheduleType.HOURLY: re.compile(r"\d+ \* \* \* \*"),
    ScheduleType.DAILY: re.compile(r"\d+ \d+ \* \* \*"),
    ScheduleType.WEEKLY: re.compile(r"\d+ \d+ \* \* \d+"),
    ScheduleType.MONTHLY: re.compile(r"\d+ \d+ \d+ \* \*"),
}

Moment = datetime | str | TimestampWithTimezone


def cron_of(
    schedule_type: ScheduleType, minute_offset: int = 0, hour_offset: int = 0, day_offset: int | None = None
) -> str:
    """The cron expression of windows of a usual length.

    Args:
        schedule_type: The length of a window.
        minute_offset: Minute of the hour (0 to 59) at which windows begin.
        hour_offset: Hour of the day (0 to 23) at which windows begin; for hourly windows ignored.
        day_offset: Day of the week (0 is Sunday) or of the month (from 1) on which windows begin; None: Sunday, or the
            1st.
    """
    match ScheduleType(schedule_type):
        case ScheduleType.HOURLY:
            return f"{minute_offset} * * * *"
        case ScheduleType.DAILY:
            return f"{minute_offset} {hour_offset} * * *"
        case ScheduleType.WEEKLY:
            return f"{minute_offset} {hour_offset} * * {day_offset or 0}"
        case ScheduleType.MONTHLY:
            return f"{minute_offset} {hour_offset} {day_offset or 1} * *"


class TimeWindowPartitionsDefinition(PartitionsDefinition):
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

    def __init__(
        self,
        start: Moment,
        fmt: str,
        end: Moment | None = None,
        schedule_type: ScheduleType | None = None,
        timezone: str | None = None,
        end_offset: int = 0,
        minute_offset: int | None = None,
        hour_offset: int | None = None,
        day_offset: int | None = None,
        cron_schedule: str | None = None,
        exclusions: Sequence[str | datetime | TimestampWithTimezone] | None = None,
    ) -> None:
        self.timezone = timezone or "UTC"
        self._zone = load_zone(self.timezone)
        self.fmt = fmt
        self.end_offset = end_offset
        if cron_schedule is not None:
            if schedule_type is not None or minute_offset or hour_offset or day_offset:
                raise CheckError(
                    "Give either cron_schedule or schedule_type with minute_offset, hour_offset and "
                    "day_offset, not both"
                )
        elif schedule_type is None:
            raise CheckError("One of schedule_type and cron_schedule must be provided")
        else:
            cron_schedule = cron_of(schedule_type, minute_offset or 0, hour_offset or 0, day_offset)
        self.cron_schedule = self._checked_cron(cron_schedule, "")
        self.start_ts = self._moment(start, "start")
        self.end_ts = None if end is None else self._moment(end, "end")
        self.exclusions = self._checked_exclusions(exclusions)

    def _checked_cron(self, text: str, where: str) -> str:
        try:
            parse_cron(text)
        except InvalidCronError as error:
            raise InvalidCronError(
                f"Found invalid cron schedule {text!r}{where} for a TimeWindowPartitionsDefinition. {error}"
            ) from None
        return text

    def _checked_exclusions(
        self, exclusions: Sequence[str | datetime | TimestampWithTimezone] | None
    ) -> tuple[str | TimestampWithTimezone, ...] | None:
        if not exclusions:
            return None
        found: list[str | TimestampWithTimezone] = []
        for item in exclusions:
            if isinstance(item, str):
                found.append(self._checked_cron(item, " in the exclusions"))
            elif isinstance(item, (datetime, TimestampWithTimezone)):
                found.append(self._moment(item, "exclusions"))
            else:
                raise CheckError(f"An exclusion is a cron schedule or a datetime, not {item!r}")
        return tuple(found)

    def _moment(self, moment: Moment, what: str) -> TimestampWithTimezone:
        if isinstance(moment, TimestampWithTimezone):
            return moment
        if isinstance(moment, datetime):
            return TimestampWithTimezone(float(local_epoch(moment.replace(tzinfo=None), self._zone)), self.timezone)
        if isinstance(moment, date):
            return TimestampWithTimezone(
                float(local_epoch(datetime(moment.year, moment.month, moment.day), self._zone)), self.timezone
            )
        try:
            return TimestampWithTimezone(float(self._parsed(moment)), self.timezone)
        except InvalidPartitionKeyError as error:
            raise InvalidPartitionKeyError(f"The {what} of the partitions is not a date: {error}") from None

    # ---- what was given

    @property
    def start_timestamp(self) -> float:
        """The start in seconds since 1970."""
        return self.start_ts.timestamp

    @property
    def end_timestamp(self) -> float | None:
        """The end in seconds since 1970, if there is one."""
        return self.end_ts.timestamp if self.end_ts else None

    @cached_property
    def start(self) -> datetime:
        """When the first window may start."""
        return at_epoch(self.start_ts.timestamp, load_zone(self.start_ts.timezone))

    @cached_property
    def end(self) -> datetime | None:
        """When the last window must have ended, if there is such a time."""
        return at_epoch(self.end_ts.timestamp, load_zone(self.end_ts.timezone)) if self.end_ts else None

    @cached_property
    def schedule_type(self) -> ScheduleType | None:
        """The usual length of the windows, or None for any other cron expression."""
        fields = parse_cron(self.cron_schedule).fields
        return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(fields)), None)

    def _field(self, index: int, what: str) -> int:
        part = parse_cron(self.cron_schedule).fields.split()[index]
        if not part.isdecimal():
            raise CheckError(f"{self.cron_schedule} has no {what} offset")
        return int(part)

    @property
    def minute_offset(self) -> int:
        """Minutes past the hour at which windows start."""
        return self._field(0, "minute")

    @property
    def hour_offset(self) -> int:
        """Hour of the day at which windows start."""
        return self._field(1, "hour")

    @property
    def day_offset(self) -> int:
        """Day of the week (0 is Sunday) or of the month on which windows start."""
        match self.schedule_type:
            case ScheduleType.WEEKLY:
                return self._field(4, "day")
            case ScheduleType.MONTHLY:
                return self._field(2, "day")
            case other:
                raise CheckError(f"Unsupported schedule type for day_offset: {other}")

    @property
    def is_basic_daily(self) -> bool:
        """Whether windows go from midnight to midnight."""
        return not self.exclusions and parse_cron(self.cron_schedule).fields == "0 0 * * *"

    @property
    def is_basic_hourly(self) -> bool:
        """Whether windows go from full hour to full hour."""
        return not self.exclusions and parse_cron(self.cron_schedule).fields == "0 * * * *"

    def get_cron_schedule(
        self,
        minute_of_hour: int | None = None,
        hour_of_day: int | None = None,
        day_of_week: int | None = None,
        day_of_month: int | None = None,
    ) -> str:
        """The cron expression of a schedule that runs once per window, at this offset instead of the window's end.

        Args:
            minute_of_hour: Minute, 0 to 59; None takes that at which windows begin, as for the others.
            hour_of_day: Hour, 0 to 23; not for hourly windows.
            day_of_week: Day, 0 is Sunday; of weekly windows.
            day_of_month: Day, from 1; of monthly windows.

        Raises:
            CheckError: for an offset that does not fit the windows.
        """
        if minute_of_hour is hour_of_day is day_of_week is day_of_month is None:
            return self.cron_schedule
        kind = self.schedule_type
        if kind is None:
            raise CheckError(
                f"{self.cron_schedule} does not support minute_of_hour/hour_of_day/day_of_week/day_of_month arguments"
            )
        if kind is ScheduleType.HOURLY and hour_of_day is not None:
            raise CheckError("Cannot set hour parameter with hourly partitions.")
        if kind is ScheduleType.DAILY and day_of_week is not None:
            raise CheckError("Cannot set day of week parameter with daily partitions.")
        if kind is ScheduleType.DAILY and day_of_month is not None:
            raise CheckError("Cannot set day of month parameter with daily partitions.")
        minute = self.minute_offset if minute_of_hour is None else minute_of_hour
        hour = 0 if kind is ScheduleType.HOURLY else self.hour_offset if hour_of_day is None else hour_of_day
        day = None
        if kind is ScheduleType.MONTHLY:
            day = self.day_offset if day_of_month is None else day_of_month
        elif kind is ScheduleType.WEEKLY:
            day = self.day_offset if day_of_week is None else day_of_week
        return cron_of(kind, minute, hour, day)

    # ---- window numbers

    @cached_property
    def cadence(self) -> Cadence:
        """The numbered boundaries of the windows."""
        cadence = cadence_of(self.cron_schedule, self.timezone, self.start_timestamp)
        if not self.exclusions:
            return cadence
        crons = tuple(item for item in self.exclusions if isinstance(item, str))
        instants = frozenset(int(item.timestamp) for item in self.exclusions if not isinstance(item, str))
        return excluding(cadence, self.timezone, self.start_timestamp, crons, instants)

    @cached_property
    def first_number(self) -> int:
        """The number of the first window, whether or not it has ended."""
        return self.cadence.ceil(self.start_timestamp)

    def stop_number(self, current_time: datetime | None = None) -> int:
        """One more than the number of the last window whose partition exists.

        Args:
            current_time: The moment that counts; None means now.
        """
        stop = self.cadence.closed_before(self._timestamp(current_time)) + self.end_offset
        if self.end_ts is not None:
            stop = min(stop, self.cadence.closed_before(self.end_ts.timestamp))
        return max(stop, self.first_number)

    def _timestamp(self, current_time: datetime | None) -> float:
        moment = effective_time(current_time)
        return float(local_epoch(moment, self._zone)) if moment.tzinfo is None else moment.timestamp()

    def key_of(self, number: int) -> str:
        """The key of a window; the second of two windows that start at one wall-clock time carries its UTC offset.

        Args:
            number: The window's number.
        """
        local = at_epoch(self.cadence.instant(number), self._zone)
        if self.fmt == "%Y-%m-%d":
            text = f"{local.year:04d}-{local.month:02d}-{local.day:02d}"
        else:
            text = local.strftime(self.fmt)
        if local.fold and not any(part in self.fmt for part in _SHORT_OFFSETS) and "%s" not in self.fmt:
            text += local.strftime("%z")
        return text

    def _parsed(self, key: str) -> int:
        try:
            if self.fmt == "%Y-%m-%d" and len(key) == 10 and key[4] == key[7] == "-":
                moment = datetime(int(key[:4]), int(key[5:7]), int(key[8:]))
            elif self.fmt == "%s":
                return int(key)
            else:
                moment = datetime.strptime(key, self.fmt)
        except (ValueError, TypeError):
            try:
                moment = datetime.strptime(key, self.fmt + "%z")
            except (ValueError, TypeError):
                today = datetime(2024, 1, 31).strftime(self.fmt)
                raise InvalidPartitionKeyError(
                    f"{key!r} does not match the format {self.fmt!r}; write it as in {today!r}"
                ) from None
        return local_epoch(moment, self._zone) if moment.tzinfo is None else int(moment.timestamp())

    def number_of(self, key: str) -> int:
        """The number of the window that a key names, also where no partition exists (yet).

        Args:
            key: A date in the format of the keys.

        Raises:
            InvalidPartitionKeyError: for text that is no date of this format.
        """
        return self.cadence.ceil(self._parsed(key))

    def checked_number_of(self, key: str) -> int:
        """The number of the window that a key names exactly.

        Args:
            key: The key.

        Raises:
            InvalidPartitionKeyError: where no window begins at that time, with the key of the next one.
        """
        number = self.number_of(key)
        if self.key_of(number) != key:
            raise InvalidPartitionKeyError(
                f"No partition starts at {key!r}; the one at or after it is {self.key_of(number)!r} "
                f"(windows begin at {self.cron_schedule!r}, "
                f"{self.timezone})"
            )
        return number

    def numbers_between(self, start_s: float, end_s: float) -> tuple[int, int]:
        """The half-open range of windows that start between two instants.

        Args:
            start_s: Seconds since 1970; a window that starts then counts.
            end_s: Seconds since 1970; a window that starts then does not count.
        """
        if start_s >= end_s:
            return (0, 0)
        return self.cadence.ceil(start_s), self.cadence.ceil(end_s)

    def numbers_in(self, start: datetime, end: datetime) -> tuple[int, int]:
        """The half-open range of windows that start within a window of time.

        Args:
            start: A moment with a time zone; a window that starts then counts.
            end: A moment with a time zone; a window that starts then does not count.
        """
        return self.numbers_between(start.timestamp(), end.timestamp())

    def window(self, number: int) -> TimeWindow:
        """The window of a number.

        Args:
            number: The window's number.
        """
        return TimeWindow(
            at_epoch(self.cadence.instant(number), self._zone), at_epoch(self.cadence.end(number), self._zone)
        )

    def _keys(self, start: int, stop: int) -> list[str]:
        return [self.key_of(number) for number in range(start, stop)]

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
        return f"{head}, starting {self.start.strftime(self.fmt)} {self.timezone}{until}."

    def __repr__(self) -> str:
        extra = f", exclusions={list(self.exclusions)}" if self.exclusions else ""
        return (
            f"TimeWindowPartitionsDefinition(start={self.start_timestamp}, end={self.end_timestamp}, "
            f"timezone={self.timezone!r}, "
            f"fmt={self.fmt!r}, end_offset={self.end_offset}, cron_schedule={self.cron_schedule!r}{extra})"
        )
