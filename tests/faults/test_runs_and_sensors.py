"""Sensors, the queue, dead runs and backfills, with processes that die and race at the worst moments."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.backfills import BackfillLoop, cancel_backfill, submit_backfill, view_backfill
from cellmill.automation.clock import ManualClock
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.monitor import MAX_RETRIES_TAG, Monitor
from cellmill.automation.queue import QueueLimits, RunQueue, TagLimit
from cellmill.automation.sensors import Sensors
from cellmill.errors import ConcurrencyError
from cellmill.instance.instance import Instance
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import Run, RunStatus

from tests.faults.procs import KILLED, fork_child, join

ENDS_WELL = (EventType.RUN_START, EventType.RUN_SUCCESS)
START = 1_700_000_000.0
pytestmark = pytest.mark.fault


Place = tuple[Path, str | None]


@pytest.fixture(params=["sqlite", "postgres"])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """Where an instance lies that no process holds open."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with closing(Instance.get(tmp_path, storage=url)):
        pass
    return tmp_path, url


def with_instance(home: Place, work: Callable[[Instance], Any]) -> Any:
    """What `work` returns, with an instance that is closed again."""
    with closing(Instance.get(home[0], storage=home[1])) as instance:
        return work(instance)


def race(work: Callable[[int], Any], count: int) -> list[int]:
    """The exit codes of children that begin at one moment."""
    begin = time.time() + 0.25
    children = [fork_child(lambda n=number: work(n), start_at=begin) for number in range(count)]  # type: ignore[misc]
    return [join(child) for child in children]


def look(context: cm.SensorEvaluationContext) -> Any:
    """A sensor that asks for two runs more at each evaluation."""
    number = int(context.cursor or 0)
    context.update_cursor(str(number + 2))
    return [cm.RunRequest(run_key=str(number + n)) for n in range(2)]


def sense(home: Place, now: float, owner: str) -> None:
    """One pass over the sensor."""
    made = cm.SensorDefinition(
        "s", evaluation_fn=look, job_name="j", default_status=cm.DefaultSensorStatus.RUNNING, minimum_interval_seconds=1
    )

    def work(instance: Instance) -> None:
        source = DefinitionsSource(sensors=[made], instance=instance)
        Sensors(instance, source, ManualClock(now), owner, claim_s=0.02).run_once()

    with_instance(home, work)


@pytest.mark.parametrize("point", ["sensor.evaluated", "tick.recorded", "sensor.committed"])
def test_a_sensor_that_dies_keeps_cursor_and_runs_together(home: Place, point: str) -> None:
    """Whether the daemon dies before or after the commit, cursor and runs are both there or both not."""
    sense(home, START, "first")
    assert KILLED == join(fork_child(lambda: sense(home, START + 10, "doomed"), crash_at=point))

    def both(instance: Instance) -> tuple[int, int]:
        state = instance.automation.instigator(":sensor:s")
        return int(state.cursor or 0), len(instance.get_runs())  # type: ignore[union-attr]

    cursor, runs = with_instance(home, both)
    assert cursor == runs
    sense(home, START + 20, "second")
    cursor, runs = with_instance(home, both)
    assert cursor == runs >= 4


def test_one_run_per_key_across_two_daemons(home: Place) -> None:
    """Two daemons that evaluate at the same moment record each key once, and both end well."""
    assert [0, 0, 0] == race(lambda n: sense(home, START + n, f"d{n}"), 3)
    keys = with_instance(home, lambda i: [row[0] for row in i.db.rows("SELECT run_key FROM runs")])

    assert sorted(keys) == sorted(set(keys))


def enqueue(home: Place, count: int, tags: Callable[[int], dict[str, str]] = lambda n: {}) -> list[str]:
    """Queued runs."""

    def work(instance: Instance) -> list[str]:
        runs = [Run(job_name="j", tags=tags(n), status=RunStatus.QUEUED) for n in range(count)]
        for run in runs:
            instance.add_run(run)
        return [run.run_id for run in runs]

    return list(with_instance(home, work))


def launches(home: Place) -> list[str]:
    """What the recording launcher wrote."""
    path = home[0] / "launched.txt"
    return path.read_text().split() if path.exists() else []


