"""Sensors on the outcome of runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from typing import Any

from cellmill.definitions.engine import records
from cellmill.definitions.evaluation import EvaluationContext, own_or_given, resource_lookup, results_of
from cellmill.definitions.location_selectors import MonitoredJobs
from cellmill.definitions.run_request import DefaultSensorStatus, RunReaction, RunRequest, SensorResult, SkipReason
from cellmill.definitions.run_status_context import RunStatusSensorContext, event_type
from cellmill.definitions.sensor import SensorDefinition, SensorType
from cellmill.errors import CheckError, InvalidDefinitionError, InvariantViolationError

#: Runs that one evaluation handles.
MAX_RUNS = 20


def _filter(kind: Any, after: int | None) -> Any:
    return records().run_status_filter(kind, after)


#: The event that follows the state of a run.
_EVENTS = {
    "SUCCESS": "RUN_SUCCESS",
    "FAILURE": "RUN_FAILURE",
    "CANCELED": "RUN_CANCELED",
    "CANCELING": "RUN_CANCELING",
    "STARTED": "RUN_START",
    "STARTING": "RUN_STARTING",
    "QUEUED": "RUN_ENQUEUED",
    "NOT_STARTED": "RUN_STARTING",
    "MANAGED": "RUN_STARTING",
}


class RunStatusSensorDefinition(SensorDefinition):
    """A sensor evaluated once for each run that reaches a state.

    It follows the event log with a cursor that moves on by itself: runs that ended before it was first switched on are
    not its business, and none after that is left out. One evaluation handles at most 20 runs; the next takes up the
    rest. A run that names no code location, as one over assets of several, counts as one of each.

    Args:
        name: Name, unique in its code location: letters, digits and underscores.
        run_status: The `RunStatus` that a run has to reach.
        run_status_sensor_fn: Function of the context (`RunStatusSensorContext`); further parameters are resources by
            name.
        minimum_interval_seconds: Seconds from one evaluation to the next, at least; None means 30.
        description: Text shown with it; None takes the function's docstring.
        monitored_jobs: What is watched: jobs of the sensor's own code location, and `JobSelector`s,
            `CodeLocationSelector`s and `RepositorySelector`s for others. None watches all jobs of its own location.
        monitor_all_code_locations: Whether the runs of all code locations are watched; not together with
            `monitored_jobs`.
        default_status: Whether it is on before anybody switched it on or off.
        request_job: The job that it may start, if its function returns `RunRequest`s.
        request_jobs: The jobs that it may start; each `RunRequest` then says its `job_name`.
        tags: Tags of the sensor and of every run it starts.
        metadata: Metadata of the sensor itself, by name.
        required_resource_keys: Names of resources that `context.resources` has; resources may instead be parameters of
            the function.
        owners: Who answers for it: e-mail addresses, or "team:name".
        failure: Whether the function gets a `RunFailureSensorContext`.

    Raises:
        InvalidDefinitionError: for both `request_job` and `request_jobs`, or both `monitored_jobs` and
            `monitor_all_code_locations`.
    """

    sensor_type = SensorType.RUN_STATUS
    _failure_context = False

    def __init__(
        self,
        name: str,
        run_status: Any,
        run_status_sensor_fn: Callable[..., Any],
        minimum_interval_seconds: int | None = None,
        description: str | None = None,
        monitored_jobs: Sequence[Any] | None = None,
        monitor_all_code_locations: bool | None = None,
        default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
        request_job: Any = None,
        request_jobs: Sequence[Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        required_resource_keys: set[str] | None = None,
        owners: Sequence[str] | None = None,
        *,
        failure: bool = False,
    ) -> None:
        if request_job is not None and request_jobs is not None:
            raise InvalidDefinitionError("Give request_job or request_jobs, not both")
        if monitored_jobs and monitor_all_code_locations:
            raise InvalidDefinitionError(
                "Cannot specify both `monitor_all_code_locations` and `monitored_jobs`. To specify "
                "monitored jobs across code "
                "locations, use JobSelector."
            )
        self.run_status = run_status
        self.monitor_all_code_locations = bool(monitor_all_code_locations)
        self.monitored_jobs = list(monitored_jobs or ())
        self._monitored = MonitoredJobs(name, self.monitored_jobs, everywhere=self.monitor_all_code_locations)
        self._failure = failure
        super().__init__(
            name,
            evaluation_fn=run_status_sensor_fn,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            default_status=default_status,
            job=request_job,
            jobs=request_jobs,
            tags=tags,
            metadata=metadata,
            required_resource_keys=required_resource_keys,
            owners=owners,
        )

    def _default_context(self) -> EvaluationContext:
        raise InvariantViolationError(
            f"The sensor {self.name!r} is called with a context: "
            f"build_run_status_sensor_context(sensor_name, event, instance, run)"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the decorated function returns, called directly."""
        context, _, resources = self._user.split_arguments(args, dict(kwargs), EvaluationContext)
        if context is None and not self._user.takes_context:
            return self._user.fn(**resources)
        with own_or_given(context, self._default_context) as entered:
            return self._user.call([entered], resource_lookup(entered, resources, f"sensor {self.name!r}"))

    def monitors(self, job_name: str, location: str = "", own_location: str = "") -> bool:
        """Whether runs of this job are watched.

        A run that names no location, as one over assets of several, counts as one of each.

        Args:
            job_name: The name of a job.
            location: Name of the code location of its run.
            own_location: Name of the sensor's code location; empty where it has none, as in a test.
        """
        return self._monitored.has(job_name, location, own_location)

    def _evaluate(self, context: Any) -> Any:
        last = _decoded(context.cursor)
        records = self._new_records(context, last)
        if last is None:
            # The past is not news: the first evaluation only takes note of where the log ends.
            context.update_cursor(_encoded(records[-1].storage_id if records else 0))
            return SkipReason(f"Initiating {self.name}. Starting to monitor from now on.")
        if not records:
            return SkipReason(
                f"No qualifying runs found (no runs in state {_name(self.run_status)} since the last evaluation)"
            )
        answers: list[Any] = []
        for record in records:
            context.update_cursor(_encoded(record.storage_id))
            answers.extend(self._answers_for(record, context))
        return answers or SkipReason("No runs of the monitored jobs among the new ones")

    def _new_records(self, context: Any, last: int | None) -> list[Any]:
        kind = event_type(_EVENTS[_name(self.run_status)])
        limit = MAX_RUNS if last is not None else 1
        filters = _filter(kind, last)
        result = context.instance.fetch_run_status_changes(filters, limit, ascending=last is not None)
        return list(result.records)

    def _answers_for(self, record: Any, context: Any) -> list[Any]:
        entry = record.event_log_entry
        run = context.instance.get_run_by_id(entry.run_id)
        own = getattr(context.code_location_origin, "location_name", "")
        if run is None or not self.monitors(run.job_name, run.location, own):
            return []
        event = getattr(entry, "dagster_event", entry)
        made: RunStatusSensorContext = RunStatusSensorContext(
            self.name, run, event, context.instance, None, context.resource_defs, repository_def=context._repository_def
        )
        made = made.for_run_failure() if self._failure else made
        with made:
            found = results_of(self._user.call([made], resource_lookup(made, {}, f"sensor {self.name!r}")))
        if len(found) == 1 and isinstance(found[0], SensorResult):
            if found[0].cursor is not None:
                raise InvariantViolationError("Cannot set cursor in a run status sensor: it moves on by itself")
            found = list(found[0].run_requests or ())
        found = [item for item in found if item is not None]
        for item in found:
            if not isinstance(item, (RunRequest, SkipReason, RunReaction)):
                raise CheckError(f"Unexpected type {type(item).__name__} returned by sensor {self.name!r}: {item!r}")
        requests = [item for item in found if isinstance(item, RunRequest)]
        return requests or [RunReaction(run=run, run_status=self.run_status)]


