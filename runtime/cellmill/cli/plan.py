"""`cellmill plan`: what would run, cell by cell, why, what is re-used, and how long it took last time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click
from rich.tree import Tree

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.asset_state import AssetState
from cellmill.cli.choice import Choice, chosen_assets
from cellmill.cli.complete import complete_asset
from cellmill.cli.render import cell_text, duration_text, show_json, time_text
from cellmill.cli.state import asset_states
from cellmill.definitions.asset_key import AssetKey
from cellmill.workspace.run_plan import LinkedNotebooks, Visit, plan_visits


@click.command()
@click.argument("selection", nargs=-1, shell_complete=complete_asset)
@click.option("-u", "--upstream", is_flag=True, help="Also everything upstream.")
@click.option("--stale", is_flag=True, help="Only what is stale or missing; of partitioned assets, those partitions.")
@json_option
@pass_app
def plan(app: App, selection: Sequence[str], upstream: bool, stale: bool, as_json: bool) -> None:
    """Say what 'materialize SELECTION' would run, cell by cell, and why; nothing is run.

    With --stale alone, all assets are meant.
    """
    app.warn_problems()
    choice = chosen_assets(app, selection, upstream=upstream, stale=stale)
    if as_json:
        show_json(plan_data(app, choice))
    elif not choice.entries:
        app.console.print("Everything is fresh: nothing would run.", style="green")
    else:
        show_plan(app, choice)


def plan_data(app: App, choice: Choice) -> dict[str, Any]:
    """Return the plan as JSON data: steps with their cells, the partitions that are stale, and what is re-used."""
    entries = choice.entries
    states = {**asset_states(app)}
    for key, keys in (choice.targets or {}).items():
        if keys is not None and key in states and states[key].state == "fresh":
            count = f"{len(keys)} partition{'s were' if len(keys) > 1 else ' was'} never made"
            states[key] = replace(states[key], state="stale", reasons=(count,))
    notebooks = LinkedNotebooks(app.workspace)
    visits = plan_visits(app.workspace, entries, notebooks) if entries else ()
    steps = [_step(visit, states, notebooks) for visit in visits]
    made = {key for visit in visits for key in visit.assets}
    reads = sorted({key for visit in visits for key in visit.reads} - made)
    reused = [_reused(key, states.get(key)) for key in reads]
    seconds = [cell["last_seconds"] for step in steps for cell in step["cells"] if cell["last_seconds"] is not None]
    partitions = {key.to_user_string(): list(keys) for key, keys in (choice.targets or {}).items() if keys is not None}
    return {
        "steps": steps,
        "reused": reused,
        "partitions": partitions,
        "last_seconds": sum(seconds) if seconds else None,
    }


def _step(visit: Visit, states: Mapping[AssetKey, AssetState], notebooks: LinkedNotebooks) -> dict[str, Any]:
    cells: list[dict[str, Any]] = []
    for index in visit.cells or ():
        keys = visit.made_by.get(index, ())
        cells.append({"cell": index + 1, **_cell(visit, index, keys, states)})
    if visit.notebook is None:
        cells = [{"cell": None, **_cell(visit, None, (key,), states)} for key in visit.assets]
    total = len([cell for cell in notebooks.scan(visit.name).cells]) if visit.notebook else len(cells)
    return {
        "step": visit.key,
        "location": visit.location,
        "notebook": visit.name or None,
        "after": list(visit.after),
        "cells": cells,
        "cells_skipped": total - len(cells),
    }


def _cell(
    visit: Visit, index: int | None, keys: Sequence[AssetKey], states: Mapping[AssetKey, AssetState]
) -> dict[str, Any]:
    found = [states[key] for key in keys if key in states]
    seconds = [state.last.seconds for state in found if state.last and state.last.seconds is not None]
    loads = visit.loads.get(index, {}) if index is not None else {}
    return {
        "assets": [key.to_user_string() for key in keys],
        "why": _why(visit, index, keys, states),
        "loads": {name: key.to_user_string() for name, key in loads.items()},
        "last_seconds": max(seconds) if seconds else None,
    }


def _why(visit: Visit, index: int | None, keys: Sequence[AssetKey], states: Mapping[AssetKey, AssetState]) -> str:
    if not keys:
        names = visit.reasons.get(index) if index is not None else None
        return f"gives {names}" if names else "sets things up"
    reasons = []
    for key in keys:
        state = states.get(key)
        if state is None or state.state == "missing":
            reasons.append("never made")
        elif state.state == "fresh":
            reasons.append("selected, though fresh")
        else:
            reasons.append("; ".join(state.reasons) or "stale")
    return "; ".join(dict.fromkeys(reasons))


def _reused(key: AssetKey, state: AssetState | None) -> dict[str, Any]:
    last = state.last if state else None
    return {
        "asset": key.to_user_string(),
        "state": state.state if state else "missing",
        "materialized": time_text(last.timestamp) if last else None,
    }


def show_plan(app: App, choice: Choice) -> None:
    """Draw the plan."""
    data = plan_data(app, choice)
    root = Tree("", hide_root=True)
    for step in data["steps"]:
        skipped = f"  [dim]{step['cells_skipped']} other cells are not run[/]" if step["cells_skipped"] else ""
        branch = root.add(f"[bold]{_escape(step['step'])}[/]{skipped}")
        for cell in step["cells"]:
            where = f"cell {cell['cell']:<3} " if cell["cell"] else ""
            what = ", ".join(cell["assets"])
            took = (
                f"  [dim]{duration_text(cell['last_seconds'])} last time[/]" if cell["last_seconds"] is not None else ""
            )
            loads = f"  [dim]loads {', '.join(cell['loads'].values())}[/]" if cell["loads"] else ""
            label = f"[cyan]{_escape(what)}[/] ({_escape(cell['why'])})" if what else f"[dim]{_escape(cell['why'])}[/]"
            branch.add(f"{where}{label}{loads}{took}")
    app.console.print(root)
    for name, keys in data["partitions"].items():
        shown = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
        app.console.print(f"partitions of {_escape(name)}: {_escape(shown)}")
    for item in data["reused"]:
        when = f", made {item['materialized']}" if item["materialized"] else ""
        app.console.print(f"re-used: {item['asset']} ({cell_text(item['state'])}{when})")
    if data["last_seconds"] is not None:
        app.console.print(f"Last time these took {duration_text(data['last_seconds'])} in all.")


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
