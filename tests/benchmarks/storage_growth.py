"""What storage costs as the log grows: run by hand, `python tests/benchmarks/storage_growth.py [events]`.

Prints, at each size of the log, the millions of instructions that the persistence of one step takes beside the floor
(one value renamed into place and one SQLite transaction), and the milliseconds of processor time of what screens read.
Instructions are counted by valgrind's callgrind in a process of its own, as the difference between two counts of steps,
and left out where valgrind is missing.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cellmill import AssetKey, Instance
from cellmill.definitions.events import AssetMaterialization
from cellmill.instance.location import DATABASE
from cellmill.io.value_store import ValueStore
from cellmill.planning.event import Event, EventType, StepMaterializationData, StepSuccessData
from cellmill.planning.staleness import decide_staleness
from cellmill.planning.staleness_facts import AssetFacts

sys.path.insert(0, str(Path(__file__).parent))
from adapters.floor import DDL, INS, atomic_pickle, open_db, step_rows

ASSETS = 5000
PARENTS = 2
PARTITIONS = 10_000
STEPS_A_RUN = 250
SIZES = (0, 10_000, 100_000, 1_000_000)
#: Numbers of steps whose difference is what one step costs.
FEW, MANY = 30, 130
KEYS = [AssetKey(f"asset_{number:05d}") for number in range(ASSETS)]


def step(run_id: str, number: int, store: ValueStore | None = None, partition: str | None = None) -> list[Event]:
    """The events of one trivial step with its inputs; its value is stored where there is a store."""
    key = KEYS[number % ASSETS] if partition is None else AssetKey("daily")
    parents = KEYS[max(0, number % ASSETS - PARENTS) : number % ASSETS] if partition is None else []
    now, name = time.time(), key.to_user_string()
    tags = {"dagster/data_version": "v", "dagster/code_version": "c"}
    tags.update({f"dagster/input_data_version/{parent.to_user_string()}": "v" for parent in parents})
    ref = None if store is None else store.write(f"assets/{name}", number)
    made = StepMaterializationData(AssetMaterialization(key, partition=partition, tags=tags), value_ref=ref)
    return [
        Event(EventType.STEP_START, run_id, now, name),
        *(Event(EventType.LOADED_INPUT, run_id, now, name) for _ in parents),
        *(Event(kind, run_id, now, name) for kind in (EventType.STEP_OUTPUT, EventType.HANDLED_OUTPUT)),
        Event(EventType.ASSET_MATERIALIZATION, run_id, now, name, asset_key=key, partition=partition, data=made),
        Event(EventType.STEP_SUCCESS, run_id, now, name, data=StepSuccessData(1.0)),
    ]


def median(work: Callable[[], object], repeat: int = 5) -> float:
    """Milliseconds of processor time that `work` takes, in the median."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1000)
    return statistics.median(times)