def _name(status: Any) -> str:
    return str(getattr(status, "name", status))


def _decoded(cursor: str | None) -> int | None:
    if not cursor:
        return None
    try:
        return int(json.loads(cursor)["storage_id"])
    except (ValueError, KeyError, TypeError):
        raise InvariantViolationError(f"The cursor {cursor!r} is not that of a run status sensor") from None


def _encoded(storage_id: int) -> str:
    return json.dumps({"storage_id": storage_id})


def run_status_sensor(
    run_status: Any,
    name: str | None = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    monitored_jobs: Sequence[Any] | None = None,
    job_selection: Sequence[Any] | None = None,
    monitor_all_code_locations: bool | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    request_job: Any = None,
    request_jobs: Sequence[Any] | None = None,
    monitor_all_repositories: bool | None = None,
    tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    owners: Sequence[str] | None = None,
) -> Callable[[Callable[..., Any]], RunStatusSensorDefinition]:
    """Makes a function of a run a sensor, evaluated for each run that reaches `run_status`.

    The function's first parameter is a `RunStatusSensorContext` with the run and its event; further ones are resources
    by name. It may return nothing, or `RunRequest`s for `request_job`. The first evaluation only takes note of where
    the log ends: runs before that are not handled.

    Args:
        run_status: The `RunStatus` that a run has to reach.
        name: Name, unique in its code location: letters, digits and underscores. None takes the function's name.
        minimum_interval_seconds: Seconds from one evaluation to the next, at least; None means 30.
        description: Text shown with it; None takes the function's docstring.
        monitored_jobs: What is watched: jobs of the sensor's own code location, and `JobSelector`s,
            `CodeLocationSelector`s and `RepositorySelector`s for others. None watches all jobs of its own location.
        job_selection: Older name of `monitored_jobs`.
        monitor_all_code_locations: Whether the runs of all code locations are watched; not together with
            `monitored_jobs`.
        default_status: Whether it is on before anybody switched it on or off.
        request_job: The job that it may start, if its function returns `RunRequest`s.
        request_jobs: The jobs that it may start; each `RunRequest` then says its `job_name`.
        monitor_all_repositories: Older name of `monitor_all_code_locations`.
        tags: Tags of the sensor and of every run it starts.
        metadata: Metadata of the sensor itself, by name.
        owners: Who answers for it: e-mail addresses, or "team:name".

    Returns:
        A decorator that makes the function a `RunStatusSensorDefinition`.

    Raises:
        InvalidDefinitionError: for both `request_job` and `request_jobs`, or both `monitored_jobs` and
            `monitor_all_code_locations`.
    """

    def decorate(fn: Callable[..., Any]) -> RunStatusSensorDefinition:
        made = RunStatusSensorDefinition(
            name or fn.__name__,
            run_status,
            fn,
            minimum_interval_seconds,
            description,
            monitored_jobs or job_selection,
            monitor_all_code_locations or monitor_all_repositories,
            default_status,
            request_job,
            request_jobs,
            tags,
            metadata,
            owners=owners,
        )
        update_wrapper(made, fn, updated=())
        return made

    return decorate