def admit(home: Place, limits: QueueLimits | None = None) -> None:
    """One pass over the queue with a launcher that writes down what it launches."""

    def launch(_instance: Instance, run: Run) -> None:
        with open(home[0] / "launched.txt", "a") as file:
            file.write(f"{run.run_id}:{run.attempt}\n")

    with_instance(home, lambda i: RunQueue(i, ManualClock(time.time()), limits, launcher=launch).run_once())


def expire(home: Place) -> None:
    """Let every lease of a run be over."""

    def work(instance: Instance) -> None:
        with instance.db.write() as tx:
            tx.run("UPDATE runs SET lease_expires_at = 1 WHERE lease_expires_at IS NOT NULL")

    with_instance(home, work)


def watch(home: Place, owner: str = "m") -> Any:
    """One pass of the monitor."""
    return with_instance(home, lambda i: Monitor(i, ManualClock(time.time()), owner).run_once())


def test_a_crash_after_launch_fences_the_first_process(home: Place) -> None:
    """The run is launched again as a second attempt, and what the first process writes is refused."""
    (run_id,) = enqueue(home, 1)

    assert KILLED == join(fork_child(lambda: admit(home), crash_at="run.launched"))
    assert [f"{run_id}:1"] == launches(home)
    expire(home)
    assert [run_id] == watch(home).requeued
    admit(home)
    assert [f"{run_id}:1", f"{run_id}:2"] == launches(home)
    event = Event(type=EventType.RUN_START, run_id=run_id, timestamp=time.time(), message="")
    with pytest.raises(ConcurrencyError):
        with_instance(home, lambda i: i.run_writer(run_id, attempt=1).append([event]))
    with_instance(home, lambda i: i.run_writer(run_id, attempt=2).append([event]))


def test_a_crash_before_launch_launches_once(home: Place) -> None:
    """A queue that dies inside its admission leaves the run queued, and the next one launches it once."""
    (run_id,) = enqueue(home, 1)

    assert KILLED == join(fork_child(lambda: admit(home), crash_at="event.appended"))
    assert [] == launches(home)
    admit(home)
    admit(home)
    assert [f"{run_id}:1"] == launches(home)


def test_limits_hold_with_four_queues(home: Place) -> None:
    """Never more than two runs at a time, nor two with one tag value, and in the end every run was launched once."""
    ids = enqueue(home, 12, lambda n: {"team": "ab"[n % 2]})
    limits = QueueLimits(max_concurrent_runs=2, tag_limits=[TagLimit(key="team", limit=1, per_value=True)])

    def end_all(instance: Instance) -> None:
        active = [run for run in instance.get_runs() if run.status is RunStatus.STARTING]
        assert 2 >= len(active)
        assert len(active) == len({run.tags["team"] for run in active})
        for run in active:
            instance.report_run_canceled(run)

    for _ in range(8):
        assert [0, 0, 0, 0] == race(lambda n: admit(home, limits), 4)
        with_instance(home, end_all)
    assert sorted(f"{run_id}:1" for run_id in ids) == sorted(launches(home))


def test_a_run_that_kills_its_worker_each_time_ends_and_blocks_nothing(home: Place) -> None:
    """Three attempts, each of which dies at once: the run fails, says why, and the next one gets its only slot."""
    (poison,) = enqueue(home, 1)
    (fine,) = enqueue(home, 1)
    limits = QueueLimits(max_concurrent_runs=1)

    def launch(instance: Instance, run: Run) -> None:
        children.append(run.run_id)
        if run.run_id == poison:
            child = fork_child(lambda: os._exit(1))
            assert join(child) == 1
        else:
            events = [Event(type=kind, run_id=run.run_id, timestamp=time.time()) for kind in ENDS_WELL]
            instance.run_writer(run.run_id, run.attempt).append(events)

    children: list[str] = []
    for _ in range(5):
        with_instance(home, lambda i: RunQueue(i, ManualClock(time.time()), limits, launcher=launch).run_once())
        expire(home)
        watch(home)

    def ends(instance: Instance) -> Any:
        return [instance.runs.require(run_id).dagster_run for run_id in (poison, fine)]

    dead, good = with_instance(home, ends)
    assert children == [poison, poison, poison, fine]
    assert (dead.status, good.status) == (RunStatus.FAILURE, RunStatus.SUCCESS)
    assert dead.reason.startswith("Attempts exhausted: 3 processes")


