"""What must hold of an instance after any fault whatsoever."""

from __future__ import annotations

import time

from cellmill.instance.instance import Instance
from cellmill.planning.run import FINISHED_STATUSES

_FINAL_EVENTS = ("PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED")


def assert_invariants(instance: Instance) -> None:
    """Nothing is doubled, nothing is without what belongs to it, and every end is told once."""
    rows = instance.db.rows
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
        assert run_id in ends, f"the run {run_id} is {status} without the event that says so"

    counts = rows(
        "SELECT r.run_id, r.event_count, count(e.id), coalesce(max(e.seq), 0) FROM runs r "
        "LEFT JOIN events e ON e.run_id = r.run_id GROUP BY r.run_id, r.event_count"
    )
    for run_id, noted, found, last in counts:
        assert noted == found == last, f"the events of {run_id} have a gap: {noted} noted, {found} there, last {last}"

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
