"""Everything that can be asked."""

from __future__ import annotations

from typing import Annotated

import strawberry

from cellmill import __version__
from cellmill.definitions.asset_key import AssetKey as Key
from cellmill.definitions.selection import AssetSelection
from cellmill.graphql.assets import (
    Asset,
    AssetConnection,
    AssetKeyInput,
    AssetLatestInfo,
    AssetNode,
    AssetNodeOrError,
    AssetOrError,
    AssetsOrError,
    Info,
    no_such_asset,
)
from cellmill.graphql.automation import (
    InstigationState,
    InstigationStateOrError,
    InstigationStates,
    InstigationStatesOrError,
    InstigationStatus,
    InstigationType,
    Schedule,
    ScheduleOrError,
    Schedules,
    SchedulesOrError,
    Sensor,
    SensorOrError,
    Sensors,
    SensorsOrError,
    is_on,
    no_such_schedule,
    no_such_sensor,
    no_such_state,
    origin_of,
    state_of,
)
from cellmill.graphql.backfills import (
    PartitionBackfill,
    PartitionBackfillOrError,
    PartitionBackfills,
    PartitionBackfillsOrError,
)
from cellmill.graphql.captured import CapturedQueries
from cellmill.graphql.config_check import PipelineConfigValidationResult, check_config, config_schema
from cellmill.graphql.deployment import Instance
from cellmill.graphql.documented import CursorArg, LimitArg, RunConfigData, RunIdArg, arg, documented, page_size, said
from cellmill.graphql.graph_view import AssetGraphView, Places, graph_view, places_for
from cellmill.graphql.launching import PipelineSelector
from cellmill.graphql.metadata import AssetKey
from cellmill.graphql.notebook_states import CellInput, CellState, cell_states
from cellmill.graphql.planned import CronPreview, PlannedCell, cron_preview, planned_cells
from cellmill.graphql.problems import BackfillNotFoundError, PartitionSetNotFoundError, RepositoryNotFoundError
from cellmill.graphql.repository import (
    Job,
    PartitionSet,
    PartitionSetOrError,
    PartitionSets,
    PartitionSetsOrError,
    PipelineOrError,
    RepositoriesOrError,
    Repository,
    RepositoryConnection,
    RepositoryOrError,
    RepositorySelector,
    RunConfigSchemaOrError,
    Workspace,
    WorkspaceLocationEntry,
    WorkspaceLocationEntryOrError,
    WorkspaceOrError,
    find_job,
    no_such_job,
)
from cellmill.graphql.runs import (
    EventConnectionOrError,
    PipelineTagAndValues,
    Run,
    RunGroup,
    RunGroupOrError,
    RunIds,
    RunIdsOrError,
    RunOrError,
    RunsFilter,
    RunsOrError,
    RunTagKeys,
    RunTagKeysOrError,
    RunTags,
    RunTagsOrError,
    event_page,
    load_run,
    load_runs,
    no_such_run,
)
from cellmill.planning.run import FINISHED_STATUSES, RunStatus
from cellmill.planning.run import RunsFilter as RunsWanted

SelectorArg = Annotated[RepositorySelector, arg("The repository.")]
FilterArg = Annotated[RunsFilter | None, arg("Which runs.")]


@strawberry.input(description="Names a schedule.")
class ScheduleSelector:
    """Names a schedule."""

    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")
    schedule_name: str = said("The schedule.")


@strawberry.input(description="Names a sensor.")
class SensorSelector:
    """Names a sensor."""

    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")
    sensor_name: str = said("The sensor.")


@strawberry.input(description="Names a schedule or a sensor.")
class InstigationSelector:
    """Names a schedule or a sensor."""

    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")
    name: str = said("The schedule or sensor.")


@strawberry.input(description="Names a group of assets.")
class AssetGroupSelector:
    """Names a group of assets."""

    group_name: str = said("The group.")
    repository_name: str | None = said("The repository.", None)
    repository_location_name: str | None = said("The code location.", None)


def _no_repository(selector: RepositorySelector) -> RepositoryNotFoundError:
    return RepositoryNotFoundError(
        message=f"No code location is named {selector.repository_location_name}.",
        repository_name=selector.repository_name,
        repository_location_name=selector.repository_location_name,
    )


def _keys(inputs: list[AssetKeyInput] | None) -> list[Key] | None:
    return [one.key for one in inputs] if inputs is not None else None


