"""Users' functions of several locations, asked at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.evaluator import Evaluator, answer_of
from cellmill.automation.scheduler import Scheduler
from cellmill.automation.sensors import Sensors
from cellmill.definitions.tick_policy import CatchUp, OverlapPolicy
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import Answer, Question, ScheduleSpec, SensorSpec

SKIP = Answer(skip_reason="nothing to do")


class TwoLocations(DefinitionsSource):
    """A source whose location "slow" answers only when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.asked: list[str] = []

    def schedules(self) -> list[ScheduleSpec]:
        """One schedule of each location, and one that is plain data."""
        common = {
            "crons": ("* * * * *",),
            "running_by_default": True,
            "catch_up": CatchUp.all(10),
            "overlap": OverlapPolicy.ALLOW,
            "job_name": "j",
        }
        plain = ScheduleSpec(name="plain", location="slow", **common)
        return [plain, *(ScheduleSpec(name=name, location=name, evaluated=True, **common) for name in ("slow", "fast"))]

    def sensors(self) -> list[SensorSpec]:
        """One sensor of each location."""
        common = {"minimum_interval_s": 1.0, "running_by_default": True}
        return [SensorSpec(name=name, location=name, **common) for name in ("slow", "fast")]

    def evaluate(self, questions: Sequence[Question]) -> Iterator[Answer | Exception]:
        """Skip."""
        for question in questions:
            self.asked.append(question.who)
            if question.spec.location == "slow":
                assert self.go.wait(30)
            yield SKIP


@pytest.fixture
def source() -> Iterator[TwoLocations]:
    """Let go at the end, whatever happened."""
    made = TwoLocations()
    yield made
    made.go.set()


def test_a_schedule_that_hangs_holds_up_only_its_location(instance: Instance, source: TwoLocations) -> None:
    """While one location does not answer, others and schedules without a function go on; later it is recorded."""
    clock = ManualClock(1_700_000_000)
    scheduler = Scheduler(instance, source, clock, "me")
    scheduler.run_once()
    for _ in range(3):
        clock.advance(60)
        scheduler.run_once(patience_s=0.05)
    ended = [tick.instigator_id for tick in instance.automation.ticks() if tick.ended_at is not None]

    assert {":schedule:" in one for one in ended} == {True}
    assert ended.count("fast:schedule:fast") == 3
    assert ended.count("slow:schedule:plain") == 3
    assert ended.count("slow:schedule:slow") == 0
    assert source.asked.count("schedule 'slow'") == 1

    source.go.set()
    scheduler.run_once()
    scheduler.run_once()
    ended = [tick.instigator_id for tick in instance.automation.ticks() if tick.ended_at is not None]

    assert ended.count("slow:schedule:slow") == 3


def test_a_sensor_that_hangs_holds_up_only_its_location(instance: Instance, source: TwoLocations) -> None:
    """Sensors of another location are evaluated at each pass, and the slow one is not asked twice."""
    clock = ManualClock(1_700_000_000)
    sensors = Sensors(instance, source, clock, "me")
    evaluated = 0
    for _ in range(3):
        clock.advance(10)
        evaluated += sensors.run_once(patience_s=0.05).evaluated

    assert evaluated == 3
    assert sorted(source.asked) == ["sensor 'fast'"] * 3 + ["sensor 'slow'"]

    source.go.set()

    assert sensors.run_once().evaluated >= 1


class Broken(DefinitionsSource):
    """A source that fails after one answer, or stops after it."""

    def __init__(self, *, raises: bool) -> None:
        super().__init__()
        self.raises = raises

    def evaluate(self, questions: Sequence[Question]) -> Iterator[Answer | Exception]:
        """One answer, no more."""
        yield SKIP
        if self.raises:
            raise OSError("the host is gone")


@pytest.mark.parametrize(("raises", "text"), [(True, "the host is gone"), (False, "was not evaluated")])
def test_every_question_has_an_answer(raises: bool, text: str) -> None:
    """What a location was not asked, for whatever reason, is answered by that reason."""
    evaluator: Evaluator[int] = Evaluator(Broken(raises=raises), "test")
    evaluator.ask("here", [(n, Question(spec=SensorSpec(name=f"s{n}"))) for n in range(3)])
    found = dict(evaluator.answers())

    assert found[0] == SKIP
    assert [text in str(found[n]) for n in (1, 2)] == [True, True]
    assert not evaluator.is_busy("here")


def test_one_answer_is_raised_where_it_is_an_error() -> None:
    """Whoever asks one function gets its answer or its error."""
    source = DefinitionsSource()
    with pytest.raises(KeyError):
        answer_of(source, Question(spec=SensorSpec(name="gone")))
