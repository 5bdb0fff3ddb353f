"""Storage under fire: racing writers, kills at every point, full disks, cut connections, torn files."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cellmill import AssetKey, Instance, faults
from cellmill.definitions.value_ref import ValueRef
from cellmill.errors import (
    LeaseLostError,
    StorageBusyError,
    StorageConnectionError,
    StorageFullError,
    StorageLocationError,
)
from cellmill.execution.load import load, read_value
from cellmill.execution.retention import collect_values
from cellmill.instance.location import DATABASE
from cellmill.instance.postgresql import PostgreSQLDatabase
from cellmill.instance.retention import purge_events
from cellmill.instance.sqlite import SQLiteDatabase
from cellmill.io.value_store import ValueStore
from cellmill.planning.event import EventType
from cellmill.planning.run import RunStatus

from tests.faults.invariants import assert_store
from tests.faults.procs import KILLED, fork_child, join
from tests.instance.log import checked, event, materialization, planned, step

pytestmark = pytest.mark.fault

READ_COUNTER = "SELECT slots FROM pools WHERE name = 'counter'"


@dataclass(frozen=True)
class Store:
    """Where an instance is; children open it for themselves."""

    home: Path
    url: str | None

    def open(self) -> Instance:
        """A handle of this process."""
        return Instance.get(self.home, storage=self.url)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty instance that no connection of this process is open to."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    made = Store(tmp_path / "home", url)
    made.open().close()
    yield made
    faults.disarm()


def new_run(store: Store) -> str:
    """The id of a started run."""
    with store.open() as instance:
        run = instance.create_run(job_name="job")
        instance.run_writer(run.run_id).append([event(EventType.RUN_START, run.run_id)])
    return run.run_id


def test_no_update_is_lost_between_processes(store: Store) -> None:
    """Four processes read, think and write the same row: nothing is lost and nobody is told to go away."""
    with store.open() as instance:
        instance.leases.set_pool_limit("counter", 0)

    def work() -> None:
        with store.open() as mine:
            for _ in range(50):
                with mine.db.write() as tx:
                    row = tx.row(READ_COUNTER + mine.db.for_update)
                    assert row is not None
                    tx.run("UPDATE pools SET slots = ? WHERE name = 'counter'", (row[0] + 1,))

    children = [fork_child(work) for _ in range(4)]
    assert [join(child) for child in children] == [0, 0, 0, 0]
    with store.open() as instance:
        assert instance.leases.pools()["counter"][0] == 200


def test_two_writers_of_one_run(store: Store) -> None:
    """Numbers stay dense and nothing is doubled; a reader that follows loses nothing."""
    run_id = new_run(store)

    def work() -> None:
        with store.open() as mine:
            writer = mine.run_writer(run_id)
            for index in range(60):
                writer.append(step(run_id, f"{os.getpid()}-{index}"))

    children = [fork_child(work) for _ in range(2)]
    with store.open() as instance:
        seen = [record.storage_id for record in instance.follow(0, timeout_s=1.0)]
        assert [join(child) for child in children] == [0, 0]
        stored = [row[0] for row in instance.db.rows("SELECT id FROM events ORDER BY id")]

    assert len(seen) == len(set(seen)) == 1 + 2 * 60 * 3
    assert seen == stored


@pytest.mark.parametrize("action", ["kill9", "raise", "disk_full"])
def test_an_append_that_dies_leaves_nothing(store: Store, action: str) -> None:
    """Events, catalog and status commit together or not at all."""
    run_id = new_run(store)

    def work() -> None:
        with store.open() as mine:
            mine.run_writer(run_id).append(
                [materialization(run_id, "a", version="1"), event(EventType.RUN_SUCCESS, run_id)]
            )

    assert join(fork_child(work, crash_at="event.appended", action=action)) != 0
    with store.open() as instance:
        assert instance.get_run_by_id(run_id).status is RunStatus.STARTED  # type: ignore[union-attr]
        assert instance.asset_states() == {}
        assert len(instance.all_logs(run_id)) == 1
    assert join(fork_child(work)) == 0


def test_kills_at_random_moments(store: Store) -> None:
    """Whatever moment a writer is killed at, the store opens clean."""
    run_id = new_run(store)

    def work() -> None:
        with store.open() as mine:
            writer = mine.run_writer(run_id)
            while True:
                writer.append(step(run_id, "a"))

    chance = random.Random(5)
    for _ in range(20):
        child = fork_child(work)
        time.sleep(0.01 + chance.random() * 0.08)
        os.kill(child, signal.SIGKILL)
        assert join(child) == KILLED


def test_a_held_lock_makes_writers_wait_then_say_so(tmp_path: Path) -> None:
    """Waiters succeed within the time-out; beyond it they get a typed error and have written nothing."""
    Instance.get(tmp_path).close()
    patient, hasty = SQLiteDatabase(tmp_path / DATABASE), SQLiteDatabase(tmp_path / DATABASE, timeout_s=0.05)
    holder = sqlite3.connect(tmp_path / DATABASE, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageBusyError, match="locked"), hasty.write() as tx:
        tx.run("INSERT INTO pools (name, slots) VALUES ('hasty', 1)")
    release = threading.Timer(0.3, holder.execute, ["COMMIT"])
    release.start()
    with patient.write() as tx:
        tx.run("INSERT INTO pools (name, slots) VALUES ('patient', 1)")
    release.join()

    assert patient.rows("SELECT name FROM pools") == [("patient",)]
    for db in (patient, hasty):
        db.close()
    holder.close()


def test_a_read_only_store_is_refused() -> None:
    """The error says what to do; root, who may write anywhere, looks at it as somebody else."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        Instance.get(home).close()
        for path in (home / DATABASE, home, Path(folder)):
            path.chmod(0o444 if path.is_file() else 0o555)

        def work() -> None:
            if os.geteuid() == 0:
                os.setuid(65534)
            with pytest.raises(StorageLocationError, match="read-only"):
                Instance.get(home)

        assert join(fork_child(work)) == 0
        for path in (Path(folder), home):
            path.chmod(0o755)


