"""Following the log live: a cheap question whether anything changed, and then one range of the primary key."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cellmill.instance.event_record import EventRecord
from cellmill.instance.event_store import EventStore
from cellmill.instance.sql import Database

#: Seconds between two looks at the database's change counter.
INTERVAL_S = 0.05
BATCH = 1000


def change_mark(db: Database) -> object:
    """A value that differs after another process has changed the database.

    On SQLite the counter in the shared memory of the write-ahead log; on PostgreSQL the newest event's id.
    """
    if db.dialect == "sqlite":
        return db.row("PRAGMA data_version")
    return db.row("SELECT max(id) FROM events")


def follow(db: Database, events: EventStore, after: int, timeout_s: float | None) -> Iterator[EventRecord]:
    """The events behind `after`, as they come; ends after `timeout_s` without one."""
    mark: object = None
    last_news = time.monotonic()
    while True:
        seen = change_mark(db)
        records = events.tail(after, limit=BATCH) if seen != mark or db.dialect == "sqlite" else []
        mark = seen
        if records:
            yield from records
            after = records[-1].storage_id
            last_news = time.monotonic()
            continue
        if timeout_s is not None and time.monotonic() - last_news > timeout_s:
            return
        time.sleep(INTERVAL_S)
