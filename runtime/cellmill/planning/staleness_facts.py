"""What the definition of an asset says, as far as staleness needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.asset_graph import AssetGraph


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """What the definition of an asset says, as far as staleness needs it."""

    key: AssetKey
    parents: Sequence[AssetKey] = ()
    code_version: str | None = None
    #: Made elsewhere: never missing, never stale; its version is what was observed.
    is_external: bool = False
    is_partitioned: bool = False
    #: Not stored by itself: as fresh as what it is made of.
    is_virtual: bool = False
    #: Assets whose versions a materialization does not record: virtual ones, and parents only seen through these.
    unrecorded: frozenset[AssetKey] = frozenset()


def facts_of(graph: AssetGraph) -> list[AssetFacts]:
    """What the definitions of a graph say."""
    return [
        AssetFacts(
            node.key,
            sorted(graph.parents(node.key)),
            node.code_version,
            is_external=not node.is_materializable,
            is_partitioned=node.is_partitioned,
            is_virtual=node.is_virtual,
        )
        for node in graph
    ]
