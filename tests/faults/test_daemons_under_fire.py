"""Several daemons that are killed at random moments, and a scheduler under any sequence of events."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from contextlib import closing
from pathlib import Path

import hypothesis.strategies as st
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.scheduler import Scheduler
from cellmill.automation.source import DefinitionsSource
from cellmill.definitions.run_request import DefaultScheduleStatus
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.tick_policy import CatchUp
from cellmill.instance.instance import Instance
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.faults.procs import fork_child, join

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


def work_until(home: Path, schedules: DefinitionsSource, owner: str, minute_file: Path) -> None:
    """Passes over the schedules, following the simulated minute that the parent writes down."""
    with closing(Instance.get(home)) as instance:
        clock = ManualClock(START)
        scheduler = Scheduler(instance, schedules, clock, owner, claim_s=0.3)
        while True:
            minute = json.loads(minute_file.read_text() or "0")
            clock.advance(START + minute * 60 + 1 - clock.now())
            scheduler.run_once()
            time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.fault
def test_three_daemons_killed_at_random_run_every_tick_once(tmp_path: Path) -> None:
    """Two hundred schedules, three daemons, SIGKILL at random moments: every tick has exactly one run, none is lost."""
    schedules = source(200)
    minute_file = tmp_path / "minute"
    minute_file.write_text("0")
    with closing(Instance.get(tmp_path)) as instance:
        Scheduler(instance, schedules, ManualClock(START + 1), "first").run_once()
    children = {
        n: fork_child(lambda n=n: work_until(tmp_path, schedules, f"d{n}.0", minute_file))
        for n in range(3)  # type: ignore[misc]
    }
    dice = random.Random(7)
    minutes, incarnation = 0, 0
    try:
        end = time.monotonic() + 12
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.1, 0.5))
            if minutes < 10:
                minutes += 1
                (tmp_path / "next").write_text(str(minutes))
                os.replace(tmp_path / "next", minute_file)
            victim = dice.randrange(3)
            os.kill(children[victim], signal.SIGKILL)
            join(children[victim])
            incarnation += 1
            owner = f"d{victim}.{incarnation}"
            children[victim] = fork_child(lambda o=owner: work_until(tmp_path, schedules, o, minute_file))  # type: ignore[misc]
    finally:
        for child in children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            join(child)
    time.sleep(0.4)
    with closing(Instance.get(tmp_path)) as instance:
        for n in range(3):
            Scheduler(instance, schedules, ManualClock(START + minutes * 60 + 2), f"last{n}", claim_s=0).run_once()
        ticks = instance.automation.ticks()
        runs = instance.db.rows("SELECT run_key, count(*) FROM runs GROUP BY run_key")

    assert incarnation > 20
    assert 200 * minutes == len(ticks)
    assert {"SUCCESS"} == {tick.status for tick in ticks}
    assert 200 * minutes == len(runs)
    assert {1} == {count for _, count in runs}


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
        self.instance.automation.set_status(":schedule:s0", "RUNNING" if self.on else "STOPPED")
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
TestSchedulerMachine.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
