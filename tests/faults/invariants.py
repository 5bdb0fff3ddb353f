"""What must hold of an instance after any fault whatsoever."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import psutil
from cellmill.instance.instance import Instance
from cellmill.planning.run import FINISHED_STATUSES

from tests.waiting import until

_FINAL_EVENTS = ("PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED")


def assert_invariants(instance: Instance, *, purged: bool = False) -> None:
    """Nothing is doubled, nothing is without what belongs to it, and every end is told once.

    Where old events were `purged`, runs may lack some of theirs.
    """
    rows = instance.db.rows
    if instance.db.dialect == "sqlite":
        assert rows("PRAGMA integrity_check") == [("ok",)], "the file is damaged"
    finished = [status.value for status in FINISHED_STATUSES]
    marks = ", ".join("?" for _ in finished)
    finals = ", ".join("?" for _ in _FINAL_EVENTS)

    doubled = rows("SELECT instigator_id, at FROM ticks GROUP BY instigator_id, at HAVING count(*) > 1")
    assert doubled == [], "a tick is there twice"

    keys = rows(
        "SELECT origin, run_key FROM runs WHERE run_key IS NOT NULL GROUP BY origin, run_key HAVING count(*) > 1"
    )
    assert keys == [], "a run key has two runs"

    known = {row[0] for row in rows("SELECT run_id FROM runs")}
    for tick in instance.automation.ticks(statuses=["SUCCESS"]):
        missing = set(tick.body.get("run_ids", ())) - known
        assert not missing, f"the tick {tick.instigator_id}@{tick.at} has lost its runs {missing}"

    ends = dict(rows(f"SELECT run_id, count(*) FROM events WHERE type IN ({finals}) GROUP BY run_id", _FINAL_EVENTS))  # noqa: S608
    for run_id, status in rows(f"SELECT run_id, status FROM runs WHERE status IN ({marks})", finished):  # noqa: S608
        assert ends.get(run_id, 0) <= 1, f"the run {run_id} ended {ends[run_id]} times"
        assert purged or run_id in ends, f"the run {run_id} is {status} without the event that says so"

    counts = rows(
        "SELECT r.run_id, r.event_count, count(e.id), coalesce(max(e.seq), 0) FROM runs r "
        "LEFT JOIN events e ON e.run_id = r.run_id GROUP BY r.run_id, r.event_count"
    )
    for run_id, noted, found, last in counts:
        assert purged or noted == found == last, (
            f"the events of {run_id} have a gap: {noted} noted, {found} there, last {last}"
        )

    for table in ("assets", "asset_partitions"):
        torn = rows(
            f"SELECT t.asset_key FROM {table} t LEFT JOIN events e ON e.id = t.event_id "  # noqa: S608
            "WHERE t.event_id IS NOT NULL AND e.id IS NULL"
        )
        assert torn == [], f"{table} says what no event says"

    held = {row[0] for row in rows("SELECT run_id FROM pool_claims")}
    active = {row[0] for row in rows(f"SELECT run_id FROM runs WHERE status NOT IN ({marks})", finished)}  # noqa: S608
    assert not (held & known) - active, "a finished run holds a slot"

    if instance.home is not None:
        old = [
            path
            for path in instance.home.rglob("*.tmp-*")
            if path.is_file() and time.time() - path.stat().st_mtime > 3600
        ]
        assert old == [], f"temporary files were left behind: {old[:3]}"


def assert_store(home: Path, url: str | None = None, *, purged: bool = False) -> None:
    """Both, of the instance in a folder that this process has not open."""
    with closing(Instance.get(home, storage=url)) as instance:
        assert_invariants(instance, purged=purged)
        assert_nothing_lives_on(instance)


def assert_nothing_lives_on(instance: Instance) -> None:
    """No process of a run that has ended is left; one that was just told to go may take a moment."""
    rows = instance.db.rows("SELECT run_id FROM runs WHERE ended_at IS NOT NULL")
    ended = {row[0] for row in rows}
    deadline = time.monotonic() + 5
    while ended and (left := _processes_of(ended)):
        assert time.monotonic() < deadline, f"processes of ended runs live on: {left}"
        time.sleep(0.05)


def _processes_of(runs: set[str]) -> list[int]:
    found = []
    for process in psutil.process_iter(["environ", "status"]):
        environment = process.info["environ"] or {}
        if environment.get("CELLMILL_RUN_ID") in runs and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def until_claims_ran_out(instance: Instance) -> None:
    """Wait until nobody holds a tick any more: who claimed one is dead, or has done with it."""
    db = instance.db
    until(lambda: db.row("SELECT 1 FROM ticks WHERE expires_at >= ? LIMIT 1", (db.now(),)) is None)
