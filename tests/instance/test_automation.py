"""Automation state: what is unique is unique, and what belongs together commits together."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from cellmill import Instance, Run
from cellmill.errors import LeaseLostError
from cellmill.instance.automation import InstigatorState, RunSubmission
from cellmill.planning.run import RunStatus

from tests.waiting import until


def sensor(instance: Instance) -> InstigatorState:
    """A sensor that is on."""
    state = InstigatorState(id="here:sensor:s", kind="sensor", name="s", location="here", status="RUNNING", cursor="0")
    instance.automation.add_instigator(state)
    return state


def test_a_tick_is_claimed_once(instance: Instance) -> None:
    """The second daemon gets None, also after the tick has ended."""
    sensor(instance)
    tick = instance.automation.claim_tick("here:sensor:s", 100, owner="one")
    assert tick is not None
    assert instance.automation.claim_tick("here:sensor:s", 100, owner="two") is None

    instance.automation.record_tick(tick, status="SUCCESS")

    assert instance.automation.claim_tick("here:sensor:s", 100, owner="two") is None
    assert [item.status for item in instance.automation.ticks("here:sensor:s")] == ["SUCCESS"]


def test_an_abandoned_tick_is_taken_over_and_its_old_owner_refused(instance: Instance) -> None:
    """Of two owners of one tick only the later one can record it."""
    sensor(instance)
    old = instance.automation.claim_tick("here:sensor:s", 100, owner="one", lease_s=-1)
    new = instance.automation.claim_tick("here:sensor:s", 100, owner="two")
    assert old is not None and new is not None and new.attempt == 2
    with pytest.raises(LeaseLostError):
        instance.automation.record_tick(old, status="SUCCESS", submissions=[RunSubmission(run=Run(job_name="j"))])
    instance.automation.record_tick(new, status="SUCCESS", submissions=[RunSubmission(run=Run(job_name="j"))])

    assert instance.get_runs_count() == 1


def test_run_keys_are_used_once_within_a_batch_and_across_ticks(instance: Instance) -> None:
    """Duplicates are listed, not made; the cursor moves with the runs."""
    state = sensor(instance)
    tick = instance.automation.claim_tick(state.id, 1, owner="one")
    assert tick is not None
    runs = [RunSubmission(run=Run(job_name="j"), run_key=key) for key in ("a", "b", "a")]
    first = instance.automation.record_tick(tick, status="SUCCESS", submissions=runs, cursor="7")
    tick = instance.automation.claim_tick(state.id, 2, owner="one")
    assert tick is not None
    more = [RunSubmission(run=Run(job_name="j"), run_key=key) for key in ("b", "c")]
    second = instance.automation.record_tick(tick, status="SUCCESS", submissions=more)
    found = instance.automation.instigator(state.id)
    last = instance.automation.tick(state.id, 2)

    assert (len(first.recorded), first.deduplicated) == (2, ["a"])
    assert (len(second.recorded), second.deduplicated) == (1, ["b"])
    assert found is not None and (found.cursor, found.last_tick_at) == ("7", 2.0)
    assert last is not None and last.body == {
        "run_ids": [second.recorded[0].run_id],
        "deduplicated": ["b"],
    }
    assert instance.get_runs_count() == 3


def test_missed_ticks_and_purging(instance: Instance) -> None:
    """Missed ticks leave a reason; purging ticks leaves the cursor."""
    state = sensor(instance)
    instance.automation.record_missed(state.id, [10, 20], status="MISSED", reason="asleep")
    assert [tick.body["reason"] for tick in instance.automation.ticks(state.id, before=20)] == ["asleep"]
    assert instance.automation.purge_ticks(before=time.time() + 60, statuses=["MISSED"]) == 2

    assert instance.automation.instigator(state.id).cursor == "0"  # type: ignore[union-attr]
    instance.automation.switch(replace(state, status="STOPPED"))
    assert [item.status for item in instance.automation.instigators("sensor")] == ["STOPPED"]


def test_leases_change_hands_with_a_fence(instance: Instance) -> None:
    """A held lease is refused to others; an expired one is given with a higher fence."""
    first = instance.leases.acquire("daemon", "one", 60)
    assert first is not None and instance.leases.acquire("daemon", "two", 60) is None
    again = instance.leases.acquire("daemon", "one", -1)
    assert again is not None and again.fence == first.fence
    second = instance.leases.acquire("daemon", "two", 60)
    assert second is not None and second.fence == first.fence + 1

    assert not instance.leases.release(first)
    assert instance.leases.release(second)


def test_a_run_whose_worker_is_silent_is_found(instance: Instance) -> None:
    """Only runs that have not ended and whose lease has are listed."""
    run, other = (instance.create_run(job_name="j", status=RunStatus.STARTED) for _ in range(2))
    assert instance.leases.renew_run(run.run_id, attempt=1, owner="w", lease_s=-1)
    assert instance.leases.renew_run(other.run_id, attempt=1, owner="w", lease_s=60)
    assert [item.run_id for item in instance.leases.expired_runs()] == [run.run_id]

    instance.report_run_failed(run)

    assert instance.leases.expired_runs() == []
    assert not instance.leases.renew_run(run.run_id, attempt=1, owner="w", lease_s=60)
    assert not instance.leases.renew_run(other.run_id, attempt=2, owner="w", lease_s=60)


def test_pools_never_hold_more_than_their_slots(instance: Instance) -> None:
    """A claim takes a slot in every pool or in none, and is repeatable."""
    instance.leases.set_pool_limit("db", 1)
    assert instance.leases.claim_slots(["db", "free"], "r1", "s")
    assert instance.leases.claim_slots(["db"], "r1", "s")
    assert not instance.leases.claim_slots(["other", "db"], "r2", "s")
    assert instance.leases.claims("other") == []
    assert instance.leases.pools() == {"db": (1, 1)}

    instance.leases.free_slots("r1")

    assert instance.leases.claim_slots(["db"], "r2", "s")


def test_backfills_are_changed_by_who_read_them_last(instance: Instance) -> None:
    """A stale revision changes nothing; reserved run ids are kept."""
    store = instance.backfills
    assert store.add("b1", status="REQUESTED", body={"n": 1})
    assert not store.add("b1", status="REQUESTED", body={})
    row = store.get("b1")
    assert row is not None
    assert store.update("b1", revision=row.revision, status="RUNNING", body={"n": 2})
    assert not store.update("b1", revision=row.revision, status="FAILED", body={})
    first = store.reserve_runs("b1", {"p1": "r1", "p2": "r2"})
    second = store.reserve_runs("b1", {"p2": "other", "p3": "r3"})
    instance.add_run(replace(Run(job_name="j"), run_id="r1"))

    assert first == {"p1": "r1", "p2": "r2"}
    assert second == {"p2": "r2", "p3": "r3"}
    assert store.runs("b1")["p1"] == ("r1", "NOT_STARTED") and store.runs("b1")["p3"] == ("r3", None)
    assert [item.status for item in store.search(["RUNNING"])] == ["RUNNING"]


def test_a_switch_is_not_lost_between_a_daemons_look_and_its_change(instance: Instance) -> None:
    """What a daemon read before somebody changed it is refused; whether it is on is never a daemon's to change."""
    seen = sensor(instance)
    assert instance.automation.add_instigator(replace(seen, cursor="other")).cursor == "0"
    stored = instance.automation.instigator(seen.id)
    assert stored is not None
    until(lambda: instance.db.now() > stored.updated_at)
    instance.automation.switch(replace(seen, status="STOPPED"))

    assert instance.automation.replace_instigator(seen, replace(seen, cursor="5", status="RUNNING")) is None

    now = instance.automation.instigator(seen.id)
    assert now is not None and (now.status, now.cursor) == ("STOPPED", "0")
    until(lambda: instance.db.now() > now.updated_at)
    moved = instance.automation.replace_instigator(now, replace(now, cursor="5", status="RUNNING"))
    assert moved is not None and (moved.status, moved.cursor) == ("STOPPED", "5")
    assert moved == instance.automation.instigator(seen.id)


def test_a_sensor_is_evaluated_by_one_owner_at_a_time(instance: Instance) -> None:
    """While a claim holds nobody else evaluates, in later seconds either; one that ran out is ended and refused."""
    state = sensor(instance)

    def claimed(owner: str, at: int, due: bool = True) -> list[Any]:
        return instance.automation.claim_evaluations(
            [state.id, "gone"], at, owner=owner, lease_s=60.0, is_due=lambda _: due
        )

    assert claimed("one", 100, due=False) == []
    ((_, tick),) = claimed("one", 100)
    assert claimed("two", 100) == claimed("two", 101) == []
    with instance.db.write() as tx:
        tx.run("UPDATE ticks SET expires_at = 1")
    ((seen, later),) = claimed("two", 102)

    assert (seen.cursor, later.at) == ("0", 102)
    with pytest.raises(LeaseLostError):
        instance.automation.record_tick(tick, status="SUCCESS", cursor="1")
    instance.automation.record_tick(later, status="SUCCESS", cursor="2")
    assert [(item.at, item.status) for item in instance.automation.ticks(state.id)] == [
        (102, "SUCCESS"),
        (100, "FAILURE"),
    ]
    assert instance.automation.instigator(state.id).cursor == "2"  # type: ignore[union-attr]
