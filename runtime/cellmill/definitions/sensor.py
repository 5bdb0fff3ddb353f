"""Sensors: functions that look at the world from time to time and ask for runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import update_wrapper
from typing import Any

from cellmill.definitions.evaluation import EvaluationContext, UserFunction, own_or_given, resource_lookup, results_of
from cellmill.definitions.output import normalized
from cellmill.definitions.run_request import DefaultSensorStatus, RunReaction, RunRequest, SensorResult, SkipReason
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.sensor_context import SensorEvaluationContext, build_sensor_context
from cellmill.definitions.tags import checked_definition_owners, checked_tags
from cellmill.definitions.target import AutomationTarget, checked_name, job_of, targets_of
from cellmill.errors import (
    CellmillError,
    CheckError,
    InvalidDefinitionError,
    InvalidInvocationError,
    InvariantViolationError,
    SensorExecutionError,
)

SENSOR_NAME_TAG = "dagster/sensor_name"
DEFAULT_SENSOR_INTERVAL_S = 30
EMPTY_RESULT = "Sensor function returned an empty result"


class SensorType(Enum):
    """The kinds of sensors, as they are shown and filtered by."""

    STANDARD = "STANDARD"
    RUN_STATUS = "RUN_STATUS"
    ASSET = "ASSET"
    MULTI_ASSET = "MULTI_ASSET"
    FRESHNESS_POLICY = "FRESHNESS_POLICY"
    AUTO_MATERIALIZE = "AUTO_MATERIALIZE"
    AUTOMATION = "AUTOMATION"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class SensorExecutionData:
    """What an evaluation of a sensor asks for: the result of `evaluate_tick`.

    Args:
        run_requests: The runs that are wanted, with all their tags.
        skip_message: Why none is wanted, where the function said so or returned nothing.
        cursor: Text for the next evaluation.
        dagster_run_reactions: What a run status sensor did about runs without asking for one.
        log_key: Always None; kept for Dagster's sake.
        dynamic_partitions_requests: Changes of dynamic partitions that are wanted.
        asset_events: Events of assets, as the `SensorResult` had them.
        automation_condition_evaluations: Evaluations, as the `SensorResult` had them.
    """

    run_requests: Sequence[RunRequest] | None = None
    skip_message: str | None = None
    cursor: str | None = None
    dagster_run_reactions: Sequence[RunReaction] | None = None
    log_key: Sequence[str] | None = None
    dynamic_partitions_requests: Sequence[Any] | None = None
    asset_events: Sequence[Any] = ()
    automation_condition_evaluations: Sequence[Any] = ()


class SensorDefinition:
    """A function evaluated every so many seconds, and the jobs it may start.

    The daemon evaluates it outside of its own process. A function that fails is evaluated again after twice the
    interval, then four times it and so on, up to an hour; its cursor stays where it was.

    Args:
        name: Name, unique in its code location: letters, digits and underscores. None takes the function's name.
        evaluation_fn: Function that decides. Its first parameter is the context; the others are resources by name.
        job_name: Name of the job to start, where the job itself is not at hand. Only one of `job_name`, `job`, `jobs`
            is given.
        minimum_interval_seconds: Seconds from one evaluation to the next, at least; None means 30.
        description: Text shown with it; None takes the function's docstring.
        job: The job (also one of `define_asset_job`, or a graph) that it may start.
        jobs: The jobs that it may start; each `RunRequest` then says its `job_name`.
        default_status: Whether it is on before anybody switched it on or off.
        asset_selection: Assets that it may start, instead of a job: a selection, a selection string or a list of keys
            or assets.
        required_resource_keys: Names of resources that `context.resources` has; resources may instead be parameters of
            the function.
        tags: Tags of the sensor itself; a `RunRequest` has those of its run.
        metadata: Metadata of the sensor itself, by name.
        target: Instead of a job: assets, an asset selection or a selection string, of which a job is made; or a list of
            jobs.
        owners: Who answers for it: e-mail addresses, or "team:name".

    Raises:
        InvalidDefinitionError: without a function, for a bad name or interval, or more than one target.
        CheckError: where resources are named both as keys and as its parameters.
    """

    _positions: tuple[str, ...] = ("context",)
    sensor_type = SensorType.STANDARD

    def __init__(
        self,
        name: str | None = None,
        *,
        evaluation_fn: Callable[..., Any] | None = None,
        job_name: str | None = None,
        minimum_interval_seconds: int | None = None,
        description: str | None = None,
        job: Any = None,
        jobs: Sequence[Any] | None = None,
        default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
        asset_selection: Any = None,
        required_resource_keys: set[str] | None = None,
        tags: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        target: Any = None,
        owners: Sequence[str] | None = None,
    ) -> None:
        if evaluation_fn is None:
            raise InvalidDefinitionError("Must provide evaluation_fn to SensorDefinition.")
        self.name = checked_name(name or evaluation_fn.__name__, "sensor")
        self.targets = targets_of(
            self.name, job_name=job_name, job=job, jobs=jobs, target=target, asset_selection=asset_selection
        )
        self.asset_selection = AssetSelection.from_coercible(asset_selection) if asset_selection is not None else None
        if minimum_interval_seconds is not None and (
            not isinstance(minimum_interval_seconds, int) or minimum_interval_seconds < 0
        ):
            raise InvalidDefinitionError(
                f"minimum_interval_seconds of {self.name!r} is a number of seconds, not {minimum_interval_seconds!r}"
            )
        self.minimum_interval_seconds = (
            DEFAULT_SENSOR_INTERVAL_S if minimum_interval_seconds is None else minimum_interval_seconds
        )
        if not isinstance(default_status, DefaultSensorStatus):
            raise InvalidDefinitionError(
                f"default_status of {self.name!r} is a DefaultSensorStatus, not {default_status!r}"
            )
        self.default_status = default_status
        self.description = description or ((evaluation_fn.__doc__ or "").strip() or None)
        self.tags = checked_tags(tags, f"the sensor {self.name!r}")
        self.metadata = normalized(metadata) if metadata else {}
        self.owners = checked_definition_owners(owners, f"sensor {self.name!r}")
        self._user = UserFunction(evaluation_fn, self._positions, "sensor")
        self._required = frozenset(required_resource_keys or ())
        if self._required and self._user.resource_names:
            raise CheckError(
                "Cannot specify resource requirements in both @sensor decorator and as "
                "arguments to the decorated function"
            )

    # ---- targets

    @property
    def job_name(self) -> str | None:
        """The name of its only job."""
        if len(self.targets) > 1:
            raise InvalidInvocationError(
                f"Cannot use `job_name` property with sensor {self.name}, which targets multiple jobs."
            )
        return self.targets[0].job_name if self.targets else None

    @property
    def has_jobs(self) -> bool:
        """Whether it has jobs as objects."""
        return any(target.has_job for target in self.targets)

    @property
    def has_anonymous_job(self) -> bool:
        """Whether its job was made for it."""
        return len(self.targets) == 1 and self.targets[0].has_anonymous_job

    @property
    def job(self) -> Any:
        """Its only job.

        Raises:
            InvalidDefinitionError: when there is none or more than one.
        """
        jobs = [target.job for target in self.targets if target.has_job]
        if not jobs:
            raise InvalidDefinitionError("No job was provided to SensorDefinition.")
        if len(jobs) > 1:
            raise InvalidDefinitionError("Job property not available when SensorDefinition has multiple jobs.")
        return jobs[0]

    @property
    def jobs(self) -> Sequence[Any]:
        """Its jobs."""
        jobs = [target.job for target in self.targets if target.has_job]
        if not jobs:
            raise InvalidDefinitionError("No job was provided to SensorDefinition.")
        return jobs

    @property
    def required_resource_keys(self) -> set[str]:
        """The resources its function needs."""
        return set(self._required) | set(self._user.resource_names)

    def with_updated_job(self, new_job: Any) -> SensorDefinition:
        """The same sensor of another job.

        Args:
            new_job: The job that it may start instead of its own.
        """
        return self.with_attributes(jobs=[new_job])

    def with_updated_jobs(self, new_jobs: Sequence[Any]) -> SensorDefinition:
        """The same sensor of other jobs.

        Args:
            new_jobs: The jobs that it may start instead of its own.
        """
        return self.with_attributes(jobs=new_jobs)

    def with_attributes(
        self, *, jobs: Sequence[Any] | None = None, metadata: Mapping[str, Any] | None = None
    ) -> SensorDefinition:
        """A copy with other jobs or other metadata.

        Args:
            jobs: Jobs that the copy may start; None keeps those it has.
            metadata: Metadata of the copy, in place of all it has; None keeps that.
        """
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        if jobs is not None:
            copy.targets = targets_of(self.name, jobs=jobs)
        if metadata is not None:
            copy.metadata = normalized(metadata)
        return copy

    # ---- evaluation

    def _default_context(self) -> EvaluationContext:
        return build_sensor_context()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the decorated function returns, called directly."""
        context, rest, resources = self._user.split_arguments(args, dict(kwargs), EvaluationContext)
        with own_or_given(context, self._default_context) as entered:
            find = resource_lookup(entered, resources, f"sensor {self.name!r}")
            result = self._direct_result(entered, rest, find)
            return self._after_call(entered, result)

    def _direct_result(self, context: Any, rest: list[Any], find: Callable[[str], Any]) -> Any:
        return self._user.call([context, *rest], find)

    def _after_call(self, context: Any, result: Any) -> Any:
        return result

    def _evaluate(self, context: Any) -> Any:
        return self._user.call([context], resource_lookup(context, {}, f"sensor {self.name!r}"))

    def evaluate_tick(self, context: SensorEvaluationContext) -> SensorExecutionData:
        """What this evaluation asks for; starts nothing.

        Args:
            context: The evaluation, such as one of `build_sensor_context(cursor=…)`.

        Returns:
            The run requests, each with its tags and the sensor's name, or the reason to skip; the new cursor, and
            changes of partitions.

        Raises:
            SensorExecutionError: when the user's function fails.
            CheckError: for an answer of the wrong kind, or a `SkipReason` or `SensorResult` among other things.
            InvariantViolationError: for a request without a target or of a job that is none of the sensor's, and for a
                cursor set in both ways.
        """
        with context:
            try:
                results = results_of(self._evaluate(context))
            except CellmillError:
                raise
            except Exception as error:
                raise SensorExecutionError(
                    f"Error occurred during the execution of the function of sensor {self.name!r}: "
                    f"{type(error).__name__}: {error}"
                ) from error
            return self._judge([item for item in results if item is not None], context)

    def _judge(self, results: list[Any], context: SensorEvaluationContext) -> SensorExecutionData:
        if not results:
            return SensorExecutionData(
                run_requests=[], skip_message=EMPTY_RESULT, cursor=context.cursor, dagster_run_reactions=[]
            )
        if len(results) > 1:
            for kind in (SkipReason, SensorResult):
                if any(isinstance(item, kind) for item in results):
                    raise CheckError(
                        f"When a {kind.__name__} is returned from a sensor, it must be the only object "
                        f"returned; sensor {self.name!r} "
                        f"returned {len(results)} objects."
                    )
        first = results[0]
        if isinstance(first, SensorResult):
            return self._judge_result(first, context)
        if isinstance(first, SkipReason):
            return SensorExecutionData(
                run_requests=[], skip_message=first.skip_message, cursor=context.cursor, dagster_run_reactions=[]
            )
        reactions = [item for item in results if isinstance(item, RunReaction)]
        requests = [item for item in results if isinstance(item, RunRequest)]
        wrong = next((item for item in results if not isinstance(item, (RunReaction, RunRequest))), None)
        if wrong is not None:
            raise CheckError(
                f"Unexpected type {type(wrong).__name__} returned by sensor {self.name!r}: {wrong!r}. "
                f"Should be a SkipReason, "
                "RunRequest or SensorResult object."
            )
        return SensorExecutionData(
            run_requests=self._checked(requests, context, ()), cursor=context.cursor, dagster_run_reactions=reactions
        )

    def _judge_result(self, result: SensorResult, context: SensorEvaluationContext) -> SensorExecutionData:
        if result.cursor is not None and context.cursor_updated:
            raise InvariantViolationError(
                "SensorResult.cursor cannot be set if context.update_cursor() was called: use one of the two."
            )
        requests = list(result.run_requests or ())
        reason = result.skip_reason.skip_message if isinstance(result.skip_reason, SkipReason) else None
        return SensorExecutionData(
            run_requests=self._checked(requests, context, result.dynamic_partitions_requests or ()),
            skip_message=reason if reason is not None else (EMPTY_RESULT if not requests else None),
            cursor=result.cursor if result.cursor is not None else context.cursor,
            dagster_run_reactions=[],
            dynamic_partitions_requests=list(result.dynamic_partitions_requests or ()),
            asset_events=result.asset_events,
            automation_condition_evaluations=result.automation_condition_evaluations,
        )

    def _checked(self, requests: list[RunRequest], context: Any, dynamic_requests: Sequence[Any]) -> list[RunRequest]:
        return [self._finished(request, context, dynamic_requests) for request in requests]

    def _finished(self, request: RunRequest, context: Any, dynamic_requests: Sequence[Any]) -> RunRequest:
        target = self._target_for(request)
        tags = {**request.tags, SENSOR_NAME_TAG: self.name}
        request = request.with_replaced_attrs(tags=tags)
        if self.asset_selection is not None and request.asset_selection is None and context.has_definitions:
            chosen = self.asset_selection.resolve(context.repository_def.asset_graph)
            request = request.with_replaced_attrs(asset_selection=sorted(chosen))
        if request.partition_key is None or request.has_resolved_partition():
            return request
        job = job_of(target, context)
        if not hasattr(job, "partitions_def"):
            return request
        store = context.instance if context.has_instance else None
        return request.with_resolved_tags_and_config(job, dynamic_requests, None, store)

    def _target_for(self, request: RunRequest) -> AutomationTarget:
        names = [target.job_name for target in self.targets]
        if not names:
            raise InvariantViolationError(
                f"Error in sensor {self.name}: Sensor evaluation function returned a RunRequest for a "
                f"sensor lacking a specified target "
                "(job_name, job, or jobs). Targets can be specified by providing job, jobs, or job_name "
                "to the @sensor decorator."
            )
        if request.job_name is None:
            if len(names) > 1:
                raise InvariantViolationError(
                    f"Error in sensor {self.name}: Sensor returned a RunRequest that did not specify "
                    f"job_name for the requested run. "
                    f"Expected one of: {names}"
                )
            return self.targets[0]
        if request.job_name not in names:
            raise InvariantViolationError(
                f"Error in sensor {self.name}: Sensor returned a RunRequest with job_name "
                f"{request.job_name}. Expected one of: {names}"
            )
        return self.targets[names.index(request.job_name)]


