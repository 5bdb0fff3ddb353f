"""Every tick runs exactly once, whatever dies when, and however many schedulers there are."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.scheduler import Scheduler
from cellmill.definitions.run_request import DefaultScheduleStatus
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.tick_policy import CatchUp
from cellmill.instance.instance import Instance

from tests.faults.invariants import until_claims_ran_out
from tests.faults.procs import KILLED, fork_child, join

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


def schedules(count: int = 1, cron: str = "* * * * *") -> DefinitionsSource:
    """Schedules that are all due every minute."""
    made = [
        ScheduleDefinition(
            f"s{number}",
            cron_schedule=cron,
            job_name="j",
            default_status=DefaultScheduleStatus.RUNNING,
            catch_up=CatchUp.all(10_000),
            overlap="allow",
        )
        for number in range(count)
    ]
    return DefinitionsSource(made)


def one_pass(home: Place, now: float, owner: str, source: DefinitionsSource, claim_s: float = 0.05) -> None:
    """One scheduler's pass at a moment of simulated time."""
    with closing(Instance.get(home[0], storage=home[1])) as instance:
        Scheduler(instance, source, ManualClock(now), owner, claim_s=claim_s).run_once()


def assert_invariants(home: Place, ticks: int) -> None:
    """Each tick is done and has exactly one run; no run is without its tick."""
    with closing(Instance.get(home[0], storage=home[1])) as instance:
        found = instance.automation.ticks()
        runs = instance.get_runs()

    assert ticks == len(found)
    assert {"SUCCESS"} == {tick.status for tick in found}
    assert ticks == len(runs)
    assert ticks == len({(tick.instigator_id, tick.at) for tick in found})
    assert sorted(run.run_id for run in runs) == sorted(run for tick in found for run in tick.body["run_ids"])


@pytest.mark.parametrize("action", ["kill9", "raise"])
@pytest.mark.parametrize("point", ["tick.claimed", "tick.recorded", "run.recorded"])
def test_a_scheduler_that_dies_loses_and_doubles_no_tick(home: Place, point: str, action: str) -> None:
    """After a restart there is exactly one run for the tick at which the scheduler died."""
    source = schedules()
    one_pass(home, START, "first", source)
    child = fork_child(lambda: one_pass(home, START + 61, "doomed", source), crash_at=point, action=action)

    assert join(child) == (KILLED if action == "kill9" else 3)
    with closing(Instance.get(home[0], storage=home[1])) as instance:
        until_claims_ran_out(instance)
    one_pass(home, START + 62, "second", source)
    one_pass(home, START + 63, "third", source)
    assert_invariants(home, 1)


def test_four_schedulers_race_for_the_same_ticks(home: Place) -> None:
    """Three hundred due ticks run once each, and no loser reports an error."""
    source = schedules(60)
    one_pass(home, START, "first", source)
    begin = time.time() + 0.3
    children = [
        fork_child(lambda n=number: one_pass(home, START + 300, f"d{n}", source, 30.0), start_at=begin)  # type: ignore[misc]
        for number in range(4)
    ]

    assert [0, 0, 0, 0] == [join(child) for child in children]
    assert_invariants(home, 300)
