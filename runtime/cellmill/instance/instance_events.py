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
        """All events of a run, in order.

        Args:
            run_id: The run's id.
            of_type: Only events of this type, or of one of these types; None means all.
        """
        return self.events.logs(run_id, of_type)

    def logs_after(
        self, run_id: str, cursor: int | None = None, of_type: OfType = None, limit: int | None = None
    ) -> list[Event]:
        """The events of a run behind one of them.

        Args:
            run_id: The run's id.
            cursor: Number of that event in its run; None means from the first.
            of_type: Only events of this type, or of one of these types; None means all.
            limit: How many at most; None means all.
        """
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
        """A page of a run's events.

        Args:
            run_id: The run's id.
            cursor: What the page before gave; None means the first page.
            of_type: Only events of this type, or of one of these types; None means all.
            limit: How many at most; None means all.
            ascending: Whether the oldest come first.
        """
        return self.events.page_of_run(run_id, cursor, of_type, limit, ascending)

    def get_event_records(
        self, event_records_filter: EventRecordsFilter, limit: int | None = None, ascending: bool = False
    ) -> list[EventRecord]:
        """The events of all runs that pass a filter.

        Args:
            event_records_filter: The type of event and, if wanted, asset, partitions, times and places in the log.
            limit: How many at most; None means all.
            ascending: Whether the oldest come first; else the newest do.
        """
        return self.events.find(event_records_filter, limit, ascending)

    def fetch_materializations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """A page of an asset's materializations.

        Args:
            records_filter: The asset, or a filter that also names partitions, times and places in the log.
            limit: How many at most.
            cursor: What the page before gave; None means the first page.
            ascending: Whether the oldest come first; else the newest do.
        """
        return self.events.fetch(EventType.ASSET_MATERIALIZATION, _filter(records_filter), limit, cursor, ascending)

    def fetch_observations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """A page of an asset's observations.

        Args:
            records_filter: The asset, or a filter that also names partitions, times and places in the log.
            limit: How many at most.
            cursor: What the page before gave; None means the first page.
            ascending: Whether the oldest come first; else the newest do.
        """
        return self.events.fetch(EventType.ASSET_OBSERVATION, _filter(records_filter), limit, cursor, ascending)

    def fetch_planned_materializations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """A page of the events that planned an asset's materialization.

        Args:
            records_filter: The asset, or a filter that also names partitions, times and places in the log.
            limit: How many at most.
            cursor: What the page before gave; None means the first page.
            ascending: Whether the oldest come first; else the newest do.
        """
        kind = EventType.ASSET_MATERIALIZATION_PLANNED
        return self.events.fetch(kind, _filter(records_filter), limit, cursor, ascending)

    def fetch_run_status_changes(
        self,
        records_filter: EventType | RunStatusChangeRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """A page of the events of one type that changed the state of runs.

        Args:
            records_filter: The type, such as `EventType.RUN_FAILURE`, or a filter that also names jobs, times and
                places in the log.
            limit: How many at most.
            cursor: What the page before gave; None means the first page.
            ascending: Whether the oldest come first; else the newest do.
        """
        filters = (
            RunStatusChangeRecordsFilter(event_type=records_filter)
            if isinstance(records_filter, EventType)
            else records_filter
        )
        return self.events.fetch_status_changes(filters, limit, cursor, ascending)

    def report_events_outside_runs(self, events: Sequence[Event]) -> int:
        """Appends events that belong to no run.

        Args:
            events: The events, in order; a run id that one has is taken away.

        Returns:
            The storage id of the last.
        """
        return append_outside_runs(self.db, events, self._notify)

    def add_event_listener(self, run_id: str | None, cb: Callable[[Event], Any]) -> None:
        """Calls a function with each event of a run that this process appends.

        Args:
            run_id: The run's id; None means all runs.
            cb: The function of the event, called in the thread that appends.
        """
        self._listeners.setdefault(run_id, []).append(cb)

    def remove_event_listener(self, run_id: str | None, cb: Callable[[Event], Any]) -> None:
        """Stops calling a function that was given to `add_event_listener`.

        Args:
            run_id: What it was given with.
            cb: The function.
        """
        listeners = self._listeners.get(run_id, [])
        if cb in listeners:
            listeners.remove(cb)
        if not listeners:
            self._listeners.pop(run_id, None)

    def tail(self, after: int = 0, limit: int = 1000) -> list[EventRecord]:
        """The events of all runs behind a place in the log, in order of commit.

        Args:
            after: Storage id of the event behind which to begin; 0 means from the first.
            limit: How many at most.
        """
        return self.events.tail(after, limit=limit)

    def follow(self, after: int | None = None, *, timeout_s: float | None = None) -> Iterator[EventRecord]:
        """The events of all runs behind a place in the log, as they are committed by any process.

        Args:
            after: Storage id of the event behind which to begin; None means from now on.
            timeout_s: Ends after so many seconds without a new event; None: never.
        """
        return follow(self.db, self.events, self.events.last_id() if after is None else after, timeout_s)


def _filter(given: AssetKey | AssetRecordsFilter) -> AssetRecordsFilter:
    return AssetRecordsFilter(asset_key=given) if isinstance(given, AssetKey) else given