def sensor(
    job_name: str | None = None,
    *,
    name: str | None = None,
    minimum_interval_seconds: int | None = None,
    description: str | None = None,
    job: Any = None,
    jobs: Sequence[Any] | None = None,
    default_status: DefaultSensorStatus = DefaultSensorStatus.STOPPED,
    asset_selection: Any = None,
    required_resource_keys: set[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    target: Any = None,
    owners: Sequence[str] | None = None,
) -> Callable[[Callable[..., Any]], SensorDefinition]:
    """Makes a function, which returns or yields run requests, a skip reason or a sensor result, a sensor.

    The function's first parameter is the context (`SensorEvaluationContext`); it may be left out. Other parameters are
    resources by name. It answers with any number of `RunRequest`s, with one `SkipReason`, or with one `SensorResult`;
    nothing at all counts as skipped.

    Args:
        job_name: Name of the job to start, where the job itself is not at hand. Only one of `job_name`, `job`, `jobs`
            is given.
        name: Name, unique in its code location: letters, digits and underscores. None takes the function's name.
        minimum_interval_seconds: Seconds from one evaluation to the next, at least; None means 30.
        description: Text shown with it; None takes the function's docstring.
        job: The job (also one of `define_asset_job`, or a graph) that it may start.
        jobs: The jobs that it may start; each `RunRequest` then says its `job_name`.
        default_status: Whether it is on before anybody switched it on or off.
        asset_selection: Assets that it may start, instead of a job: a selection, a selection string or a list of keys
            or assets.
        required_resource_keys: Names of resources that `context.resources` has; resources may instead be parameters of
            the function.
        tags: Tags of the sensor itself; a `RunRequest` has those of its run.
        metadata: Metadata of the sensor itself, by name.
        target: Instead of a job: assets, an asset selection or a selection string, of which a job is made; or a list of
            jobs.
        owners: Who answers for it: e-mail addresses, or "team:name".

    Returns:
        A decorator that makes the function a `SensorDefinition`, which can still be called.

    Raises:
        InvalidDefinitionError: for a bad name or interval, or more than one target.
        CheckError: where it is used without parentheses.
    """
    if callable(job_name) and not isinstance(job_name, str):
        raise CheckError("@sensor needs parentheses: write @sensor(job=…)")

    def decorate(fn: Callable[..., Any]) -> SensorDefinition:
        if not callable(fn):
            raise CheckError(f"@sensor decorates a function, not {fn!r}")
        made = SensorDefinition(
            name or fn.__name__,
            evaluation_fn=fn,
            job_name=job_name,
            minimum_interval_seconds=minimum_interval_seconds,
            description=description,
            job=job,
            jobs=jobs,
            default_status=default_status,
            asset_selection=asset_selection,
            required_resource_keys=required_resource_keys,
            tags=tags,
            metadata=metadata,
            target=target,
            owners=owners,
        )
        update_wrapper(made, fn, updated=())
        return made

    return decorate
