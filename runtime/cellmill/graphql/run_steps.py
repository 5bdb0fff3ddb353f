"""How a run and its steps went, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import strawberry

from cellmill.graphql.documented import documented, said
from cellmill.instance.run_stats import StepStats


@strawberry.enum(description="The state of a step.")
class StepEventStatus(Enum):
    """The state of a step."""

    SKIPPED = "SKIPPED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    IN_PROGRESS = "IN_PROGRESS"


@strawberry.type(description="How a step went, in numbers.")
class RunStepStats:
    """How a step went, in numbers."""

    stats: strawberry.Private[StepStats]

    @documented
    def run_id(self) -> str:
        """The run."""
        return self.stats.run_id

    @documented
    def step_key(self) -> str:
        """The step."""
        return self.stats.step_key

    @documented
    def status(self) -> StepEventStatus | None:
        """Its state."""
        return StepEventStatus(self.stats.status.value) if self.stats.status is not None else None

    @documented
    def start_time(self) -> float | None:
        """When it started, in seconds since the epoch."""
        return self.stats.start_time

    @documented
    def end_time(self) -> float | None:
        """When it ended, in seconds since the epoch."""
        return self.stats.end_time

    @documented
    def attempts(self) -> int:
        """How often it was started."""
        return self.stats.attempts


@strawberry.type(description="How a run went, in numbers.")
class RunStatsSnapshot:
    """How a run went, in numbers."""

    id: str = said("The run's id.")
    run_id: str = said("The run's id.")
    steps_succeeded: int = said("Steps that ended well.")
    steps_failed: int = said("Steps that failed.")
    materializations: int = said("Assets that were made.")
    expectations: int = said("Expectations that were evaluated.")
    enqueued_time: float | None = said("When it entered the queue, in seconds since the epoch.")
    launch_time: float | None = said("When its process was asked for, in seconds since the epoch.")
    start_time: float | None = said("When it started, in seconds since the epoch.")
    end_time: float | None = said("When it ended, in seconds since the epoch.")


@strawberry.type(description="How far a run has come.")
class StepProgress:
    """How far a run has come."""

    run_id: str = said("The run.")
    planned: int = said("The steps that are known of now.")
    done: int = said("Those that have ended: well, not, or skipped.")
    steps: list[RunStepStats] = said("The steps that have changed since the last message.")


def step_progress(run_id: str, before: Mapping[str, StepStats], now: Mapping[str, StepStats]) -> StepProgress | None:
    """What has changed of the steps of a run; None where nothing has."""
    changed = [step for key, step in now.items() if _state_of(step) != _state_of(before.get(key))]
    if not changed:
        return None
    done = sum(step.end_time is not None for step in now.values())
    return StepProgress(
        run_id=run_id, planned=len(now), done=done, steps=[RunStepStats(stats=step) for step in changed]
    )


def _state_of(step: StepStats | None) -> object:
    return None if step is None else (step.status, step.start_time, step.end_time, step.attempts)
