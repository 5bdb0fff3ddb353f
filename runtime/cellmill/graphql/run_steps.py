"""How a run and its steps went, in numbers."""

from __future__ import annotations

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
