"""Which assets a command makes: the words of its selection, what of them is stale, and their partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cellmill.cli.app import App
from cellmill.cli.select import select
from cellmill.definitions.asset_key import AssetKey
from cellmill.first_use import on_first_use
from cellmill.workspace.manifest import AssetEntry

if TYPE_CHECKING:
    from cellmill.cli import partitions
    from cellmill.cli import stale as stale_assets
else:
    stale_assets = on_first_use("cellmill.cli.stale")
    partitions = on_first_use("cellmill.cli.partitions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The assets to make, upstreams first."""

    entries: list[AssetEntry]
    #: With --stale: what of them is not fresh, None for all of an asset without partitions.
    targets: Mapping[AssetKey, Sequence[str] | None] | None = None


def chosen_assets(
    app: App,
    selection: Sequence[str],
    *,
    upstream: bool,
    stale: bool,
    partition: str | None = None,
    partition_range: str | None = None,
) -> Choice:
    """Return the assets to make, upstreams first; without a selection, `stale` means all that are."""
    if not selection and not stale:
        raise click.UsageError("Which assets? Give a SELECTION ('*' for all), or --stale.")
    entries = [entry for entry in select(app, selection or ("*",)) if entry.materializable]
    if not entries:
        raise click.UsageError("Nothing of that can be materialized: it is only loaded or observed here.")
    if upstream:
        graph = app.workspace.selection_graph()
        wanted = graph.reach({entry.asset_key for entry in entries}, up=True, depth=None)
        names = {key.parts for key in wanted}
        entries = [entry for entry in app.workspace.select("*") if entry.key in names and entry.materializable]
    entries = _with_siblings(app, entries)
    if not stale:
        return Choice(entries=entries)
    within = None
    if partition or partition_range:
        within = [key for key in partition_keys(app, entries, partition, partition_range) if key is not None]
    targets = stale_assets.stale_targets(app, entries, within)
    return Choice(entries=[entry for entry in entries if entry.asset_key in targets], targets=targets)


def _with_siblings(app: App, entries: list[AssetEntry]) -> list[AssetEntry]:
    """Return the entries with those that can only be made together with one of them."""
    keys = {entry.key for entry in entries} | {sibling for entry in entries for sibling in entry.siblings}
    if len(keys) == len(entries):
        return entries
    return [entry for entry in app.workspace.select("*") if entry.key in keys]


def partition_keys(
    app: App, entries: Sequence[AssetEntry], partition: str | None, partition_range: str | None
) -> Sequence[str | None]:
    if partition and partition_range:
        raise click.UsageError("Give --partition or --partition-range, not both.")
    partitioned = [entry for entry in entries if entry.partitions]
    if not partitioned:
        if partition or partition_range:
            raise click.UsageError("None of the selected assets has partitions.")
        return [None]
    if partition_range:
        found: Sequence[str | None] = partitions.keys_in_range(app, partitioned[0], partition_range)
        return found
    if partition:
        partitions.check_key(app, partitioned[0], partition)
        return [partition]
    names = ", ".join(entry.name for entry in partitioned[:3])
    raise click.UsageError(
        f"{names} has partitions: say which with --partition KEY or --partition-range FIRST..LAST. "
        f"See 'cellmill partitions list {partitioned[0].name}'."
    )
