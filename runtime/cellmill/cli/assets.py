"""`cellmill assets`: list, show, draw and wipe assets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.tree import Tree

from cellmill.cli.app import App, describe_option, json_option, pass_app
from cellmill.cli.asset_state import AssetState
from cellmill.cli.complete import complete_asset
from cellmill.cli.render import cell_text, duration_text, show_json, show_rows, size_text, time_text
from cellmill.cli.select import select
from cellmill.cli.state import asset_states, detailed_states
from cellmill.workspace.manifest import AssetEntry, entry_dict

#: Assets whose number of rows a list shows.
_DETAILED = 500
_COLUMNS = ("asset", "state", "group", "where", "materialized", "rows", "size", "upstream")


@click.group()
def assets() -> None:
    """List, show, draw and wipe assets."""


@assets.command("list")
@click.argument("selection", nargs=-1, shell_complete=complete_asset)
@json_option
@pass_app
def list_assets(app: App, selection: Sequence[str], as_json: bool) -> None:
    """List the assets of SELECTION (default: all), upstreams first."""
    app.warn_problems()
    entries = select(app, selection) if selection else app.workspace.select("*") + _external(app)
    states = detailed_states(app, [entry.asset_key for entry in entries[:_DETAILED]])
    rows = [asset_row(entry, states.get(entry.asset_key)) for entry in entries]
    show_rows(app.console, rows, _COLUMNS, as_json=as_json, empty="No assets. Write '%%asset NAME' above a cell.")


def _external(app: App) -> list[AssetEntry]:
    return [entry for entry in app.workspace.manifest.assets if not entry.materializable]


def asset_row(entry: AssetEntry, state: AssetState | None) -> dict[str, Any]:
    """Return what a list shows of one asset."""
    last = state.last if state else None
    return {
        "asset": entry.name,
        "key": list(entry.key),
        "state": state.state if state else "missing",
        "stale_reasons": list(state.reasons) if state else [],
        "group": entry.group,
        "where": str(entry.place) or entry.location,
        "location": entry.location,
        "notebook": entry.notebook,
        "cell_id": entry.cell_id,
        "upstream": ["/".join(path) for path in entry.upstream],
        "code_version": entry.code_version,
        "description": entry.description,
        "materialized": time_text(last.timestamp) if last else None,
        "run_id": last.run_id if last else None,
        "rows": last.rows if last else None,
        "size": size_text(last.bytes) if last else None,
        "seconds": last.seconds if last else None,
    }


@assets.command("show")
@click.argument("asset", shell_complete=complete_asset)
@json_option
@pass_app
def show(app: App, asset: str, as_json: bool) -> None:
    """Show everything known of one ASSET."""
    entry = select(app, [asset])[0]
    state = detailed_states(app, [entry.asset_key]).get(entry.asset_key)
    downstream = sorted(other.name for other in app.workspace.manifest.assets if entry.key in other.upstream)
    row = {**entry_dict(entry), **asset_row(entry, state), "downstream": downstream}
    if state and state.last:
        row["metadata_values"] = dict(state.last.metadata)
        row["stored_at"] = state.last.stored_at
    if as_json:
        show_json(row)
        return
    app.console.print(f"[bold]{entry.name}[/]  {cell_text(row['state'])}")
    if entry.description:
        app.console.print(entry.description)
    for name in ("where", "group", "owners", "kinds", "tags", "upstream", "downstream", "checks", "automation",
                 "code_version", "materialized", "run_id", "rows", "size", "stored_at", "stale_reasons"):  # fmt: skip
        if row.get(name):
            app.console.print(f"  {name.replace('_', ' '):<14}{cell_text(row[name])}")
    if state and state.last and state.last.seconds is not None:
        app.console.print(f"  {'took':<14}{duration_text(state.last.seconds)}")
    for name, value in (row.get("metadata_values") or {}).items():
        app.console.print(f"  {name:<14}{cell_text(value)}")


@assets.command("graph")
@click.argument("selection", nargs=-1, shell_complete=complete_asset)
@json_option
@click.option("--no-state", is_flag=True, help="Read definitions alone; nothing stored is opened.")
@describe_option
@pass_app
def graph(app: App, selection: Sequence[str], as_json: bool, no_state: bool, describe: bool) -> None:
    """Draw the graph of SELECTION (default: all), or write it as JSON.

    No notebook is run: of one whose definitions are computed, the graph has what was learned before, unless --describe
    is given.
    """
    app.describe = describe
    app.warn_problems()
    app.warn_unread()
    entries = select(app, selection) if selection else app.workspace.select("*") + _external(app)
    states = {} if no_state else asset_states(app)
    if as_json:
        show_json({"assets": [graph_node(entry, states.get(entry.asset_key)) for entry in entries]})
        return
    if not entries:
        app.console.print("No assets.")
        return
    app.console.print(_draw(entries, states))


def graph_node(entry: AssetEntry, state: AssetState | None) -> dict[str, Any]:
    """Return one node of the documented JSON form of the graph."""
    return {
        "key": list(entry.key),
        "upstream": [list(path) for path in entry.upstream],
        "code_version": entry.code_version,
        "group": entry.group,
        "notebook": entry.notebook,
        "cell_id": entry.cell_id,
        "state": state.state if state else "missing",
        "stale_reasons": list(state.reasons) if state else [],
    }


def _draw(entries: Sequence[AssetEntry], states: Any) -> Tree:
    """Return the graph as a tree from its roots; what was drawn before is not repeated."""
    chosen = {entry.key: entry for entry in entries}
    below: dict[tuple[str, ...], list[AssetEntry]] = {key: [] for key in chosen}
    for entry in entries:
        for up in entry.upstream:
            if up in below:
                below[up].append(entry)
    root = Tree("", hide_root=True)
    drawn: set[tuple[str, ...]] = set()

    def add(tree: Tree, entry: AssetEntry) -> None:
        state = states.get(entry.asset_key)
        label = f"{entry.name}  {cell_text(state.state if state else 'missing')}"
        if entry.key in drawn:
            tree.add(f"[dim]{entry.name} …[/]" if below[entry.key] else label)
            return
        drawn.add(entry.key)
        branch = tree.add(label)
        for child in below[entry.key]:
            add(branch, child)

    for entry in entries:
        if not any(up in chosen for up in entry.upstream):
            add(root, entry)
    for entry in entries:
        if entry.key not in drawn:
            add(root, entry)
    return root


@assets.command("wipe")
@click.argument("selection", nargs=-1, shell_complete=complete_asset)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def wipe(app: App, selection: Sequence[str], yes: bool) -> None:
    """Forget all that is stored of SELECTION: history, state and values."""
    if not selection:
        raise click.UsageError("Say which assets; '*' is all of them.")
    entries = select(app, selection)
    names = ", ".join(entry.name for entry in entries)
    if not yes:
        click.confirm(f"Forget all that is stored of {names}?", abort=True)
    app.instance.wipe_assets([entry.asset_key for entry in entries])
    app.console.print(f"Wiped {names}.")
