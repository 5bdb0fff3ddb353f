"""The whole asset graph as one message: a list for each property, positions included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from cellmill.definitions.asset_key import AssetKey
from cellmill.graphql.documented import said
from cellmill.graphql.freshness import AssetState, Freshness
from cellmill.planning.layout import lay_out

if TYPE_CHECKING:
    from cellmill.graphql.context import Context

#: Distance between the left edges of two columns, and between the top edges of two rows, in pixels.
COLUMN, ROW = 230.0, 54.0


@strawberry.type(description="All assets with a definition: one list for each property, in the same order.")
class AssetGraphView:
    """All assets, a list for each property."""

    keys: list[str] = said("The keys, parts joined by `/`.")
    groups: list[str] = said("The group of each.")
    kinds: list[str] = said("What each is made with; empty where unknown.")
    descriptions: list[str] = said("The first line of the description of each.")
    notebooks: list[str] = said("The notebook or file of each.")
    cell_ids: list[str] = said("The id of the cell that defines each; empty where no cell does.")
    states: list[AssetState] = said("The state of each.")
    reasons: list[str] = said("Why each is in its state.")
    materialized_at: list[float | None] = said("When each was last made, in seconds since the epoch.")
    x: list[float] = said("The left edge of each, in pixels.")
    y: list[float] = said("The top edge of each, in pixels.")
    edge_sources: list[int] = said("The position in `keys` at which each edge begins.")
    edge_targets: list[int] = said("The position in `keys` at which each edge ends.")


@strawberry.type(description="What changed in the asset graph since the last message.")
class AssetGraphPatch:
    """What changed in the asset graph."""

    structure_changed: bool = said("Whether the graph must be loaded anew; the lists are then empty.")
    keys: list[str] = said("The assets whose state changed.")
    states: list[AssetState] = said("The new state of each.")
    reasons: list[str] = said("Why each is in its state.")
    materialized_at: list[float | None] = said("When each was last made, in seconds since the epoch.")


def graph_view(context: Context, wanted: frozenset[AssetKey] | None) -> AssetGraphView:
    """The graph of the wanted assets, or of all."""
    entries = [entry for key, entry in context.assets.items() if wanted is None or key in wanted]
    index = {entry.asset_key: at for at, entry in enumerate(entries)}
    sources, targets = [], []
    for at, entry in enumerate(entries):
        for path in entry.upstream:
            above = index.get(AssetKey(path))
            if above is not None:
                sources.append(above)
                targets.append(at)
    names = ["/".join(entry.key) for entry in entries]
    places = lay_out(names, [(names[a], names[b]) for a, b in zip(sources, targets, strict=True)])
    states = [context.freshness[entry.asset_key] for entry in entries]
    return AssetGraphView(
        keys=names,
        groups=[entry.group for entry in entries],
        kinds=[entry.kinds[0] if entry.kinds else "" for entry in entries],
        descriptions=[(entry.description or "").strip().partition("\n")[0] for entry in entries],
        notebooks=[entry.notebook or entry.file or "" for entry in entries],
        cell_ids=[entry.cell_id or "" for entry in entries],
        states=[one.state for one in states],
        reasons=[one.reason for one in states],
        materialized_at=[one.materialized_at for one in states],
        x=[places[name][0] * COLUMN for name in names],
        y=[places[name][1] * ROW for name in names],
        edge_sources=sources,
        edge_targets=targets,
    )


def graph_patch(before: dict[AssetKey, Freshness], after: dict[AssetKey, Freshness], changed: bool) -> AssetGraphPatch:
    """What is different now."""
    keys = [] if changed else [key for key, now in after.items() if before.get(key) != now]
    states = [after[key] for key in keys]
    return AssetGraphPatch(
        structure_changed=changed,
        keys=[key.to_user_string() for key in keys],
        states=[one.state for one in states],
        reasons=[one.reason for one in states],
        materialized_at=[one.materialized_at for one in states],
    )
