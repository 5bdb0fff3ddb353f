"""Owners that come back under an old name, floods, runs that kill their process each time, and keys used by hand."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import closing
from pathlib import Path

import cellmill as cm
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.monitor import MAX_RETRIES_TAG, Monitor
from cellmill.automation.queue import QueueLimits, RunQueue
from cellmill.automation.sensors import Sensors
from cellmill.instance.instance import Instance
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import Run, RunStatus

from tests.faults.invariants import assert_invariants
from tests.faults.procs import KILLED, fork_child, join
from tests.work import calls

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


def opened(home: Place) -> closing[Instance]:
    """The instance of a place, closed again."""
    return closing(Instance.get(home[0], storage=home[1]))


def test_a_worker_that_restarts_under_its_old_name_is_another(home: Place) -> None:
    """Same machine, same process id: only the incarnation counts, so just the dead one's work is reaped."""
    dead, alive = "host:4711:aaaa", "host:4711:bbbb"
    with opened(home) as instance:
        runs = [Run(job_name="j", status=RunStatus.STARTED) for _ in range(2)]
        for run, owner, lease_s in zip(runs, (dead, alive), (-1.0, 60.0), strict=True):
            instance.add_run(run)
            instance.run_writer(run.run_id).append([Event(EventType.RUN_START, run.run_id, time.time())])
            assert instance.leases.renew_run(run.run_id, attempt=1, owner=owner, lease_s=lease_s)
        lease = instance.leases.acquire("daemon:queue", dead, 60)
        assert lease is not None
        assert instance.leases.acquire("daemon:queue", alive, 60) is None
        with instance.db.write() as tx:
            tx.run("UPDATE leases SET expires_at = 1")
        taken = instance.leases.acquire("daemon:queue", alive, 60)

        assert taken is not None and taken.fence == lease.fence + 1
        assert not instance.leases.release(lease)
        assert [runs[0].run_id] == Monitor(instance, ManualClock(time.time()), "m").run_once().crashed
        assert not instance.leases.renew_run(runs[0].run_id, attempt=1, owner=dead, lease_s=60)
        assert_invariants(instance)


def test_ten_thousand_queued_runs_do_not_delay_an_urgent_one(home: Place) -> None:
    """A run with priority is launched in the next pass, which reads a batch and not the queue; memory stays flat."""
    launched: list[str] = []
    with opened(home) as instance:
        with instance.db.write() as tx:
            tx.run_many(
                "INSERT INTO runs (run_id, job_name, status, created_at, updated_at, body) VALUES (?, ?, ?, ?, ?, ?)",
                [(f"flood-{n}", "j", "QUEUED", START, START, "{}") for n in range(10_000)],
            )
        urgent = Run(job_name="j", status=RunStatus.QUEUED, tags={"dagster/priority": "5"})
        instance.add_run(urgent)
        queue = RunQueue(
            instance,
            ManualClock(START),
            QueueLimits(max_concurrent_runs=1),
            launcher=lambda _, run: launched.append(run.run_id),
        )
        tracemalloc.start()
        work = calls(queue.run_once)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert [urgent.run_id] == launched
        assert work < 10_000, "fewer than the queue has runs"
        assert peak < 5_000_000
        if instance.db.dialect == "sqlite":
            plan = instance.db.rows(
                "EXPLAIN QUERY PLAN SELECT run_id FROM runs WHERE status = ? ORDER BY priority DESC, id LIMIT 50",
                ("QUEUED",),
            )
            assert "ix_runs_status_priority_id" in str(plan)


def test_a_run_that_kills_its_process_each_time_is_given_up(home: Place) -> None:
    """After its retries it stays failed, and the run behind it in the queue has its turn."""
    order: list[str] = []
    with opened(home) as instance:
        poison = Run(job_name="poison", status=RunStatus.QUEUED, tags={MAX_RETRIES_TAG: "2"})
        instance.add_run(poison)
        instance.add_run(Run(job_name="good", status=RunStatus.QUEUED))

    def work(instance: Instance, run: Run) -> None:
        order.append(run.job_name)
        instance.run_writer(run.run_id, run.attempt).append([Event(EventType.RUN_START, run.run_id, time.time())])
        if run.job_name == "good":
            instance.run_writer(run.run_id, run.attempt).append([Event(EventType.RUN_SUCCESS, run.run_id, time.time())])
        else:
            instance.leases.renew_run(run.run_id, attempt=run.attempt, owner="dead", lease_s=-1)

    for _ in range(8):
        with opened(home) as instance:
            clock = ManualClock(time.time())
            RunQueue(instance, clock, QueueLimits(max_concurrent_runs=1), launcher=work).run_once()
            Monitor(instance, clock, "m").run_once()
    with opened(home) as instance:
        states = sorted((run.job_name, run.status.value) for run in instance.get_runs())
        assert_invariants(instance)

    assert 3 == order.count("poison")
    assert 1 == order.count("good")
    assert [("good", "SUCCESS"), *[("poison", "FAILURE")] * 3] == states


def test_a_key_that_was_used_can_be_run_again_by_hand(home: Place) -> None:
    """A re-execution has no key of its own, and the sensor's next answer still finds the key used."""
    made = cm.SensorDefinition(
        "s",
        evaluation_fn=lambda context: [cm.RunRequest(run_key="a"), cm.RunRequest(run_key="a")],
        job_name="j",
        default_status=cm.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=1,
    )
    with opened(home) as instance:
        source = DefinitionsSource(sensors=[made], instance=instance)
        first = Sensors(instance, source, ManualClock(START), "d").run_once()
        (run,) = instance.get_runs()
        again = Run(job_name="j", tags=dict(run.tags), parent_run_id=run.run_id, root_run_id=run.run_id)
        instance.add_run(again)
        second = Sensors(instance, source, ManualClock(START + 10), "d").run_once()

        assert (1, 1) == (first.requested, first.deduplicated)
        assert (0, 2) == (second.requested, second.deduplicated)
        assert 2 == instance.get_runs_count()
        assert_invariants(instance)


def test_a_renewal_that_dies_keeps_the_old_lease(home: Place) -> None:
    """SIGKILL in the middle of a heartbeat leaves the lease as it was, to run out by itself."""
    with opened(home) as instance:
        lease = instance.leases.acquire("daemon:queue", "one", 30)

    def renew() -> None:
        with opened(home) as instance:
            instance.leases.acquire("daemon:queue", "one", 500)

    assert KILLED == join(fork_child(renew, crash_at="lease.renewed"))
    with opened(home) as instance:
        assert lease == instance.leases.get("daemon:queue")
