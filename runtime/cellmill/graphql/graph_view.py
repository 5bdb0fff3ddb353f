"""The whole asset graph as one message: a list for each property, positions included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from cellmill.definitions.asset_key import AssetKey
from cellmill.graphql.documented import column, said
from cellmill.graphql.freshness import Freshness
from cellmill.graphql.graph_shape import shape_of

if TYPE_CHECKING:
    from cellmill.graphql.context import Context


@strawberry.type(description="All assets with a definition: one list for each property, in the same order.")
class AssetGraphView:
    """All assets, a list for each property."""

    keys: list[str] = column("The keys, parts joined by `/`.")
    groups: list[str] = column("The group of each.")
    kinds: list[str] = column("What each is made with; empty where unknown.")
    descriptions: list[str] = column("The first line of the description of each.")
    notebooks: list[str] = column("The notebook or file of each.")
    cell_ids: list[str] = column("The id of the cell that defines each; empty where no cell does.")
    partitioned: list[bool] = column("Whether each has partitions.")
    states: list[str] = column("The `AssetState` of each.")
    reasons: list[str] = column("Why each is in its state.")
    materialized_at: list[float | None] = column("When each was last made, in seconds since the epoch.")
    x: list[float] = column("The left edge of each, in pixels.")
    y: list[float] = column("The top edge of each, in pixels.")
    edge_sources: list[int] = column("The position in `keys` at which each edge begins.")
    edge_targets: list[int] = column("The position in `keys` at which each edge ends.")


@strawberry.type(description="What changed in the asset graph since the last message.")
class AssetGraphPatch:
    """What changed in the asset graph."""

    structure_changed: bool = said("Whether the graph must be loaded anew; the lists are then empty.")
    keys: list[str] = column("The assets whose state changed.")
    states: list[str] = column("The new `AssetState` of each.")
    reasons: list[str] = column("Why each is in its state.")
    materialized_at: list[float | None] = column("When each was last made, in seconds since the epoch.")


def graph_view(context: Context, wanted: frozenset[AssetKey] | None) -> AssetGraphView:
    """The graph of the wanted assets, or of all."""
    if wanted is None:
        shape = context.known.shape
    else:
        shape = shape_of({key: entry for key, entry in context.assets.items() if key in wanted})
    keys = context.assets if wanted is None else [entry.asset_key for entry in shape.entries]
    states = [context.freshness[key] for key in keys]
    return AssetGraphView(
        keys=shape.names,
        groups=[entry.group for entry in shape.entries],
        kinds=[entry.kinds[0] if entry.kinds else "" for entry in shape.entries],
        descriptions=[(entry.description or "").strip().partition("\n")[0] for entry in shape.entries],
        notebooks=[entry.notebook or entry.file or "" for entry in shape.entries],
        cell_ids=[entry.cell_id or "" for entry in shape.entries],
        partitioned=[entry.partitions is not None for entry in shape.entries],
        states=[one.state.value for one in states],
        reasons=[one.reason for one in states],
        materialized_at=[one.materialized_at for one in states],
        x=shape.places.x,
        y=shape.places.y,
        edge_sources=shape.sources,
        edge_targets=shape.targets,
    )


def graph_patch(before: dict[AssetKey, Freshness], after: dict[AssetKey, Freshness], changed: bool) -> AssetGraphPatch:
    """What is different now."""
    keys = [] if changed else [key for key, now in after.items() if before.get(key) != now]
    states = [after[key] for key in keys]
    return AssetGraphPatch(
        structure_changed=changed,
        keys=[key.to_user_string() for key in keys],
        states=[one.state.value for one in states],
        reasons=[one.reason for one in states],
        materialized_at=[one.materialized_at for one in states],
    )
