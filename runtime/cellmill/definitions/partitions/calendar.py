"""Hourly, daily, weekly and monthly partitions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cellmill.definitions.partitions.key import TimestampWithTimezone
from cellmill.definitions.partitions.numbered_windows import ScheduleType
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition

DEFAULT_DATE_FORMAT = "%Y-%m-%d"
DEFAULT_HOURLY_FORMAT_WITHOUT_TIMEZONE = "%Y-%m-%d-%H:%M"
Exclusions = Sequence[str | datetime | TimestampWithTimezone]


class HourlyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """One partition per hour, with keys such as `2024-01-31-14:00`.

    A partition exists once its window has ended (see `end_offset`). Days follow the clocks of the zone: where they
    change, a window is an hour shorter or longer, and the second of two that begin at one wall-clock time has its UTC
    offset in its key.

    Args:
        start_date: When the first window may begin: a datetime, or text in the format `fmt`. A window that begins
            earlier does not count.
        end_date: When the last window must have ended, as `start_date`; None: no end, a partition is added with each
            window.
        minute_offset: Minute of the hour (0 to 59) at which windows begin.
        timezone: IANA name of the zone in which windows begin and keys are written, such as "Europe/Berlin"; None means
            UTC.
        fmt: Format of the keys as of `strftime`, also of dates given as text; None: `%Y-%m-%d-%H:%M`.
        end_offset: How many more windows count that have not ended: 1 adds the current one; -1 leaves out the last that
            has ended.
        exclusions: Windows that do not exist: cron expressions or datetimes at which such windows begin.

    Raises:
        InvalidPartitionKeyError: for a date that is not of the format.
        InvalidDefinitionError: for a zone that does not exist.
        InvalidCronError: for an exclusion that is no cron expression.

    Source: the IANA time zone database.
    """

    def __init__(
        self,
        start_date: datetime | str,
        end_date: datetime | str | None = None,
        minute_offset: int = 0,
        timezone: str | None = None,
        fmt: str | None = None,
        end_offset: int = 0,
        exclusions: Exclusions | None = None,
    ) -> None:
        super().__init__(
            start=start_date,
            fmt=fmt or DEFAULT_HOURLY_FORMAT_WITHOUT_TIMEZONE,
            end=end_date,
            schedule_type=ScheduleType.HOURLY,
            timezone=timezone,
            end_offset=end_offset,
            minute_offset=minute_offset,
            exclusions=exclusions,
        )


class DailyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """One partition per day, with keys such as `2024-01-31`.

    A partition exists once its window has ended (see `end_offset`). Days follow the clocks of the zone: where they
    change, a window is an hour shorter or longer, and the second of two that begin at one wall-clock time has its UTC
    offset in its key.

    >>> from cellmill import DailyPartitionsDefinition
    >>> days = DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")
    >>> days.get_partition_keys()
    ['2024-01-01', '2024-01-02', '2024-01-03']

    Args:
        start_date: When the first window may begin: a datetime, or text in the format `fmt`. A window that begins
            earlier does not count.
        end_date: When the last window must have ended, as `start_date`; None: no end, a partition is added with each
            window.
        minute_offset: Minute of the hour (0 to 59) at which windows begin.
        hour_offset: Hour of the day (0 to 23) at which windows begin.
        timezone: IANA name of the zone in which windows begin and keys are written, such as "Europe/Berlin"; None means
            UTC.
        fmt: Format of the keys as of `strftime`, also of dates given as text; None: `%Y-%m-%d`.
        end_offset: How many more windows count that have not ended: 1 adds the current one; -1 leaves out the last that
            has ended.
        exclusions: Windows that do not exist: cron expressions or datetimes at which such windows begin.

    Raises:
        InvalidPartitionKeyError: for a date that is not of the format.
        InvalidDefinitionError: for a zone that does not exist.
        InvalidCronError: for an exclusion that is no cron expression.

    Source: the IANA time zone database.
    """

    def __init__(
        self,
        start_date: datetime | str,
        end_date: datetime | str | None = None,
        minute_offset: int = 0,
        hour_offset: int = 0,
        timezone: str | None = None,
        fmt: str | None = None,
        end_offset: int = 0,
        exclusions: Exclusions | None = None,
    ) -> None:
        super().__init__(
            start=start_date,
            fmt=fmt or DEFAULT_DATE_FORMAT,
            end=end_date,
            schedule_type=ScheduleType.DAILY,
            timezone=timezone,
            end_offset=end_offset,
            minute_offset=minute_offset,
            hour_offset=hour_offset,
            exclusions=exclusions,
        )


class WeeklyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """One partition per week from `day_offset` (0 is Sunday), keyed by its first day.

    A partition exists once its window has ended (see `end_offset`). Days follow the clocks of the zone: where they
    change, a window is an hour shorter or longer, and the second of two that begin at one wall-clock time has its UTC
    offset in its key.

    Args:
        start_date: When the first window may begin: a datetime, or text in the format `fmt`. A window that begins
            earlier does not count.
        end_date: When the last window must have ended, as `start_date`; None: no end, a partition is added with each
            window.
        minute_offset: Minute of the hour (0 to 59) at which windows begin.
        hour_offset: Hour of the day (0 to 23) at which windows begin.
        day_offset: Day of the week on which windows begin; 0 is Sunday.
        timezone: IANA name of the zone in which windows begin and keys are written, such as "Europe/Berlin"; None means
            UTC.
        fmt: Format of the keys as of `strftime`, also of dates given as text; None: `%Y-%m-%d`.
        end_offset: How many more windows count that have not ended: 1 adds the current one; -1 leaves out the last that
            has ended.
        exclusions: Windows that do not exist: cron expressions or datetimes at which such windows begin.

    Raises:
        InvalidPartitionKeyError: for a date that is not of the format.
        InvalidDefinitionError: for a zone that does not exist.
        InvalidCronError: for an exclusion that is no cron expression.

    Source: the IANA time zone database.
    """

    def __init__(
        self,
        start_date: datetime | str,
        end_date: datetime | str | None = None,
        minute_offset: int = 0,
        hour_offset: int = 0,
        day_offset: int = 0,
        timezone: str | None = None,
        fmt: str | None = None,
        end_offset: int = 0,
        exclusions: Exclusions | None = None,
    ) -> None:
        super().__init__(
            start=start_date,
            fmt=fmt or DEFAULT_DATE_FORMAT,
            end=end_date,
            schedule_type=ScheduleType.WEEKLY,
            timezone=timezone,
            end_offset=end_offset,
            minute_offset=minute_offset,
            hour_offset=hour_offset,
            day_offset=day_offset,
            exclusions=exclusions,
        )


class MonthlyPartitionsDefinition(TimeWindowPartitionsDefinition):
    """One partition per month from day `day_offset`, keyed by its first day.

    A partition exists once its window has ended (see `end_offset`). Days follow the clocks of the zone: where they
    change, a window is an hour shorter or longer, and the second of two that begin at one wall-clock time has its UTC
    offset in its key.

    Args:
        start_date: When the first window may begin: a datetime, or text in the format `fmt`. A window that begins
            earlier does not count.
        end_date: When the last window must have ended, as `start_date`; None: no end, a partition is added with each
            window.
        minute_offset: Minute of the hour (0 to 59) at which windows begin.
        hour_offset: Hour of the day (0 to 23) at which windows begin.
        day_offset: Day of the month, from 1, on which windows begin.
        timezone: IANA name of the zone in which windows begin and keys are written, such as "Europe/Berlin"; None means
            UTC.
        fmt: Format of the keys as of `strftime`, also of dates given as text; None: `%Y-%m-%d`.
        end_offset: How many more windows count that have not ended: 1 adds the current one; -1 leaves out the last that
            has ended.
        exclusions: Windows that do not exist: cron expressions or datetimes at which such windows begin.

    Raises:
        InvalidPartitionKeyError: for a date that is not of the format.
        InvalidDefinitionError: for a zone that does not exist.
        InvalidCronError: for an exclusion that is no cron expression.

    Source: the IANA time zone database.
    """

    def __init__(
        self,
        start_date: datetime | str,
        end_date: datetime | str | None = None,
        minute_offset: int = 0,
        hour_offset: int = 0,
        day_offset: int = 1,
        timezone: str | None = None,
        fmt: str | None = None,
        end_offset: int = 0,
        exclusions: Exclusions | None = None,
    ) -> None:
        super().__init__(
            start=start_date,
            fmt=fmt or DEFAULT_DATE_FORMAT,
            end=end_date,
            schedule_type=ScheduleType.MONTHLY,
            timezone=timezone,
            end_offset=end_offset,
            minute_offset=minute_offset,
            hour_offset=hour_offset,
            day_offset=day_offset,
            exclusions=exclusions,
        )
