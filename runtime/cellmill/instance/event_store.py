"""Reading the event log: by run, asset, type and partition, with cursors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from cellmill.definitions.asset_key import AssetKey
from cellmill.instance.event_record import (
    AssetRecordsFilter,
    EventLogConnection,
    EventRecord,
    EventRecordsFilter,
    EventRecordsResult,
    RunStatusChangeRecordsFilter,
)
from cellmill.instance.event_row import COLUMNS, FEED_TYPES, SELECT, as_event, key_text, type_values
from cellmill.instance.sql import Database, Query, Row, chunks
from cellmill.planning.event import Event, EventType

K = TypeVar("K")
OfType = EventType | set[EventType] | frozenset[EventType] | None


class EventStore:
    """The events in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def _records(self, rows: Sequence[Row]) -> list[EventRecord]:
        names = self._job_names({row[1] for row in rows})
        return [EventRecord(storage_id=row[0], seq=row[2], event_log_entry=as_event(row, names)) for row in rows]

    def _job_names(self, run_ids: Iterable[str]) -> dict[str, str]:
        names: dict[str, str] = {}
        for part in chunks([run_id for run_id in run_ids if run_id]):
            query = Query("SELECT run_id, job_name FROM runs").where_in("run_id", part)
            names.update((row[0], row[1]) for row in query.rows(self._db))
        return names

    def of_run(
        self,
        run_id: str,
        *,
        after: int = 0,
        of_type: OfType = None,
        step_key: str | None = None,
        limit: int | None = None,
        ascending: bool = True,
    ) -> list[EventRecord]:
        """The events of a run behind number `after` (before it where not ascending; 0 is then the end)."""
        query = Query(SELECT).where("run_id = ?", run_id)
        if after:
            query.where("seq > ?" if ascending else "seq < ?", after)
        types = type_values(of_type)
        if types is not None:
            query.where_in("type", types)
        if step_key is not None:
            query.where("step_key = ?", step_key)
        return self._records(query.order("seq", ascending=ascending, limit=limit).rows(self._db))

    def logs(self, run_id: str, of_type: OfType = None) -> list[Event]:
        """All events of a run, in order."""
        return [record.event_log_entry for record in self.of_run(run_id, of_type=of_type)]

    def page_of_run(
        self, run_id: str, cursor: str | None, of_type: OfType, limit: int | None, ascending: bool
    ) -> EventLogConnection:
        """A page of a run's events behind the cursor that the page before gave."""
        wanted = None if limit is None else limit + 1
        after = int(cursor) if cursor else 0
        records = self.of_run(run_id, after=after, of_type=of_type, limit=wanted, ascending=ascending)
        more = limit is not None and len(records) > limit
        records = records[:limit]
        last = records[-1].seq if records else after
        return EventLogConnection(records=records, cursor=str(last), has_more=more)

    def find(self, filters: EventRecordsFilter, limit: int | None = None, ascending: bool = False) -> list[EventRecord]:
        """The events that pass the filter, newest first unless `ascending`."""
        query = self._by_type(filters.event_type, filters.asset_key)
        if filters.asset_key is not None:
            query.where("asset_key = ?", key_text(filters.asset_key))
        if filters.asset_partitions is not None:
            query.where_in("partition", filters.asset_partitions)
        if filters.storage_ids is not None:
            query.where_in("id", filters.storage_ids)
        for condition, value in (
            ("id > ?", filters.after_cursor),
            ("id < ?", filters.before_cursor),
            ("timestamp > ?", filters.after_timestamp),
            ("timestamp < ?", filters.before_timestamp),
        ):
            if value is not None:
                query.where(condition, value)
        return self._records(query.order("id", ascending=ascending, limit=limit).rows(self._db))

    @staticmethod
    def _by_type(event_type: EventType, asset_key: AssetKey | None) -> Query:
        query = Query(SELECT)
        if asset_key is None and event_type in FEED_TYPES:
            return query.where("feed = ?", event_type.value)
        return query.where("type = ?", event_type.value)

    def fetch(
        self, event_type: EventType, filters: AssetRecordsFilter, limit: int, cursor: str | None, ascending: bool
    ) -> EventRecordsResult:
        """A page of one asset's events of one type."""
        after, before = filters.after_storage_id, filters.before_storage_id
        if cursor is not None:
            after, before = (int(cursor), before) if ascending else (after, int(cursor))
        found = self.find(
            EventRecordsFilter(
                event_type=event_type,
                asset_key=filters.asset_key,
                asset_partitions=filters.asset_partitions,
                after_cursor=after,
                before_cursor=before,
                after_timestamp=filters.after_timestamp,
                before_timestamp=filters.before_timestamp,
                storage_ids=filters.storage_ids,
            ),
            limit + 1,
            ascending,
        )
        return _page(found, limit, cursor)

    def fetch_status_changes(
        self, filters: RunStatusChangeRecordsFilter, limit: int, cursor: str | None, ascending: bool
    ) -> EventRecordsResult:
        """A page of the events of one type that changed the state of runs."""
        after, before = filters.after_storage_id, filters.before_storage_id
        if cursor is not None:
            after, before = (int(cursor), before) if ascending else (after, int(cursor))
        query = Query(SELECT).where("feed = ?", filters.event_type.value)
        if filters.job_names is not None:
            inner = Query("SELECT run_id FROM runs").where_in("job_name", filters.job_names)
            query.where("run_id IN (" + inner.text + ")", *inner.params)
        if filters.storage_ids is not None:
            query.where_in("id", filters.storage_ids)
        for condition, value in (
            ("id > ?", after),
            ("id < ?", before),
            ("timestamp > ?", _seconds(filters.after_timestamp)),
            ("timestamp < ?", _seconds(filters.before_timestamp)),
        ):
            if value is not None:
                query.where(condition, value)
        found = self._records(query.order("id", ascending=ascending, limit=limit + 1).rows(self._db))
        return _page(found, limit, cursor)

    def by_ids(self, ids: Sequence[int]) -> dict[int, EventRecord]:
        """The events with these storage ids."""
        found: dict[int, EventRecord] = {}
        for part in chunks(list(ids)):
            for record in self._records(Query(SELECT).where_in("id", part).rows(self._db)):
                found[record.storage_id] = record
        return found

    def latest_materializations(self, asset_keys: Iterable[AssetKey]) -> dict[AssetKey, EventRecord]:
        """The latest materialization of each of the assets that have one."""
        found: list[EventRecord] = []
        columns = ", ".join("e." + column.strip() for column in COLUMNS.split(","))
        select = "SELECT " + columns + " FROM assets a JOIN events e ON e.id = a.event_id"
        for part in chunks([key_text(key) for key in asset_keys]):
            found += self._records(Query(select).where_in("a.asset_key", part).rows(self._db))
        return {record.asset_key: record for record in found if record.asset_key is not None}

    def newest_of_each(
        self,
        event_type: EventType,
        asset_keys: Iterable[AssetKey],
        limit: int,
        *,
        before: float | None = None,
        partitions: Sequence[str] | None = None,
    ) -> dict[AssetKey, list[EventRecord]]:
        """The newest events of one type of each asset, up to `limit` of each: one range of the index an asset."""
        inner = Query("SELECT i.id FROM events i").where("i.asset_key = a.key").where("i.type = ?", event_type.value)
        if before is not None:
            inner.where("i.timestamp < ?", before)
        if partitions is not None:
            inner.where_in("i.partition", partitions)
        inner.order("i.id", ascending=False, limit=limit)
        return self._of_each([(key_text(key), key) for key in asset_keys], inner, "e.id DESC")

    def first_of_each_run(self, run_ids: Iterable[str], limit: int | None = None) -> dict[str, list[EventRecord]]:
        """The first events of each run, up to `limit` of each."""
        inner = Query("SELECT i.id FROM events i").where("i.run_id = a.key")
        inner.order("i.seq", ascending=True, limit=limit)
        return self._of_each([(run_id, run_id) for run_id in run_ids], inner, "e.seq")

    def _of_each(self, keys: Sequence[tuple[str, K]], inner: Query, order: str) -> dict[K, list[EventRecord]]:
        columns = ", ".join("e." + column.strip() for column in COLUMNS.split(","))
        found: dict[K, list[EventRecord]] = {}
        for part in chunks(keys):
            listed = ", ".join(["(?)"] * len(part))
            sql = (
                f"WITH a(key) AS (VALUES {listed}) SELECT a.key, {columns} FROM a JOIN events e "
                f"ON e.id IN ({inner.text}) ORDER BY {order}"
            )
            rows = self._db.rows(sql, [*(text for text, _ in part), *inner.params])
            records = self._records([row[1:] for row in rows])
            of = dict(part)
            for row, record in zip(rows, records, strict=True):
                found.setdefault(of[row[0]], []).append(record)
        return found

    def last_id(self) -> int:
        """The id of the newest event; 0 for an empty log."""
        row = self._db.row("SELECT max(id) FROM events")
        return int(row[0] or 0) if row else 0

    def tail(
        self, after: int, *, limit: int = 1000, wanted: Callable[[EventRecord], bool] | None = None
    ) -> list[EventRecord]:
        """The events of all runs behind a storage id, in order of commit: one range of the primary key."""
        query = Query(SELECT).where("id > ?", after).order("id", ascending=True, limit=limit)
        records = self._records(query.rows(self._db))
        return records if wanted is None else [record for record in records if wanted(record)]


def _seconds(value: float | datetime | None) -> float | None:
    return value.timestamp() if isinstance(value, datetime) else value


def _page(found: list[EventRecord], limit: int, cursor: str | None) -> EventRecordsResult:
    records = found[:limit]
    last = str(records[-1].storage_id) if records else (cursor or "")
    return EventRecordsResult(records=records, cursor=last, has_more=len(found) > limit)
