"""Running a job in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.logger import InitLoggerContext
from cellmill.definitions.resource_requirements import (
    ResourceRequirement,
    requirements_of_op,
    requirements_of_resources,
    unfit_managers,
)
from cellmill.definitions.run_config import plain_run_config, resolve_run_config
from cellmill.definitions.run_config_schema import run_config_schema
from cellmill.errors import CheckError
from cellmill.execution.capture import StepCapture
from cellmill.execution.log import captured_python_logs
from cellmill.execution.log_manager import LogManager, console_logger, log_level
from cellmill.execution.resources import resource_scope, tell_teardown_errors
from cellmill.execution.result import ExecuteInProcessResult
from cellmill.execution.run_loop import RunLoop
from cellmill.execution.services import Services
from cellmill.execution.sink import EventSink, EventWriter
from cellmill.execution.step import user_exception
from cellmill.instance.instance import Instance
from cellmill.io.default import stored_values
from cellmill.io.memory import InMemoryIOManager
from cellmill.planning.plan import Plan
from cellmill.planning.planner import plan_job
from cellmill.planning.run import PARTITION_TAG, Run, make_run_id


def execute_in_process(
    job: JobDefinition,
    *,
    run_config: Any = None,
    instance: Any = None,
    partition_key: str | None = None,
    raise_on_error: bool = True,
    op_selection: Sequence[str] | None = None,
    asset_selection: Sequence[Any] | None = None,
    run_id: str | None = None,
    input_values: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    resources: Mapping[str, object] | None = None,
    in_memory: bool = True,
) -> ExecuteInProcessResult:
    """Run `job` in this process and return the result; without an instance nothing is kept of it."""
    chosen = prepared(job, op_selection, asset_selection, resources)
    for name in input_values or {}:
        if name not in chosen.graph.input_dict:
            raise CheckError(
                f"Input value provided for key '{name}', but job '{job.name}' has no top-level input with that name. "
                f"It has {list(chosen.graph.input_dict)}."
            )
    if input_values:
        chosen = chosen.copy_with(input_values={**chosen.input_values, **input_values})
    own_tags = {**chosen.run_tags, **(tags or {})}
    config = run_config
    if partition_key is not None:
        own_tags, config = with_partition(chosen, partition_key, own_tags, config, instance)
    elif config is None and chosen.partitioned_config is not None:
        config = {}
    given = {**chosen.input_values, **(input_values or {})}
    resolved = resolve_run_config(chosen.copy_with(input_values=given) if input_values else chosen, config)
    plan = plan_job(chosen)
    check_resources(chosen, plan)
    own = instance is None
    used = Instance.ephemeral() if own else instance
    run = Run(
        job_name=chosen.name,
        run_id=run_id or make_run_id(),
        run_config=plain_run_config(config) or chosen.run_config or {},
        tags={key: str(value) for key, value in own_tags.items()},
        op_selection=None if op_selection is None else tuple(op_selection),
        asset_selection=chosen.asset_selection if asset_selection is not None else None,
    )
    result: ExecuteInProcessResult = run_job(
        chosen,
        plan,
        run,
        used,
        resolved,
        raise_on_error=raise_on_error,
        input_values=input_values,
        default_io_manager=InMemoryIOManager if in_memory else None,
        writer=used.new_run_writer(run),
    )
    return result


def prepared(
    job: JobDefinition,
    op_selection: Sequence[str] | None,
    asset_selection: Any,
    resources: Mapping[str, object] | None,
    check_selection: Collection[AssetCheckKey] | None = None,
) -> JobDefinition:
    """Return the job, cut down to the selection, with the resources given."""
    chosen = job
    if op_selection:
        chosen = chosen.get_subset(op_selection=op_selection)
    if asset_selection is not None or check_selection is not None:
        checks = None if check_selection is None else frozenset(check_selection)
        chosen = chosen.get_subset(asset_selection=asset_selection, asset_check_selection=checks)
    if resources:
        given = checked_resources(resources, f"job {job.name!r}")
        chosen = chosen.copy_with(resource_defs={**chosen.resource_defs, **given})
    return chosen


def with_partition(
    job: JobDefinition, partition_key: str, tags: dict[str, str], config: Any, instance: Any
) -> tuple[dict[str, str], Any]:
    """Return tags and config of a run for one partition."""
    definition = job.partitions_def
    if definition is None:
        raise CheckError(f"Job {job.name!r} is not partitioned, so it cannot run for partition {partition_key!r}.")
    definition.validate_partition_key(partition_key, dynamic_partitions_store=instance)
    made = dict(tags)
    if job.partitioned_config is not None:
        if config is None:
            config = job.partitioned_config.get_run_config_for_partition_key(partition_key)
        made.update(job.partitioned_config.get_tags_for_partition_key(partition_key, job.name))
    else:
        made.update(definition.get_tags_for_partition_key(partition_key))
    made[PARTITION_TAG] = partition_key
    return made, config


def check_resources(job: JobDefinition, plan: Plan) -> None:
    """Raise where a step needs a resource or an IO manager that is not there."""
    given = job.resource_defs
    for step in plan.steps.values():
        for one in requirements_of_op(step.op):
            if one.key not in given:
                raise one.missing(given)
        for hook in step.hooks:
            for key in sorted(hook.required_resource_keys):
                if key not in given:
                    who = f"hook '{hook.name}' attached to op '{step.op.name}'"
                    raise ResourceRequirement(key, who).missing(given)
    for one in requirements_of_resources(given):
        if one.key not in given:
            raise one.missing(given)
    for problem in unfit_managers((step.op for step in plan.steps.values()), given):
        raise problem


def run_job(
    job: JobDefinition,
    plan: Plan,
    run: Run,
    instance: Any,
    config: Any,
    *,
    raise_on_error: bool = True,
    input_values: Mapping[str, Any] | None = None,
    default_io_manager: Callable[[], Any] | None = None,
    previous: Any = None,
    keep_outputs: bool = True,
    result_class: Any = ExecuteInProcessResult,
    retries_enabled: bool = True,
    capture: StepCapture | None = None,
    writer: EventWriter | None = None,
) -> Any:
    """Carry out a run and return its result.

    The instance knows the run, or `writer` records it with its first events; `capture` keeps what its steps print.
    """
    sink = EventSink(writer or instance.run_writer(run.run_id, run.attempt))
    loggers = run_loggers(job, config, instance)
    log = _init_log(sink, run, job, loggers, instance)
    if config.loggers:
        # Loggers that were asked for get what happens too; the console keeps to what user code says.
        sink.follower = log.follow
    tell = tell_teardown_errors(sink, run)
    with resource_scope(
        job.resource_defs, config.resources, instance=instance, run=run, log=log, on_teardown_error=tell
    ) as scope:
        services = Services(
            run=run,
            job=job,
            config=config,
            scope=scope,
            instance=instance,
            loggers=loggers,
            default_io_manager=default_io_manager or (lambda: stored_values(instance)),
            find_ref=instance.find_value_ref,
            find_versions=instance.data_versions,
            find_partition_versions=instance.partition_data_versions,
            find_state=instance.asset_state,
            input_values=input_values,
            keep_outputs=keep_outputs,
        )
        loop = RunLoop(
            plan, services, sink, raise_on_error=raise_on_error, previous=previous, retries_enabled=retries_enabled,
            capture=capture,
        )  # fmt: skip
        sink.watch()
        failed: Exception | None = None
        try:
            with captured_python_logs(instance.managed_python_loggers, instance.python_log_level):
                loop.run()
        except Exception as error:
            failed = error
        finally:
            sink.close()
        if failed is not None:
            # Without `raise_on_error` what comes here is no step's error: the run could not be written, say. Raised out
            # here, since in the handler what wraps the user's error would be its context.
            raise _for_user(failed, loop)
    return result_class(job, services, sink.events, instance, loop.state)


def _for_user(error: Exception, loop: RunLoop) -> BaseException:
    """Return what user code raised in a step; errors outside of steps are shown as they are."""
    return user_exception(error) if error is loop.first_error else error


def _init_log(
    sink: EventSink, run: Run, job: JobDefinition, loggers: Sequence[logging.Logger], instance: Any
) -> LogManager:
    return LogManager(sink.emit, run.run_id, job.name, None, loggers, log_level(instance), run.tags)


def run_loggers(job: JobDefinition, config: Any, instance: Any) -> list[logging.Logger]:
    """Return the loggers of a run: those that its config names, else the console; and the instance's handlers."""
    made: list[logging.Logger] = []
    if instance.log_handlers:
        own = logging.Logger("cellmill.handlers", logging.DEBUG)
        own.handlers.extend(instance.log_handlers)
        made.append(own)
    if not config.loggers:
        return [console_logger(), *made]
    for key, given in config.loggers.items():
        definition = run_config_schema(job).logger_defs[key]
        made.append(definition.logger_fn(InitLoggerContext(given, definition, job_def=job)))
    return made