def run_failure_sensor(
    name: Any = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    monitored_jobs: Sequence[Any] | None = None,
    job_selection: Sequence[Any] | None = None,
    monitor_all_code_locations: bool | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    request_job: Any = None,
    request_jobs: Sequence[Any] | None = None,
    monitor_all_repositories: bool | None = None,
    tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    owners: Sequence[str] | None = None,
) -> Any:
    """Makes a function of a failed run a sensor, evaluated for each run that fails.

    As `run_status_sensor`, with a `RunFailureSensorContext`, whose `failure_event` and `get_step_failure_events()` say
    what went wrong. May be used without parentheses.

    Args:
        name: Name, unique in its code location: letters, digits and underscores. None takes the function's name.
        minimum_interval_seconds: Seconds from one evaluation to the next, at least; None means 30.
        description: Text shown with it; None takes the function's docstring.
        monitored_jobs: What is watched: jobs of the sensor's own code location, and `JobSelector`s,
            `CodeLocationSelector`s and `RepositorySelector`s for others. None watches all jobs of its own location.
        job_selection: Older name of `monitored_jobs`.
        monitor_all_code_locations: Whether the runs of all code locations are watched; not together with
            `monitored_jobs`.
        default_status: Whether it is on before anybody switched it on or off.
        request_job: The job that it may start, if its function returns `RunRequest`s.
        request_jobs: The jobs that it may start; each `RunRequest` then says its `job_name`.
        monitor_all_repositories: Older name of `monitor_all_code_locations`.
        tags: Tags of the sensor and of every run it starts.
        metadata: Metadata of the sensor itself, by name.
        owners: Who answers for it: e-mail addresses, or "team:name".

    Returns:
        A `RunStatusSensorDefinition`, or the decorator that makes one.

    Raises:
        InvalidDefinitionError: for both `request_job` and `request_jobs`, or both `monitored_jobs` and
            `monitor_all_code_locations`.
    """
    failure = records().run_status("FAILURE")

    def decorate(fn: Callable[..., Any]) -> RunStatusSensorDefinition:
        made = RunStatusSensorDefinition(
            fn.__name__ if name is None or callable(name) else name,
            failure,
            fn,
            minimum_interval_seconds,
            description,
            monitored_jobs or job_selection,
            monitor_all_code_locations or monitor_all_repositories,
            default_status,
            request_job,
            request_jobs,
            tags,
            metadata,
            owners=owners,
            failure=True,
        )
        update_wrapper(made, fn, updated=())
        return made

    return decorate(name) if callable(name) else decorate
