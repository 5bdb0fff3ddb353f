"""`execute_job`: running a job by its executor, in a recorded run, and running it again from where it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.executor import in_process_executor
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.reconstruct import ReconstructableJob
from cellmill.definitions.run_config import plain_run_config, resolve_run_config
from cellmill.errors import CheckError
from cellmill.execution.earlier_steps import previous_steps
from cellmill.execution.executors.executor import carry_out_run
from cellmill.execution.in_process import check_resources, run_job
from cellmill.execution.result import JobExecutionResult
from cellmill.planning.event import EventType
from cellmill.planning.plan import Plan
from cellmill.planning.planner import plan_job
from cellmill.planning.run import PARENT_RUN_TAG, RESUME_RETRY_TAG, ROOT_RUN_TAG, Run, RunStatus


class ReexecutionOptions:
    """Which run is run again, and which of its steps.

    Args:
        parent_run_id: The earlier run, whose outputs are used for steps that are not run again.
        step_selection: Steps by key, with `*` before (all that they need) or behind (all that needs them), or with
            a `+` for each step away; `step[key]` is one part of a mapped step, `step[?]` all of it; empty runs all
            again.
    """

    __slots__ = ("parent_run_id", "step_selection")

    def __init__(self, parent_run_id: str, step_selection: Sequence[str] = ()) -> None:
        self.parent_run_id = parent_run_id
        self.step_selection = list(step_selection)

    @staticmethod
    def from_failure(run_id: str, instance: Any) -> ReexecutionOptions:
        """Return the steps of a failed run that did not succeed, and what comes after them.

        Args:
            run_id: The failed run.
            instance: Where it is kept.

        Raises:
            CheckError: where the run is unknown or did not fail.
        """
        run = instance.get_run_by_id(run_id)
        if run is None or run.status is not RunStatus.FAILURE:
            raise CheckError(
                f"Cannot reexecute from failure a run that is not failed: {run_id} is "
                f"{'unknown' if run is None else run.status.value}."
            )
        events = instance.all_logs(run_id)
        done = {one.step_key for one in events if one.type in (EventType.STEP_SUCCESS, EventType.STEP_SKIPPED)}
        failed = [one.step_key for one in events if one.type is EventType.STEP_FAILURE]
        return ReexecutionOptions(run_id, [f"{key}*" for key in dict.fromkeys(failed) if key not in done])


def execute_job(
    job: Any,
    instance: Any,
    run_config: Any = None,
    tags: Mapping[str, Any] | None = None,
    raise_on_error: bool = False,
    op_selection: Sequence[str] | None = None,
    reexecution_options: ReexecutionOptions | None = None,
    asset_selection: Sequence[Any] | None = None,
) -> JobExecutionResult:
    """Run a job by its executor and return the result; the instance keeps the run.

    Args:
        job: `reconstructable(job)`, which worker processes can make again; or a job that is run in this process.
        instance: Where run, events and values are kept.
        run_config: A dict or `RunConfig`; None takes the job's own, or that of the run that is run again.
        tags: Tags of the run, beside the job's.
        raise_on_error: Whether the error of a failed step is raised; by default it is in the result.
        op_selection: Nodes to run by name, `*` and `+` as in `JobDefinition.get_subset`; None runs all, or those of the
            run that is run again.
        reexecution_options: The earlier run that this one repeats, and which of its steps; None starts afresh.
        asset_selection: Keys of the assets to make, of a job of assets; None makes all.

    Returns:
        The result: whether it succeeded, its events, and the outputs' values, read back from where they were stored.

    Raises:
        CheckError: where a job with an executor of other processes is not reconstructable.
    """
    if isinstance(job, JobDefinition):
        if job.given_executor_def is not None and job.given_executor_def is not in_process_executor:
            raise CheckError(
                "execute_job takes a reconstructable job, so that its worker processes can make it again: "
                f"execute_job(reconstructable({job.name}), …)."
            )
        definition = job
    elif isinstance(job, ReconstructableJob):
        definition = job.get_definition()
    else:
        raise CheckError(f"execute_job takes reconstructable(job); got {job!r}.")
    chosen = definition
    parent = _parent(reexecution_options, instance)
    if parent is not None and op_selection is None:
        op_selection = parent.op_selection
    if op_selection:
        chosen = chosen.get_subset(op_selection=op_selection)
    if asset_selection:
        chosen = chosen.get_subset(asset_selection=frozenset(asset_selection))
    if parent is not None and run_config is None:
        run_config = parent.run_config
    config = resolve_run_config(chosen, run_config)
    plan = plan_job(chosen)
    check_resources(chosen, plan)
    run = _created(chosen, instance, run_config, tags, op_selection, parent, reexecution_options)
    steps = reexecution_options.step_selection if reexecution_options is not None else ()
    previous = previous_steps(plan, parent, steps, instance)
    if isinstance(job, ReconstructableJob):
        if op_selection or asset_selection:
            job = job.with_selection(op_selection, asset_selection)
        chosen.origin = job
    result: JobExecutionResult = _by_executor(
        chosen, plan, run, instance, config, raise_on_error=raise_on_error, previous=previous,
        result_class=JobExecutionResult,
    )  # fmt: skip
    return result


def _by_executor(job: JobDefinition, plan: Plan, run: Run, instance: Any, config: Any, **options: Any) -> Any:
    if job.given_executor_def is None and (getattr(job, "origin", None) is None or instance.is_ephemeral):
        return run_job(job, plan, run, instance, config, **options)
    return carry_out_run(job, plan, run, instance, config, **options)


def _parent(options: ReexecutionOptions | None, instance: Any) -> Run | None:
    if options is None:
        return None
    parent: Run | None = instance.get_run_by_id(options.parent_run_id)
    if parent is None:
        raise CheckError(f"No parent run with id {options.parent_run_id} found in instance.")
    return parent


def _created(
    job: JobDefinition,
    instance: Any,
    run_config: Any,
    tags: Mapping[str, Any] | None,
    op_selection: Sequence[str] | None,
    parent: Run | None,
    options: ReexecutionOptions | None,
) -> Run:
    own = {**job.run_tags, **(tags or {})}
    root = None
    if parent is not None:
        root = parent.root_run_id or parent.run_id
        own = {**parent.tags, **own, PARENT_RUN_TAG: parent.run_id, ROOT_RUN_TAG: root}
        if options is not None and options.step_selection:
            own[RESUME_RETRY_TAG] = "true"
    run: Run = instance.create_run(
        job_name=job.name,
        run_config=plain_run_config(run_config) or job.run_config or {},
        tags=own,
        op_selection=op_selection,
        parent_run_id=None if parent is None else parent.run_id,
        root_run_id=root,
    )
    return run
