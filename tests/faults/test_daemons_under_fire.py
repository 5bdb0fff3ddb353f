"""Several daemons that are killed at random moments, and a scheduler under any sequence of events."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import hypothesis.strategies as st
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.daemon import Daemon
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.monitor import Monitor
from cellmill.automation.scheduler import Scheduler
from cellmill.definitions.run_request import DefaultScheduleStatus
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.tick_policy import CatchUp, OverlapPolicy
from cellmill.instance.automation import InstigatorState
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import ScheduleSpec
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.faults.invariants import assert_invariants, until_claims_ran_out
from tests.faults.procs import fork_child, join
from tests.fuzzing import examples

START = 1_700_000_000 - 1_700_000_000 % 60


def source(count: int, cron: str = "* * * * *", zone: str = "UTC", limit: int = 100_000) -> DefinitionsSource:
    """Schedules that are on and catch up with everything."""
    made = [
        ScheduleDefinition(
            f"s{number}",
            cron_schedule=cron,
            execution_timezone=zone,
            job_name="j",
            default_status=DefaultScheduleStatus.RUNNING,
            catch_up=CatchUp.all(limit),
            overlap="allow",
        )
        for number in range(count)
    ]
    return DefinitionsSource(made)


class EverySecond(ScheduleSpec):
    """A schedule of simulated time that is due in each of its seconds, which no cron can say."""

    __slots__ = ()

    def ticks_after(self, epoch_s: float) -> Iterator[int]:
        """Every whole second."""
        return itertools.count(int(epoch_s) + 1)


class _EverySecondSource(DefinitionsSource):
    def __init__(self, specs: list[EverySecond]) -> None:
        super().__init__()
        self._specs = specs

    def schedules(self) -> list[EverySecond]:  # type: ignore[override]
        return self._specs


def every_second(count: int) -> DefinitionsSource:
    """Schedules that are due every second."""
    common = {"crons": ("* * * * *",), "job_name": "j", "running_by_default": True, "overlap": OverlapPolicy.ALLOW}
    return _EverySecondSource(
        [EverySecond(name=f"s{n}", catch_up=CatchUp.all(100_000), **common) for n in range(count)]
    )


Place = tuple[Path, str | None]


@pytest.fixture(params=["sqlite", "postgres"])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """Where an instance lies that no process holds open."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    return tmp_path, url


def opened(home: Place) -> Instance:
    """The instance of a place."""
    return Instance.get(home[0], storage=home[1])


class SimulatedClock(ManualClock):
    """The simulated second that the parent writes down; passes follow each other without waiting for real seconds."""

    def __init__(self, home: Place) -> None:
        super().__init__(START)
        self._path = home[0] / "second"

    def now(self) -> float:
        """The second that is written down."""
        return START + float(json.loads(self._path.read_text()))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """A hundredth of the time."""
        return event.wait(seconds / 100)


def be_daemon(home: Place, schedules: DefinitionsSource, owner: str) -> None:
    """A daemon with its loops and heartbeats, until it is killed."""
    with closing(opened(home)) as instance:
        clock = SimulatedClock(home)
        scheduler = Scheduler(instance, schedules, clock, owner, claim_s=0.5)
        monitor = Monitor(instance, clock, owner)
        loops = {"scheduler": scheduler.run_once, "monitor": monitor.run_once}
        raise SystemExit(Daemon(instance, loops, clock, owner=owner).run())


def write_second(home: Place, second: int) -> None:
    """Let simulated time be so many seconds after its start."""
    (home[0] / "next").write_text(str(second))
    os.replace(home[0] / "next", home[0] / "second")


