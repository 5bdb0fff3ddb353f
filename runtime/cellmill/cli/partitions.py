"""`cellmill partitions`: list, add, and look at partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.complete import complete_asset, complete_dynamic
from cellmill.cli.render import show_json, show_rows
from cellmill.cli.select import select
from cellmill.definitions.partitions.definition import DynamicPartitionsDefinition, PartitionsDefinition
from cellmill.definitions.partitions.key import PartitionKeyRange
from cellmill.first_use import on_first_use
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.partitions import partitions_from_json

if TYPE_CHECKING:
    from cellmill.cli import stored_state
else:
    stored_state = on_first_use("cellmill.cli.stored_state")


@click.group()
def partitions() -> None:
    """List, add and look at partitions."""


def partitions_def(entry: AssetEntry) -> PartitionsDefinition:
    """Return the partitions of an asset.

    Raises: click.UsageError where it has none.
    """
    if not entry.partitions:
        raise click.UsageError(f"{entry.name} has no partitions.")
    return partitions_from_json(entry.partitions)


def partition_keys(app: App, entry: AssetEntry) -> Sequence[str]:
    """Return the keys that an asset's partitions have now."""
    return partitions_def(entry).get_partition_keys(dynamic_partitions_store=app.instance)


def check_key(app: App, entry: AssetEntry, key: str) -> None:
    """Raise click.UsageError with the nearest key where `key` is none of an asset's partitions."""
    if partitions_def(entry).has_partition_key(key, dynamic_partitions_store=app.instance):
        return
    close = get_close_matches(key, partition_keys(app, entry), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else f" See 'cellmill partitions list {entry.name}'."
    raise click.UsageError(f"{key!r} is no partition of {entry.name}.{hint}")


def keys_in_range(app: App, entry: AssetEntry, text: str) -> Sequence[str]:
    """Return the keys of ``FIRST..LAST``, both ends included."""
    first, dots, last = text.partition("..")
    if not dots or not first or not last:
        raise click.UsageError(f"A range of partitions is written FIRST..LAST, not {text!r}.")
    for key in (first, last):
        check_key(app, entry, key)
    found = partitions_def(entry).get_partition_keys_in_range(
        PartitionKeyRange(first, last), dynamic_partitions_store=app.instance
    )
    if not found:
        raise click.UsageError(f"{first!r} comes behind {last!r}.")
    return found


@partitions.command("list")
@click.argument("asset", shell_complete=complete_asset)
@click.option("--missing", is_flag=True, help="Only those that were never made.")
@click.option("--failed", is_flag=True, help="Only those that failed.")
@click.option("--stale", is_flag=True, help="Only those that were made and are not fresh any more.")
@json_option
@pass_app
def list_partitions(app: App, asset: str, missing: bool, failed: bool, stale: bool, as_json: bool) -> None:
    """List the partitions of ASSET with their state, and why those that are stale are."""
    wanted = {word for word, given in (("missing", missing), ("failed", failed), ("stale", stale)) if given}
    rows = [row for row in _rows(app, select(app, [asset])[0]) if not wanted or row["status"] in wanted]
    show_rows(app.console, rows, ("partition", "status", "because"), as_json=as_json, empty="No such partitions.")


def _rows(app: App, entry: AssetEntry) -> list[dict[str, Any]]:
    keys = list(partition_keys(app, entry))
    known = app.instance.get_status_by_partition(entry.asset_key, keys, partitions_def(entry)) or {}
    decided = stored_state.read_staleness(app).decisions.partitions[entry.asset_key]
    rows = []
    for key in keys:
        status, staleness = known.get(key), decided[key]
        word = status.value.lower() if status is not None else "missing"
        stale = word == "materialized" and not staleness.is_fresh
        because = "; ".join(staleness.reasons) if stale else ""
        rows.append({"partition": key, "status": "stale" if stale else word, "because": because})
    return rows


@partitions.command("status")
@click.argument("asset", shell_complete=complete_asset)
@json_option
@pass_app
def status(app: App, asset: str, as_json: bool) -> None:
    """Count the partitions of ASSET by state."""
    counts = Counter(row["status"] for row in _rows(app, select(app, [asset])[0]))
    if as_json:
        show_json(dict(counts))
        return
    total = sum(counts.values())
    for name, count in counts.most_common():
        share = round(40 * count / total)
        app.console.print(f"{name:<13}{count:>7}  {'█' * share}")
    app.console.print(f"{'all':<13}{total:>7}")


@partitions.command("add")
@click.argument("name", shell_complete=complete_dynamic)
@click.argument("keys", nargs=-1, required=True)
@pass_app
def add(app: App, name: str, keys: tuple[str, ...]) -> None:
    """Add KEYS to the dynamic partitions NAME (or of the asset NAME)."""
    where = _dynamic_name(app, name)
    app.instance.add_dynamic_partitions(where, list(keys))
    app.console.print(f"{where}: {len(app.instance.get_dynamic_partitions(where))} partitions.")


@partitions.command("remove")
@click.argument("name", shell_complete=complete_dynamic)
@click.argument("keys", nargs=-1, required=True)
@pass_app
def remove(app: App, name: str, keys: tuple[str, ...]) -> None:
    """Remove KEYS from the dynamic partitions NAME (or of the asset NAME)."""
    where = _dynamic_name(app, name)
    for key in keys:
        app.instance.delete_dynamic_partition(where, key)
    app.console.print(f"{where}: {len(app.instance.get_dynamic_partitions(where))} partitions.")


def _dynamic_name(app: App, name: str) -> str:
    for entry in app.workspace.manifest.assets:
        if entry.partitions:
            text = str(entry.partitions.get("text", ""))
            if name in (entry.partitions.get("name"), text.removeprefix("dynamic:")):
                return name
            if name == entry.name:
                definition = partitions_def(entry)
                if isinstance(definition, DynamicPartitionsDefinition) and definition.name:
                    return definition.name
                raise click.UsageError(f"The partitions of {name} are not dynamic: they are declared in code.")
    raise click.UsageError(f"No asset has dynamic partitions named {name!r}.")
