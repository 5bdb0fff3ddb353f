"""What storage costs as the log grows: run by hand, `python tests/benchmarks/storage_growth.py [events]`.

Prints, at each size of the log, microseconds for an append of one step, and milliseconds for the reads of the screens.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cellmill import AssetKey, Instance
from cellmill.definitions.events import AssetMaterialization
from cellmill.planning.event import Event, EventType, StepMaterializationData, StepSuccessData
from cellmill.planning.staleness import AssetFacts, decide_staleness

ASSETS = 5000
PARTITIONS = 10_000
STEPS_A_RUN = 250
SIZES = (0, 10_000, 100_000, 1_000_000)


def step(run_id: str, key: AssetKey, partition: str | None = None) -> list[Event]:
    """The events of one trivial step."""
    now, name = time.time(), key.to_user_string()
    tags = {"dagster/data_version": "v", "dagster/code_version": "c"}
    made = StepMaterializationData(AssetMaterialization(key, partition=partition, tags=tags))
    return [
        Event(EventType.STEP_START, run_id, now, name),
        *(Event(kind, run_id, now, name) for kind in (EventType.STEP_INPUT, EventType.STEP_OUTPUT)),
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


def fill(instance: Instance, keys: list[AssetKey], wanted: int) -> None:
    """Appends steps until the log holds so many events."""
    number = 0
    while (instance.events.last_id()) < wanted:
        run = instance.create_run(job_name="fill")
        writer = instance.run_writer(run.run_id)
        writer.append([Event(EventType.RUN_START, run.run_id, time.time())])
        for _ in range(STEPS_A_RUN // 50):
            batch: list[Event] = []
            for _ in range(50):
                batch += step(run.run_id, keys[number % len(keys)])
                number += 1
            writer.append(batch)
        writer.append([Event(EventType.RUN_SUCCESS, run.run_id, time.time())])


def main(limit: int) -> None:
    """Prints one line for each size."""
    home = Path(tempfile.mkdtemp(prefix="cellmill-bench-"))
    instance = Instance.get(home)
    keys = [AssetKey(f"asset_{number:05d}") for number in range(ASSETS)]
    facts = [AssetFacts(key, keys[max(0, i - 2) : i], "c") for i, key in enumerate(keys)]
    daily = AssetKey("daily")
    run = instance.create_run(job_name="partitions")
    for start in range(0, PARTITIONS, 500):
        events = [event for n in range(start, start + 500) for event in step(run.run_id, daily, f"p{n:05d}")]
        instance.run_writer(run.run_id).append(events)
    fill(instance, keys, ASSETS * 6)
    for size in SIZES:
        if size > limit:
            break
        fill(instance, keys, size)
        run = instance.create_run(job_name="measured")
        writer = instance.run_writer(run.run_id)
        start = time.process_time()
        for number in range(300):
            writer.append(step(run.run_id, keys[number]))
        append = (time.process_time() - start) / 300 * 1e6
        figures = {
            "append µs": append,
            "25 runs ms": median(lambda: instance.get_runs(limit=25)),
            "1,500 events ms": median(lambda run=run: instance.all_logs(run.run_id)),
            "latest of 100 ms": median(lambda: instance.get_latest_materialization_events(keys[:100])),
            "5,000 states + staleness ms": median(lambda: decide_staleness(facts, instance.asset_states())),
            "10,000 partitions ms": median(lambda: instance.catalog.partition_sets(daily)),
        }
        shown = "  ".join(f"{name} {value:8.2f}" for name, value in figures.items())
        sys.stdout.write(f"{instance.events.last_id():>9,} events  {shown}\n")
        sys.stdout.flush()
    instance.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1])
