"""Letting go of old events without letting go of anything that state is computed from."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cellmill.instance.run_store import FINISHED
from cellmill.instance.sql import Database, Query

#: Storage ids that one transaction looks at, so that no writer waits for more than a moment.
CHUNK = 2000
#: Seconds between two such transactions: SQLite's waiting writers look again after up to 0.1 s and would find no gap.
PAUSE_S = 0.05

#: Columns by which the catalog refers to events.
_REFERENCES = (
    ("assets", "event_id"),
    ("assets", "observation_id"),
    ("assets", "planned_id"),
    ("asset_partitions", "event_id"),
    ("asset_partitions", "observation_id"),
    ("asset_partitions", "planned_id"),
    ("asset_checks", "event_id"),
    ("asset_checks", "planned_id"),
)


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge removed."""

    events: int = 0
    check_evaluations: int = 0


def purge_events(db: Database, *, before: float, chunk: int = CHUNK) -> Purged:
    """Deletes events that happened before an instant.

    What stays: the latest event of every asset, partition and check; all events of runs that have not ended; the
    runs themselves; cursors, which lie elsewhere. Each chunk is a transaction of its own.
    """
    keep = _referenced(db)
    last = db.rows("SELECT max(id) FROM events")[0][0] or 0
    removed, start = 0, 0
    while start < last:
        end = start + chunk
        # Read outside the transaction: a run that has ended stays so, and nothing old becomes referred to anew.
        query = Query("SELECT e.id FROM events e LEFT JOIN runs r ON r.run_id = e.run_id")
        query.where("e.id > ?", start).where("e.id <= ?", end).where("e.timestamp < ?", before)
        query.where("(r.run_id IS NULL OR r.status IN (?, ?, ?))", *FINISHED)
        doomed = [(row[0],) for row in query.rows(db) if row[0] not in keep and row[0] != last]
        if doomed:
            with db.write() as tx:
                tx.run_many("DELETE FROM events WHERE id = ?", doomed)
            time.sleep(PAUSE_S)
        removed += len(doomed)
        start = end
    return Purged(removed, _purge_evaluations(db, before))


def _referenced(db: Database) -> set[int]:
    keep: set[int] = set()
    for table, column in _REFERENCES:
        query = Query("SELECT " + column + " FROM " + table).where(column + " IS NOT NULL")
        keep.update(row[0] for row in query.rows(db))
    return keep


def _purge_evaluations(db: Database, before: float) -> int:
    """Forgets evaluations of checks whose events are gone."""
    with db.write() as tx:
        return tx.run(
            "DELETE FROM check_evaluations WHERE timestamp < ? AND event_id NOT IN (SELECT id FROM events)", (before,)
        )
