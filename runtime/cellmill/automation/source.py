"""Where the daemon learns what is declared, and who evaluates users' functions for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from cellmill.planning.instigator import Answer, ConditionGroup, Question, RunAsk, ScheduleSpec, SensorSpec


class Source(Protocol):
    """The declared schedules and sensors, and the evaluation of their functions outside this process."""

    def schedules(self) -> Sequence[ScheduleSpec]:
        """All schedules."""
        ...

    def sensors(self) -> Sequence[SensorSpec]:
        """All sensors."""
        ...

    def evaluate(self, questions: Sequence[Question]) -> Iterator[Answer | Exception]:
        """What users' functions of one location answer, in order, each as soon as it is there.

        What went wrong with one is its answer; the others are asked all the same.
        """
        ...

    def has_job(self, location: str, job_name: str) -> bool:
        """Whether the job (still) exists."""
        ...

    def automated_locations(self) -> Sequence[str]:
        """The locations that have assets with automation conditions."""
        ...

    def evaluate_conditions(self, group: ConditionGroup, cursor: str | None, now_s: float) -> dict[str, Any]:
        """One evaluation of a group's conditions: requests, explanations and the next cursor."""
        ...

    def plan_backfill(self, location: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The units of an asset backfill."""
        ...

    def stale_assets(self, location: str, ask: RunAsk) -> Sequence[str]:
        """Those of the assets that `ask` selects, or that its job makes, that are stale or missing now."""
        ...
