"""What a sensor's function is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.evaluation import EvaluationContext
from cellmill.errors import (
    CheckError,
)


class SensorEvaluationContext(EvaluationContext):
    """What a sensor's function may look at, and the cursor that it moves.

    Made by cellmill; `build_sensor_context` makes one for a test. In a `with` statement it takes its resources down at
    the end.

    Args:
        instance_ref: Older name of `instance`.
        last_tick_completion_time: When the evaluation before ended, in seconds since 1970; None for the first one.
        last_run_key: The `run_key` of the last run that was asked for.
        cursor: Text that the evaluation before left; None for the first one.
        log_key: Accepted for Dagster's sake and ignored.
        repository_name: Name of the repository that the definition belongs to.
        repository_def: Repository that the definition belongs to, for `context.repository_def`.
        instance: The instance that `context.instance` gives, such as `Instance.ephemeral()`; None: none, and using it
            is an error.
        sensor_name: Name that `context.sensor_name` gives.
        resources: Resources by name, as values or definitions; set up at first use of `context.resources`.
        definitions: `Definitions` that the definition belongs to; `repository_def` comes from it where that is not
            given.
        last_sensor_start_time: When the sensor was switched on, in seconds since 1970.
        code_location_origin: What names the sensor's code location by its `location_name`, such as a
            `CodeLocationSelector`; a run status sensor watches the runs of that location.
        last_completion_time: Other name of `last_tick_completion_time`.
    """

    def __init__(
        self,
        instance_ref: Any = None,
        last_tick_completion_time: float | None = None,
        last_run_key: str | None = None,
        cursor: str | None = None,
        log_key: Sequence[str] | None = None,
        repository_name: str | None = None,
        repository_def: Any = None,
        instance: Any = None,
        sensor_name: str | None = None,
        resources: Mapping[str, Any] | None = None,
        definitions: Any = None,
        last_sensor_start_time: float | None = None,
        code_location_origin: Any = None,
        last_completion_time: float | None = None,
    ) -> None:
        super().__init__(
            name=sensor_name,
            instance=instance if instance is not None else instance_ref,
            resources=resources,
            repository_def=repository_def,
            definitions=definitions,
        )
        self.instance_ref = instance_ref
        self.last_tick_completion_time = last_tick_completion_time or last_completion_time
        self.last_run_key = last_run_key
        self.repository_name = repository_name
        self.code_location_origin = code_location_origin
        self.last_sensor_start_time = last_sensor_start_time
        self._cursor = cursor
        self.cursor_updated = False

    @property
    def sensor_name(self) -> str:
        """The sensor's name."""
        if self._name is None:
            raise CheckError("Only valid when sensor_name is set: pass it to build_sensor_context")
        return self._name

    @property
    def last_completion_time(self) -> float | None:
        """When the last evaluation ended."""
        return self.last_tick_completion_time

    @property
    def is_first_tick_since_sensor_start(self) -> bool:
        """Whether the sensor was switched on after its last evaluation."""
        if self.last_sensor_start_time is None:
            return self.last_tick_completion_time is None
        return self.last_tick_completion_time is None or self.last_tick_completion_time < self.last_sensor_start_time

    @property
    def cursor(self) -> str | None:
        """The text that the last evaluation left."""
        return self._cursor

    def update_cursor(self, cursor: str | None) -> None:
        """Leaves this text for the next evaluation; kept together with the runs that are asked for, or not.

        Args:
            cursor: Text of any form, often JSON; None forgets what was kept.

        Raises:
            CheckError: where it is not text.
        """
        if cursor is not None and not isinstance(cursor, str):
            raise CheckError(f"A cursor is text, not {cursor!r}: write context.update_cursor({str(cursor)!r})")
        self._cursor = cursor
        self.cursor_updated = True


def build_sensor_context(
    instance: Any = None,
    cursor: str | None = None,
    repository_name: str | None = None,
    repository_def: Any = None,
    sensor_name: str | None = None,
    resources: Mapping[str, Any] | None = None,
    definitions: Any = None,
    instance_ref: Any = None,
    last_sensor_start_time: float | None = None,
) -> SensorEvaluationContext:
    """A context in which a sensor can be called or evaluated in a test.

    Args:
        instance: The instance that `context.instance` gives, such as `Instance.ephemeral()`; None: none, and using it
            is an error.
        cursor: Text that the evaluation before left; None for the first one.
        repository_name: Name of the repository that the definition belongs to.
        repository_def: Repository that the definition belongs to, for `context.repository_def`.
        sensor_name: Name that `context.sensor_name` gives.
        resources: Resources by name, as values or definitions; set up at first use of `context.resources`.
        definitions: `Definitions` that the definition belongs to; `repository_def` comes from it where that is not
            given.
        instance_ref: Older name of `instance`.
        last_sensor_start_time: When the sensor was switched on, in seconds since 1970.

    Returns:
        The context; as one of a `with` statement it takes its resources down at the end.

    Raises:
        CheckError: for a cursor that is not text.
    """
    if cursor is not None and not isinstance(cursor, str):
        raise CheckError(f"A cursor is text, not {cursor!r}")
    return SensorEvaluationContext(
        instance_ref=instance_ref,
        cursor=cursor,
        repository_name=repository_name,
        repository_def=repository_def,
        instance=instance,
        sensor_name=sensor_name,
        resources=resources,
        definitions=definitions,
        last_sensor_start_time=last_sensor_start_time,
    )
