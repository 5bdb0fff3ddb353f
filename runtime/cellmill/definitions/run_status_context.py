"""What a sensor of runs is told of the run that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.engine import records
from cellmill.definitions.evaluation import EvaluationContext


class RunStatusSensorContext(EvaluationContext):
    """The run whose outcome the sensor is evaluated for.

    Made by cellmill; `build_run_status_sensor_context` makes one for a test.

    Args:
        sensor_name: Name that `context.sensor_name` gives.
        dagster_run: The run; `run` is the same.
        dagster_event: The event that brought the run into its state; `event` is the same.
        instance: The instance that `context.instance` gives, such as `Instance.ephemeral()`; None: none, and using it
            is an error.
        context: Accepted for Dagster's sake and ignored.
        resource_defs: Resources by name, as values or definitions; set up at first use of `context.resources`.
        logger: What `context.log` gives; None: a logger of the sensor.
        partition_key: What `context.partition_key` gives; None takes the run's.
        repository_def: Repository that the definition belongs to, for `context.repository_def`.
        run: Other name of `dagster_run`.
        event: Other name of `dagster_event`.
    """

    built_by = "build_run_status_sensor_context"

    def __init__(
        self,
        sensor_name: str,
        dagster_run: Any = None,
        dagster_event: Any = None,
        instance: Any = None,
        context: Any = None,
        resource_defs: Mapping[str, Any] | None = None,
        logger: Any = None,
        partition_key: str | None = None,
        repository_def: Any = None,
        *,
        run: Any = None,
        event: Any = None,
    ) -> None:
        super().__init__(name=sensor_name, instance=instance, resources=resource_defs, repository_def=repository_def)
        self.dagster_run = dagster_run if dagster_run is not None else run
        self.dagster_event = dagster_event if dagster_event is not None else event
        self._partition_key = partition_key
        if logger is not None:
            self._log = logger

    @property
    def sensor_name(self) -> str:
        """The sensor's name."""
        return str(self._name)

    @property
    def run(self) -> Any:
        """The run."""
        return self.dagster_run

    @property
    def event(self) -> Any:
        """The event that ended (or began) it."""
        return self.dagster_event

    @property
    def partition_key(self) -> str | None:
        """The run's partition."""
        return self._partition_key or self.dagster_run.tags.get("dagster/partition")

    def for_run_failure(self) -> RunFailureSensorContext:
        """The same context with what is known of a failure."""
        return RunFailureSensorContext(
            self.sensor_name,
            self.dagster_run,
            self.dagster_event,
            self._instance,
            None,
            self._resource_values,
            self._log,
            self._partition_key,
            self._repository_def,
        )


class RunFailureSensorContext(RunStatusSensorContext):
    """The run whose failure the sensor is evaluated for.

    Made by cellmill; in a test by `build_run_status_sensor_context(…).for_run_failure()`.

    Args:
        sensor_name: Name that `context.sensor_name` gives.
        dagster_run: The run; `run` is the same.
        dagster_event: The event of its failure; `event` is the same.
        instance: The instance that `context.instance` gives, such as `Instance.ephemeral()`; None: none, and using it
            is an error.
        context: Accepted for Dagster's sake and ignored.
        resource_defs: Resources by name, as values or definitions; set up at first use of `context.resources`.
        logger: What `context.log` gives; None: a logger of the sensor.
        partition_key: What `context.partition_key` gives; None takes the run's.
        repository_def: Repository that the definition belongs to, for `context.repository_def`.
        run: Other name of `dagster_run`.
        event: Other name of `dagster_event`.
    """

    @property
    def failure_event(self) -> Any:
        """The event of the failure."""
        return self.dagster_event

    def get_step_failure_events(self) -> Sequence[Any]:
        """The failures of steps of the run."""
        records = self.instance.get_records_for_run(
            run_id=self.dagster_run.run_id, of_type=event_type("STEP_FAILURE")
        ).records
        return [record.event_log_entry.dagster_event for record in records]


def build_run_status_sensor_context(
    sensor_name: str,
    dagster_event: Any = None,
    dagster_instance: Any = None,
    dagster_run: Any = None,
    context: Any = None,
    resources: Mapping[str, Any] | None = None,
    partition_key: str | None = None,
    *,
    repository_def: Any = None,
    event: Any = None,
    instance: Any = None,
    run: Any = None,
) -> RunStatusSensorContext:
    """A context in which a run status sensor can be called in a test.

    `context.for_run_failure()` is the one for a run failure sensor.

    Args:
        sensor_name: Name that `context.sensor_name` gives.
        dagster_event: The event that brought the run into its state; `event` is the same.
        dagster_instance: Other name of `instance`.
        dagster_run: The run, such as the `run` of a result; `run` is the same.
        context: Accepted for Dagster's sake and ignored.
        resources: Resources by name, as values or definitions; set up at first use of `context.resources`.
        partition_key: What `context.partition_key` gives; None takes the run's.
        repository_def: Repository that the definition belongs to, for `context.repository_def`.
        event: Other name of `dagster_event`.
        instance: The instance that `context.instance` gives, such as `Instance.ephemeral()`; None: none, and using it
            is an error.
        run: Other name of `dagster_run`.
    """
    return RunStatusSensorContext(
        sensor_name,
        dagster_run if dagster_run is not None else run,
        dagster_event if dagster_event is not None else event,
        dagster_instance if dagster_instance is not None else instance,
        context,
        resources,
        None,
        partition_key,
        repository_def,
    )


def event_type(name: str) -> Any:
    """Return a type of event by its name; events are described above the definitions."""
    return records().event_type(name)
