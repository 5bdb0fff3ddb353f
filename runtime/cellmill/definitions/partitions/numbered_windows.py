"""Windows of time between the ticks of a cron expression, counted by number and named by key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property

from cellmill.definitions.cron import parse_cron
from cellmill.definitions.local_time import at_epoch, load_zone, local_epoch
from cellmill.definitions.partitions.cadence import Cadence, cadence_of, excluding
from cellmill.definitions.partitions.key import TimestampWithTimezone, TimeWindow
from cellmill.definitions.partitions.loading import effective_time
from cellmill.errors import CheckError, InvalidCronError, InvalidPartitionKeyError

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


class NumberedWindows:
    """The windows of a `TimeWindowPartitionsDefinition`, where the arguments are described: numbers, keys, instants."""

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
