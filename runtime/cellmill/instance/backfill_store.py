"""Backfills: what they are to make, and which run makes which part."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cellmill import faults
from cellmill.instance.sql import Database, Query, Row, Transaction, chunks

_COLUMNS = "id, backfill_id, status, created_at, ended_at, revision, body"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRow:
    """A backfill as stored; `revision` counts its changes."""

    storage_id: int
    backfill_id: str
    status: str
    created_at: float
    ended_at: float | None
    revision: int
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewBackfill:
    """A backfill to be recorded."""

    backfill_id: str
    status: str
    body: Mapping[str, Any]


def add_backfill(tx: Transaction, new: NewBackfill, now: float) -> bool:
    """Records a backfill inside a transaction that is already open; False where its id is taken."""
    text = "INSERT INTO backfills (backfill_id, status, created_at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    return tx.run(text, (new.backfill_id, new.status, now, json.dumps(dict(new.body)))) == 1


def _backfill(row: Row) -> BackfillRow:
    return BackfillRow(
        storage_id=row[0],
        backfill_id=row[1],
        status=row[2],
        created_at=row[3],
        ended_at=row[4],
        revision=row[5],
        body=json.loads(row[6]),
    )


class Backfills:
    """Backfills in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, backfill_id: str, *, status: str, body: Mapping[str, Any]) -> bool:
        """Records a new backfill; False where its id is taken."""
        with self._db.write() as tx:
            return add_backfill(tx, NewBackfill(backfill_id, status, body), self._db.now())

    def get(self, backfill_id: str) -> BackfillRow | None:
        """The backfill with this id."""
        rows = Query("SELECT " + _COLUMNS + " FROM backfills").where("backfill_id = ?", backfill_id).rows(self._db)
        return _backfill(rows[0]) if rows else None

    def search(
        self, statuses: Sequence[str] | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> list[BackfillRow]:
        """Backfills, newest first, behind the one whose id is `cursor`."""
        query = Query("SELECT " + _COLUMNS + " FROM backfills")
        if statuses is not None:
            query.where_in("status", statuses)
        if cursor is not None:
            query.where("id < (SELECT id FROM backfills WHERE backfill_id = ?)", cursor)
        return [_backfill(row) for row in query.order("id", ascending=False, limit=limit).rows(self._db)]

    def update(
        self, backfill_id: str, *, revision: int, status: str, body: Mapping[str, Any], ended: bool = False
    ) -> bool:
        """Replaces a backfill's state; False where someone changed it since `revision` was read."""
        with self._db.write() as tx:
            changed = tx.run(
                "UPDATE backfills SET status = ?, body = ?, ended_at = coalesce(?, ended_at), revision = revision + 1 "
                "WHERE backfill_id = ? AND revision = ?",
                (status, json.dumps(dict(body)), self._db.now() if ended else None, backfill_id, revision),
            )
            faults.hit("backfill.chunk")
        return changed == 1

    def reserve_runs(self, backfill_id: str, parts: Mapping[str, str]) -> dict[str, str]:
        """Fixes the run id of each part before any run is made; a part that has one already keeps it.

        Returns the run id of every part that was asked for.
        """
        with self._db.write() as tx:
            tx.run_many(
                "INSERT INTO backfill_runs (backfill_id, part, run_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [(backfill_id, part, run_id) for part, run_id in parts.items()],
            )
            reserved: dict[str, str] = {}
            for names in chunks(list(parts)):
                query = Query("SELECT part, run_id FROM backfill_runs").where("backfill_id = ?", backfill_id)
                reserved.update((row[0], row[1]) for row in query.where_in("part", names).rows(tx))
            faults.hit("backfill.chunk")
        return reserved

    def runs(self, backfill_id: str) -> dict[str, tuple[str, str | None]]:
        """Run id and run status of every part; the status is None while the run is only reserved."""
        rows = self._db.rows(
            "SELECT b.part, b.run_id, r.status FROM backfill_runs b LEFT JOIN runs r ON r.run_id = b.run_id "
            "WHERE b.backfill_id = ?",
            (backfill_id,),
        )
        return {row[0]: (row[1], row[2]) for row in rows}
