"""What can be asked of assets, their graph, and what making them would do."""

from __future__ import annotations

from typing import Annotated

import strawberry

from cellmill.definitions.asset_key import AssetKey as Key
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
from cellmill.graphql.documented import CursorArg, LimitArg, arg, documented, page_size, said
from cellmill.graphql.graph_shape import Places, places_for
from cellmill.graphql.graph_view import AssetGraphView, graph_view
from cellmill.graphql.launching import PipelineSelector
from cellmill.graphql.metadata import AssetKey
from cellmill.graphql.notebook_states import CellInput, CellState, cell_states
from cellmill.graphql.planned import CronPreview, PlannedCell, cron_preview, planned_cells
from cellmill.graphql.repository import find_job
from cellmill.graphql.selections import AssetSelectionOrError, evaluate_selection, select_assets
from cellmill.planning.run import FINISHED_STATUSES, RunStatus


@strawberry.input(description="Names a group of assets.")
class AssetGroupSelector:
    """Names a group of assets."""

    group_name: str = said("The group.")
    repository_name: str | None = said("The repository.", None)
    repository_location_name: str | None = said("The code location.", None)


def _keys(inputs: list[AssetKeyInput] | None) -> list[Key] | None:
    return [one.key for one in inputs] if inputs is not None else None


@strawberry.type
class AssetQueries:
    """What can be asked of assets."""

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
        return graph_view(info.context, frozenset(one.asset_key for one in select_assets(info.context, selection)))

    @documented
    def asset_selection_or_error(
        self, info: Info, selection: Annotated[str, arg("The selection, such as `+key:x and not group:y`.")]
    ) -> AssetSelectionOrError:
        """The assets that a selection means, or the character at which it is wrong."""
        return evaluate_selection(info.context, selection)

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
