"""The cells of a notebook as somebody edits it: what its assets would be, read from the unsaved text alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import strawberry

from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import CellmillError
from cellmill.graphql.documented import said
from cellmill.graphql.freshness import AssetState, freshness_of
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.scan import scan_notebook
from cellmill.notebooks.workspace import link_workspace
from cellmill.planning.staleness_facts import AssetFacts

if TYPE_CHECKING:
    from cellmill.graphql.context import Context

#: Cells of one document that are read.
MAX_CELLS = 2000


@strawberry.input(description="One code cell of a document that is being edited.")
class CellInput:
    """One code cell of a document that is being edited."""

    id: str = said("The cell's id.")
    source: str = said("Its text now.")


@strawberry.type(description="How far a run is that makes an asset.")
class RunProgress:
    """How far a run is that makes an asset."""

    run_id: str = said("The run.")
    started_at: float | None = said("When it started, in seconds since the epoch; null while it waits.")
    made: int = said("How many of its assets it has made.")
    planned: int = said("How many assets it is to make.")


@strawberry.type(description="What one asset cell of a document would mean.")
class CellState:
    """What one asset cell of a document would mean."""

    cell_id: str = said("The cell's id.")
    keys: list[str] = said("The assets it makes, parts joined by `/`; empty where it has a mistake.")
    state: AssetState = said("The state of the first that is not fresh, else of all.")
    reason: str = said("Why.")
    edited: bool = said("Whether the cell, or something it uses, is not as it is in the saved notebook.")
    upstream: list[str] = said("The assets it is made from.")
    materialized_at: float | None = said("When it was last made, in seconds since the epoch.")
    progress: RunProgress | None = said("How far the run is that is making it; null where none is.")


def cell_states(context: Context, path: str, cells: list[CellInput]) -> list[CellState]:
    """The state of every asset cell of the unsaved document, in its order; nothing is run."""
    if len(cells) > MAX_CELLS:
        raise ValueError(f"A document may have at most {MAX_CELLS} cells.")
    own = {key for key, entry in context.assets.items() if entry.notebook == path}
    try:
        scan = scan_notebook(_document(cells), path)
        others = [key for key in context.assets if key not in own]
        linked = link_workspace([scan], other_assets=others, modules=_modules(context))
    except CellmillError:
        return []
    made: dict[str, AssetCell] = {cell.origin.cell_id: cell for cell in linked.assets.values()}
    unsaved = [
        AssetFacts(
            key=key,
            parents=tuple(up.key for up in cell.upstreams if up.key not in cell.keys),
            code_version=cell.code_version,
            is_external=bool(cell.header.options.get("observable")),
            is_partitioned="partitions_def" in cell.header.options,
        )
        for cell in made.values()
        for key in cell.keys
    ]
    facts = [*(fact for fact in context.known.facts if fact.key not in own), *unsaved]
    found = freshness_of(facts, context.decided(facts).assets, context.states, context.planned_runs)
    answer = []
    for cell_id, cell in made.items():
        states = [found[key] for key in cell.keys]
        first = next((one for one in states if one.state is not AssetState.FRESH), states[0])
        saved = [context.assets.get(key) for key in cell.keys]
        answer.append(
            CellState(
                cell_id=cell_id,
                keys=[key.to_user_string() for key in cell.keys],
                state=first.state,
                reason=first.reason,
                edited=any(entry is None or entry.code_version != cell.code_version for entry in saved),
                upstream=[up.key.to_user_string() for up in cell.upstreams if up.key not in cell.keys],
                materialized_at=first.materialized_at,
                progress=_progress(context, cell.keys[0]) if first.state is AssetState.RUNNING else None,
            )
        )
    return answer


def _progress(context: Context, key: AssetKey) -> RunProgress | None:
    state = context.states.get(key)
    run = context.planned_runs.get(state.planned_run_id or "") if state is not None else None
    if run is None:
        return None
    own = [one for one in context.states.values() if one.planned_run_id == run.run_id]
    record = context.run_record(run.run_id)
    return RunProgress(
        run_id=run.run_id,
        started_at=record.start_time if record is not None else None,
        made=sum((one.event_id or 0) > (one.planned_id or 0) for one in own),
        planned=len(own),
    )


def _document(cells: list[CellInput]) -> str:
    body = [{"cell_type": "code", "id": one.id, "metadata": {}, "outputs": [], "source": one.source} for one in cells]
    return json.dumps({"cells": body, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _modules(context: Context) -> dict[str, str]:
    """Sources of the workspace's own modules: their code counts in the versions of assets that use them."""
    found: dict[str, str] = {}
    for location in context.workspace.locations.values():
        modules = getattr(location, "modules", None)
        if modules is not None:
            found.update(modules())
    return found
