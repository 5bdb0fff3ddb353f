"""SIGKILL at every named fault point, then a restart: the outcome is the one of an undisturbed instance."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill import faults
from cellmill.automation.backfills import submit_backfill
from cellmill.execution.load import load
from cellmill.instance.instance import Instance
from cellmill.planning.event import EventType

from tests.faults.invariants import until_claims_ran_out
from tests.faults.procs import KILLED, fork_child, join
from tests.faults.test_runs_and_sensors import (
    START,
    Place,
    admit,
    advance,
    enqueue,
    expire,
    launches,
    sense,
    watch,
    with_instance,
)
from tests.faults.test_ticks import one_pass, schedules

pytestmark = pytest.mark.fault


@cm.asset
def first() -> list[int]:
    """The asset at whose step, file or events the run dies."""
    return [1, 2, 3]


@cm.asset
def second(first: list[int]) -> int:
    """What is made of it."""
    return sum(first)


def tick(home: Place) -> None:
    """A schedule's pass over one due tick."""
    one_pass(home, START + 61, "one", schedules())


def tick_again(home: Place) -> None:
    """The pass of the next scheduler, when the claim of a dead one has run out."""
    with closing(Instance.get(home[0], storage=home[1])) as instance:
        until_claims_ran_out(instance)
    one_pass(home, START + 62, "two", schedules())


def look_again(home: Place) -> None:
    """The passes of the next sensor daemon: the second is there to ask once more for what is known."""
    with closing(Instance.get(home[0], storage=home[1])) as instance:
        until_claims_ran_out(instance)
    sense(home, START + 11, "two")


def launch_again(home: Place) -> None:
    """The monitor puts back what has no process, and the next queue launches it."""
    expire(home)
    watch(home)
    admit(home)


def make(home: Place) -> None:
    """A run of both assets."""
    with_instance(home, lambda instance: cm.materialize([first, second], instance=instance))


def renew(home: Place) -> None:
    """A heartbeat."""
    with_instance(home, lambda instance: instance.leases.acquire("daemon:queue", "one", 500))


def schedule_first(home: Place) -> None:
    """The schedule begins."""
    one_pass(home, START, "zero", schedules())


def queue_one(home: Place) -> None:
    """One queued run."""
    enqueue(home, 1)


def ask_for_partitions(home: Place) -> None:
    """A backfill of five partitions."""
    with_instance(home, lambda i: submit_backfill(i, job_name="j", partition_keys=[f"p{n}" for n in range(5)]))


def nothing(home: Place) -> None:
    """No preparation."""


def ticks_and_runs(home: Place) -> object:
    """Each tick, and that it has its one run."""

    def read(instance: Instance) -> object:
        runs = {run.run_id for run in instance.get_runs()}
        found = [(t.instigator_id, t.at, t.status, len(t.body["run_ids"])) for t in instance.automation.ticks()]
        return sorted(found), len(runs)

    return with_instance(home, read)


def keys_of_runs(home: Place) -> object:
    """The cursor of the sensor, and that it has a run for every key below it."""

    def read(instance: Instance) -> object:
        state = instance.automation.instigator(":sensor:s")
        assert state is not None
        keys = sorted(int(row[0]) for row in instance.db.rows("SELECT run_key FROM runs"))
        return keys == list(range(int(state.cursor or 0)))

    return with_instance(home, read)


def partitions_of_runs(home: Place) -> object:
    """Each partition that has a run, as often as it has one."""
    return with_instance(home, lambda i: sorted(run.partition_key for run in i.get_runs()))


def last_launch(home: Place) -> object:
    """That the one run was launched, and that its latest attempt is the one that was launched last."""

    def read(instance: Instance) -> object:
        (run,) = instance.get_runs()
        return launches(home)[-1] == f"{run.run_id}:{run.attempt}", run.status

    return with_instance(home, read)


def owner(home: Place) -> object:
    """Who holds the lease."""
    return with_instance(home, lambda i: [lease.owner for lease in i.leases.all()])


def values(home: Place) -> object:
    """What the next reader gets, and that the last run ended well with one materialization of each."""

    def read(instance: Instance) -> object:
        run = instance.get_runs(limit=1)[0]
        made = instance.all_logs(run.run_id, of_type=EventType.ASSET_MATERIALIZATION)
        return load("first", instance=instance), load("second", instance=instance), run.status, len(made)

    return with_instance(home, read)


@dataclass(frozen=True)
class Scenario:
    """What leads to a fault point, what is done after a death there, and what must be the same as without one."""

    prepare: Callable[[Place], None]
    work: Callable[[Place], None]
    restart: Callable[[Place], None]
    outcome: Callable[[Place], object]


TICK = Scenario(schedule_first, tick, tick_again, ticks_and_runs)
SENSOR = Scenario(nothing, lambda home: sense(home, START, "one"), look_again, keys_of_runs)
STEP = Scenario(nothing, make, make, values)
SCENARIOS = {
    "tick.claimed": TICK,
    "tick.recorded": TICK,
    "run.recorded": TICK,
    "sensor.evaluated": SENSOR,
    "sensor.committed": SENSOR,
    "backfill.chunk": Scenario(ask_for_partitions, advance, advance, partitions_of_runs),
    "run.launched": Scenario(queue_one, admit, launch_again, last_launch),
    "lease.renewed": Scenario(nothing, renew, renew, owner),
    "step.started": STEP,
    "output.written": STEP,
    "output.committed": STEP,
    "event.appended": STEP,
}


@pytest.fixture(params=["sqlite", "postgres"])
def homes(tmp_path: Path, request: pytest.FixtureRequest) -> list[Place]:
    """Two empty instances (on PostgreSQL one after the other in one database), the second for comparison."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    made = [(tmp_path / name, url) for name in ("dying", "undisturbed")]
    for place in made:
        place[0].mkdir()
        with closing(Instance.get(place[0], storage=url)):
            pass
    return made


def test_the_matrix_is_complete() -> None:
    """Every named point has its scenario."""
    assert set(SCENARIOS) == faults.POINTS


@pytest.mark.parametrize("point", sorted(SCENARIOS))
def test_a_kill_at_any_point_changes_no_outcome(homes: list[Place], point: str) -> None:
    """Whoever dies there, the next one brings everything to the same end, once."""
    scenario, (dying, undisturbed) = SCENARIOS[point], homes
    scenario.prepare(dying)
    assert KILLED == join(fork_child(lambda: scenario.work(dying), crash_at=point))
    scenario.restart(dying)
    found: Any = scenario.outcome(dying)
    with_instance(dying, lambda instance: instance.wipe() if undisturbed[1] else None)
    scenario.prepare(undisturbed)
    scenario.work(undisturbed)

    assert scenario.outcome(undisturbed) == found
