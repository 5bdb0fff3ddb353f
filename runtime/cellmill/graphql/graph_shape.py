"""The shape of a graph: its nodes, its edges and where they are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import strawberry

from cellmill.definitions.asset_key import AssetKey
from cellmill.graphql.documented import column
from cellmill.planning.layout import lay_out
from cellmill.workspace.manifest import AssetEntry

#: Nodes of a graph that is laid out for a client.
MAX_NODES = 20_000
#: Distance between the left edges of two columns, and between the top edges of two rows, in pixels.
COLUMN, ROW = 230.0, 54.0


@strawberry.type(description="Where the nodes of a graph are drawn.")
class Places:
    """Where the nodes of a graph are drawn."""

    x: list[float] = column("The left edge of each node, in pixels.")
    y: list[float] = column("The top edge of each node, in pixels.")


@dataclass(frozen=True, slots=True)
class GraphShape:
    """What the definitions alone say of a graph: its assets, edges and places."""

    entries: tuple[AssetEntry, ...]
    names: list[str]
    sources: list[int]
    targets: list[int]
    places: Places


def shape_of(assets: Mapping[AssetKey, AssetEntry]) -> GraphShape:
    """The shape of the graph of these assets."""
    index = {key.parts: at for at, key in enumerate(assets)}
    entries = tuple(assets.values())
    sources, targets = [], []
    for at, entry in enumerate(entries):
        for path in entry.upstream:
            above = index.get(path)
            if above is not None:
                sources.append(above)
                targets.append(at)
    names = [entry.name for entry in entries]
    return GraphShape(entries, names, sources, targets, places_of(names, sources, targets))


def places_of(names: Sequence[str], sources: Sequence[int], targets: Sequence[int]) -> Places:
    """Lay out the graph of these nodes and edges; an edge is a pair of positions in `names`."""
    found = lay_out(names, [(names[a], names[b]) for a, b in zip(sources, targets, strict=True)])
    return Places(x=[found[name][0] * COLUMN for name in names], y=[found[name][1] * ROW for name in names])


def places_for(nodes: int, sources: Sequence[int], targets: Sequence[int]) -> Places:
    """Lay out a graph that a screen made by folding or filtering; its nodes are numbers."""
    if not 0 <= nodes <= MAX_NODES or len(sources) != len(targets):
        raise ValueError(f"A graph has at most {MAX_NODES} nodes, and each edge a source and a target.")
    if any(not 0 <= end < nodes for end in (*sources, *targets)):
        raise ValueError("An edge leads to a node that is not there.")
    return places_of([str(node) for node in range(nodes)], sources, targets)
