"""Run config that is computed from a partition's key."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from functools import update_wrapper
from typing import Any

from cellmill.definitions.partitions.calendar import (
    DailyPartitionsDefinition,
    Exclusions,
    HourlyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    WeeklyPartitionsDefinition,
)
from cellmill.definitions.partitions.definition import (
    DynamicPartitionsDefinition,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from cellmill.definitions.partitions.key import PARTITION_SET_TAG, Partition
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.tags import checked_tags
from cellmill.errors import InvalidDefinitionError, InvalidInvocationError, PartitionExecutionError

ConfigFn = Callable[[str], Any]
TagsFn = Callable[[str], Mapping[str, str]]
WindowTagsFn = Callable[[datetime, datetime], Mapping[str, str]]


class PartitionedConfig:
    """A partitions definition with the run config, and optionally the tags, of each of its partitions.

    Given as the `config` of a job, it makes the job partitioned. Usually made by `partitioned_config`,
    `daily_partitioned_config` and their like.

    Args:
        partitions_def: The partitions.
        run_config_for_partition_fn: Older: function of a `Partition` that returns the run config.
        decorated_fn: The function that calling the config calls; set by the decorators.
        tags_for_partition_fn: Older: function of a `Partition` that returns tags of its run.
        run_config_for_partition_key_fn: Function of the key that returns the run config, a dictionary or a `RunConfig`.
        tags_for_partition_key_fn: Function of the key that returns tags of its run; None: none but the partition's.

    Raises:
        InvalidDefinitionError: for a function given in both forms, or no function for the run config.
    """

    def __init__(
        self,
        partitions_def: PartitionsDefinition,
        run_config_for_partition_fn: Callable[[Partition], Mapping[str, Any]] | None = None,
        decorated_fn: Callable[..., Any] | None = None,
        tags_for_partition_fn: Callable[[Partition], Mapping[str, str]] | None = None,
        run_config_for_partition_key_fn: ConfigFn | None = None,
        tags_for_partition_key_fn: TagsFn | None = None,
    ) -> None:
        if not isinstance(partitions_def, PartitionsDefinition):
            raise InvalidDefinitionError(f"partitions_def is a partitions definition, not {partitions_def!r}")
        if run_config_for_partition_fn is not None and run_config_for_partition_key_fn is not None:
            raise InvalidDefinitionError(
                "Give run_config_for_partition_key_fn or run_config_for_partition_fn, not both"
            )
        if tags_for_partition_fn is not None and tags_for_partition_key_fn is not None:
            raise InvalidDefinitionError("Give tags_for_partition_key_fn or tags_for_partition_fn, not both")
        if run_config_for_partition_fn is None and run_config_for_partition_key_fn is None:
            raise InvalidDefinitionError(
                "One of run_config_for_partition_fn, run_config_for_partition_key_fn must be provided "
                "when using PartitionedConfig."
            )
        self.partitions_def = partitions_def
        self.run_config_for_partition_fn = run_config_for_partition_fn
        self.run_config_for_partition_key_fn = run_config_for_partition_key_fn
        self.tags_for_partition_fn = tags_for_partition_fn
        self.tags_for_partition_key_fn = tags_for_partition_key_fn
        self._decorated_fn = decorated_fn
        if decorated_fn is not None:
            update_wrapper(self, decorated_fn)

    def get_partition_keys(self, current_time: datetime | None = None) -> Sequence[str]:
        """All keys that exist.

        Args:
            current_time: The moment for which partitions are listed; None means now.
        """
        return self.partitions_def.get_partition_keys(current_time)

    def get_run_config_for_partition_key(self, partition_key: str) -> Mapping[str, Any]:
        """The run config of one partition.

        Args:
            partition_key: Its key.

        Raises:
            PartitionExecutionError: when the function fails.
        """
        try:
            if self.run_config_for_partition_key_fn is not None:
                found = self.run_config_for_partition_key_fn(partition_key)
            else:
                assert self.run_config_for_partition_fn is not None
                found = self.run_config_for_partition_fn(Partition(partition_key, partition_key))
        except Exception as error:
            raise PartitionExecutionError(
                f"The function that makes the run config of partition {partition_key!r} failed: {error}"
            ) from error
        return deepcopy(_as_mapping(found))

    def get_tags_for_partition_key(self, partition_key: str, job_name: str | None = None) -> Mapping[str, str]:
        """The tags of the run of one partition: the user's and those that name the partition.

        Args:
            partition_key: Its key.
            job_name: The job of the run, for the tag `dagster/partition_set`; None leaves that out.

        Raises:
            PartitionExecutionError: when the function fails.
        """
        try:
            given: Mapping[str, str] = {}
            if self.tags_for_partition_key_fn is not None:
                given = self.tags_for_partition_key_fn(partition_key)
            elif self.tags_for_partition_fn is not None:
                given = self.tags_for_partition_fn(Partition(partition_key, partition_key))
        except Exception as error:
            raise PartitionExecutionError(
                f"The function that makes the tags of partition {partition_key!r} failed: {error}"
            ) from error
        tags = dict(checked_tags(given, f"the partition {partition_key!r}"))
        tags.update(self.partitions_def.get_tags_for_partition_key(partition_key))
        if job_name is not None:
            tags[PARTITION_SET_TAG] = f"{job_name}_partition_set"
        return tags

    @classmethod
    def from_flexible_config(cls, config: Any, partitions_def: PartitionsDefinition) -> PartitionedConfig:
        """Whatever may be given as a job's config, as a partitioned config over these partitions.

        Args:
            config: A `PartitionedConfig`, a dictionary or a `RunConfig` for every partition, or None.
            partitions_def: The partitions.

        Raises:
            InvalidDefinitionError: for a `PartitionedConfig` of other partitions.
        """
        if isinstance(config, PartitionedConfig):
            if config.partitions_def != partitions_def:
                raise InvalidDefinitionError(
                    "Can't supply a PartitionedConfig for 'config' with a different PartitionsDefinition "
                    "than supplied for "
                    "'partitions_def'."
                )
            return config
        fixed = {} if config is None else _as_mapping(config)
        return cls(partitions_def, run_config_for_partition_key_fn=lambda _key: fixed)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the decorated function returns."""
        if self._decorated_fn is None:
            raise InvalidInvocationError(
                "Only PartitionedConfig objects created using one of the partitioned config decorators "
                "can be directly invoked."
            )
        return self._decorated_fn(*args, **kwargs)


