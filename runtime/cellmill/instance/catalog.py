"""What is known now of assets, partitions and checks, each with one indexed query."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.instance.event_row import key_of, key_text
from cellmill.instance.sql import Database, Query, Row, chunks
from cellmill.planning.asset_state import AssetState, PartitionSets
from cellmill.planning.late import row_maker

_LATEST = (
    "event_id, run_id, timestamp, data_version, code_version, observation_id, observed_at, observed_version, "
    "planned_id, planned_run_id, inputs, value_ref"
)
SELECT_ASSETS = "SELECT asset_key, partition, " + _LATEST + " FROM assets"
SELECT_PARTITIONS = "SELECT asset_key, partition, " + _LATEST + " FROM asset_partitions"
#: Separates keys in aggregated text; no partition key may hold it.
_SEPARATOR = "\x1f"
_EMPTY: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class CheckState:
    """The latest evaluation of a check, and the run that means to evaluate it next."""

    key: AssetCheckKey
    event_id: int | None
    run_id: str | None
    timestamp: float | None
    passed: bool | None
    severity: str | None
    planned_id: int | None
    planned_run_id: str | None


def _as_ref(text: str) -> ValueRef:
    return ValueRef.from_dict(json.loads(text))


#: `json.loads` without its questions about the kind of text.
_decode = json.JSONDecoder().decode
_make = row_maker(
    AssetState,
    (
        "asset_key",
        "partition",
        "event_id",
        "run_id",
        "timestamp",
        "data_version",
        "code_version",
        "observation_id",
        "observed_at",
        "observed_version",
        "planned_id",
        "planned_run_id",
        "inputs",
    ),
    _as_ref,
)


def as_state(row: Row) -> AssetState:
    """The state that a row of either query describes; where its value lies is decoded when it is first read."""
    key, *latest, inputs, value_ref = row
    return _make((key_of(key), *latest, _decode(inputs) if inputs else _EMPTY), value_ref)


class Catalog:
    """The catalog in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def asset_keys(
        self, prefix: Sequence[str] | None = None, limit: int | None = None, cursor: str | None = None
    ) -> list[AssetKey]:
        """The keys of all assets that were materialized or observed, in order."""
        query = Query("SELECT asset_key FROM assets")
        query.where("(event_id IS NOT NULL OR observation_id IS NOT NULL OR planned_id IS NOT NULL)")
        if cursor is not None:
            query.where("asset_key > ?", cursor)
        keys = [key_of(row[0]) for row in query.order("asset_key", ascending=True).rows(self._db)]
        if prefix:
            keys = [key for key in keys if key.has_prefix(list(prefix))]
        return keys if limit is None else keys[:limit]

    def state(self, asset_key: AssetKey, partition: str | None = None) -> AssetState | None:
        """The state of an asset, or of one of its partitions."""
        if partition is None:
            row = self._db.row(SELECT_ASSETS + " WHERE asset_key = ?", (key_text(asset_key),))
        else:
            row = self._db.row(
                SELECT_PARTITIONS + " WHERE asset_key = ? AND partition = ?", (key_text(asset_key), partition)
            )
        return None if row is None else as_state(row)

    def states(self, asset_keys: Iterable[AssetKey] | None = None) -> dict[AssetKey, AssetState]:
        """The states of these assets (of all, without an argument), in one query."""
        if asset_keys is None:
            rows = self._db.rows(SELECT_ASSETS)
        else:
            texts = [key_text(key) for key in asset_keys]
            rows = []
            for part in chunks(texts):
                rows += Query(SELECT_ASSETS).where_in("asset_key", part).rows(self._db)
        return {state.asset_key: state for state in map(as_state, rows)}

    def partition_states(
        self, asset_keys: Iterable[AssetKey], partitions: Iterable[str] | None = None
    ) -> dict[AssetKey, dict[str, AssetState]]:
        """The states of the partitions of these assets (of all that are known, without a second argument).

        One query, or one for each chunk of a long list of assets or partitions.
        """
        texts = [key_text(key) for key in asset_keys]
        chosen = [None] if partitions is None else list(chunks(list(partitions)))
        found: dict[AssetKey, dict[str, AssetState]] = {}
        for keys in chunks(texts):
            for part in chosen:
                query = Query(SELECT_PARTITIONS).where_in("asset_key", keys)
                if part is not None:
                    query.where_in("partition", part)
                for row in query.rows(self._db):
                    state = as_state(row)
                    found.setdefault(state.asset_key, {})[str(row[1])] = state
        return found

    def partition_marks(self) -> dict[AssetKey, tuple[int | None, ...]]:
        """For each asset with partitions how many are known and what was recorded last: another one after a change."""
        sql = "SELECT asset_key, COUNT(*), MAX(event_id), MAX(observation_id) FROM asset_partitions GROUP BY asset_key"
        return {key_of(row[0]): tuple(row[1:]) for row in self._db.rows(sql)}

    def value_ref(self, asset_key: AssetKey, partition: str | None = None) -> ValueRef | None:
        """Where the latest value of an asset, or of one of its partitions, lies."""
        table = "assets" if partition is None else "asset_partitions"
        query = Query("SELECT value_ref FROM " + table).where("asset_key = ?", key_text(asset_key))
        if partition is not None:
            query.where("partition = ?", partition)
        rows = query.rows(self._db)
        return _as_ref(rows[0][0]) if rows and rows[0][0] else None

    def materialized_partitions(
        self, asset_key: AssetKey, *, after: int | None = None, before: int | None = None
    ) -> set[str]:
        """The partitions with a materialization, as one row of joined text."""
        agg = "SELECT " + self._db.text_agg + "(partition, ?) FROM asset_partitions"
        query = Query(agg).where("asset_key = ?", key_text(asset_key)).where("event_id IS NOT NULL")
        if after is not None:
            query.where("event_id > ?", after)
        if before is not None:
            query.where("event_id < ?", before)
        text = self._db.rows(query.text, [_SEPARATOR, *query.params])[0][0]
        return set(text.split(_SEPARATOR)) if text is not None else set()

    def partition_sets(self, asset_key: AssetKey) -> PartitionSets:
        """The partitions of an asset by state, in one query."""
        return self.partition_sets_of([asset_key])[asset_key]

    def partition_sets_of(self, asset_keys: Iterable[AssetKey]) -> dict[AssetKey, PartitionSets]:
        """The partitions of each asset by state, in one query.

        A partition that a run planned after its latest materialization is in progress until that run ends, and
        failed from then on until it is materialized again.
        """
        agg, sets = self._db.text_agg, {key: dict[str, frozenset[str]]() for key in asset_keys}
        for part in chunks(list(sets)):
            by_text = {key_text(key): key for key in part}
            among = f"({', '.join('?' * len(part))})"
            rows = self._db.rows(
                f"SELECT asset_key, 'made', {agg}(partition, ?) FROM asset_partitions "
                f"WHERE asset_key IN {among} AND event_id IS NOT NULL GROUP BY asset_key UNION ALL "
                "SELECT p.asset_key, CASE WHEN r.status IN ('FAILURE', 'CANCELED') THEN 'failed' ELSE 'running' END, "
                f"{agg}(p.partition, ?) FROM asset_partitions p JOIN runs r ON r.run_id = p.planned_run_id "
                f"WHERE p.asset_key IN {among} AND p.planned_id > coalesce(p.event_id, 0) AND r.status <> 'SUCCESS' "
                "GROUP BY 1, 2",
                (_SEPARATOR, *by_text, _SEPARATOR, *by_text),
            )
            for name, state, text in rows:
                if text is not None:
                    sets[by_text[name]][state] = frozenset(text.split(_SEPARATOR))
        empty: frozenset[str] = frozenset()
        return {
            key: PartitionSets(
                materialized=found.get("made", empty),
                in_progress=found.get("running", empty),
                failed=found.get("failed", empty),
            )
            for key, found in sets.items()
        }

    def latest_ids_by_partition(self, asset_key: AssetKey, observations: bool = False) -> dict[str, int]:
        """The storage id of the latest materialization (or observation) of each partition."""
        column = "observation_id" if observations else "event_id"
        query = Query("SELECT partition, " + column + " FROM asset_partitions")
        query.where("asset_key = ?", key_text(asset_key)).where(column + " IS NOT NULL")
        return {row[0]: row[1] for row in query.rows(self._db)}

    def check_states(self, keys: Iterable[AssetCheckKey] | None = None) -> dict[AssetCheckKey, CheckState]:
        """The latest state of these checks, or of all."""
        query = Query(
            "SELECT asset_key, check_name, event_id, run_id, timestamp, passed, severity, planned_id, planned_run_id "
            "FROM asset_checks"
        )
        wanted = None if keys is None else set(keys)
        if wanted is not None:
            query.where_in("asset_key", sorted({key_text(key.asset_key) for key in wanted}))
        found = {}
        for row in query.rows(self._db):
            key = AssetCheckKey(key_of(row[0]), row[1])
            if wanted is None or key in wanted:
                passed = None if row[5] is None else bool(row[5])
                found[key] = CheckState(key, row[2], row[3], row[4], passed, *row[6:])
        return found

    def check_history(self, key: AssetCheckKey, *, limit: int, cursor: int | None = None) -> list[int]:
        """The storage ids of a check's evaluations, newest first."""
        query = Query("SELECT event_id FROM check_evaluations").where("asset_key = ?", key_text(key.asset_key))
        query.where("check_name = ?", key.name)
        if cursor is not None:
            query.where("event_id < ?", cursor)
        return [row[0] for row in query.order("event_id", ascending=False, limit=limit).rows(self._db)]

    def wipe(self, asset_key: AssetKey, partitions: Sequence[str] | None = None) -> None:
        """Forgets an asset (or some of its partitions): the log keeps its events, but no longer as the asset's."""
        text = key_text(asset_key)
        with self._db.write() as tx:
            if partitions is None:
                for table in ("assets", "asset_partitions", "asset_checks", "check_evaluations"):
                    query = Query("DELETE FROM " + table).where("asset_key = ?", text)
                    tx.run(query.text, query.params)
                tx.run("UPDATE events SET asset_key = NULL, partition = NULL, feed = NULL WHERE asset_key = ?", (text,))
                return
            for part in chunks(list(partitions)):
                where: list[Any] = [text]
                for statement in (
                    "DELETE FROM asset_partitions",
                    "UPDATE events SET asset_key = NULL, partition = NULL, feed = NULL",
                ):
                    query = Query(statement).where("asset_key = ?", *where).where_in("partition", part)
                    tx.run(query.text, query.params)
