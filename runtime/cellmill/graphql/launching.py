"""Starting runs, and running them again."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import strawberry

from cellmill.automation.submit import submit_run
from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import CellmillError
from cellmill.graphql.assets import AssetKeyInput
from cellmill.graphql.config_mistakes import config_mistakes, read_config
from cellmill.graphql.context import ASSET_JOB, Context
from cellmill.graphql.documented import RunConfigData, said
from cellmill.graphql.problems import (
    ConflictingExecutionParamsError,
    InvalidOutputError,
    InvalidStepError,
    InvalidSubsetError,
    PipelineNotFoundError,
    PresetNotFoundError,
    PythonError,
    RunConfigValidationInvalid,
    RunConflict,
    UnauthorizedError,
)
from cellmill.graphql.repository import find_job, no_such_job
from cellmill.graphql.run_filter import ExecutionTag
from cellmill.graphql.runs import Run
from cellmill.planning import run as records
from cellmill.workspace.unfinished import unfinished


@strawberry.input(description="A job, and what of it to run.")
class JobOrPipelineSelector:
    """A job, and what of it to run."""

    pipeline_name: str | None = said("The job (the older name).", None)
    job_name: str | None = said("The job; none where assets are selected.", None)
    repository_name: str | None = said("The repository.", None)
    repository_location_name: str | None = said("The code location.", None)
    solid_selection: list[str] | None = said("The ops to run, all if none.", None)
    asset_selection: list[AssetKeyInput] | None = said("The assets to make.", None)

    @property
    def name(self) -> str:
        """The job's name."""
        return self.job_name or self.pipeline_name or ASSET_JOB


@strawberry.input(description="A job (the older name of its selector).")
class PipelineSelector(JobOrPipelineSelector):
    """A job."""


@strawberry.input(description="Tags and relations of a run.")
class ExecutionMetadata:
    """Tags and relations of a run."""

    run_id: str | None = said("The id to give the run.", None)
    tags: list[ExecutionTag] | None = said("Its tags.", None)
    root_run_id: str | None = said("The first run of the chain it belongs to.", None)
    parent_run_id: str | None = said("The run that it repeats.", None)


@strawberry.input(description="What to run, and how.")
class ExecutionParams:
    """What to run, and how."""

    selector: JobOrPipelineSelector = said("The job, and what of it.")
    run_config_data: RunConfigData | None = said("Its configuration: an object, or YAML text.", None)
    mode: str | None = said("The mode; there is only one.", None)
    execution_metadata: ExecutionMetadata | None = said("Its tags and relations.", None)
    step_keys: list[str] | None = said(
        "The steps of the parent run, a job's, that run again; the values of the others are the parent's.", None
    )
    preset: str | None = said("A preset; there are none.", None)


@strawberry.enum(description="What of a run to run again.")
class ReexecutionStrategy(Enum):
    """What of a run to run again."""

    FROM_FAILURE = "FROM_FAILURE"
    ALL_STEPS = "ALL_STEPS"
    FROM_ASSET_FAILURE = "FROM_ASSET_FAILURE"


@strawberry.input(description="Which run to run again, and what of it.")
class ReexecutionParams:
    """Which run to run again, and what of it."""

    parent_run_id: str = said("The run.")
    strategy: ReexecutionStrategy = said("What of it.")
    extra_tags: list[ExecutionTag] | None = said("More tags.", None)
    use_parent_run_tags: bool | None = said(
        "Whether the run's own tags are kept; they are, unless this is false.", None
    )


@strawberry.interface(description="A run was started (the older name).")
class LaunchPipelineRunSuccess:
    """The older name of `LaunchRunSuccess`."""

    run: Run = said("The run.")


@strawberry.type(description="A run was started, or put into the queue.")
class LaunchRunSuccess(LaunchPipelineRunSuccess):
    """A run was started, or put into the queue."""


_OUTCOMES = (
    LaunchRunSuccess
    | InvalidStepError
    | InvalidOutputError
    | InvalidSubsetError
    | RunConflict
    | UnauthorizedError
    | PythonError
    | PresetNotFoundError
    | ConflictingExecutionParamsError
    | PipelineNotFoundError
    | RunConfigValidationInvalid
)
LaunchRunResult = Annotated[
    _OUTCOMES, strawberry.union("LaunchRunResult", description="The outcome of starting a run.")
]
LaunchRunReexecutionResult = Annotated[
    _OUTCOMES, strawberry.union("LaunchRunReexecutionResult", description="The outcome of running a run again.")
]


@strawberry.type(description="The outcomes of starting several runs.")
class LaunchMultipleRunsResult:
    """The outcomes of starting several runs."""

    launch_multiple_runs_result: list[LaunchRunResult] = said("One for each, in order.")


LaunchMultipleRunsResultOrError = Annotated[
    LaunchMultipleRunsResult | PythonError,
    strawberry.union("LaunchMultipleRunsResultOrError", description="The outcomes of starting several runs."),
]