def _as_mapping(config: Any) -> dict[str, Any]:
    if config is None:
        return {}
    if isinstance(config, Mapping):
        return dict(config)
    convert = getattr(config, "to_config_dict", None)
    if convert is None:
        raise InvalidDefinitionError(f"Run config is a dictionary or a RunConfig, not {type(config).__name__}")
    found: dict[str, Any] = convert()
    return found


def partitioned_config(
    partitions_def: PartitionsDefinition, tags_for_partition_key_fn: TagsFn | None = None
) -> Callable[[ConfigFn], PartitionedConfig]:
    """Makes a function from partition key to run config a partitioned config.

    Given as the `config` of a job, it makes the job partitioned: the run of a partition gets the config that the
    function returns (a dictionary or a `RunConfig`) for its key.

    Args:
        partitions_def: The partitions.
        tags_for_partition_key_fn: Function of the key that returns tags of its run; None: none but the partition's.

    Returns:
        A decorator that makes the function a `PartitionedConfig`, which can still be called.
    """

    def decorate(fn: ConfigFn) -> PartitionedConfig:
        return PartitionedConfig(
            partitions_def,
            run_config_for_partition_key_fn=fn,
            decorated_fn=fn,
            tags_for_partition_key_fn=tags_for_partition_key_fn,
        )

    return decorate


def static_partitioned_config(
    partition_keys: Sequence[str],
    tags_for_partition_fn: TagsFn | None = None,
    tags_for_partition_key_fn: TagsFn | None = None,
) -> Callable[[ConfigFn], PartitionedConfig]:
    """As `partitioned_config`, over a fixed list of keys.

    Args:
        partition_keys: The keys, in order.
        tags_for_partition_fn: Older name of `tags_for_partition_key_fn`.
        tags_for_partition_key_fn: Function of the key that returns tags of its run; None: none but the partition's.

    Returns:
        A decorator that makes the function a `PartitionedConfig`, which can still be called.

    Raises:
        InvalidDefinitionError: for a key that comes twice or is no valid key.
    """
    return partitioned_config(
        StaticPartitionsDefinition(partition_keys), tags_for_partition_key_fn or tags_for_partition_fn
    )


def dynamic_partitioned_config(
    partition_fn: Callable[[datetime | None], Sequence[str]],
    tags_for_partition_fn: TagsFn | None = None,
    tags_for_partition_key_fn: TagsFn | None = None,
) -> Callable[[ConfigFn], PartitionedConfig]:
    """As `partitioned_config`, over keys that a function lists.

    Args:
        partition_fn: Function of the present moment that lists the keys.
        tags_for_partition_fn: Older name of `tags_for_partition_key_fn`.
        tags_for_partition_key_fn: Function of the key that returns tags of its run; None: none but the partition's.

    Returns:
        A decorator that makes the function a `PartitionedConfig`, which can still be called.
    """
    return partitioned_config(
        DynamicPartitionsDefinition(partition_fn), tags_for_partition_key_fn or tags_for_partition_fn
    )


