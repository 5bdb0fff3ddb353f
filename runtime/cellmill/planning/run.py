"""The record of one run, and the words for its state."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey

#: Tags that cellmill itself writes and reads, under Dagster's names so that existing dashboards find them.
PARTITION_TAG = "dagster/partition"
PARTITION_SET_TAG = "dagster/partition_set"
PARTITION_RANGE_START_TAG = "dagster/asset_partition_range_start"
PARTITION_RANGE_END_TAG = "dagster/asset_partition_range_end"
SCHEDULE_TAG = "dagster/schedule_name"
SENSOR_TAG = "dagster/sensor_name"
BACKFILL_TAG = "dagster/backfill"
TICK_TAG = "dagster/tick"
#: Seconds since the epoch of the instant that a schedule asked for a run for.
SCHEDULED_AT_TAG = "cellmill/scheduled_at"
RUN_KEY_TAG = "dagster/run_key"
ROOT_RUN_TAG = "dagster/root_run_id"
PARENT_RUN_TAG = "dagster/parent_run_id"
RESUME_RETRY_TAG = "dagster/is_resume_retry"
PRIORITY_TAG = "dagster/priority"
#: Tag of a run that makes only what is not fresh; Dagster's.
MEMOIZED_TAG = "dagster/is_memoized_run"


class RunStatus(StrEnum):
    """The state of a run, under Dagster's words.

    A run waits as `QUEUED` or is recorded as `NOT_STARTED`; `STARTING` and `STARTED` have a process; `CANCELING` was
    asked to end. `SUCCESS`, `FAILURE` and `CANCELED` are final. `MANAGED` is kept for Dagster's sake.
    """

    QUEUED = "QUEUED"
    NOT_STARTED = "NOT_STARTED"
    MANAGED = "MANAGED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"


#: States that no event changes any more.
FINISHED_STATUSES = frozenset({RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED})
#: States in which a process works, or should, on the run.
IN_PROGRESS_STATUSES = frozenset({RunStatus.STARTING, RunStatus.STARTED, RunStatus.CANCELING})
#: States from which a run can still be cancelled.
CANCELABLE_STATUSES = frozenset({RunStatus.QUEUED, RunStatus.NOT_STARTED, RunStatus.STARTING, RunStatus.STARTED})


def make_run_id() -> str:
    """A new, unique run id."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is known of one run, but for its events.

    Made by cellmill; found with `instance.get_runs()` and `instance.get_run_by_id(run_id)`.

    Args:
        job_name: Name of the job.
        run_id: Its id; left out, a new one.
        run_config: Its run config, as a dictionary.
        status: Its state.
        tags: Its tags, text to text.
        asset_selection: The selected assets; None means all of the job.
        asset_check_selection: Keys of the selected checks; None means all of the selected assets.
        op_selection: What was asked for with a selection of ops; None means all.
        resolved_op_selection: The ops that this selects, by their handles.
        step_keys_to_execute: The steps that are to run; None means all.
        root_run_id: The first run of the chain of re-executions; None for a first run.
        parent_run_id: The run that it re-executes; None for a first run.
        location: Name of the code location that has the job; empty for a job of the running process.
        code_snapshot: Content hash under which the code that ran is stored.
        attempt: How often a worker has taken the run up; every write of a worker carries it.
        reason: Why the run ended as it did, in words.
        has_repository_load_data: Kept for Dagster's sake.
    """

    job_name: str = ""
    run_id: str = field(default_factory=make_run_id)
    run_config: Mapping[str, Any] = field(default_factory=dict)
    status: RunStatus = RunStatus.NOT_STARTED
    tags: Mapping[str, str] = field(default_factory=dict)
    asset_selection: frozenset[AssetKey] | None = None
    #: None means all checks of the selected assets; with no asset selected, the checks run alone.
    asset_check_selection: frozenset[AssetCheckKey] | None = None
    op_selection: Sequence[str] | None = None
    resolved_op_selection: frozenset[str] | None = None
    step_keys_to_execute: Sequence[str] | None = None
    root_run_id: str | None = None
    parent_run_id: str | None = None
    #: Name of the code location that holds the job, empty for a job of the running process.
    location: str = ""
    #: Content hash under which the code that ran (a notebook's JSON, a module's text) is stored.
    code_snapshot: str | None = None
    #: How often a worker has taken this run up; every write of a worker carries it.
    attempt: int = 1
    #: Why the run ended as it did, in words.
    reason: str | None = None
    has_repository_load_data: bool = False

    @property
    def is_success(self) -> bool:
        """Whether every step succeeded."""
        return self.status is RunStatus.SUCCESS

    @property
    def is_failure(self) -> bool:
        """Whether the run ended because something failed."""
        return self.status is RunStatus.FAILURE

    @property
    def is_failure_or_canceled(self) -> bool:
        """Whether the run ended without success."""
        return self.status in (RunStatus.FAILURE, RunStatus.CANCELED)

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended."""
        return self.status in FINISHED_STATUSES

    @property
    def is_cancelable(self) -> bool:
        """Whether a request to cancel can still change anything."""
        return self.status in CANCELABLE_STATUSES

    @property
    def is_resume_retry(self) -> bool:
        """Whether the run continues an earlier one behind its finished steps."""
        return self.tags.get(RESUME_RETRY_TAG) == "true"

    @property
    def partition_key(self) -> str | None:
        """The partition that the run is for, where it is for one."""
        return self.tags.get(PARTITION_TAG)

    @property
    def is_partitioned(self) -> bool:
        """Whether the run is for a partition or a range of partitions."""
        return PARTITION_TAG in self.tags or PARTITION_RANGE_START_TAG in self.tags

    @property
    def previous_run_id(self) -> str | None:
        """The run that this one re-executes."""
        return self.parent_run_id

    @property
    def pipeline_name(self) -> str:
        """The job's name under its old name."""
        return self.job_name

    def get_parent_run_id(self) -> str | None:
        """The run that this one re-executes."""
        return self.parent_run_id

    def get_root_run_id(self) -> str | None:
        """The first run of the chain of re-executions."""
        return self.root_run_id

    def with_status(self, status: RunStatus) -> Run:
        """A copy in another state.

        Args:
            status: The state.
        """
        return replace(self, status=status)

    def with_tags(self, tags: Mapping[str, str]) -> Run:
        """A copy with these tags and no others.

        Args:
            tags: The tags, text to text.
        """
        return replace(self, tags=dict(tags))

    def tags_for_storage(self) -> Mapping[str, str]:
        """The tags by which the run can be searched."""
        return self.tags

    @staticmethod
    def tags_for_schedule(schedule: Any) -> Mapping[str, str]:
        """The tags of runs that a schedule asks for.

        Args:
            schedule: The schedule.
        """
        return {SCHEDULE_TAG: schedule.name}

    @staticmethod
    def tags_for_sensor(sensor: Any) -> Mapping[str, str]:
        """The tags of runs that a sensor asks for.

        Args:
            sensor: The sensor.
        """
        return {SENSOR_TAG: sensor.name}

    @staticmethod
    def tags_for_backfill_id(backfill_id: str) -> Mapping[str, str]:
        """The tags of runs that a backfill asks for.

        Args:
            backfill_id: The backfill's id.
        """
        return {BACKFILL_TAG: backfill_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsFilter:
    """Which runs to list; all conditions that are given have to hold, and an empty filter lists all.

    Args:
        run_ids: Only runs with these ids.
        job_name: Only runs of this job.
        statuses: Only runs in one of these states.
        tags: Only runs that have each of these tags, with this value or one of these values.
        updated_after: Only runs whose state changed later than this.
        updated_before: Only runs whose state changed last before this.
        created_after: Only runs that were recorded later than this.
        created_before: Only runs that were recorded earlier than this.
        exclude_subruns: Whether re-executions of other runs are left out.
        location: Only runs of this code location.
    """

    run_ids: Sequence[str] | None = None
    job_name: str | None = None
    statuses: Sequence[RunStatus] | None = None
    #: Each key must have this value, or one of these values.
    tags: Mapping[str, str | Sequence[str]] | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    exclude_subruns: bool | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as stored: the run with its place in the order of runs and its times.

    Args:
        storage_id: Its place in the order in which runs were recorded.
        dagster_run: The run; `run` is the same.
        create_timestamp: When it was recorded, in UTC.
        update_timestamp: When its record last changed, in UTC.
        start_time: When it began to work, in seconds since 1970; None if it did not yet.
        end_time: When it ended, in seconds since 1970; None if it did not yet.
    """

    storage_id: int
    dagster_run: Run
    create_timestamp: datetime
    update_timestamp: datetime
    start_time: float | None = None
    end_time: float | None = None

    @property
    def run(self) -> Run:
        """The run itself."""
        return self.dagster_run

    @property
    def scheduled_execution_time(self) -> datetime:
        """The instant of the tick that asked for the run; of a run by hand, when it was recorded."""
        tick = self.dagster_run.tags.get(SCHEDULED_AT_TAG)
        return self.create_timestamp if tick is None else datetime.fromtimestamp(float(tick), UTC)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.dagster_run.run_id