def test_processes_that_open_a_new_store_at_once(tmp_path: Path) -> None:
    """One creates the schema, all can write."""

    def work() -> None:
        with Instance.get(tmp_path / "home") as mine:
            mine.create_run(job_name="job")

    start = time.time() + 0.1
    children = [fork_child(work, start_at=start) for _ in range(6)]

    assert [join(child) for child in children] == [0] * 6
    with Instance.get(tmp_path / "home") as instance:
        assert instance.get_runs_count() == 6


def test_cut_connections_lose_and_double_nothing(postgres_url: str, tmp_path: Path) -> None:
    """The server cuts every connection again and again; each append happens exactly once or fails typed."""
    store = Store(tmp_path / "home", postgres_url)
    run_id = new_run(store)
    stop = threading.Event()

    def cut() -> None:
        db = PostgreSQLDatabase(postgres_url)
        while not stop.wait(0.03):
            db.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        db.close()

    cutter = threading.Thread(target=cut)
    instance = store.open()
    writer = instance.run_writer(run_id)
    cutter.start()
    arrived = 0
    try:
        for index in range(150):
            try:
                writer.append([event(EventType.STEP_START, run_id, step_key=str(index))])
                arrived += 1
            except StorageConnectionError:
                continue
    finally:
        stop.set()
        cutter.join()
        instance.close()
    with store.open() as fresh:
        keys = [e.step_key for e in fresh.all_logs(run_id) if e.type is EventType.STEP_START]

    assert len(keys) == len(set(keys)) >= arrived > 0


def test_a_killed_writer_never_tears_a_value(tmp_path: Path) -> None:
    """15 kills of a writer of 20 MB: the reader finds the whole old or the whole new value."""
    store = ValueStore(tmp_path)
    store.write_file("runs/r/s/result", b"\1" * 1000)

    def work() -> None:
        data = bytes([os.getpid() % 256]) * 20_000_000
        while True:
            store.write_file("runs/r/s/result", data)

    chance = random.Random(3)
    for _ in range(15):
        child = fork_child(work)
        time.sleep(0.03 + chance.random() * 0.05)
        os.kill(child, signal.SIGKILL)
        join(child)
        value = store.read(store.find_file("runs/r/s/result"))
        assert len(value) in (1000, 20_000_000) and value == value[:1] * len(value)


