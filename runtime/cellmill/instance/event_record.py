"""An event with its place in the log, and pages of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.event import Event, EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An event as stored.

    Args:
        storage_id: Its place in the log; grows with the order of commits and serves as a cursor.
        event_log_entry: The event.
        seq: The event's number in its run: 1, 2, 3 …
    """

    storage_id: int
    event_log_entry: Event
    #: The event's number in its run: 1, 2, 3 …
    seq: int = 0

    @property
    def event(self) -> Event:
        """The event."""
        return self.event_log_entry

    @property
    def run_id(self) -> str:
        """The run of the event; empty for one outside any run."""
        return self.event_log_entry.run_id

    @property
    def timestamp(self) -> float:
        """When it happened, in seconds since the epoch."""
        return self.event_log_entry.timestamp

    @property
    def asset_key(self) -> AssetKey | None:
        """The asset that the event is about."""
        return self.event_log_entry.asset_key

    @property
    def partition_key(self) -> str | None:
        """The partition that the event is about."""
        return self.event_log_entry.partition

    @property
    def event_type(self) -> EventType | None:
        """The kind of event; None for a message of user code."""
        return self.event_log_entry.dagster_event_type

    @property
    def asset_event(self) -> Any:
        """The materialization or observation that the event reports, or None."""
        return self.asset_materialization or self.asset_observation

    @property
    def asset_materialization(self) -> Any:
        """The materialization that the event reports, or None."""
        return self.event_log_entry.asset_materialization

    @property
    def asset_observation(self) -> Any:
        """The observation that the event reports, or None."""
        return self.event_log_entry.asset_observation


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecordsResult:
    """A page of records.

    Args:
        records: The records, in the order that was asked for.
        cursor: What to ask for the next page with.
        has_more: Whether there is a next page.
    """

    records: Sequence[EventRecord]
    cursor: str
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLogConnection:
    """A page of one run's records.

    Args:
        records: The records, in the order that was asked for.
        cursor: What to ask for the next page with.
        has_more: Whether there is a next page.
    """

    records: Sequence[EventRecord]
    cursor: str
    has_more: bool


@dataclass(frozen=True, slots=True)
class EventRecordsFilter:
    """Which events to find; all conditions that are given have to hold.

    Args:
        event_type: The kind of events.
        asset_key: Only events about this asset; None means all.
        asset_partitions: Only events of these partitions; None means all.
        after_cursor: Only events behind this place in the log (a `storage_id`).
        before_cursor: Only events before this place in the log.
        after_timestamp: Only events later than this, in seconds since 1970.
        before_timestamp: Only events earlier than this, in seconds since 1970.
        storage_ids: Only events at these places in the log.
    """

    event_type: EventType
    asset_key: AssetKey | None = None
    asset_partitions: Sequence[str] | None = None
    after_cursor: int | None = None
    before_cursor: int | None = None
    after_timestamp: float | None = None
    before_timestamp: float | None = None
    storage_ids: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class AssetRecordsFilter:
    """Which events of one asset to find; all conditions that are given have to hold.

    Args:
        asset_key: The asset.
        asset_partitions: Only events of these partitions; None means all.
        after_timestamp: Only events later than this, in seconds since 1970.
        before_timestamp: Only events earlier than this, in seconds since 1970.
        after_storage_id: Only events behind this place in the log.
        before_storage_id: Only events before this place in the log.
        storage_ids: Only events at these places in the log.
    """

    asset_key: AssetKey
    asset_partitions: Sequence[str] | None = None
    after_timestamp: float | None = None
    before_timestamp: float | None = None
    after_storage_id: int | None = None
    before_storage_id: int | None = None
    storage_ids: Sequence[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatusChangeRecordsFilter:
    """Which changes of run state to find; all conditions that are given have to hold.

    Args:
        event_type: The event of the state, such as `EventType.RUN_FAILURE`.
        after_timestamp: Only events later than this: seconds since 1970, or a datetime.
        before_timestamp: Only events earlier than this: seconds since 1970, or a datetime.
        after_storage_id: Only events behind this place in the log.
        before_storage_id: Only events before this place in the log.
        storage_ids: Only events at these places in the log.
        job_names: Only runs of these jobs; None means all.
    """

    event_type: EventType
    after_timestamp: float | datetime | None = None
    before_timestamp: float | datetime | None = None
    after_storage_id: int | None = None
    before_storage_id: int | None = None
    storage_ids: Sequence[int] | None = None
    job_names: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetEntry:
    """What is known now of one asset.

    Args:
        asset_key: The asset.
        last_materialization_record: The event of its last materialization.
        last_run_id: The last run that made it, or means to.
        last_planned_materialization_run_id: The last run that means to make it.
        last_observation_storage_id: Place in the log of its last observation.
    """

    asset_key: AssetKey
    last_materialization_record: EventRecord | None = None
    last_run_id: str | None = None
    last_planned_materialization_run_id: str | None = None
    last_observation_storage_id: int | None = None

    @property
    def last_materialization(self) -> Event | None:
        """The event of the latest materialization."""
        record = self.last_materialization_record
        return None if record is None else record.event_log_entry

    @property
    def last_materialization_storage_id(self) -> int | None:
        """The id of that event."""
        record = self.last_materialization_record
        return None if record is None else record.storage_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRecord:
    """An asset as the catalog holds it.

    Args:
        storage_id: Place in the log of the event that it is known by.
        asset_entry: What is known now of it.
    """

    storage_id: int
    asset_entry: AssetEntry