#: Real seconds of fire; the soak and the release tests set the whole minute.
FIRE_S = float(os.environ.get("CELLMILL_FIRE_S", "8"))
SCHEDULES = 200


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(300)
def test_three_daemons_killed_at_random_run_every_tick_once(home: Place) -> None:
    """200 schedules due in every simulated second, three daemons, SIGKILL at random: each tick has exactly one run."""
    schedules = every_second(SCHEDULES)
    write_second(home, 0)
    with closing(opened(home)) as instance:
        Scheduler(instance, schedules, ManualClock(START), "first").run_once()
    children = {n: daemon_process(home, schedules, f"d{n}.0") for n in range(3)}
    dice = random.Random(7)
    seconds, incarnation = 0, 0
    end = time.monotonic() + FIRE_S
    try:
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.1, 0.6))
            if done_ticks(home) >= SCHEDULES * seconds - SCHEDULES:
                # Time goes on as fast as this machine follows, so that there is always work in the daemons' hands.
                seconds += 1
                write_second(home, seconds)
            victim = dice.randrange(3)
            os.kill(children[victim], signal.SIGKILL)
            join(children[victim])
            incarnation += 1
            children[victim] = daemon_process(home, schedules, f"d{victim}.{incarnation}")
    finally:
        for child in children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            join(child)
    with closing(opened(home)) as instance:
        for n in range(2):
            until_claims_ran_out(instance)
            Scheduler(instance, schedules, ManualClock(START + seconds), f"last{n}", claim_s=0.01).run_once()
        ticks = instance.automation.ticks()
        runs = instance.db.rows("SELECT run_key, count(*) FROM runs GROUP BY run_key")
        assert_invariants(instance)

    assert incarnation > 3 and seconds > 0
    assert SCHEDULES * seconds == len(ticks)
    assert {"SUCCESS"} == {tick.status for tick in ticks}
    assert SCHEDULES * seconds == len(runs)
    assert {1} == {count for _, count in runs}


def daemon_process(home: Place, schedules: DefinitionsSource, owner: str) -> int:
    """A daemon of its own."""
    return fork_child(lambda: be_daemon(home, schedules, owner))


def done_ticks(home: Place) -> int:
    """How many ticks were recorded."""
    with closing(opened(home)) as instance:
        row = instance.db.row("SELECT count(*) FROM ticks WHERE status = 'SUCCESS'")
    return int(row[0]) if row is not None else 0


CRONS = ["*/15 * * * *", "30 2 * * *", "0 * * * *", "0 0 * * 1", "0,30 1-3 * * *"]
ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "America/Chicago"]


class SchedulerMachine(RuleBasedStateMachine):
    """Any sequence of time passing, clocks set back, crashes and pauses keeps ticks unique and after the start."""

    @initialize(cron=st.sampled_from(CRONS), zone=st.sampled_from(ZONES), day=st.integers(0, 365))
    def begin(self, cron: str, zone: str, day: int) -> None:
        self.instance = Instance.ephemeral()
        self.start = START + day * 86_400
        self.clock = ManualClock(self.start)
        self.source = source(1, cron, zone)
        self.owners = 0
        self.on = True
        self.tick()

    def teardown(self) -> None:
        if hasattr(self, "instance"):
            self.instance.close()

    def scheduler(self) -> Scheduler:
        """A new scheduler, as after a crash."""
        self.owners += 1
        return Scheduler(self.instance, self.source, self.clock, f"o{self.owners}", claim_s=0)

    @rule()
    def tick(self) -> None:
        self.scheduler().run_once()

    @rule(seconds=st.sampled_from([1, 59, 60, 900, 3600, 7200, 40_000, 90_000]))
    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.tick()

    @rule(seconds=st.sampled_from([1, 30, 600, 4000]))
    def step_back(self, seconds: int) -> None:
        self.clock.step_back(seconds)
        self.tick()

    @rule(seconds=st.sampled_from([900, 3600, 90_000]))
    def claim_and_die(self, seconds: int) -> None:
        self.clock.advance(seconds)
        spec = self.source.schedules()[0]
        state = self.instance.automation.instigator(spec.id)
        assert state is not None and state.cursor is not None
        due = next(spec.ticks_after(json.loads(state.cursor)))
        if self.on and due <= self.clock.now():
            self.instance.automation.claim_tick(spec.id, due, owner="dead", lease_s=-1)

    @rule()
    def switch(self) -> None:
        self.on = not self.on
        status = "RUNNING" if self.on else "STOPPED"
        self.instance.automation.switch(InstigatorState(id=":schedule:s0", kind="schedule", name="s0", status=status))
        self.tick()

    @invariant()
    def unique_and_never_in_the_past(self) -> None:
        if not hasattr(self, "instance"):
            return
        instants = [tick.at for tick in self.instance.automation.ticks()]
        keys = [row[0] for row in self.instance.db.rows("SELECT run_key FROM runs")]
        assert len(instants) == len(set(instants))
        assert len(keys) == len(set(keys))
        assert all(at > self.start for at in instants)


TestSchedulerMachine = SchedulerMachine.TestCase
TestSchedulerMachine.settings = settings(max_examples=examples(40), stateful_step_count=20)