@pytest.mark.parametrize("point", ["output.written", "output.committed"])
@pytest.mark.parametrize("action", ["kill9", "disk_full"])
def test_a_write_that_dies_publishes_nothing(tmp_path: Path, point: str, action: str) -> None:
    """The current version is what the catalog says; a later collection removes what was left behind."""
    store = Store(tmp_path / "home", None)
    run_id = new_run(store)

    def write(instance: Instance, value: int) -> None:
        ref = ValueStore(instance.storage_directory(), key_folder=instance.home).write("assets/a", value)
        instance.run_writer(run_id).append([materialization(run_id, "a", version=str(value), ref=ref)])

    def work() -> None:
        with store.open() as mine:
            write(mine, 2)

    with store.open() as instance:
        write(instance, 1)
    assert join(fork_child(work, crash_at=point, action=action)) != 0
    with store.open() as instance:
        assert load("a", instance=instance) == 1
        garbage = collect_values(instance, keep=1, grace_s=-60)
        assert load("a", instance=instance) == 1
        left = [path for path, _ in ValueStore(instance.storage_directory()).files.walk() if ".tmp-" in path]
    assert left == []
    assert len(garbage.temporary) == (1 if (point, action) == ("output.written", "kill9") else 0)


def test_the_fenced_attempt_cannot_publish(tmp_path: Path) -> None:
    """Of two attempts at one run, only the living one's value becomes current."""
    store = Store(tmp_path / "home", None)
    run_id = new_run(store)
    with store.open() as instance:
        values = ValueStore(instance.storage_directory(), key_folder=instance.home)
        old_ref = values.write("assets/a", "old attempt")
        instance.runs.new_attempt(run_id, expected=1, status=RunStatus.STARTED)
        new_ref = values.write("assets/a", "new attempt")
        instance.run_writer(run_id, 2).append([materialization(run_id, "a", ref=new_ref)])
        with pytest.raises(LeaseLostError):
            instance.run_writer(run_id, 1).append([materialization(run_id, "a", ref=old_ref)])

        assert load("a", instance=instance) == "new attempt"


#: Bytes of the file system, or of the largest file, of a process that is to find no room.
LITTLE = 1_500_000


