"""Schedules that run one partition of a job after the other as they come into being."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cellmill.definitions.partitions.definition import PartitionsDefinition, StaticPartitionsDefinition
from cellmill.definitions.partitions.multi import MultiPartitionsDefinition
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.run_request import DefaultScheduleStatus, RunRequest, SkipReason
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.schedule_context import ScheduleEvaluationContext
from cellmill.definitions.tags import checked_definition_owners
from cellmill.definitions.target import AutomationTarget
from cellmill.errors import CheckError, InvalidDefinitionError


class UnresolvedPartitionedSchedule:
    """A schedule of an asset job whose partitions are those of its assets.

    They are known once the definitions are loaded.
    """

    #: Not known yet.
    cron_schedule = None

    def __init__(self, job: Any, name: str, options: Mapping[str, Any]) -> None:
        self.job = job
        self.name = name
        self.targets = [AutomationTarget(job.name, job)]
        self._options = dict(options)
        self.owners = checked_definition_owners(options.get("owners"), f"schedule {name!r}")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata as given."""
        return self._options.get("metadata") or {}

    def with_metadata(self, metadata: Mapping[str, Any]) -> UnresolvedPartitionedSchedule:
        """Return a copy with other metadata.

        Args:
            metadata: What takes the place of all it has.
        """
        return UnresolvedPartitionedSchedule(self.job, self.name, {**self._options, "metadata": metadata})

    @property
    def job_name(self) -> str:
        """The name of the job it runs."""
        return str(self.job.name)

    def resolved(self, job: Any) -> ScheduleDefinition:
        """The schedule of the job with its partitions."""
        made = build_schedule_from_partitioned_job(job, **{**self._options, "name": self.name})
        assert isinstance(made, ScheduleDefinition)
        return made


def build_schedule_from_partitioned_job(
    job: Any,
    description: str | None = None,
    name: str | None = None,
    minute_of_hour: int | None = None,
    hour_of_day: int | None = None,
    day_of_week: int | None = None,
    day_of_month: int | None = None,
    default_status: DefaultScheduleStatus = DefaultScheduleStatus.STOPPED,
    tags: Mapping[str, str] | None = None,
    cron_schedule: str | None = None,
    execution_timezone: str | None = None,
    owners: Any = None,
    metadata: Mapping[str, Any] | None = None,
) -> ScheduleDefinition | UnresolvedPartitionedSchedule:
    """The schedule that runs each partition of the job when its window has ended.

    Where the partitions are windows of time, a tick runs the last window that has ended; where they are static, every
    partition; with two dimensions of which one is time, every partition of the last window. The offsets move the run
    behind the end of its window, for data that comes late.

    Args:
        job: A job with partitions, also one of `define_asset_job` whose assets have them.
        description: Text shown with it.
        name: Name; None: the job's name and "_schedule".
        minute_of_hour: Minute (0 to 59) at which it runs, instead of that at which windows begin.
        hour_of_day: Hour (0 to 23) at which it runs; not for hourly partitions.
        day_of_week: Day (0 is Sunday) on which it runs, of weekly partitions.
        day_of_month: Day (from 1) on which it runs, of monthly partitions.
        default_status: Whether it is on before anybody switched it on or off.
        tags: Tags of every run it starts.
        cron_schedule: When it runs, for partitions that are not windows of time; not together with the offsets.
        execution_timezone: IANA name of the zone of `cron_schedule`; None takes that of the partitions, else UTC.
        owners: Who answers for it: e-mail addresses, or "team:name".
        metadata: Metadata of the schedule itself, by name.

    Returns:
        The schedule; for a job whose partitions are known only with its assets, one that is resolved when the
        definitions are loaded.

    Raises:
        InvalidDefinitionError: without `cron_schedule`, for partitions in several dimensions of which none is of time.
        CheckError: for a job without partitions, offsets that do not fit them, or a `cron_schedule` where the windows
            say when it runs or where one is missing.
    """
    definition = getattr(job, "partitions_def", None)
    offsets = (minute_of_hour, hour_of_day, day_of_week, day_of_month)
    if cron_schedule is not None and any(offset is not None for offset in offsets):
        raise CheckError(
            "If cron_schedule is given, minute_of_hour, hour_of_day, day_of_week and day_of_month cannot be"
        )
    if definition is None and hasattr(job, "resolve"):
        options = {
            "description": description,
            "name": name,
            "minute_of_hour": minute_of_hour,
            "hour_of_day": hour_of_day,
            "day_of_week": day_of_week,
            "day_of_month": day_of_month,
            "default_status": default_status,
            "tags": tags,
            "cron_schedule": cron_schedule,
            "execution_timezone": execution_timezone,
            "owners": owners,
            "metadata": metadata,
        }
        return UnresolvedPartitionedSchedule(job, name or f"{job.name}_schedule", options)
    if definition is None:
        raise CheckError(f"The job {job.name!r} has no partitions; give it a partitions_def")
    windows = _windows_of(definition)
    if windows is None:
        if cron_schedule is None and isinstance(definition, MultiPartitionsDefinition):
            raise InvalidDefinitionError(
                f"Tried to build a schedule from the job {job.name!r}, none of whose dimensions is made of windows of "
                "time, so that nothing says when it runs: give cron_schedule."
            )
        if cron_schedule is None:
            raise CheckError(f"The partitions of job {job.name!r} are not windows of time, so cron_schedule is needed")
        cron, zone = cron_schedule, execution_timezone
    else:
        if cron_schedule is not None and isinstance(definition, TimeWindowPartitionsDefinition):
            raise CheckError(
                "Cannot provide both cron_schedule and a time window partitioned job: the windows say when it runs"
            )
        cron, zone = cron_schedule or windows.get_cron_schedule(*offsets), execution_timezone or windows.timezone
    return ScheduleDefinition(
        name or f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=zone,
        execution_fn=_function(job, definition, dict(tags or {})),
        description=description,
        default_status=default_status,
        owners=owners,
        metadata=metadata,
    )