def test_a_poison_run_is_retried_as_often_as_it_may_be(home: Place) -> None:
    """A worker that dies in each retry of a run leaves the original and as many retries as its tag allows."""
    (first,) = dead_runs(home, 1)
    for _ in range(4):
        watch(home)

        def start(instance: Instance) -> None:
            for run in instance.get_runs():
                if run.status is RunStatus.QUEUED:
                    event = Event(type=EventType.RUN_START, run_id=run.run_id, timestamp=time.time())
                    instance.run_writer(run.run_id).append([event])
                    instance.leases.renew_run(run.run_id, attempt=1, owner="dead", lease_s=-5)

        with_instance(home, start)
    runs = with_instance(home, lambda i: i.get_runs())
    assert [run.status for run in runs] == [RunStatus.FAILURE] * 2
    assert {run.root_run_id or run.run_id for run in runs} == {first}


def dead_runs(home: Place, count: int) -> list[str]:
    """Runs that were started and whose lease is over, and that want to be retried."""
    ids = enqueue(home, count, lambda n: {MAX_RETRIES_TAG: "1"})

    def work(instance: Instance) -> None:
        for run_id in ids:
            event = Event(type=EventType.RUN_START, run_id=run_id, timestamp=time.time(), message="")
            instance.run_writer(run_id).append([event])
            instance.leases.renew_run(run_id, attempt=1, owner="dead", lease_s=-5)

    with_instance(home, work)
    return ids


def test_two_monitors_reap_each_run_once(home: Place) -> None:
    """Fifty dead runs get one failure and one retry each, whoever finds them."""
    ids = dead_runs(home, 50)

    assert [0, 0] == race(lambda n: watch(home, f"m{n}"), 2)
    watch(home)

    def count(instance: Instance) -> tuple[int, int, list[int]]:
        runs = instance.get_runs()
        retries = [run for run in runs if run.parent_run_id is not None]
        ends = [len(instance.all_logs(run_id, EventType.RUN_FAILURE)) for run_id in ids]
        return len(runs), len({run.parent_run_id for run in retries}), ends

    assert (100, 50, [1] * 50) == with_instance(home, count)


def test_success_and_the_reaper_race_for_the_last_word(home: Place) -> None:
    """A run that ends while it is being reaped has exactly one end, and the loser is told."""
    ids = dead_runs(home, 40)

    def succeed(instance: Instance) -> None:
        for run_id in ids:
            event = Event(type=EventType.RUN_SUCCESS, run_id=run_id, timestamp=time.time(), message="")
            try:
                instance.run_writer(run_id, attempt=1).append([event])
            except ConcurrencyError:
                continue

    assert [0, 0] == race(lambda n: with_instance(home, succeed) if n else watch(home), 2)
    watch(home)

    def ends(instance: Instance) -> list[int]:
        return [
            len(instance.all_logs(run_id, EventType.RUN_FAILURE))
            + len(instance.all_logs(run_id, EventType.RUN_SUCCESS))
            for run_id in ids
        ]

    assert [1] * 40 == with_instance(home, ends)


def advance(home: Place) -> None:
    """One pass over the backfills, of which at most 40 runs are added."""

    def work(instance: Instance) -> None:
        loop = BackfillLoop(instance, DefinitionsSource(), ManualClock(time.time()), chunk=40)
        loop.run_once()

    with_instance(home, work)


def test_a_backfill_of_200_survives_crashes_and_cancellation(home: Place) -> None:
    """However often its loop dies, each partition has at most one run, progress only grows, and cancelling ends it."""
    keys = [f"p{number:03d}" for number in range(200)]
    backfill = with_instance(home, lambda i: submit_backfill(i, job_name="j", partition_keys=keys))
    counts = []
    for _ in range(3):
        assert KILLED == join(fork_child(lambda: advance(home), crash_at="backfill.chunk"))
        advance(home)
        counts.append(with_instance(home, lambda i: i.get_runs_count()))
    assert [0, 0] == race(lambda n: advance(home), 2)
    partitions = with_instance(home, lambda i: [run.partition_key for run in i.get_runs()])

    assert counts == sorted(counts)
    assert sorted(partitions) == sorted(set(partitions))
    assert 200 >= len(partitions) >= 160
    with_instance(home, lambda i: cancel_backfill(i, backfill))
    advance(home)
    advance(home)
    assert "CANCELED" == with_instance(home, lambda i: view_backfill(i, backfill)).status
