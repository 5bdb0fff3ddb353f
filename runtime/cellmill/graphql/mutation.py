"""Everything that can be changed."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry

from cellmill.definitions.events import AssetMaterialization, AssetObservation
from cellmill.errors import CellmillError
from cellmill.execution.run_ledger import request_stop
from cellmill.graphql.assets import AssetKeyInput, Info, no_such_asset
from cellmill.graphql.automation_mutation import AutomationMutations
from cellmill.graphql.backfills import (
    CancelBackfillResult,
    LaunchBackfillParams,
    LaunchBackfillResult,
    ResumeBackfillResult,
    go_on,
    launch_backfill,
    stop_backfill,
)
from cellmill.graphql.documented import RunIdText, arg, documented, said
from cellmill.graphql.launching import (
    ExecutionParams,
    LaunchMultipleRunsResult,
    LaunchMultipleRunsResultOrError,
    LaunchRunReexecutionResult,
    LaunchRunResult,
    ReexecutionParams,
    launch,
    run_again,
)
from cellmill.graphql.metadata import AssetKey
from cellmill.graphql.problems import (
    AssetNotFoundError,
    Error,
    PythonError,
    RepositoryLocationNotFound,
    RunNotFoundError,
    UnauthorizedError,
)
from cellmill.graphql.repository import (
    ReloadRepositoryLocationMutationResult,
    ReloadWorkspaceMutationResult,
    RepositorySelector,
    ShutdownRepositoryLocationMutationResult,
    ShutdownRepositoryLocationSuccess,
    Workspace,
    WorkspaceLocationEntry,
)
from cellmill.graphql.run_lists import no_such_run
from cellmill.graphql.runs import Run


@strawberry.enum(description="How to stop a run.")
class TerminateRunPolicy(Enum):
    """How to stop a run."""

    SAFE_TERMINATE = "SAFE_TERMINATE"
    MARK_AS_CANCELED_IMMEDIATELY = "MARK_AS_CANCELED_IMMEDIATELY"


@strawberry.type(description="A run is being stopped.")
class TerminateRunSuccess:
    """A run is being stopped."""

    run: Run = said("The run.")


@strawberry.type(description="A run cannot be stopped.")
class TerminateRunFailure(Error):
    """A run cannot be stopped."""

    run: Run = said("The run.")


@strawberry.type(description="A run was deleted.")
class DeletePipelineRunSuccess:
    """A run was deleted."""

    run_id: str = said("The run's id.")


@strawberry.type(description="Assets were forgotten.")
class AssetWipeSuccess:
    """Assets were forgotten."""

    asset_keys: list[AssetKey] = said("The assets.")


@strawberry.type(description="Events were recorded.")
class ReportRunlessAssetEventsSuccess:
    """Events were recorded."""

    asset_key: AssetKey = said("The asset.")


@strawberry.type(description="A partition was added.")
class AddDynamicPartitionSuccess:
    """A partition was added."""

    partitions_def_name: str = said("The partitions definition.")
    partition_key: str = said("The partition.")


@strawberry.type(description="A partition exists already.")
class DuplicateDynamicPartitionError(Error):
    """A partition exists already."""

    partitions_def_name: str = said("The partitions definition.")
    partition_name: str = said("The partition.")


@strawberry.type(description="Partitions were removed.")
class DeleteDynamicPartitionsSuccess:
    """Partitions were removed."""

    partitions_def_name: str = said("The partitions definition.")


TerminateRunResult = Annotated[
    TerminateRunSuccess | TerminateRunFailure | RunNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("TerminateRunResult", description="The outcome of stopping a run."),
]


@strawberry.type(description="The outcomes of stopping several runs.")
class TerminateRunsResult:
    """The outcomes of stopping several runs."""

    terminate_run_results: list[TerminateRunResult] = said("One for each, in order.")


TerminateRunsResultOrError = Annotated[
    TerminateRunsResult | PythonError,
    strawberry.union("TerminateRunsResultOrError", description="The outcomes of stopping several runs."),
]
DeletePipelineRunResult = Annotated[
    DeletePipelineRunSuccess | RunNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("DeletePipelineRunResult", description="The outcome of deleting a run."),
]
AssetWipeMutationResult = Annotated[
    AssetWipeSuccess | AssetNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("AssetWipeMutationResult", description="The outcome of forgetting assets."),
]
ReportRunlessAssetEventsResult = Annotated[
    ReportRunlessAssetEventsSuccess | UnauthorizedError | PythonError,
    strawberry.union("ReportRunlessAssetEventsResult", description="The outcome of reporting events."),
]
AddDynamicPartitionResult = Annotated[
    AddDynamicPartitionSuccess | DuplicateDynamicPartitionError | UnauthorizedError | PythonError,
    strawberry.union("AddDynamicPartitionResult", description="The outcome of adding a partition."),
]
DeleteDynamicPartitionsResult = Annotated[
    DeleteDynamicPartitionsSuccess | UnauthorizedError | PythonError,
    strawberry.union("DeleteDynamicPartitionsResult", description="The outcome of removing partitions."),
]


@strawberry.input(description="An asset, or some of its partitions.")
class PartitionsByAssetSelector:
    """An asset, or some of its partitions."""

    asset_key: AssetKeyInput = said("The asset.")
    partition_keys: list[str] | None = said("Only these partitions.", None)


@strawberry.enum(description="What kind of event to report.")
class AssetEventType(Enum):
    """What kind of event to report."""

    ASSET_MATERIALIZATION = "ASSET_MATERIALIZATION"
    ASSET_OBSERVATION = "ASSET_OBSERVATION"


@strawberry.input(description="Events of an asset that happened outside any run.")
class ReportRunlessAssetEventsParams:
    """Events of an asset that happened outside any run."""

    event_type: AssetEventType = said("What kind of event.")
    asset_key: AssetKeyInput = said("The asset.")
    partition_keys: list[str | None] | None = said("The partitions, an event for each.", None)
    description: str | None = said("What happened.", None)


PolicyArg = Annotated[TerminateRunPolicy | None, arg("How to stop it.")]
ParamsArg = Annotated[ExecutionParams, arg("What to run, and how.")]


def _terminate(info: Info, run_id: str, policy: TerminateRunPolicy | None) -> TerminateRunResult:
    record = info.context.run_record(run_id)
    if record is None:
        return no_such_run(run_id)
    if not record.run.is_cancelable:
        state = record.run.status.value.lower()
        return TerminateRunFailure(
            message=f"Run {run_id[:8]} cannot be stopped: it is {state}.", run=Run(record=record)
        )
    request_stop(info.context.instance, run_id)
    if policy is TerminateRunPolicy.MARK_AS_CANCELED_IMMEDIATELY:
        run = info.context.instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            info.context.instance.report_run_canceled(run)
    info.context.forget_run(run_id)
    return TerminateRunSuccess(run=Run(record=info.context.run_record(run_id) or record))


def _delete(info: Info, run_id: str) -> DeletePipelineRunResult:
    record = info.context.run_record(run_id)
    if record is None:
        return no_such_run(run_id)
    if not record.run.is_finished:
        return PythonError.told(f"Run {run_id[:8]} has not ended yet; cancel it first.", "InvalidState")
    info.context.instance.delete_run(run_id)
    return DeletePipelineRunSuccess(run_id=run_id)


def _reexecute(
    info: Info, execution_params: ExecutionParams | None, reexecution_params: ReexecutionParams | None
) -> LaunchRunReexecutionResult:
    if reexecution_params is not None:
        return run_again(info.context, reexecution_params)
    if execution_params is not None:
        return launch(info.context, execution_params)
    return PythonError.told("Give executionParams or reexecutionParams.", "InvalidParams")


@strawberry.type(description="Everything that can be changed.")
class Mutation(AutomationMutations):
    """Everything that can be changed."""

    # -- runs ----------------------------------------------------------------------------------------------------

    @documented
    def launch_run(self, info: Info, execution_params: ParamsArg) -> LaunchRunResult:
        """Starts a run of a job or of assets."""
        return launch(info.context, execution_params)

    @documented
    def launch_pipeline_execution(self, info: Info, execution_params: ParamsArg) -> LaunchRunResult:
        """Starts a run of a job or of assets (the older name)."""
        return launch(info.context, execution_params)

    @documented
    def launch_multiple_runs(
        self, info: Info, execution_params_list: Annotated[list[ExecutionParams], arg("What to run, at most 50.")]
    ) -> LaunchMultipleRunsResultOrError:
        """Starts several runs."""
        if len(execution_params_list) > 50:
            return PythonError.told("At most 50 runs can be started at once.", "InvalidParams")
        results = [launch(info.context, params) for params in execution_params_list]
        return LaunchMultipleRunsResult(launch_multiple_runs_result=results)

    @documented
    def launch_run_reexecution(
        self,
        info: Info,
        execution_params: Annotated[ExecutionParams | None, arg("What to run, and how.")] = None,
        reexecution_params: Annotated[ReexecutionParams | None, arg("Which run, and what of it.")] = None,
    ) -> LaunchRunReexecutionResult:
        """Runs a run again, all of it or from where it failed."""
        return _reexecute(info, execution_params, reexecution_params)

    @documented
    def launch_pipeline_reexecution(
        self,
        info: Info,
        execution_params: Annotated[ExecutionParams | None, arg("What to run, and how.")] = None,
        reexecution_params: Annotated[ReexecutionParams | None, arg("Which run, and what of it.")] = None,
    ) -> LaunchRunReexecutionResult:
        """Runs a run again (the older name)."""
        return _reexecute(info, execution_params, reexecution_params)

    @documented
    def terminate_run(self, info: Info, run_id: RunIdText, terminate_policy: PolicyArg = None) -> TerminateRunResult:
        """Stops a run."""
        return _terminate(info, run_id, terminate_policy)

    @documented
    def terminate_pipeline_execution(
        self, info: Info, run_id: RunIdText, terminate_policy: PolicyArg = None
    ) -> TerminateRunResult:
        """Stops a run (the older name)."""
        return _terminate(info, run_id, terminate_policy)

    @documented
    def terminate_runs(
        self,
        info: Info,
        run_ids: Annotated[list[str], arg("The runs, at most 200.")],
        terminate_policy: PolicyArg = None,
    ) -> TerminateRunsResultOrError:
        """Stops several runs."""
        if len(run_ids) > 200:
            return PythonError.told("At most 200 runs can be stopped at once.", "InvalidParams")
        return TerminateRunsResult(
            terminate_run_results=[_terminate(info, run_id, terminate_policy) for run_id in run_ids]
        )

    @documented
    def delete_run(self, info: Info, run_id: RunIdText) -> DeletePipelineRunResult:
        """Deletes a run that has ended, and its log."""
        return _delete(info, run_id)

    @documented
    def delete_pipeline_run(self, info: Info, run_id: RunIdText) -> DeletePipelineRunResult:
        """Deletes a run that has ended, and its log (the older name)."""
        return _delete(info, run_id)

    @documented
    def launch_partition_backfill(
        self, info: Info, backfill_params: Annotated[LaunchBackfillParams, arg("What, for which partitions.")]
    ) -> LaunchBackfillResult:
        """Asks for many partitions to be made."""
        return launch_backfill(info.context, backfill_params)

    @documented
    def cancel_partition_backfill(
        self, info: Info, backfill_id: Annotated[str, arg("The backfill's id.")]
    ) -> CancelBackfillResult:
        """Stops a backfill: its runs are cancelled, and no more are started."""
        return stop_backfill(info.context, backfill_id)

    @documented
    def resume_partition_backfill(
        self, info: Info, backfill_id: Annotated[str, arg("The backfill's id.")]
    ) -> ResumeBackfillResult:
        """Goes on with a backfill that is paused."""
        return go_on(info.context, backfill_id)

    # -- workspace -----------------------------------------------------------------------------------------------

    @documented
    def reload_repository_location(
        self, info: Info, repository_location_name: Annotated[str, arg("The code location.")]
    ) -> ReloadRepositoryLocationMutationResult:
        """Reads a code location again."""
        if repository_location_name not in info.context.location_names:
            return RepositoryLocationNotFound(message=f"No code location is named {repository_location_name}.")
        info.context.reload(repository_location_name)
        return WorkspaceLocationEntry(location_name=repository_location_name)

    @documented
    def reload_workspace(self, info: Info) -> ReloadWorkspaceMutationResult:
        """Reads all code locations again."""
        info.context.reload()
        return Workspace()

    @documented
    def shutdown_repository_location(
        self, info: Info, repository_location_name: Annotated[str, arg("The code location.")]
    ) -> ShutdownRepositoryLocationMutationResult:
        """Stops the process that runs a code location's user code; it starts again when it is needed."""
        location = info.context.workspace.locations.get(repository_location_name)
        if location is None:
            return RepositoryLocationNotFound(message=f"No code location is named {repository_location_name}.")
        location.close()
        return ShutdownRepositoryLocationSuccess(repository_location_name=repository_location_name)

    # -- assets --------------------------------------------------------------------------------------------------

    @documented
    def wipe_assets(
        self,
        info: Info,
        asset_partition_ranges: Annotated[list[PartitionsByAssetSelector], arg("The assets.")],
    ) -> AssetWipeMutationResult:
        """Forgets that assets were made; stored values stay until retention removes them."""
        keys = [one.asset_key.key for one in asset_partition_ranges]
        for key in keys:
            if not info.context.instance.has_asset_key(key):
                return no_such_asset(key, info.context)
        for one in asset_partition_ranges:
            if one.partition_keys is None:
                info.context.instance.wipe_assets([one.asset_key.key])
            else:
                info.context.instance.wipe_asset_partitions(one.asset_key.key, one.partition_keys)
        return AssetWipeSuccess(asset_keys=[AssetKey.of(key) for key in keys])

    @documented
    def report_runless_asset_events(
        self, info: Info, event_params: Annotated[ReportRunlessAssetEventsParams, arg("The events.")]
    ) -> ReportRunlessAssetEventsResult:
        """Records events of an asset that happened outside any run."""
        made = event_params.event_type is AssetEventType.ASSET_MATERIALIZATION
        kind = AssetMaterialization if made else AssetObservation
        key = event_params.asset_key.key
        try:
            for partition in event_params.partition_keys or [None]:
                event = kind(asset_key=key, partition=partition, description=event_params.description)
                info.context.instance.report_runless_asset_event(event)
        except CellmillError as problem:
            return PythonError.of(problem)
        return ReportRunlessAssetEventsSuccess(asset_key=AssetKey.of(key))

    @documented
    def add_dynamic_partition(
        self,
        info: Info,
        repository_selector: Annotated[RepositorySelector, arg("The repository.")],
        partitions_def_name: Annotated[str, arg("The partitions definition.")],
        partition_key: Annotated[str, arg("The new partition.")],
    ) -> AddDynamicPartitionResult:
        """Adds a partition to a dynamic partitions definition."""
        if info.context.instance.has_dynamic_partition(partitions_def_name, partition_key):
            return DuplicateDynamicPartitionError(
                message=f"{partitions_def_name} has the partition {partition_key} already.",
                partitions_def_name=partitions_def_name,
                partition_name=partition_key,
            )
        try:
            info.context.instance.add_dynamic_partitions(partitions_def_name, [partition_key])
        except CellmillError as problem:
            return PythonError.of(problem)
        return AddDynamicPartitionSuccess(partitions_def_name=partitions_def_name, partition_key=partition_key)

    @documented
    def delete_dynamic_partitions(
        self,
        info: Info,
        repository_selector: Annotated[RepositorySelector, arg("The repository.")],
        partitions_def_name: Annotated[str, arg("The partitions definition.")],
        partition_keys: Annotated[list[str], arg("The partitions.")],
    ) -> DeleteDynamicPartitionsResult:
        """Removes partitions from a dynamic partitions definition."""
        for key in partition_keys:
            info.context.instance.delete_dynamic_partition(partitions_def_name, key)
        return DeleteDynamicPartitionsSuccess(partitions_def_name=partitions_def_name)
