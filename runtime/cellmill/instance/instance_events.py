"""What an instance offers about the event log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.instance.event_record import (
    AssetRecordsFilter,
    EventLogConnection,
    EventRecord,
    EventRecordsFilter,
    EventRecordsResult,
    RunStatusChangeRecordsFilter,
)
from cellmill.instance.event_store import OfType
from cellmill.instance.instance_runs import InstanceRuns
from cellmill.instance.run_writer import append_outside_runs
from cellmill.instance.tail import follow
from cellmill.planning.event import Event, EventType


class InstanceEvents(InstanceRuns):
    """Events, under Dagster's method names."""

    def all_logs(self, run_id: str, of_type: OfType = None) -> list[Event]:
        """All events of a run, in order."""
        return self.events.logs(run_id, of_type)

    def logs_after(
        self, run_id: str, cursor: int | None = None, of_type: OfType = None, limit: int | None = None
    ) -> list[Event]:
        """The events of a run behind its event number `cursor`."""
        found = self.events.of_run(run_id, after=cursor or 0, of_type=of_type, limit=limit)
        return [record.event_log_entry for record in found]

    def get_records_for_run(
        self,
        run_id: str,
        cursor: str | None = None,
        of_type: OfType = None,
        limit: int | None = None,
        ascending: bool = True,
    ) -> EventLogConnection:
        """A page of a run's events behind the cursor that the page before gave."""
        return self.events.page_of_run(run_id, cursor, of_type, limit, ascending)

    def get_event_records(
        self, event_records_filter: EventRecordsFilter, limit: int | None = None, ascending: bool = False
    ) -> list[EventRecord]:
        """The events of all runs that pass the filter, newest first unless `ascending`."""
        return self.events.find(event_records_filter, limit, ascending)

    def fetch_materializations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """A page of an asset's materializations."""
        return self.events.fetch(EventType.ASSET_MATERIALIZATION, _filter(records_filter), limit, cursor, ascending)

    def fetch_observations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """A page of an asset's observations."""
        return self.events.fetch(EventType.ASSET_OBSERVATION, _filter(records_filter), limit, cursor, ascending)

    def fetch_planned_materializations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """A page of the events that planned an asset's materialization."""
        kind = EventType.ASSET_MATERIALIZATION_PLANNED
        return self.events.fetch(kind, _filter(records_filter), limit, cursor, ascending)

    def fetch_run_status_changes(
        self,
        records_filter: EventType | RunStatusChangeRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """A page of the events of one type that changed the state of runs."""
        filters = (
            RunStatusChangeRecordsFilter(event_type=records_filter)
            if isinstance(records_filter, EventType)
            else records_filter
        )
        return self.events.fetch_status_changes(filters, limit, cursor, ascending)

    def report_events_outside_runs(self, events: Sequence[Event]) -> int:
        """Appends events that belong to no run; returns the storage id of the last."""
        return append_outside_runs(self.db, events, self._notify)

    def add_event_listener(self, run_id: str | None, cb: Callable[[Event], Any]) -> None:
        """Calls `cb` with each event of a run (of all runs, for None) that this process appends."""
        self._listeners.setdefault(run_id, []).append(cb)

    def remove_event_listener(self, run_id: str | None, cb: Callable[[Event], Any]) -> None:
        """Stops calling `cb`."""
        listeners = self._listeners.get(run_id, [])
        if cb in listeners:
            listeners.remove(cb)
        if not listeners:
            self._listeners.pop(run_id, None)

    def tail(self, after: int = 0, limit: int = 1000) -> list[EventRecord]:
        """The events of all runs behind a storage id, in order of commit."""
        return self.events.tail(after, limit=limit)

    def follow(self, after: int | None = None, *, timeout_s: float | None = None) -> Iterator[EventRecord]:
        """The events of all runs behind a storage id (from now on, for None), as they are committed by any process.

        Ends after `timeout_s` without a new event; never, for None.
        """
        return follow(self.db, self.events, self.events.last_id() if after is None else after, timeout_s)


def _filter(given: AssetKey | AssetRecordsFilter) -> AssetRecordsFilter:
    return AssetRecordsFilter(asset_key=given) if isinstance(given, AssetKey) else given
