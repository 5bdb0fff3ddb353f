"""The hot queries use their index on both databases."""

from __future__ import annotations

import pytest
from cellmill import Instance
from cellmill.instance.catalog import SELECT_ASSETS, SELECT_PARTITIONS
from cellmill.instance.event_row import SELECT as SELECT_EVENTS
from cellmill.instance.run_store import SELECT as SELECT_RUNS

HOT = {
    "events of a run": SELECT_EVENTS + " WHERE run_id = ? AND seq > ? ORDER BY seq ASC LIMIT 10",
    "materializations of an asset": SELECT_EVENTS
    + " WHERE type = ? AND asset_key = ? AND id < ? ORDER BY id DESC LIMIT 10",
    "materializations of a partition": SELECT_EVENTS
    + " WHERE type = ? AND asset_key = ? AND partition IN (?) ORDER BY id DESC LIMIT 10",
    "feed of a type": SELECT_EVENTS + " WHERE feed = ? AND id > ? ORDER BY id ASC LIMIT 10",
    "tail": SELECT_EVENTS + " WHERE id > ? ORDER BY id ASC LIMIT 10",
    "an asset": SELECT_ASSETS + " WHERE asset_key = ?",
    "a partition": SELECT_PARTITIONS + " WHERE asset_key = ? AND partition = ?",
    "states of an asset's partitions": SELECT_PARTITIONS + " WHERE asset_key = ?",
    "made partitions": "SELECT partition FROM asset_partitions WHERE asset_key = ? AND event_id IS NOT NULL",
    "planned partitions": "SELECT p.partition FROM asset_partitions p JOIN runs r ON r.run_id = p.planned_run_id "
    "WHERE p.asset_key = ? AND p.planned_id > coalesce(p.event_id, 0) AND r.status <> 'SUCCESS'",
    "latest materializations": "SELECT e.id FROM assets a JOIN events e ON e.id = a.event_id "
    "WHERE a.asset_key IN (?, ?)",
    "evaluations of a check": "SELECT event_id FROM check_evaluations WHERE asset_key = ? AND check_name = ? "
    "ORDER BY event_id DESC LIMIT 10",
    "what a purge looks at": "SELECT e.id FROM events e LEFT JOIN runs r ON r.run_id = e.run_id WHERE e.id > ?",
    "a run": SELECT_RUNS + " WHERE run_id = ?",
    "the queue": SELECT_RUNS + " WHERE status = ? ORDER BY priority DESC, id ASC LIMIT 10",
    "runs of a tag": "SELECT run_id FROM run_tags WHERE key = ? AND value = ?",
    "expired leases": "SELECT run_id FROM runs WHERE lease_expires_at < ? ORDER BY lease_expires_at LIMIT 10",
    "ticks": "SELECT id FROM ticks WHERE instigator_id = ? ORDER BY at DESC LIMIT 10",
    "run keys": "SELECT run_key FROM runs WHERE origin = ? AND run_key IN (?, ?)",
}


@pytest.mark.parametrize("name", sorted(HOT))
def test_a_hot_query_uses_an_index(durable: Instance, name: str) -> None:
    """No table is read from end to end."""
    sql = HOT[name]
    if durable.db.dialect == "sqlite":
        params = [0] * sql.count("?")
        plan = [str(row[3]) for row in durable.db.rows("EXPLAIN QUERY PLAN " + sql, params)]
        assert any(step.startswith("SEARCH") for step in plan), plan
        assert not any(step.startswith("SCAN") for step in plan), plan
        return
    with durable.db.write() as tx:
        tx.run("SET LOCAL enable_seqscan = off")
        filled = _filled(sql)
        plan = [str(row[0]) for row in tx.rows("EXPLAIN " + filled)]
    assert any("Index" in line for line in plan), plan
    assert not any("Seq Scan" in line for line in plan), plan


def _filled(sql: str) -> str:
    """The statement with a literal of the right type for each mark."""
    for column in ("seq > ?", "id > ?", "id < ?", "lease_expires_at < ?"):
        sql = sql.replace(column, column.replace("?", "5"))
    return sql.replace("?", "'x'")
