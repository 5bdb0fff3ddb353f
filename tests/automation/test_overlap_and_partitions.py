"""What must be decided inside the transaction that records a tick: overlaps, partitions, the last run key."""

from __future__ import annotations

from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.scheduler import Scheduler
from cellmill.automation.sensors import Sensors
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.errors import LeaseLostError
from cellmill.instance.automation import Overlap, RunSubmission
from cellmill.instance.instance import Instance
from cellmill.planning.run import Run, RunStatus

START = 1_700_000_040


def submission(name: str) -> RunSubmission:
    """A queued run of a schedule."""
    return RunSubmission(run=Run(job_name="j", status=RunStatus.QUEUED, tags={"by": name}), run_key=None)


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (2, 2)])
def test_ticks_that_were_claimed_together_count_each_others_runs(limit: int, expected: int) -> None:
    """Of three ticks that saw nothing running, only as many record a run as the policy allows."""
    overlap = Overlap(tag=("by", "s"), location=None, reason=lambda n: f"{n} go on" if n >= limit else None)
    with Instance.ephemeral() as instance:
        ticks = [instance.automation.claim_tick("s", at, owner=f"o{at}") for at in range(3)]
        results = [
            instance.automation.record_tick(
                tick,  # type: ignore[arg-type]
                status="SUCCESS",
                submissions=[submission("s")],
                overlap=overlap,
            )
            for tick in ticks
        ]
        found = {tick.at: (tick.status, tick.body.get("reason")) for tick in instance.automation.ticks("s")}

        assert expected == instance.get_runs_count()
        assert [None] * expected + [f"{limit} go on"] * (3 - expected) == [result.held_back for result in results]
        assert ("SKIPPED", f"{limit} go on") == found[2]


@pytest.mark.parametrize(("policy", "runs"), [("skip", 1), ("queue_one", 2), ("allow", 3)])
def test_the_overlap_policy_of_a_schedule(policy: str, runs: int) -> None:
    """With a run that never ends, skip starts one, queue_one two, and allow one at each tick."""
    made = ScheduleDefinition(
        "s", cron_schedule="* * * * *", job_name="j", default_status=cm.DefaultScheduleStatus.RUNNING, overlap=policy
    )
    with Instance.ephemeral() as instance:
        clock = ManualClock(START - 1)
        for _ in range(4):
            Scheduler(instance, DefinitionsSource([made]), clock, "d").run_once()
            clock.advance(60)

        assert runs == instance.get_runs_count()


def test_a_run_knows_the_instant_that_its_schedule_asked_for_it_for() -> None:
    """However late the tick was taken up, the run's record names the minute that was due."""
    made = ScheduleDefinition(
        "s", cron_schedule="* * * * *", job_name="j", default_status=cm.DefaultScheduleStatus.RUNNING
    )
    with Instance.ephemeral() as instance:
        clock = ManualClock(START - 1)
        Scheduler(instance, DefinitionsSource([made]), clock, "d").run_once()
        clock.advance(60)
        Scheduler(instance, DefinitionsSource([made]), clock, "d").run_once()
        (record,) = instance.get_run_records()

    assert record.scheduled_execution_time.timestamp() == START


def look(context: cm.SensorEvaluationContext) -> Any:
    """A sensor that adds a partition with its run."""
    assert context.last_run_key in (None, "k0", "k1")
    number = int(context.cursor or 0)
    return cm.SensorResult(
        run_requests=[cm.RunRequest(run_key=f"k{number}", partition_key=f"p{number}")],
        cursor=str(number + 1),
        dynamic_partitions_requests=[cm.DynamicPartitionsDefinition(name="files").build_add_request([f"p{number}"])],
    )


def test_partitions_and_the_last_key_commit_with_the_runs() -> None:
    """A sensor's new partition, its run, its cursor and its last run key are there together."""
    made = cm.SensorDefinition(
        "s", evaluation_fn=look, job_name="j", default_status=cm.DefaultSensorStatus.RUNNING, minimum_interval_seconds=1
    )
    with Instance.ephemeral() as instance:
        for turn in range(2):
            source = DefinitionsSource(sensors=[made], instance=instance)
            Sensors(instance, source, ManualClock(START + 10 * turn), "d").run_once()
        state = instance.automation.instigator(":sensor:s")

        assert ["p0", "p1"] == list(instance.get_dynamic_partitions("files"))
        assert state is not None and ("2", "k1") == (state.cursor, state.body["last_run_key"])
        assert 2 == instance.get_runs_count()


def test_a_lost_tick_changes_no_partition() -> None:
    """Whoever lost the evaluation leaves neither a run nor a partition nor a cursor behind."""
    with Instance.ephemeral() as instance:
        tick = instance.automation.claim_tick("s", 1, owner="a", lease_s=-1)
        instance.automation.claim_tick("s", 1, owner="b")
        assert tick is not None
        with pytest.raises(LeaseLostError):
            instance.automation.record_tick(
                tick,
                status="SUCCESS",
                submissions=[submission("s")],
                cursor="1",
                dynamic_partitions=[("files", ["p"], [])],
                remember={"last_run_key": "k"},
            )

        assert [] == list(instance.get_dynamic_partitions("files"))
        assert 0 == instance.get_runs_count()
