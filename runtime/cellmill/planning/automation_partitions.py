"""Which partitions assets have, which of them need which, and which assets are meant: fixed for one evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetJobKey, AssetKey
from cellmill.definitions.partitions.multi_mapping import infer_partition_mapping
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph
from cellmill.planning.automation_view import EMPTY, WHOLE, AutomationAsset, AutomationJob, EntityKey, Keys


class AssetPartitions:
    """The assets and jobs of one evaluation, with their partitions as of its moment."""

    def __init__(self, assets: Sequence[AutomationAsset], jobs: Sequence[AutomationJob], now: datetime) -> None:
        self.assets = {asset.key: asset for asset in assets}
        self.jobs = {job.name: job for job in jobs}
        self.now = now if now.tzinfo is not None else now.replace(tzinfo=UTC)

    def subject(self, key: EntityKey) -> AutomationAsset:
        """What stands for an asset, a check or a job. Raises: KeyError for one that is not there."""
        if isinstance(key, AssetKey):
            return self.assets[key]
        if isinstance(key, AssetJobKey):
            return self.jobs[key.job_name].as_subject()
        asset = self.assets[key.asset_key]
        for check in asset.checks:
            if check.name == key.name:
                return asset.of_check(check)
        raise KeyError(key)

    def universe(self, asset: AutomationAsset) -> Keys:
        if asset.partitions_def is None:
            return WHOLE
        return frozenset(asset.partitions_def.get_partition_keys(self.now))

    def down(self, keys: Keys, parent: AutomationAsset, child: AutomationAsset) -> Keys:
        """The partitions of `child` that read any of these of `parent`."""
        if not keys:
            return EMPTY
        if child.partitions_def is None:
            return WHOLE
        if parent.partitions_def is None:
            return self.universe(child)
        mapping = infer_partition_mapping(child.parents.get(parent.key), child.partitions_def, parent.partitions_def)
        subset = parent.partitions_def.subset_with_partition_keys([key for key in keys if key is not None])
        found = mapping.get_downstream_partitions_for_partitions(
            subset, parent.partitions_def, child.partitions_def, self.now
        )
        return frozenset(found.get_partition_keys())

    def up(self, keys: Keys, child: AutomationAsset, parent: AutomationAsset) -> Keys:
        """The partitions of `parent` that any of these of `child` read."""
        if not keys:
            return EMPTY
        if parent.partitions_def is None:
            return WHOLE
        if child.partitions_def is None:
            return self.universe(parent)
        mapping = infer_partition_mapping(child.parents.get(parent.key), child.partitions_def, parent.partitions_def)
        subset = child.partitions_def.subset_with_partition_keys([key for key in keys if key is not None])
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(
            subset, child.partitions_def, parent.partitions_def, self.now
        )
        return frozenset(found.partitions_subset.get_partition_keys())

    # ---- which assets

    def upstreams(self, subject: AutomationAsset, *, through_virtual: bool = False) -> list[AssetKey]:
        """The known upstreams of an asset or a check; with `through_virtual` those behind the virtual ones, too."""
        keys = [key for key in subject.parents if key in self.assets]
        return self._behind_virtual(keys) if through_virtual else keys

    def _behind_virtual(self, keys: Sequence[AssetKey]) -> list[AssetKey]:
        found: dict[AssetKey, None] = {}
        seen: set[AssetKey] = set()
        waiting = list(reversed(keys))
        while waiting:
            key = waiting.pop()
            if key in seen:
                continue
            seen.add(key)
            if self.assets[key].virtual:
                waiting += reversed([up for up in self.assets[key].parents if up in self.assets])
            else:
                found[key] = None
        return list(found)

    @cached_property
    def _graph(self) -> SelectionGraph:
        known = self.assets.items()
        facts = [asset.facts or AssetFacts(key=key, parents=frozenset(asset.parents)) for key, asset in known]
        checks = [AssetCheckKey(key, check.name) for key, asset in known for check in asset.checks]
        return SelectionGraph(facts, checks)

    def resolved(self, selection: Any) -> frozenset[AssetKey]:
        """The assets that a selection means."""
        return frozenset(selection.resolve(self._graph, allow_missing=True))

    def resolved_checks(self, selection: Any) -> frozenset[AssetCheckKey]:
        """The checks that a selection means."""
        return frozenset(selection.resolve_checks(self._graph, allow_missing=True))
