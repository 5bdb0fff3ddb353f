"""What follows from a manifest alone: worked out once, and kept as long as the workspace's files say the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from cellmill.definitions.asset_key import AssetKey
from cellmill.graphql.graph_shape import GraphShape, shape_of
from cellmill.planning.staleness_facts import AssetFacts
from cellmill.workspace.manifest import AssetEntry, Manifest
from cellmill.workspace.stale import staleness_facts


class Known:
    """The assets of one manifest by key, with their neighbours, places, and what staleness needs of them."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest

    @cached_property
    def assets(self) -> Mapping[AssetKey, AssetEntry]:
        """Every asset that has a definition, in the manifest's order."""
        return {entry.asset_key: entry for entry in self.manifest.assets}

    @cached_property
    def by_path(self) -> Mapping[tuple[str, ...], AssetEntry]:
        """Every asset that has a definition, by the parts of its key."""
        return {entry.key: entry for entry in self.manifest.assets}

    @cached_property
    def children(self) -> Mapping[AssetKey, list[AssetKey]]:
        """The assets that are made from each asset."""
        found: dict[AssetKey, list[AssetKey]] = {key: [] for key in self.assets}
        for key, entry in self.assets.items():
            for path in entry.upstream:
                found.setdefault(AssetKey(path), []).append(key)
        return found

    @cached_property
    def facts(self) -> tuple[AssetFacts, ...]:
        """What the definitions say, as far as staleness needs it."""
        return tuple(staleness_facts(entry) for entry in self.assets.values())

    @cached_property
    def shape(self) -> GraphShape:
        """The whole asset graph, laid out."""
        return shape_of(self.assets)
