"""Schedules: cron expressions, what they start, and the function that decides.

The definition and its decorator; most lines are what their parameters mean. What a function is told is in
`schedule_context`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any

from cellmill.definitions.cron import Cron, parse_cron, union_ticks
from cellmill.definitions.evaluation import UserFunction, own_or_given, resource_lookup, results_of
from cellmill.definitions.local_time import load_zone
from cellmill.definitions.output import normalized
from cellmill.definitions.run_request import DefaultScheduleStatus, RunRequest, SkipReason, plain_config
from cellmill.definitions.schedule_context import ScheduleEvaluationContext, build_schedule_context
from cellmill.definitions.tags import checked_definition_owners, checked_tags
from cellmill.definitions.target import AutomationTarget, checked_name, job_of, targets_of
from cellmill.definitions.tick_policy import CatchUp, OverlapPolicy
from cellmill.errors import (
    CellmillError,
    CheckError,
    InvalidCronError,
    InvalidDefinitionError,
    InvalidInvocationError,
    ScheduleExecutionError,
)

SCHEDULE_NAME_TAG = "dagster/schedule_name"
#: Runs that one tick may ask for; more is taken for a mistake in the function.
MAX_RUN_REQUESTS = 5000


@dataclass(frozen=True)
class ScheduleExecutionData:
    """What a tick of a schedule asks for: the result of `evaluate_tick`.

    Args:
        run_requests: The runs that are wanted, with all their tags; empty when the tick is skipped.
        skip_message: Why it is skipped, where the function said so.
        log_key: Always None; kept for Dagster's sake.
    """

    run_requests: Sequence[RunRequest] | None = None
    skip_message: str | None = None
    log_key: Sequence[str] | None = None


def _zone_of(name: str, owner: str) -> Any:
    try:
        return load_zone(name)
    except InvalidDefinitionError as error:
        raise InvalidDefinitionError(f"Invalid execution timezone {name} for {owner}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Given:
    run_config: Any = None
    run_config_fn: Callable[..., Any] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tags_fn: Callable[..., Any] | None = None
    should_execute: Callable[..., Any] | None = None


class ScheduleDefinition:
    """Runs a job at the times of one or several cron expressions.

    The daemon decides each tick once: it asks the schedule's functions (where there are any) and records the tick
    together with its run. A tick whose function fails is tried again after 5, 30 and 120 seconds. Expressions name
    wall-clock times of the zone: a time that daylight saving leaves out runs right after the gap, one that comes twice
    runs once.

    Args:
        name: Name, unique in its code location: letters, digits and underscores. None: the job's name and "_schedule".
        cron_schedule: When it is due: a cron expression of five fields or an alias such as `@daily`, or a list of them
            (due whenever any one is).
        job_name: Name of the job to run, where the job itself is not at hand. Only one of `job_name`, `job` and
            `target` is given.
        run_config: Run config (dictionary or `RunConfig`) that every run gets; instead of `run_config_fn`.
        run_config_fn: Function of the context that returns the run config of one tick.
        tags: Tags of the runs it starts, but for a `RunRequest` that a function returns: that has tags of its own.
        tags_fn: Function of the context that returns the tags of one tick's run; instead of `tags`.
        metadata: Metadata of the schedule itself, by name.
        should_execute: Function of the context; where it returns False the tick is skipped.
        environment_vars: Only kept, as an attribute, as in Dagster; variables of runs are set under `env` in
            cellmill.toml.
        execution_timezone: IANA name of the zone whose wall-clock time the expression means, such as "Europe/Berlin";
            None means UTC.
        execution_fn: Function that decides a whole tick, as under `@schedule`; instead of `run_config`,
            `run_config_fn`, `tags_fn` and `should_execute`.
        description: Text shown with it; None takes the function's docstring.
        job: The job (also one of `define_asset_job`, or a graph) that it runs.
        default_status: Whether it is on before anybody switched it on or off.
        required_resource_keys: Names of resources that `context.resources` has; resources may instead be parameters of
            the function.
        target: What it runs, if not a job: assets, an asset selection or a selection string; a job of them is made.
        owners: Who answers for it: e-mail addresses, or "team:name".
        catch_up: Which ticks still run that came while no daemon was there; None runs the latest of the last 24 hours.
        overlap: What happens to a tick while a run of an earlier one is not finished: "skip" (as does None),
            "queue_one" or "allow".

    Raises:
        InvalidCronError: for an expression that is none.
        InvalidDefinitionError: for a bad name or zone, more than one target, or a value given both fixed and as a
            function.
        CheckError: where resources are named both in `required_resource_keys` and as parameters of the function.

    Source: crontab(5) for the five fields; the IANA time zone database for zones.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        cron_schedule: str | Sequence[str] | None = None,
        job_name: str | None = None,
        run_config: Any = None,
        run_config_fn: Callable[..., Any] | None = None,
        tags: Mapping[str, str] | None = None,
        tags_fn: Callable[..., Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        should_execute: Callable[..., bool] | None = None,
        environment_vars: Mapping[str, str] | None = None,
        execution_timezone: str | None = None,
        execution_fn: Callable[..., Any] | None = None,
        description: str | None = None,
        job: Any = None,
        default_status: DefaultScheduleStatus = DefaultScheduleStatus.STOPPED,
        required_resource_keys: set[str] | None = None,
        target: Any = None,
        owners: Sequence[str] | None = None,
        catch_up: CatchUp | None = None,
        overlap: OverlapPolicy | str | None = None,
    ) -> None:
        found = targets_of(name or "schedule", job_name=job_name, job=job, target=target)
        self.target: AutomationTarget | None = found[0] if found else None
        if name is None:
            if self.target is None:
                raise InvalidDefinitionError(
                    "A schedule needs a name or a job: ScheduleDefinition(job=…, cron_schedule=…)"
                )
            name = f"{self.target.job_name}_schedule"
        self.name = checked_name(name, "schedule")
        self.cron_schedule: str | Sequence[str] = self._checked_crons(cron_schedule)
        self.execution_timezone = execution_timezone
        self._zone = _zone_of(execution_timezone or "UTC", self.name)
        if not isinstance(default_status, DefaultScheduleStatus):
            raise InvalidDefinitionError(
                f"default_status of {self.name!r} is a DefaultScheduleStatus, not {default_status!r}: write "
                "DefaultScheduleStatus.RUNNING or DefaultScheduleStatus.STOPPED"
            )
        self.default_status = default_status
        self.description = description or _first_paragraph(execution_fn)
        self.environment_vars = dict(environment_vars or {})
        self.metadata = normalized(metadata) if metadata else {}
        self.owners = checked_definition_owners(owners, f"schedule {self.name!r}")
        self.catch_up = catch_up or CatchUp()
        self.overlap = self._checked_overlap(overlap)
        self._check_combination(run_config, run_config_fn, tags, tags_fn, should_execute, execution_fn)
        self._given = _Given(
            run_config, run_config_fn, checked_tags(tags, f"the schedule {self.name!r}"), tags_fn, should_execute
        )
        self._user = UserFunction(execution_fn, ("context",), "schedule") if execution_fn is not None else None
        self._decorated: Callable[..., Any] | None = None
        self._required = frozenset(required_resource_keys or ())
        if self._required and self._user is not None and self._user.resource_names:
            raise CheckError(
                "Cannot specify resource requirements in both @schedule decorator and as "
                "arguments to the decorated function"
            )

    def _checked_overlap(self, given: OverlapPolicy | str | None) -> OverlapPolicy:
        try:
            return OverlapPolicy.SKIP if given is None else OverlapPolicy(given)
        except ValueError:
            raise InvalidDefinitionError(
                f"The schedule {self.name!r} has the overlap policy {given!r}: write one of "
                f"{', '.join(repr(one.value) for one in OverlapPolicy)}"
            ) from None

    def _checked_crons(self, given: str | Sequence[str] | None) -> str | Sequence[str]:
        if given is None or (not isinstance(given, str) and not given):
            raise InvalidDefinitionError(f"The schedule {self.name!r} needs a cron_schedule such as '0 6 * * *'")
        texts = [given] if isinstance(given, str) else list(given)
        try:
            self._crons: tuple[Cron, ...] = tuple(parse_cron(text) for text in texts)
        except InvalidCronError as error:
            raise InvalidCronError(f"Found invalid cron schedule for the schedule {self.name!r}: {error}") from None
        return given if isinstance(given, str) else texts

    def _check_combination(
        self, run_config: Any, run_config_fn: Any, tags: Any, tags_fn: Any, should_execute: Any, execution_fn: Any
    ) -> None:
        pairs = [("run_config_fn", run_config_fn), ("tags_fn", tags_fn), ("should_execute", should_execute)]
        if execution_fn is not None:
            for what, value in [*pairs, ("run_config", run_config), ("tags", None)]:
                if value:
                    raise InvalidDefinitionError(
                        f"Attempted to provide both execution_fn and {what} as arguments to "
                        f"ScheduleDefinition. Must provide only one "
                        "of the two."
                    )
        if run_config_fn and run_config:
            raise InvalidDefinitionError(
                "Attempted to provide both run_config_fn and run_config as arguments to "
                "ScheduleDefinition. Must provide only one of "
                "the two."
            )
        if tags_fn and tags:
            raise InvalidDefinitionError(
                "Attempted to provide both tags_fn and tags as arguments to ScheduleDefinition. Must "
                "provide only one of the two."
            )

    @property
    def job_name(self) -> str:
        """The name of the job it runs."""
        if self.target is None:
            raise InvalidDefinitionError(
                f"No job was provided to ScheduleDefinition. The schedule {self.name!r} has none."
            )
        return self.target.job_name

    @property
    def targets(self) -> list[AutomationTarget]:
        """What it runs, as a list."""
        return [self.target] if self.target is not None else []

    @property
    def has_job(self) -> bool:
        """Whether the job itself is known."""
        return self.target is not None and self.target.has_job

    @property
    def has_anonymous_job(self) -> bool:
        """Whether the job was made for this schedule."""
        return self.target is not None and self.target.has_anonymous_job

    @property
    def job(self) -> Any:
        """The job it runs.

        Raises:
            InvalidDefinitionError: where only its name is known.
        """
        if self.target is None or self.target.job is None:
            raise InvalidDefinitionError(
                f"No job was provided to ScheduleDefinition. The schedule {self.name!r} has only a name of one."
            )
        return self.target.job

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of its runs."""
        return dict(self._given.tags)

    @property
    def required_resource_keys(self) -> set[str]:
        """The resources its function needs."""
        return set(self._required) | set(self._user.resource_names if self._user else ())

    @property
    def zone_name(self) -> str:
        """The zone in which its times are wall-clock times."""
        return self.execution_timezone or "UTC"

    @property
    def plain_run_config(self) -> dict[str, Any]:
        """The run config that it was given as a whole, as a dictionary; empty where a function makes it."""
        return plain_config(self._given.run_config)

    @property
    def needs_evaluation(self) -> bool:
        """Whether a function of the user decides each tick."""
        given = self._given
        functions = (given.run_config_fn, given.tags_fn, given.should_execute)
        return self._user is not None or any(fn is not None for fn in functions)

    def ticks_after(self, epoch_s: float) -> Iterator[int]:
        """The instants at which it is due, without end.

        Args:
            epoch_s: Seconds since 1970; only later instants count.

        Returns:
            Whole seconds since 1970, rising.
        """
        return union_ticks(self._crons, epoch_s, self._zone)

    def with_updated_job(self, new_job: Any) -> ScheduleDefinition:
        """The same schedule of another job.

        Args:
            new_job: The job that it runs instead.
        """
        return self.with_attributes(job=new_job)

    def with_attributes(self, *, job: Any = None, metadata: Mapping[str, Any] | None = None) -> ScheduleDefinition:
        """A copy with another job or other metadata.

        Args:
            job: The job that the copy runs; None keeps the one it has.
            metadata: Metadata of the copy, in place of all it has; None keeps that.
        """
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        if job is not None:
            copy.target = targets_of(self.name, job=job)[0]
        if metadata is not None:
            copy.metadata = normalized(metadata)
        return copy

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the decorated function returns, called directly."""
        user = self._user
        if user is None or self._decorated is None:
            raise InvalidInvocationError(
                "Schedule invocation is only supported for schedules created with the schedule decorators."
            )
        context, _, resources = user.split_arguments(args, dict(kwargs), ScheduleEvaluationContext)
        with own_or_given(context, build_schedule_context) as entered:
            find = resource_lookup(entered, resources, f"schedule {self.name!r}")
            return user.call([entered], find)

    def evaluate_tick(self, context: ScheduleEvaluationContext) -> ScheduleExecutionData:
        """What this tick asks for; starts nothing.

        Args:
            context: The tick, such as one of `build_schedule_context(scheduled_execution_time=…)`.

        Returns:
            The run requests, with the tags of their partition and the schedule's name, or the reason to skip.

        Raises:
            ScheduleExecutionError: when the user's function fails.
            CheckError: for an answer that makes no sense, such as several requests without a `run_key`.
            InvariantViolationError: for a partition of a job that has none.
        """
        with context:
            results = self._results(context)
        if not results:
            return ScheduleExecutionData(run_requests=[], skip_message=None)
        if len(results) == 1 and isinstance(results[0], SkipReason):
            return ScheduleExecutionData(run_requests=[], skip_message=results[0].skip_message)
        requests = self._checked_requests(results)
        return ScheduleExecutionData(run_requests=[self._finished(request, context) for request in requests])

    def _results(self, context: ScheduleEvaluationContext) -> list[Any]:
        try:
            if self._user is None:
                return self._fixed_results(context)
            return self._answer(
                results_of(self._user.call([context], resource_lookup(context, {}, f"schedule {self.name!r}")))
            )
        except CellmillError:
            raise
        except Exception as error:
            raise ScheduleExecutionError(
                f"Error occurred during the execution of the function of schedule {self.name!r}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _answer(self, found: list[Any]) -> list[Any]:
        # A dictionary or a RunConfig stands for one run with that config.
        if len(found) == 1 and not isinstance(found[0], (RunRequest, SkipReason)) and found[0] is not None:
            return [RunRequest(run_config=plain_config(found[0]), tags=self._tags_for(None))]
        return [item for item in found if item is not None]

    def _tags_for(self, context: ScheduleEvaluationContext | None) -> Mapping[str, str]:
        if self._given.tags_fn is None:
            return self._given.tags
        return checked_tags(_call(self._given.tags_fn, context), f"the schedule {self.name!r}")

    def _fixed_results(self, context: ScheduleEvaluationContext) -> list[Any]:
        given = self._given
        if given.should_execute is not None and not _call(given.should_execute, context):
            return [SkipReason(f"should_execute function for {self.name} returned false.")]
        config = _call(given.run_config_fn, context) if given.run_config_fn is not None else given.run_config
        return [RunRequest(run_config=plain_config(config), tags=self._tags_for(context))]

    def _checked_requests(self, results: list[Any]) -> list[RunRequest]:
        wrong = next((item for item in results if not isinstance(item, RunRequest)), None)
        if wrong is not None:
            raise CheckError(
                f"The schedule {self.name!r} returned {wrong!r}; it may return one SkipReason, or "
                f"RunRequests, or run config for one run"
            )
        if len(results) > 1 and not all(request.run_key for request in results):
            raise CheckError("Schedules that return multiple RunRequests must specify a run_key in each RunRequest")
        if len(results) > MAX_RUN_REQUESTS:
            raise CheckError(
                f"The schedule {self.name!r} asks for {len(results)} runs at once; at most "
                f"{MAX_RUN_REQUESTS} are allowed"
            )
        return results

    def _finished(self, request: RunRequest, context: ScheduleEvaluationContext) -> RunRequest:
        tags = {**request.tags, SCHEDULE_NAME_TAG: self.name}
        request = request.with_replaced_attrs(tags=tags)
        if request.partition_key is None or request.has_resolved_partition() or self.target is None:
            return request
        job = job_of(self.target, context)
        if not hasattr(job, "partitions_def"):
            return request
        store = context.instance if context.has_instance else None
        return request.with_resolved_tags_and_config(job, (), None, store)


def _call(fn: Callable[..., Any], context: Any) -> Any:
    user = UserFunction(fn, ("context",), "schedule")
    return user.call([context], resource_lookup(context, {}, fn.__name__))


def _first_paragraph(fn: Callable[..., Any] | None) -> str | None:
    doc = getattr(fn, "__doc__", None)
    return doc.strip() if doc and fn is not None else None


def schedule(
    cron_schedule: str | Sequence[str],
    *,
    job_name: str | None = None,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    tags_fn: Callable[..., Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    should_execute: Callable[..., bool] | None = None,
    environment_vars: Mapping[str, str] | None = None,
    execution_timezone: str | None = None,
    description: str | None = None,
    job: Any = None,
    default_status: DefaultScheduleStatus = DefaultScheduleStatus.STOPPED,
    required_resource_keys: set[str] | None = None,
    target: Any = None,
    owners: Sequence[str] | None = None,
    catch_up: CatchUp | None = None,
    overlap: OverlapPolicy | str | None = None,
) -> Callable[[Callable[..., Any]], ScheduleDefinition]:
    """Makes a function, which returns or yields run requests, a skip reason or run config, a schedule.

    The function's first parameter is the context (`ScheduleEvaluationContext`); it may be left out. Other parameters
    are resources by name. It answers with a `RunRequest`, several (each with a `run_key`), a `SkipReason`, or a
    dictionary or `RunConfig`, which is the config of one run. An answer of None or of nothing skips the tick.

    Args:
        cron_schedule: When it is due: a cron expression of five fields or an alias such as `@daily`, or a list of them
            (due whenever any one is).
        job_name: Name of the job to run, where the job itself is not at hand. Only one of `job_name`, `job` and
            `target` is given.
        name: Name, unique in its code location: letters, digits and underscores. None takes the function's name.
        tags: Tags of the runs it starts, but for a `RunRequest` that a function returns: that has tags of its own.
        tags_fn: Function of the context that returns the tags of one tick's run; instead of `tags`.
        metadata: Metadata of the schedule itself, by name.
        should_execute: Function of the context; where it returns False the tick is skipped.
        environment_vars: Only kept, as an attribute, as in Dagster; variables of runs are set under `env` in
            cellmill.toml.
        execution_timezone: IANA name of the zone whose wall-clock time the expression means, such as "Europe/Berlin";
            None means UTC.
        description: Text shown with it; None takes the function's docstring.
        job: The job (also one of `define_asset_job`, or a graph) that it runs.
        default_status: Whether it is on before anybody switched it on or off.
        required_resource_keys: Names of resources that `context.resources` has; resources may instead be parameters of
            the function.
        target: What it runs, if not a job: assets, an asset selection or a selection string; a job of them is made.
        owners: Who answers for it: e-mail addresses, or "team:name".
        catch_up: Which ticks still run that came while no daemon was there; None runs the latest of the last 24 hours.
        overlap: What happens to a tick while a run of an earlier one is not finished: "skip" (as does None),
            "queue_one" or "allow".

    Returns:
        A decorator that makes the function a `ScheduleDefinition`, which can still be called.

    Raises:
        InvalidCronError: for an expression that is none.
        InvalidDefinitionError: for a bad name or zone, more than one target, or both `tags` and `tags_fn`.

    Source: crontab(5) for the five fields; the IANA time zone database for zones.
    """

    def decorate(fn: Callable[..., Any]) -> ScheduleDefinition:
        if not callable(fn):
            raise CheckError(f"@schedule decorates a function, not {fn!r}")
        if tags_fn is not None and tags is not None:
            raise InvalidDefinitionError(
                "Attempted to provide both tags_fn and tags as arguments to ScheduleDefinition. Must "
                "provide only one of the two."
            )
        wrapped = fn if should_execute is None else _only_if(fn, should_execute)
        made = ScheduleDefinition(
            name or fn.__name__,
            cron_schedule=cron_schedule,
            job_name=job_name,
            job=job,
            target=target,
            tags=tags,
            metadata=metadata,
            environment_vars=environment_vars,
            execution_timezone=execution_timezone,
            description=description,
            default_status=default_status,
            required_resource_keys=required_resource_keys,
            execution_fn=wrapped,
            owners=owners,
            catch_up=catch_up,
            overlap=overlap,
        )
        made._given = _Given(tags=made._given.tags, tags_fn=tags_fn)
        made._decorated = fn
        update_wrapper(made, fn, updated=())
        made.name = name or fn.__name__
        return made

    return decorate


def _only_if(fn: Callable[..., Any], should_execute: Callable[..., bool]) -> Callable[..., Any]:
    inner = UserFunction(fn, ("context",), "schedule")

    def execute(context: ScheduleEvaluationContext) -> Any:
        if not _call(should_execute, context):
            return SkipReason(f"should_execute function for {fn.__name__} returned false.")
        return inner.call([context], resource_lookup(context, {}, fn.__name__))

    execute.__doc__ = fn.__doc__
    return execute
