"""Runs: recorded, searched, tagged, and moved from state to state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cellmill.errors import DuplicateRunError, RunNotFoundError
from cellmill.instance import wire
from cellmill.instance.sql import Database, Query, Row, Transaction, chunks
from cellmill.planning.run import FINISHED_STATUSES, PRIORITY_TAG, Run, RunRecord, RunsFilter, RunStatus

COLUMNS = (
    "id, run_id, job_name, location, status, attempt, created_at, updated_at, started_at, ended_at, root_run_id, "
    "parent_run_id, code_snapshot, reason, body"
)
SELECT = Query("SELECT " + COLUMNS + " FROM runs").text
INSERT = (
    "INSERT INTO runs (run_id, job_name, location, status, priority, attempt, created_at, updated_at, root_run_id, "
    "parent_run_id, code_snapshot, origin, run_key, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING"
)
INSERT_TAG = (
    "INSERT INTO run_tags (run_id, key, value) VALUES (?, ?, ?) "
    "ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value"
)
FINISHED = tuple(sorted(FINISHED_STATUSES))

#: Fields of a run that are stored together as JSON.
_BODY_FIELDS = (
    "run_config",
    "asset_selection",
    "asset_check_selection",
    "op_selection",
    "resolved_op_selection",
    "step_keys_to_execute",
    "has_repository_load_data",
)


def record_run(tx: Transaction, run: Run, *, now: float, origin: str | None = None, run_key: str | None = None) -> bool:
    """Inserts the run; False where its id, or the run key of its origin, is taken already (nothing is changed then)."""
    body = {name: value for name in _BODY_FIELDS if (value := getattr(run, name))}
    if run.tags:
        body["tags"] = dict(run.tags)
    if run.asset_selection is not None:
        body["asset_selection"] = run.asset_selection
    if run.asset_check_selection is not None:
        body["asset_check_selection"] = run.asset_check_selection
    changed = tx.run(
        INSERT,
        (
            run.run_id,
            run.job_name,
            run.location,
            run.status.value,
            _priority(run.tags),
            run.attempt,
            now,
            now,
            run.root_run_id,
            run.parent_run_id,
            run.code_snapshot,
            origin,
            run_key,
            wire.dumps(body),
        ),
    )
    if changed != 1:
        return False
    if run.tags:
        tx.run_many(INSERT_TAG, [(run.run_id, key, str(value)) for key, value in run.tags.items()])
    return True


def record_new_run(
    tx: Transaction, run: Run, *, now: float, origin: str | None = None, run_key: str | None = None
) -> None:
    """Inserts the run, as `record_run` does.

    Raises:
        DuplicateRunError: where its id, or the run key of its origin, is taken.
    """
    if not record_run(tx, run, now=now, origin=origin, run_key=run_key):
        raise DuplicateRunError(f"The instance already holds a run with the id {run.run_id!r}.")


def _priority(tags: Mapping[str, str]) -> int:
    try:
        return int(tags.get(PRIORITY_TAG, 0))
    except ValueError:
        return 0


def as_record(row: Row) -> RunRecord:
    """The record that a row of `SELECT` describes."""
    body = wire.loads(row[14])
    run = Run(
        run_id=row[1],
        job_name=row[2],
        location=row[3],
        status=RunStatus(row[4]),
        attempt=row[5],
        root_run_id=row[10],
        parent_run_id=row[11],
        code_snapshot=row[12],
        reason=row[13],
        **body,
    )
    return RunRecord(
        storage_id=row[0],
        dagster_run=run,
        create_timestamp=datetime.fromtimestamp(row[6], UTC),
        update_timestamp=datetime.fromtimestamp(row[7], UTC),
        start_time=row[8],
        end_time=row[9],
    )


class RunStore:
    """Runs in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, run: Run, *, origin: str | None = None, run_key: str | None = None) -> Run:
        """Records a new run.

        Args:
            run: The run.
            origin: The schedule or sensor that asks for it.
            run_key: What the run is about: one origin's key is recorded once.

        Raises:
            DuplicateRunError: where its id is taken.
        """
        with self._db.write() as tx:
            record_new_run(tx, run, now=self._db.now(), origin=origin, run_key=run_key)
        return run

    def get(self, run_id: str) -> RunRecord | None:
        """The run with this id."""
        row = self._db.row(SELECT + " WHERE run_id = ?", (run_id,))
        return None if row is None else as_record(row)

    def require(self, run_id: str) -> RunRecord:
        """The run with this id.

        Args:
            run_id: The id.

        Raises:
            RunNotFoundError: for an id that no run has.
        """
        record = self.get(run_id)
        if record is None:
            raise RunNotFoundError(f"The instance knows no run {run_id!r}; `cellmill runs list` shows those it knows.")
        return record

    def newest_of_each_job(self, names: Iterable[str], limit: int) -> dict[str, list[RunRecord]]:
        """The newest runs of each job, up to `limit` of each, newest first."""
        found: dict[str, list[RunRecord]] = {}
        inner = Query("SELECT i.id FROM runs i").where("i.job_name = a.key").order("i.id", ascending=False, limit=limit)
        columns = ", ".join("r." + column.strip() for column in COLUMNS.split(","))
        for part in chunks(list(names)):
            listed = ", ".join(["(?)"] * len(part))
            sql = (
                f"WITH a(key) AS (VALUES {listed}) SELECT {columns} FROM a JOIN runs r "
                f"ON r.id IN ({inner.text}) ORDER BY r.id DESC"
            )
            for record in map(as_record, self._db.rows(sql, [*part, *inner.params])):
                found.setdefault(record.run.job_name, []).append(record)
        return found

    def search(
        self,
        filters: RunsFilter | None = None,
        *,
        cursor: str | None = None,
        limit: int | None = None,
        ascending: bool = False,
        order_by: str = "id",
    ) -> list[RunRecord]:
        """The runs that pass the filter, newest first, behind the run whose id is `cursor`."""
        if order_by not in ("id", "created_at", "updated_at", "started_at", "ended_at"):
            raise ValueError(f"Runs cannot be ordered by {order_by!r}.")
        query = self._filtered(Query(SELECT), filters)
        if cursor is not None:
            query.where("id " + (">" if ascending else "<") + " (SELECT id FROM runs WHERE run_id = ?)", cursor)
        columns = "id" if order_by == "id" else order_by + ", id"
        return [as_record(row) for row in query.order(columns, ascending=ascending, limit=limit).rows(self._db)]

    def ids(
        self, filters: RunsFilter | None = None, *, cursor: str | None = None, limit: int | None = None
    ) -> list[str]:
        """The ids of the runs that pass the filter, newest first."""
        query = self._filtered(Query("SELECT run_id FROM runs"), filters)
        if cursor is not None:
            query.where("id < (SELECT id FROM runs WHERE run_id = ?)", cursor)
        return [row[0] for row in query.order("id", ascending=False, limit=limit).rows(self._db)]

    def count(self, filters: RunsFilter | None = None) -> int:
        """How many runs pass the filter."""
        return int(self._filtered(Query("SELECT count(*) FROM runs"), filters).rows(self._db)[0][0])

    @staticmethod
    def _filtered(query: Query, filters: RunsFilter | None) -> Query:
        if filters is None:
            return query
        if filters.run_ids is not None:
            query.where_in("run_id", filters.run_ids)
        if filters.job_name is not None:
            query.where("job_name = ?", filters.job_name)
        if filters.location is not None:
            query.where("location = ?", filters.location)
        if filters.statuses:
            query.where_in("status", [RunStatus(status).value for status in filters.statuses])
        for key, value in (filters.tags or {}).items():
            values = [value] if isinstance(value, str) else list(value)
            inner = Query("SELECT run_id FROM run_tags").where("key = ?", key).where_in("value", values)
            query.where("run_id IN (" + inner.text + ")", *inner.params)
        for column, instant, sign in (
            ("updated_at", filters.updated_after, ">"),
            ("updated_at", filters.updated_before, "<"),
            ("created_at", filters.created_after, ">"),
            ("created_at", filters.created_before, "<"),
        ):
            if instant is not None:
                query.where(f"{column} {sign} ?", instant.timestamp())
        if filters.exclude_subruns:
            query.where("root_run_id IS NULL")
        return query

    def add_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Adds tags to a run, replacing those of the same key."""
        with self._db.write() as tx:
            row = tx.row("SELECT body FROM runs WHERE run_id = ?" + self._db.for_update, (run_id,))
            if row is None:
                raise RunNotFoundError(f"The instance knows no run {run_id!r}.")
            body = json.loads(row[0])
            body["tags"] = {**body.get("tags", {}), **{key: str(value) for key, value in tags.items()}}
            tx.run(
                "UPDATE runs SET body = ?, priority = ?, updated_at = ? WHERE run_id = ?",
                (json.dumps(body), _priority(body["tags"]), self._db.now(), run_id),
            )
            tx.run_many(INSERT_TAG, [(run_id, key, str(value)) for key, value in tags.items()])

    def tags(
        self, keys: Iterable[str] | None = None, *, value_prefix: str | None = None, limit: int | None = None
    ) -> list[tuple[str, set[str]]]:
        """The values in use of each tag key."""
        query = Query("SELECT DISTINCT key, value FROM run_tags")
        if keys is not None:
            query.where_in("key", keys)
        if value_prefix:
            query.where("substr(value, 1, ?) = ?", len(value_prefix), value_prefix)
        found: dict[str, set[str]] = {}
        for key, value in query.order("key, value", ascending=True, limit=limit).rows(self._db):
            found.setdefault(key, set()).add(value)
        return list(found.items())

    def tag_keys(self) -> list[str]:
        """The tag keys in use."""
        return [row[0] for row in self._db.rows("SELECT DISTINCT key FROM run_tags ORDER BY key")]

    def delete(self, run_ids: Sequence[str]) -> None:
        """Forgets runs with their events; what the catalog knows from them stays."""
        for part in chunks(list(run_ids)):
            with self._db.write() as tx:
                for table in ("events", "run_tags", "pool_claims", "runs"):
                    query = Query("DELETE FROM " + table).where_in("run_id", part)
                    tx.run(query.text, query.params)

    def new_attempt(self, run_id: str, *, expected: int, status: RunStatus, owner: str | None = None) -> Run | None:
        """Takes a run over: raises its attempt, so that every write of the old one is refused.

        None where the run has ended, or another process has taken it over first.
        """
        query = Query("UPDATE runs SET attempt = attempt + 1, status = ?, owner = ?, updated_at = ?")
        query.where("run_id = ?", run_id).where("attempt = ?", expected)
        query.where("status NOT IN (?, ?, ?)", *FINISHED)
        with self._db.write() as tx:
            if tx.run(query.text, (status.value, owner, self._db.now(), *query.params)) != 1:
                return None
            row = tx.row(SELECT + " WHERE run_id = ?", (run_id,))
        return None if row is None else as_record(row).dagster_run


def with_tags(run: Run, tags: Mapping[str, Any]) -> Run:
    """The run with more tags."""
    return replace(run, tags={**run.tags, **{key: str(value) for key, value in tags.items()}})