def launch(context: Context, params: ExecutionParams) -> Any:
    """Start a run; every way to fail is a value of the union."""
    selector = params.selector
    if params.preset:
        return PresetNotFoundError(
            message=f"There is no preset {params.preset}: presets are not used.", preset=params.preset
        )
    meta = params.execution_metadata or ExecutionMetadata()
    if params.step_keys and (not meta.parent_run_id or selector.asset_selection):
        return InvalidSubsetError(
            message="stepKeys choose the steps of a job's run to run again, whose id executionMetadata.parentRunId is; "
            "otherwise name assets in assetSelection, or ops in solidSelection."
        )
    job = find_job(context, selector.name, selector.repository_location_name)
    if job is None and not (selector.asset_selection and selector.name.startswith(ASSET_JOB)):
        return no_such_job(selector.name, selector.repository_name, selector.repository_location_name)
    keys = [item.key for item in selector.asset_selection] if selector.asset_selection is not None else None
    if keys is None and job is not None and job.name == ASSET_JOB:
        keys = [AssetKey(path) for path in job.assets]
    unknown = [key for key in keys or () if key not in context.assets]
    if unknown:
        near = context.nearest_asset(unknown[0])
        hint = f" Did you mean {near}?" if near else ""
        return InvalidSubsetError(message=f"No asset has the key {unknown[0].to_user_string()}.{hint}")
    try:
        config = read_config(params.run_config_data)
        # A selection of ops may leave out those whose configuration is required.
        mistakes = config_mistakes(context, job, config) if job is not None and not selector.solid_selection else []
        if mistakes:
            return RunConfigValidationInvalid(pipeline_name=selector.name, errors=mistakes)
        fields: dict[str, Any] = {"root_run_id": meta.root_run_id, "parent_run_id": meta.parent_run_id}
        if meta.run_id:
            if context.run_record(meta.run_id) is not None:
                return RunConflict(message=f"A run with the id {meta.run_id} exists already.")
            context.forget_run(meta.run_id)
            fields["run_id"] = meta.run_id
        if params.step_keys:
            fields["step_keys_to_execute"] = tuple(params.step_keys)
        run = submit_run(
            context.instance,
            job_name=selector.name,
            location=location_of(context, job, keys, selector),
            run_config=config,
            tags={tag.key: tag.value for tag in meta.tags or ()},
            asset_selection=keys,
            op_selection=selector.solid_selection,
            cwd=str(context.workspace.config.root),
            arguments=context.shared.worker_arguments,
            **fields,
        )
    except (CellmillError, ValueError) as problem:
        return PythonError.told(str(problem), type(problem).__name__)
    return launched(context, run.run_id)


def location_of(context: Context, job: Any, keys: Any, selector: JobOrPipelineSelector) -> str:
    """The code location that a run belongs to: its job's, else that of its assets where they are all of one."""
    if selector.repository_location_name:
        return selector.repository_location_name
    if keys:
        places = {context.assets[key].location for key in keys}
        return places.pop() if len(places) == 1 else ""
    return str(job.location) if job is not None else ""


def launched(context: Context, run_id: str) -> LaunchRunSuccess:
    """The answer with the run as it is recorded now."""
    context.forget_run(run_id)
    record = context.run_record(run_id)
    assert record is not None, "a run that was submitted is recorded"
    return LaunchRunSuccess(run=Run(record=record))


def run_again(context: Context, params: ReexecutionParams) -> Any:
    """Start a run that repeats another, all of it or from where it failed."""
    record = context.run_record(params.parent_run_id)
    if record is None:
        return PythonError.told(f"No run has the id {params.parent_run_id}.", "RunNotFoundError")
    parent = record.run
    if not parent.is_finished:
        return PythonError.told(f"Run {parent.run_id[:8]} has not ended yet; cancel it first.", "InvalidState")
    tags = {key: value for key, value in parent.tags.items() if params.use_parent_run_tags is not False}
    tags.pop(records.RESUME_RETRY_TAG, None)
    tags.update({tag.key: tag.value for tag in params.extra_tags or ()})
    root = parent.root_run_id or parent.run_id
    tags |= {records.PARENT_RUN_TAG: parent.run_id, records.ROOT_RUN_TAG: root}
    selection, job_name = parent.asset_selection, parent.job_name
    if params.strategy is not ReexecutionStrategy.ALL_STEPS:
        tags[records.RESUME_RETRY_TAG] = "true"
        rest = unfinished(context.instance, parent)
        if rest.planned and not rest.left:
            return PythonError.told(f"Run {parent.run_id[:8]} made everything it planned.", "InvalidState")
        if rest.planned:
            selection, job_name = rest.left, rest.job_name
    try:
        run = submit_run(
            context.instance,
            job_name=job_name,
            location=parent.location,
            run_config=parent.run_config,
            tags=tags,
            asset_selection=sorted(selection) if selection is not None else None,
            op_selection=parent.op_selection,
            root_run_id=root,
            parent_run_id=parent.run_id,
            cwd=str(context.workspace.config.root),
            arguments=context.shared.worker_arguments,
        )
    except (CellmillError, ValueError) as problem:
        return PythonError.told(str(problem), type(problem).__name__)
    return launched(context, run.run_id)