def fill(instance: Instance, wanted: int) -> None:
    """Appends steps until the log holds so many events."""
    number = 0
    while instance.events.last_id() < wanted:
        run = instance.create_run(job_name="fill")
        writer = instance.run_writer(run.run_id)
        writer.append([Event(EventType.RUN_START, run.run_id, time.time())])
        for _ in range(STEPS_A_RUN // 50):
            batch: list[Event] = []
            for _ in range(50):
                batch += step(run.run_id, number)
                number += 1
            writer.append(batch)
        writer.append([Event(EventType.RUN_SUCCESS, run.run_id, time.time())])


def persist(home: Path, count: int) -> None:
    """Stores the values and events of so many steps, a transaction each."""
    with Instance.get(home) as instance:
        store = ValueStore(instance.storage_directory())
        run = instance.create_run(job_name="measured")
        writer = instance.run_writer(run.run_id)
        for number in range(count):
            writer.append(step(run.run_id, number, store))


def persist_at_the_floor(home: Path, count: int) -> None:
    """The least that stores as many values and rows: a file renamed into place and a transaction for each step."""
    db = open_db(home / "floor.db")
    db.executescript(
        DDL.replace("create table", "create table if not exists").replace("index ", "index if not exists ")
    )
    for number in range(count):
        name = KEYS[number].to_user_string()
        atomic_pickle(str(home / name), number)
        rows = step_rows("measured", name)
        db.execute("begin immediate")
        db.executemany(INS, rows)
        last = db.execute("select last_insert_rowid()").fetchone()[0]
        db.execute("insert or replace into latest values(?,?,?,?,?)", (name, "", last, "measured", rows[0][5]))
        db.execute("commit")
    db.close()


def instructions(what: str, home: Path) -> float | None:
    """Millions of instructions that one step takes, its start-up left out; None without valgrind."""
    if shutil.which("valgrind") is None:
        return None
    counts = []
    for number in (FEW, MANY):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        done = subprocess.run(
            [*command, sys.executable, __file__, what, str(home), str(number)],
            capture_output=True,
            text=True,
            check=True,
        )
        found = re.search(r"Collected : (\d+)", done.stderr)
        assert found is not None, done.stderr
        counts.append(int(found[1]))
    return (counts[1] - counts[0]) / (MANY - FEW) / 1e6


def reads(instance: Instance) -> dict[str, float]:
    """What the screens read, in milliseconds."""
    facts = [AssetFacts(key, KEYS[max(0, i - PARENTS) : i], "c") for i, key in enumerate(KEYS)]
    run = instance.create_run(job_name="measured")
    writer = instance.run_writer(run.run_id)
    for start in range(0, 1500, 100):
        writer.append([event for n in range(start, start + 100) for event in step(run.run_id, n)])
    return {
        "25 runs": median(lambda: instance.get_runs(limit=25)),
        "10,500 events": median(lambda: instance.all_logs(run.run_id)),
        "first page of 200": median(lambda: instance.get_records_for_run(run.run_id, limit=200)),
        "later page": median(lambda: instance.get_records_for_run(run.run_id, cursor="9000", limit=200)),
        "latest of 100": median(lambda: instance.get_latest_materialization_events(KEYS[:100])),
        "5,000 states + staleness": median(lambda: decide_staleness(facts, instance.asset_states())),
    }


def cold(home: Path) -> None:
    """Prints the milliseconds from nothing but imported modules to the staleness of 5,000 assets."""
    facts = [AssetFacts(key, KEYS[max(0, i - PARENTS) : i], "c") for i, key in enumerate(KEYS)]
    start = time.process_time()
    with Instance.get(home) as instance:
        decided = decide_staleness(facts, instance.asset_states())
        sys.stdout.write(f"{(time.process_time() - start) * 1000:.1f}")
    assert len(decided) == ASSETS


def cold_ms(home: Path) -> float:
    """The same, in the median of five processes."""
    words = [sys.executable, __file__, "cold", str(home)]
    return statistics.median(float(subprocess.check_output(words, text=True)) for _ in range(5))


def shown(name: str, value: float | None) -> str:
    """One figure of a line."""
    return f"{name} {'–' if value is None else format(value, '.2f')}"


def main(limit: int) -> None:
    """Prints one line for each size, then the reads at the largest."""
    folder = Path(tempfile.mkdtemp(prefix="cellmill-bench-"))
    home, floor = folder / "home", folder / "floor"
    floor.mkdir()
    try:
        least = instructions("floor", floor)
        for size in SIZES:
            if size > limit:
                break
            with Instance.get(home) as instance:
                fill(instance, size)
            ours = instructions("persist", home)
            over = None if ours is None or least is None else ours - least
            figures = {"step Mi": ours, "floor Mi": least, "over the floor Mi": over}
            with Instance.get(home) as instance:
                figures |= reads(instance) | {"file MB": (home / DATABASE).stat().st_size / 1e6}
                last = instance.events.last_id()
            line = "  ".join(shown(*figure) for figure in figures.items())
            sys.stdout.write(f"{last:>9,} events  {line}\n")
            sys.stdout.flush()
        with Instance.get(home) as instance:
            run = instance.create_run(job_name="partitions")
            for start in range(0, PARTITIONS, 500):
                made = (step(run.run_id, n, partition=f"p{n:05d}") for n in range(start, start + 500))
                instance.run_writer(run.run_id).append([event for events in made for event in events])
            figures = {"10,000 partitions": median(lambda: instance.catalog.partition_sets(AssetKey("daily")))}
        figures["5,000 states + staleness, cold"] = cold_ms(home)
        sys.stdout.write("  ".join(shown(*figure) for figure in figures.items()) + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] in (["persist"], ["floor"]):
        (persist if arguments[0] == "persist" else persist_at_the_floor)(Path(arguments[1]), int(arguments[2]))
    elif arguments[:1] == ["cold"]:
        cold(Path(arguments[1]))
    else:
        main(int(arguments[0]) if arguments else SIZES[-1])