@strawberry.type(description="Everything that can be asked.")
class Query(CapturedQueries):
    """Everything that can be asked."""

    @documented
    def version(self) -> str:
        """The version of cellmill."""
        return __version__

    @documented
    def instance(self) -> Instance:
        """The instance: where everything is stored, and what runs for it."""
        return Instance()

    # -- workspace -----------------------------------------------------------------------------------------------

    @documented
    def repositories_or_error(
        self,
        info: Info,
        repository_selector: Annotated[RepositorySelector | None, arg("Only this repository.")] = None,
    ) -> RepositoriesOrError:
        """The repositories of all code locations."""
        names = info.context.location_names
        if repository_selector is not None:
            if repository_selector.repository_location_name not in names:
                return _no_repository(repository_selector)
            names = [repository_selector.repository_location_name]
        return RepositoryConnection(nodes=[Repository(location_name=name) for name in names])

    @documented
    def repository_or_error(self, info: Info, repository_selector: SelectorArg) -> RepositoryOrError:
        """One repository."""
        name = repository_selector.repository_location_name
        return (
            Repository(location_name=name)
            if name in info.context.location_names
            else _no_repository(repository_selector)
        )

    @documented
    def workspace_or_error(self) -> WorkspaceOrError:
        """All code locations, broken ones included."""
        return Workspace()

    @documented
    def workspace_location_entry_or_error(
        self, info: Info, name: Annotated[str, arg("The location's name.")]
    ) -> WorkspaceLocationEntryOrError | None:
        """One code location."""
        return WorkspaceLocationEntry(location_name=name) if name in info.context.location_names else None

    @documented
    def pipeline_or_error(self, info: Info, params: Annotated[PipelineSelector, arg("The job.")]) -> PipelineOrError:
        """One job."""
        entry = find_job(info.context, params.name, params.repository_location_name)
        if entry is None:
            return no_such_job(params.name, params.repository_name, params.repository_location_name)
        return Job(entry=entry)

    @documented
    def is_pipeline_config_valid(
        self,
        info: Info,
        pipeline: Annotated[PipelineSelector, arg("The job.")],
        mode: Annotated[str, arg("The mode; there is only one.")] = "default",
        run_config_data: Annotated[RunConfigData | None, arg("An object, or YAML text.")] = None,
    ) -> PipelineConfigValidationResult:
        """Whether a job takes a run configuration, or every mistake in it."""
        return check_config(info.context, pipeline, run_config_data)

    @documented
    def run_config_schema_or_error(
        self,
        info: Info,
        selector: Annotated[PipelineSelector, arg("The job.")],
        mode: Annotated[str | None, arg("The mode; there is only one.")] = None,
    ) -> RunConfigSchemaOrError:
        """The run configuration that a job takes."""
        return config_schema(info.context, selector)

    # -- assets --------------------------------------------------------------------------------------------------

    @documented
    def asset_nodes(
        self,
        info: Info,
        group: Annotated[AssetGroupSelector | None, arg("Only this group.")] = None,
        pipeline: Annotated[PipelineSelector | None, arg("Only the assets of this job.")] = None,
        asset_keys: Annotated[list[AssetKeyInput] | None, arg("Only these assets.")] = None,
        load_materializations: Annotated[bool | None, arg("Kept for Dagster's clients; has no effect.")] = False,
    ) -> list[AssetNode]:
        """Assets that have a definition."""
        chosen = _keys(asset_keys)
        entries = (
            list(info.context.assets.values())
            if chosen is None
            else [info.context.assets[key] for key in chosen if key in info.context.assets]
        )
        if group is not None:
            entries = [entry for entry in entries if entry.group == group.group_name]
        if pipeline is not None:
            job = find_job(info.context, pipeline.name, pipeline.repository_location_name)
            entries = [entry for entry in entries if job is not None and entry.key in job.assets]
        info.context.bulk.expect("asset", [entry.asset_key for entry in entries])
        return [AssetNode(entry=entry) for entry in entries]

    @documented
    def asset_node_or_error(
        self, info: Info, asset_key: Annotated[AssetKeyInput, arg("The asset's key.")]
    ) -> AssetNodeOrError:
        """One asset that has a definition."""
        entry = info.context.assets.get(asset_key.key)
        return AssetNode(entry=entry) if entry is not None else no_such_asset(asset_key.key, info.context)

    @documented
    def asset_or_error(self, info: Info, asset_key: Annotated[AssetKeyInput, arg("The asset's key.")]) -> AssetOrError:
        """One asset, with or without a definition."""
        key = asset_key.key
        if key in info.context.assets or info.context.instance.has_asset_key(key):
            return Asset(asset=key)
        return no_such_asset(key, info.context)

    @documented
    def assets_or_error(
        self,
        info: Info,
        prefix: Annotated[list[str] | None, arg("Only keys that begin with these parts.")] = None,
        asset_keys: Annotated[list[AssetKeyInput] | None, arg("Only these assets.")] = None,
        cursor: CursorArg = None,
        limit: LimitArg = None,
    ) -> AssetsOrError:
        """Assets with or without a definition, by key."""
        known = set(info.context.assets) | set(info.context.states)
        chosen = _keys(asset_keys)
        keys = sorted(known if chosen is None else known.intersection(chosen))
        if prefix:
            keys = [key for key in keys if list(key.path[: len(prefix)]) == prefix]
        if cursor:
            keys = [key for key in keys if key.to_string() > cursor]
        page = keys[: page_size(limit)] if limit is not None else keys
        info.context.bulk.expect("asset", page)
        nodes = [Asset(asset=key) for key in page]
        return AssetConnection(nodes=nodes, cursor=page[-1].to_string() if page else cursor)

    @documented
    def assets_latest_info(
        self, info: Info, asset_keys: Annotated[list[AssetKeyInput], arg("The assets.")]
    ) -> list[AssetLatestInfo]:
        """What was last recorded of some assets, in two statements for all of them."""
        found = []
        for one in asset_keys:
            state = info.context.states.get(one.key)
            run = info.context.planned_runs.get(state.planned_run_id or "") if state is not None else None
            active = [run.run_id] if run is not None and run.status not in FINISHED_STATUSES else []
            waiting = run is not None and run.status in (RunStatus.QUEUED, RunStatus.NOT_STARTED)
            found.append(
                AssetLatestInfo(
                    id=strawberry.ID(one.key.to_string()),
                    asset_key=AssetKey.of(one.key),
                    latest_materialization_timestamp=state.timestamp if state is not None else None,
                    latest_run_id=(state.planned_run_id or state.run_id) if state is not None else None,
                    unstarted_run_ids=active if waiting else [],
                    in_progress_run_ids=[] if waiting else active,
                )
            )
        return found

    @documented
    def server_folder(self, info: Info) -> str:
        """The folder that Jupyter's file browser shows, from the workspace's root; empty where they are the same."""
        return info.context.shared.folder

    @documented
    def asset_graph(
        self, info: Info, selection: Annotated[str | None, arg("Only the assets of this selection.")] = None
    ) -> AssetGraphView:
        """All assets with state and position: a list for each property."""
        if not selection:
            return graph_view(info.context, None)
        entries = info.context.workspace.select(AssetSelection.from_string(selection))
        return graph_view(info.context, frozenset(entry.asset_key for entry in entries))

    @documented
    def graph_places(
        self,
        nodes: Annotated[int, arg("How many nodes there are.")],
        edge_sources: Annotated[list[int], arg("The number of the node at which each edge begins.")],
        edge_targets: Annotated[list[int], arg("The number of the node at which each edge ends.")],
    ) -> Places:
        """Where to draw the nodes of a graph, as of the asset graph with some groups folded."""
        return places_for(nodes, edge_sources, edge_targets)

    @documented
    def notebook_cells(
        self,
        info: Info,
        path: Annotated[str, arg("The notebook, from the workspace's root.")],
        cells: Annotated[list[CellInput], arg("Its code cells, as they are in the editor.")],
    ) -> list[CellState]:
        """What the asset cells of a notebook would mean as it is being edited; nothing is saved or run."""
        return cell_states(info.context, path, cells)

    @documented
    def materialization_plan(
        self, info: Info, asset_keys: Annotated[list[AssetKeyInput], arg("The assets to make.")]
    ) -> list[PlannedCell]:
        """Which cells of which notebooks would run to make some assets, in order, and why."""
        return planned_cells(info.context, _keys(asset_keys) or [])

    @documented
    def cron_preview(
        self,
        cron: Annotated[str, arg("A cron line.")],
        timezone: Annotated[str, arg("A time zone as Europe/Berlin.")] = "UTC",
    ) -> CronPreview:
        """A cron line in plain words, and its next five times."""
        return cron_preview(cron, timezone)

    # -- runs ----------------------------------------------------------------------------------------------------

    @documented
    def runs_or_error(
        self, info: Info, filter: FilterArg = None, cursor: CursorArg = None, limit: LimitArg = None
    ) -> RunsOrError:
        """Runs, newest first."""
        return load_runs(info, filter, cursor, limit)

    @documented
    def pipeline_runs_or_error(
        self, info: Info, filter: FilterArg = None, cursor: CursorArg = None, limit: LimitArg = None
    ) -> RunsOrError:
        """Runs, newest first (the older name)."""
        return load_runs(info, filter, cursor, limit)

    @documented
    def run_or_error(self, info: Info, run_id: RunIdArg) -> RunOrError:
        """One run."""
        return load_run(info, run_id) or no_such_run(run_id)

    @documented
    def pipeline_run_or_error(self, info: Info, run_id: RunIdArg) -> RunOrError:
        """One run (the older name)."""
        return load_run(info, run_id) or no_such_run(run_id)

    @documented
    def run_ids_or_error(
        self, info: Info, filter: FilterArg = None, cursor: CursorArg = None, limit: LimitArg = None
    ) -> RunIdsOrError:
        """The ids of runs, newest first."""
        wanted = filter.record() if filter else None
        return RunIds(results=info.context.instance.get_run_ids(wanted, cursor=cursor, limit=page_size(limit)))

    @documented
    def run_group_or_error(self, info: Info, run_id: RunIdArg) -> RunGroupOrError:
        """A run and its re-executions."""
        if info.context.run_record(run_id) is None:
            return no_such_run(run_id)
        root, runs = info.context.instance.get_run_group(run_id)
        wanted = RunsWanted(run_ids=[run.run_id for run in runs])
        found = info.context.instance.get_run_records(filters=wanted, limit=page_size(None), ascending=True)
        return RunGroup(root_run_id=root, runs=[Run(record=record) for record in found])

    @documented
    def run_tag_keys_or_error(self, info: Info) -> RunTagKeysOrError | None:
        """The keys of tags in use."""
        return RunTagKeys(keys=info.context.instance.get_run_tag_keys())

    @documented
    def run_tags_or_error(
        self,
        info: Info,
        tag_keys: Annotated[list[str] | None, arg("Only these keys.")] = None,
        value_prefix: Annotated[str | None, arg("Only values that begin so.")] = None,
        limit: LimitArg = None,
    ) -> RunTagsOrError | None:
        """Tags in use."""
        found = info.context.instance.get_run_tags(tag_keys, value_prefix, page_size(limit))
        return RunTags(tags=[PipelineTagAndValues(key=key, values=sorted(values)) for key, values in found])

    @documented
    def logs_for_run(
        self, info: Info, run_id: RunIdArg, after_cursor: CursorArg = None, limit: LimitArg = None
    ) -> EventConnectionOrError:
        """A page of a run's log."""
        if info.context.run_record(run_id) is None:
            return no_such_run(run_id)
        return event_page(info, run_id, after_cursor, limit)

    # -- automation ----------------------------------------------------------------------------------------------

    @documented
    def schedules_or_error(
        self,
        info: Info,
        repository_selector: SelectorArg,
        schedule_status: Annotated[InstigationStatus | None, arg("Only those on, or off.")] = None,
    ) -> SchedulesOrError:
        """The schedules of a repository."""
        found = [
            s for s in info.context.manifest.schedules if s.location == repository_selector.repository_location_name
        ]
        if schedule_status is not None:
            on = schedule_status is InstigationStatus.RUNNING
            found = [entry for entry in found if is_on(info.context, origin_of(entry), entry) is on]
        return Schedules(results=[Schedule(entry=entry) for entry in found])

    @documented
    def schedule_or_error(
        self, info: Info, schedule_selector: Annotated[ScheduleSelector, arg("The schedule.")]
    ) -> ScheduleOrError:
        """One schedule."""
        entry = info.context.schedule(schedule_selector.schedule_name, schedule_selector.repository_location_name)
        return Schedule(entry=entry) if entry is not None else no_such_schedule(schedule_selector.schedule_name)

    @documented
    def sensors_or_error(
        self,
        info: Info,
        repository_selector: SelectorArg,
        sensor_status: Annotated[InstigationStatus | None, arg("Only those on, or off.")] = None,
    ) -> SensorsOrError:
        """The sensors of a repository."""
        found = [s for s in info.context.manifest.sensors if s.location == repository_selector.repository_location_name]
        if sensor_status is not None:
            on = sensor_status is InstigationStatus.RUNNING
            found = [entry for entry in found if is_on(info.context, origin_of(entry), entry) is on]
        return Sensors(results=[Sensor(entry=entry) for entry in found])

    @documented
    def sensor_or_error(
        self, info: Info, sensor_selector: Annotated[SensorSelector, arg("The sensor.")]
    ) -> SensorOrError:
        """One sensor."""
        entry = info.context.sensor(sensor_selector.sensor_name, sensor_selector.repository_location_name)
        return Sensor(entry=entry) if entry is not None else no_such_sensor(sensor_selector.sensor_name)

    @documented
    def instigation_state_or_error(
        self,
        info: Info,
        instigation_selector: Annotated[InstigationSelector, arg("The schedule or sensor.")],
        id: Annotated[str | None, arg("The state's id, which counts instead of the name.")] = None,
    ) -> InstigationStateOrError:
        """The switch and the memory of a schedule or sensor."""
        if id is not None:
            return state_of(info.context, id) or no_such_state(id)
        name, where = instigation_selector.name, instigation_selector.repository_location_name
        schedule, sensor = info.context.schedule(name, where), info.context.sensor(name, where)
        if schedule is not None:
            return InstigationState(origin=origin_of(schedule), item=schedule, kind=InstigationType.SCHEDULE)
        if sensor is not None:
            return InstigationState(origin=origin_of(sensor), item=sensor, kind=InstigationType.SENSOR)
        return no_such_state(name)

    @documented
    def instigation_states_or_error(
        self,
        info: Info,
        repository_id: Annotated[str, strawberry.argument(name="repositoryID", description="The repository's id.")],
    ) -> InstigationStatesOrError:
        """The switches of the schedules and sensors of a repository."""
        location = repository_id.partition(".")[0]
        manifest = info.context.manifest
        schedules = [
            InstigationState(origin=origin_of(one), item=one, kind=InstigationType.SCHEDULE)
            for one in manifest.schedules
            if one.location == location
        ]
        sensors = [
            InstigationState(origin=origin_of(one), item=one, kind=InstigationType.SENSOR)
            for one in manifest.sensors
            if one.location == location
        ]
        return InstigationStates(results=[*schedules, *sensors])

    # -- partitions ----------------------------------------------------------------------------------------------

    @documented
    def partition_sets_or_error(
        self,
        info: Info,
        repository_selector: SelectorArg,
        pipeline_name: Annotated[str, arg("The job.")],
    ) -> PartitionSetsOrError:
        """The partition sets of a job."""
        entry = find_job(info.context, pipeline_name, repository_selector.repository_location_name)
        if entry is None:
            return no_such_job(pipeline_name, None, repository_selector.repository_location_name)
        return PartitionSets(results=[PartitionSet(entry=entry)] if entry.partitions is not None else [])

    @documented
    def partition_set_or_error(
        self,
        info: Info,
        repository_selector: SelectorArg,
        partition_set_name: Annotated[str | None, arg("The set's name.")] = None,
    ) -> PartitionSetOrError:
        """One partition set."""
        name = (partition_set_name or "").removesuffix("_partition_set")
        entry = find_job(info.context, name, repository_selector.repository_location_name)
        if entry is None or entry.partitions is None:
            wanted = partition_set_name or ""
            return PartitionSetNotFoundError(message=f"No partition set is named {wanted}.", partition_set_name=wanted)
        return PartitionSet(entry=entry)

    @documented
    def partition_backfills_or_error(
        self,
        info: Info,
        status: Annotated[str | None, arg("Only backfills in this state.")] = None,
        cursor: CursorArg = None,
        limit: LimitArg = None,
    ) -> PartitionBackfillsOrError:
        """Backfills, newest first."""
        rows = info.context.instance.backfills.search(
            [status] if status else None, limit=page_size(limit), cursor=cursor
        )
        return PartitionBackfills(results=[PartitionBackfill(row=row) for row in rows])

    @documented
    def partition_backfill_or_error(
        self, info: Info, backfill_id: Annotated[str, arg("The backfill's id.")]
    ) -> PartitionBackfillOrError:
        """One backfill."""
        row = info.context.instance.backfills.get(backfill_id)
        if row is None:
            return BackfillNotFoundError(message=f"No backfill has the id {backfill_id}.", backfill_id=backfill_id)
        return PartitionBackfill(row=row)