def little_room(folder: Path) -> None:
    """Let this process find no more room in a folder: a file system of its own there, else the system's limit."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_mounts, new_user = 0x20000, 0x10000000
    flags = new_mounts if os.geteuid() == 0 else new_mounts | new_user
    options = f"size={LITTLE}".encode()
    if (libc.unshare(flags) == 0 or libc.unshare(new_mounts | new_user) == 0) and (
        libc.mount(b"none", b"/", None, 0x44000, None) == 0  # what is mounted here is nobody else's: private, all below
        and libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, options) == 0
    ):
        return
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LITTLE, LITTLE))


def test_a_full_disk_is_said_and_harms_nothing(tmp_path: Path) -> None:
    """On a file system without room, the error is typed, and all that was stored stays."""

    def work() -> None:
        little_room(tmp_path)
        store = Store(tmp_path / "home", None)
        run_id = new_run(store)
        with store.open() as instance, pytest.raises(StorageFullError):
            while True:
                instance.run_writer(run_id).append([event(EventType.LOG, run_id, message="x" * 50_000)])
        with store.open() as instance:
            values = ValueStore(instance.storage_directory(), key_folder=instance.home)
            with pytest.raises(StorageFullError):
                values.write("assets/a", b"x" * 3_000_000)
        assert_store(store.home)

    assert join(fork_child(work)) == 0


@pytest.mark.purges
def test_purging_changes_no_answer(store: Store) -> None:
    """Old events go; what the screens ask for stays the same."""
    with store.open() as instance:
        runs = [instance.create_run(job_name="job").run_id for _ in range(4)]
        for run_id in runs:
            events = [event(EventType.RUN_START, run_id)]
            for number in range(30):
                events += [planned(run_id, "p", str(number % 7)), *step(run_id, f"a{number % 5}")]
                events.append(materialization(run_id, "p", partition=str(number % 7), version=f"{run_id}{number}"))
            events.append(checked(run_id, "a1", "fine", True))
            instance.run_writer(run_id).append(events)
        for run_id in runs[:-1]:
            instance.run_writer(run_id).append([event(EventType.RUN_SUCCESS, run_id)])

        def answers() -> list[object]:
            keys = instance.get_asset_keys()
            return [
                keys,
                instance.asset_states(),
                [instance.get_latest_materialization_event(key) for key in keys],
                instance.get_status_by_partition(AssetKey("p"), [str(n) for n in range(8)]),
                instance.catalog.check_states(),
                instance.get_runs(),
                instance.all_logs(runs[-1]),
            ]

        before, count = answers(), instance.info()["rows"]["events"]
        purged = purge_events(instance.db, before=time.time() + 1e9, chunk=50)

        assert answers() == before
        assert purged.events > 200 and instance.info()["rows"]["events"] == count - purged.events
        instance.run_writer(runs[-1]).append([event(EventType.RUN_SUCCESS, runs[-1])])


@pytest.mark.purges
def test_a_large_purge_holds_no_writer_up(store: Store) -> None:
    """50,000 events go in short transactions of a bounded number of rows, between which others write."""
    run_id = new_run(store)
    with store.open() as instance:
        row = (run_id, "LOG", 1.0, 20, "x")
        insert = "INSERT INTO events (run_id, seq, type, timestamp, level, message) VALUES (?, ?, ?, ?, ?, ?)"
        with instance.db.write() as tx:
            tx.run_many(insert, ((row[0], number, *row[1:]) for number in range(2, 50_002)))
            tx.run("UPDATE runs SET event_count = 50001 WHERE run_id = ?", (run_id,))
        instance.run_writer(run_id).append([event(EventType.RUN_SUCCESS, run_id)])
        other = new_run(store)
        written: list[int] = []
        stop = threading.Event()

        def write() -> None:
            with store.open() as mine:
                writer = mine.run_writer(other)
                while not stop.is_set():
                    writer.append([event(EventType.LOG, other, message="meanwhile")])
                    written.append(1)

        neighbour = threading.Thread(target=write)
        neighbour.start()
        purged = purge_events(instance.db, before=time.time())
        stop.set()
        neighbour.join()

        assert purged.events >= 50_000
        # The gaps between its 26 transactions are there to be used.
        assert len(written) > 10
        assert len(instance.all_logs(other)) == 1 + len(written)


def test_time_travel(tmp_path: Path) -> None:
    """A value is loaded by name, partition, version or run, until retention removes it."""
    store = Store(tmp_path / "home", None)
    first, second = new_run(store), new_run(store)
    refs: list[ValueRef] = []
    with store.open() as instance:
        values = ValueStore(instance.storage_directory(), key_folder=instance.home)
        for run_id, value in ((first, [1]), (second, [2])):
            refs.append(values.write("assets/a", value))
            made = materialization(run_id, "a", version=f"v{value[0]}", ref=refs[-1])
            daily = materialization(run_id, "p", partition="x", ref=values.write("assets/p/=x", value))
            instance.run_writer(run_id).append([made, daily])

        def get(**how: str) -> object:
            return load("a", instance=instance, **how)  # type: ignore[arg-type]

        assert (get(), get(run=first), get(version="v1"), get(version=refs[0].version)) == ([2], [1], [1], [1])
        assert load("p", partition="x", instance=instance) == [2]
        assert read_value(instance, refs[0]) == [1]
        for ask, words in (
            (lambda: load("p", instance=instance), "which partition"),
            (lambda: load("p", partition="y", instance=instance), "not stored"),
            (lambda: load("nothing", instance=instance), "materialize it first"),
            (lambda: get(version="none"), "version 'none'"),
        ):
            _expect(ask, words)


def _expect(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(FileNotFoundError, match=words):
        ask()
