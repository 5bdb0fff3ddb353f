"""What a schedule's function is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cellmill.definitions.evaluation import EvaluationContext
from cellmill.errors import (
    CheckError,
)


class ScheduleEvaluationContext(EvaluationContext):
    """What a schedule's function may look at.

    Made by cellmill; `build_schedule_context` makes one for a test. In a `with` statement it takes its resources down
    at the end.

    Args:
        instance_ref: Older name of `instance`.
        scheduled_execution_time: The time for which the tick is due; one without a time zone is taken as UTC.
        log_key: Accepted for Dagster's sake and ignored.
        repository_name: Name of the repository that the definition belongs to.
        schedule_name: Name that `context.schedule_name` gives.
        resources: Resources by name, as values or definitions; set up at first use of `context.resources`.
        repository_def: Repository that the definition belongs to, for `context.repository_def`.
        instance: The instance that `context.instance` gives, such as `Instance.ephemeral()`; None: none, and using it
            is an error.
        definitions: `Definitions` that the definition belongs to; `repository_def` comes from it where that is not
            given.
    """

    built_by = "build_schedule_context"

    def __init__(
        self,
        instance_ref: Any = None,
        scheduled_execution_time: datetime | None = None,
        log_key: Sequence[str] | None = None,
        repository_name: str | None = None,
        schedule_name: str | None = None,
        resources: Mapping[str, Any] | None = None,
        repository_def: Any = None,
        *,
        instance: Any = None,
        definitions: Any = None,
    ) -> None:
        super().__init__(
            name=schedule_name,
            instance=instance if instance is not None else instance_ref,
            resources=resources,
            repository_def=repository_def,
            definitions=definitions,
        )
        self._scheduled_execution_time = scheduled_execution_time
        self.repository_name = repository_name
        self.instance_ref = instance_ref

    @property
    def schedule_name(self) -> str | None:
        """The schedule's name."""
        return self._name

    @property
    def scheduled_execution_time(self) -> datetime:
        """The time for which this tick was due, not the time at which it is evaluated.

        Raises:
            CheckError: in a context that was built without it.
        """
        if self._scheduled_execution_time is None:
            raise CheckError(
                "Attempting to access scheduled_execution_time, but no scheduled_execution_time was set "
                "on this context: "
                "pass it to build_schedule_context"
            )
        return self._scheduled_execution_time


def build_schedule_context(
    instance: Any = None,
    scheduled_execution_time: datetime | None = None,
    resources: Mapping[str, Any] | None = None,
    repository_def: Any = None,
    instance_ref: Any = None,
    definitions: Any = None,
) -> ScheduleEvaluationContext:
    """A context in which a schedule can be called or evaluated in a test.

    Args:
        instance: The instance that `context.instance` gives, such as `Instance.ephemeral()`; None: none, and using it
            is an error.
        scheduled_execution_time: The time for which the tick is due; one without a time zone is taken as UTC.
        resources: Resources by name, as values or definitions; set up at first use of `context.resources`.
        repository_def: Repository that the definition belongs to, for `context.repository_def`.
        instance_ref: Older name of `instance`.
        definitions: `Definitions` that the definition belongs to; `repository_def` comes from it where that is not
            given.

    Returns:
        The context; as one of a `with` statement it takes its resources down at the end.
    """
    if scheduled_execution_time is not None and scheduled_execution_time.tzinfo is None:
        scheduled_execution_time = scheduled_execution_time.replace(tzinfo=UTC)
    return ScheduleEvaluationContext(
        instance_ref,
        scheduled_execution_time,
        resources=resources,
        repository_def=repository_def,
        instance=instance,
        definitions=definitions,
    )