def _windowed(
    partitions_def: TimeWindowPartitionsDefinition, tags_for_partition_fn: WindowTagsFn | None
) -> Callable[[Callable[[datetime, datetime], Any]], PartitionedConfig]:
    def decorate(fn: Callable[[datetime, datetime], Any]) -> PartitionedConfig:
        if not callable(fn) or inspect.isclass(fn):
            raise InvalidDefinitionError(f"A partitioned config decorates a function of (start, end), not {fn!r}")

        def tags(key: str) -> Mapping[str, str]:
            assert tags_for_partition_fn is not None
            return tags_for_partition_fn(*partitions_def.time_window_for_partition_key(key))

        return PartitionedConfig(
            partitions_def,
            run_config_for_partition_key_fn=lambda key: fn(*partitions_def.time_window_for_partition_key(key)),
            decorated_fn=fn,
            tags_for_partition_key_fn=tags if tags_for_partition_fn else None,
        )

    return decorate


def hourly_partitioned_config(
    start_date: datetime | str,
    minute_offset: int = 0,
    timezone: str | None = None,
    fmt: str | None = None,
    end_offset: int = 0,
    tags_for_partition_fn: WindowTagsFn | None = None,
    exclusions: Exclusions | None = None,
) -> Callable[[Callable[[datetime, datetime], Any]], PartitionedConfig]:
    """Makes a function from an hour's start and end to run config a partitioned config.

    Given as the `config` of a job, it makes the job partitioned: the run of a partition gets the config that the
    function returns (a dictionary or a `RunConfig`) for its window.

    Args:
        start_date: When the first window may begin: a datetime, or text in the format `fmt`. A window that begins
            earlier does not count.
        minute_offset: Minute of the hour (0 to 59) at which windows begin.
        timezone: IANA name of the zone in which windows begin and keys are written, such as "Europe/Berlin"; None means
            UTC.
        fmt: Format of the keys as of `strftime`, also of dates given as text; None: `%Y-%m-%d-%H:%M`.
        end_offset: How many more windows count that have not ended: 1 adds the current one; -1 leaves out the last that
            has ended.
        tags_for_partition_fn: Function of a window's start and end that returns tags of its run; None: none but the
            partition's.
        exclusions: Windows that do not exist: cron expressions or datetimes at which such windows begin.

    Returns:
        A decorator that makes the function a `PartitionedConfig`, which can still be called.

    Raises:
        InvalidPartitionKeyError: for a date that is not of the format.
        InvalidDefinitionError: for a zone that does not exist, or where no function is decorated.
    """
    definition = HourlyPartitionsDefinition(
        start_date,
        minute_offset=minute_offset,
        timezone=timezone,
        fmt=fmt,
        end_offset=end_offset,
        exclusions=exclusions,
    )
    return _windowed(definition, tags_for_partition_fn)


def daily_partitioned_config(
    start_date: datetime | str,
    minute_offset: int = 0,
    hour_offset: int = 0,
    timezone: str | None = None,
    fmt: str | None = None,
    end_offset: int = 0,
    tags_for_partition_fn: WindowTagsFn | None = None,
    exclusions: Exclusions | None = None,
) -> Callable[[Callable[[datetime, datetime], Any]], PartitionedConfig]:
    """Makes a function from a day's start and end to run config a partitioned config.

    Given as the `config` of a job, it makes the job partitioned: the run of a partition gets the config that the
    function returns (a dictionary or a `RunConfig`) for its window.

    Args:
        start_date: When the first window may begin: a datetime, or text in the format `fmt`. A window that begins
            earlier does not count.
        minute_offset: Minute of the hour (0 to 59) at which windows begin.
        hour_offset: Hour of the day (0 to 23) at which windows begin.
        timezone: IANA name of the zone in which windows begin and keys are written, such as "Europe/Berlin"; None means
            UTC.
        fmt: Format of the keys as of `strftime`, also of dates given as text; None: `%Y-%m-%d`.
        end_offset: How many more windows count that have not ended: 1 adds the current one; -1 leaves out the last that
            has ended.
        tags_for_partition_fn: Function of a window's start and end that returns tags of its run; None: none but the
            partition's.
        exclusions: Windows that do not exist: cron expressions or datetimes at which such windows begin.

    Returns:
        A decorator that makes the function a `PartitionedConfig`, which can still be called.

    Raises:
        InvalidPartitionKeyError: for a date that is not of the format.
        InvalidDefinitionError: for a zone that does not exist, or where no function is decorated.
    """
    definition = DailyPartitionsDefinition(
        start_date,
        minute_offset=minute_offset,
        hour_offset=hour_offset,
        timezone=timezone,
        fmt=fmt,
        end_offset=end_offset,
        exclusions=exclusions,
    )
    return _windowed(definition, tags_for_partition_fn)


