"""A daemon whose disk fills up, whose database goes away for a while, or that must let go of what is old."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cellmill.automation.clock import SystemClock
from cellmill.automation.daemon import Daemon, daemon_status
from cellmill.automation.housekeeping import Housekeeping
from cellmill.automation.queue import QueueLimits, RunQueue
from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import DefinitionError, StorageConnectionError, StorageFullError
from cellmill.execution.load import load
from cellmill.execution.retention import RetentionPolicy, release
from cellmill.instance.instance import Instance
from cellmill.instance.postgresql import PostgreSQLDatabase
from cellmill.io.value_store import ValueStore
from cellmill.planning.event import EventType
from cellmill.planning.run import Run, RunsFilter, RunStatus

from tests.instance.log import event, materialization
from tests.waiting import until

pytestmark = pytest.mark.fault
DAY_S = 86_400.0


def queued(instance: Instance) -> str:
    """The id of a run that waits."""
    run = Run(job_name="j", status=RunStatus.QUEUED)
    instance.add_run(run)
    return run.run_id


def test_a_full_disk_pauses_launching_and_says_so(tmp_path: Path) -> None:
    """Nothing is launched and nothing lost while there is no room; with room again, the run has its turn."""
    launched: list[str] = []
    least = [10**18]

    with closing(Instance.get(tmp_path)) as instance:
        run_id = queued(instance)

        def admit() -> None:
            limits = QueueLimits(min_free_bytes=least[0])
            RunQueue(instance, SystemClock(), limits, launcher=lambda _, run: launched.append(run.run_id)).run_once()

        with pytest.raises(StorageFullError, match="no run is launched until there"):
            admit()
        daemon = Daemon(instance, {"queue": admit}, intervals={"queue": 0.02})
        thread = threading.Thread(target=daemon.run)
        thread.start()
        until(lambda: any(one.error for one in daemon_status(instance)))
        (paused,) = daemon_status(instance)
        waiting = list(launched)
        least[0] = 0
        until(lambda: bool(launched))
        until(lambda: daemon_status(instance)[0].healthy)
        daemon.stop()
        thread.join()

        assert not paused.healthy and "MB are free" in str(paused.error)
        assert waiting == []
        assert launched == [run_id]
        assert daemon.reason is None


def test_a_write_that_finds_the_disk_full_pauses_too(tmp_path: Path) -> None:
    """Whatever a loop could not write, the daemon lives and makes the next pass."""
    passes: list[int] = []

    def write() -> None:
        passes.append(1)
        if len(passes) < 4:
            raise StorageFullError

    with closing(Instance.get(tmp_path)) as instance:
        daemon = Daemon(instance, {"monitor": write}, intervals={"monitor": 0.01})
        thread = threading.Thread(target=daemon.run)
        thread.start()
        until(lambda: len(passes) > 5)
        daemon.stop()
        thread.join()
        assert daemon.reason is None


def test_a_daemon_survives_cut_connections(postgres_url: str, tmp_path: Path) -> None:
    """While the server cuts every connection again and again, each queued run is launched exactly once."""
    launched: list[str] = []
    cuts: list[int] = []
    stop = threading.Event()

    def cut() -> None:
        with closing(PostgreSQLDatabase(postgres_url)) as db:
            while not stop.wait(0.05):
                cut_off = db.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                cuts.append(len(cut_off))

    with closing(Instance.get(tmp_path, storage=postgres_url)) as instance:
        ids = [queued(instance) for _ in range(30)]
        limits = QueueLimits(max_concurrent_runs=-1)
        queue = RunQueue(instance, SystemClock(), limits, launcher=lambda _, run: launched.append(run.run_id), batch=2)
        daemon = Daemon(instance, {"queue": queue.run_once}, intervals={"queue": 0.02})
        thread, cutter = threading.Thread(target=daemon.run), threading.Thread(target=cut)
        cutter.start()
        thread.start()
        until(lambda: sum(cuts) >= 20)
        stop.set()
        cutter.join()
        # What was admitted and not launched when the connection broke is the monitor's to put back.
        until(lambda: not instance.get_runs_count(RunsFilter(statuses=[RunStatus.QUEUED])))
        alive = thread.is_alive()
        daemon.stop()
        thread.join()

    assert alive and daemon.reason is None
    assert len(launched) == len(set(launched))
    assert set(launched) <= set(ids) and len(launched) >= len(ids) - 5


def test_a_database_that_stays_away_ends_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It bears with an outage for some time only; then whatever started it must know."""
    monkeypatch.setattr("cellmill.automation.daemon.OUTAGE_S", 0.05)

    def away() -> None:
        raise StorageConnectionError

    with closing(Instance.get(tmp_path)) as instance:
        daemon = Daemon(instance, {"sensors": away}, intervals={"sensors": 0.02})

        assert daemon.run() == 1
        assert "StorageConnectionError" in str(daemon.reason)


def versions(instance: Instance, asset: str, count: int) -> None:
    """So many versions of an asset's value."""
    run = instance.create_run(job_name="j")
    writer = instance.run_writer(run.run_id)
    writer.append([event(EventType.RUN_START, run.run_id)])
    store = ValueStore(instance.storage_directory(), key_folder=instance.home)
    for number in range(count):
        writer.append(
            [materialization(run.run_id, asset, version=str(number), ref=store.write(f"assets/{asset}", number))]
        )
    writer.append([event(EventType.RUN_SUCCESS, run.run_id)])


@pytest.mark.purges
def test_retention_by_the_settings_and_by_the_metadata_of_an_asset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workspace's number counts, an asset's own comes before it, and the settings of an asset before that."""
    monkeypatch.setattr(
        "cellmill.execution.retention.collect_values.__kwdefaults__", {"keep": 3, "grace_s": -60.0, "dry_run": False}
    )
    metadata = {AssetKey("b"): {"cellmill/keep": 4}, AssetKey("c"): {"cellmill/keep": 4}}
    policy = RetentionPolicy.of({"keep": 2, "assets": {"c": 5}, "events_days": 36_500}, metadata)
    with closing(Instance.get(tmp_path)) as instance:
        for asset in "abc":
            versions(instance, asset, 6)
        before = instance.info()["rows"]["events"]

        planned = release(instance, policy, dry_run=True)
        done = Housekeeping(instance, lambda: policy, "one").run_once()
        again = Housekeeping(instance, lambda: policy, "two").run_once()
        old = release(instance, policy, now=time.time() + 36_500 * DAY_S)

        left = {asset: len(ValueStore(instance.storage_directory()).versions(f"assets/{asset}")) for asset in "abc"}
        assert left == {"a": 2, "b": 4, "c": 5}
        assert done is not None and done.garbage.versions == planned.garbage.versions
        assert again is None, "another daemon has made the round already"
        assert done.purged.events == 0 and old.purged.events > 0
        assert instance.info()["rows"]["events"] == before - old.purged.events
        assert [load(asset, instance=instance) for asset in "abc"] == [5, 5, 5]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"keep": 0}, "must be 1 or more; got 0"),
        ({"assets": {"a": "many"}}, "of a must be 1 or more; got 'many'"),
        ({"events_days": -1}, "events_days is a number of days"),
    ],
)
def test_a_wrong_setting_is_named(table: dict[str, Any], words: str) -> None:
    """A retention that is misread would delete; it is refused."""
    with pytest.raises(DefinitionError, match=words):
        RetentionPolicy.of(table, {})