schedule_from_partitions = build_schedule_from_partitioned_job


def _windows_of(definition: PartitionsDefinition) -> TimeWindowPartitionsDefinition | None:
    if isinstance(definition, TimeWindowPartitionsDefinition):
        return definition
    if isinstance(definition, MultiPartitionsDefinition) and definition.has_time_window_dimension:
        return definition.time_window_partitions_def
    return None


def _function(job: Any, definition: PartitionsDefinition, tags: dict[str, str]) -> Callable[[Any], Any]:
    def requests(context: ScheduleEvaluationContext) -> Any:
        keys, reason = _keys_at(job, definition, context)
        if not keys:
            return SkipReason(reason)
        return [RunRequest(run_key=key, partition_key=key, tags=tags) for key in keys]

    return requests


def _keys_at(job: Any, definition: PartitionsDefinition, context: ScheduleEvaluationContext) -> tuple[list[str], str]:
    if isinstance(definition, TimeWindowPartitionsDefinition):
        key = definition.get_last_partition_key(context.scheduled_execution_time)
        if key and definition.exclusions:
            whole = definition.without_exclusions()
            if whole.get_last_partition_key(context.scheduled_execution_time) != key:
                return [], "The partition of this time is excluded"
        return ([key] if key else []), "The job's PartitionsDefinition has no partitions"
    if isinstance(definition, StaticPartitionsDefinition):
        return list(definition.get_partition_keys()), "The job has no partitions"
    if isinstance(definition, MultiPartitionsDefinition):
        if not definition.has_time_window_dimension:
            keys = definition.get_partition_keys(context.scheduled_execution_time, context.instance)
            return list(keys), "The job has no partitions"
        window = definition.time_window_partitions_def.get_last_partition_key(context.scheduled_execution_time)
        if window is None:
            return [], "The job's PartitionsDefinition has no partitions"
        name = definition.time_window_dimension.name
        store = context.instance if context.has_instance else None
        keys = definition.get_multipartition_keys_with_dimension_value(name, window, store)
        return list(keys), "The other dimension has no keys"
    raise InvalidDefinitionError(
        f"The dynamic partitions of {job.name!r} need a schedule or sensor that says which of them to run"
    )