def weekly_partitioned_config(
    start_date: datetime | str,
    minute_offset: int = 0,
    hour_offset: int = 0,
    day_offset: int = 0,
    timezone: str | None = None,
    fmt: str | None = None,
    end_offset: int = 0,
    tags_for_partition_fn: WindowTagsFn | None = None,
    exclusions: Exclusions | None = None,
) -> Callable[[Callable[[datetime, datetime], Any]], PartitionedConfig]:
    """Makes a function from a week's start and end to run config a partitioned config.

    Given as the `config` of a job, it makes the job partitioned: the run of a partition gets the config that the
    function returns (a dictionary or a `RunConfig`) for its window.

    Args:
        start_date: When the first window may begin: a datetime, or text in the format `fmt`. A window that begins
            earlier does not count.
        minute_offset: Minute of the hour (0 to 59) at which windows begin.
        hour_offset: Hour of the day (0 to 23) at which windows begin.
        day_offset: Day of the week on which windows begin; 0 is Sunday.
        timezone: IANA name of the zone in which windows begin and keys are written, such as "Europe/Berlin"; None means
            UTC.
        fmt: Format of the keys as of `strftime`, also of dates given as text; None: `%Y-%m-%d`.
        end_offset: How many more windows count that have not ended: 1 adds the current one; -1 leaves out the last that
            has ended.
        tags_for_partition_fn: Function of a window's start and end that returns tags of its run; None: none but the
            partition's.
        exclusions: Windows that do not exist: cron expressions or datetimes at which such windows begin.

    Returns:
        A decorator that makes the function a `PartitionedConfig`, which can still be called.

    Raises:
        InvalidPartitionKeyError: for a date that is not of the format.
        InvalidDefinitionError: for a zone that does not exist, or where no function is decorated.
    """
    definition = WeeklyPartitionsDefinition(
        start_date,
        minute_offset=minute_offset,
        hour_offset=hour_offset,
        day_offset=day_offset,
        timezone=timezone,
        fmt=fmt,
        end_offset=end_offset,
        exclusions=exclusions,
    )
    return _windowed(definition, tags_for_partition_fn)


def monthly_partitioned_config(
    start_date: datetime | str,
    minute_offset: int = 0,
    hour_offset: int = 0,
    day_offset: int = 1,
    timezone: str | None = None,
    fmt: str | None = None,
    end_offset: int = 0,
    tags_for_partition_fn: WindowTagsFn | None = None,
    exclusions: Exclusions | None = None,
) -> Callable[[Callable[[datetime, datetime], Any]], PartitionedConfig]:
    """Makes a function from a month's start and end to run config a partitioned config.

    Given as the `config` of a job, it makes the job partitioned: the run of a partition gets the config that the
    function returns (a dictionary or a `RunConfig`) for its window.

    Args:
        start_date: When the first window may begin: a datetime, or text in the format `fmt`. A window that begins
            earlier does not count.
        minute_offset: Minute of the hour (0 to 59) at which windows begin.
        hour_offset: Hour of the day (0 to 23) at which windows begin.
        day_offset: Day of the month, from 1, on which windows begin.
        timezone: IANA name of the zone in which windows begin and keys are written, such as "Europe/Berlin"; None means
            UTC.
        fmt: Format of the keys as of `strftime`, also of dates given as text; None: `%Y-%m-%d`.
        end_offset: How many more windows count that have not ended: 1 adds the current one; -1 leaves out the last that
            has ended.
        tags_for_partition_fn: Function of a window's start and end that returns tags of its run; None: none but the
            partition's.
        exclusions: Windows that do not exist: cron expressions or datetimes at which such windows begin.

    Returns:
        A decorator that makes the function a `PartitionedConfig`, which can still be called.

    Raises:
        InvalidPartitionKeyError: for a date that is not of the format.
        InvalidDefinitionError: for a zone that does not exist, or where no function is decorated.
    """
    definition = MonthlyPartitionsDefinition(
        start_date,
        minute_offset=minute_offset,
        hour_offset=hour_offset,
        day_offset=day_offset,
        timezone=timezone,
        fmt=fmt,
        end_offset=end_offset,
        exclusions=exclusions,
    )
    return _windowed(definition, tags_for_partition_fn)
