"""What `--stale` makes: of assets without partitions the whole, of others the partitions that are not fresh."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cellmill.cli.app import App
from cellmill.cli.stored_state import read_staleness
from cellmill.definitions.partitions.backfill_policy import BackfillPolicy
from cellmill.definitions.partitions.loading import partition_loading_context
from cellmill.definitions.partitions.subset import PartitionsSubset
from cellmill.planning.backfill import BackfillAsset, Unit, plan_asset_backfill
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.partition_mappings import policy_from_json
from cellmill.workspace.stale import Targets, parents_of_entry, partitions_of_entry, with_siblings

#: What is to be made: None for an asset without partitions.


def stale_targets(app: App, entries: Sequence[AssetEntry], within: Sequence[str] | None = None) -> Targets:
    """Return what of the entries (upstreams first) is stale or missing, of partitions only those in `within`.

    Assets that can only be made together are all made where one of them is to be.
    Raises: click.UsageError for partitions that only their notebook knows.
    """
    found = read_staleness(app)
    for entry in entries:
        if entry.partitions is not None and entry.asset_key not in found.partitions:
            raise click.UsageError(
                f"The partitions of {entry.name} are known by running {entry.place.notebook or entry.location} only: "
                "say which with --partition KEY, without --stale."
            )
    allowed = None if within is None else frozenset(within)
    targets = found.targets([entry.asset_key for entry in entries], allowed)
    return with_siblings(entries, targets)


def units_of(app: App, entries: Sequence[AssetEntry], targets: Targets) -> tuple[Unit, ...]:
    """Return the runs that make the targets, in an order in which they may be made one after the other."""
    with partition_loading_context(None, app.instance):
        assets = [
            BackfillAsset(
                key=entry.asset_key,
                partitions_def=partitions_of_entry(entry),
                parents=parents_of_entry(entry),
                policy=policy_from_json(entry.backfill_limit) or BackfillPolicy(),
            )
            for entry in entries
            if entry.asset_key in targets
        ]
        subsets = {asset.key: _subset(asset, targets[asset.key]) for asset in assets}
        return plan_asset_backfill(assets, subsets)


def _subset(asset: BackfillAsset, keys: Sequence[str] | None) -> PartitionsSubset | None:
    definition = asset.partitions_def
    return None if keys is None or definition is None else definition.subset_with_partition_keys(keys)
