"""`cellmill diff`: what differs between two runs, or between an asset's last two values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

import click

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.artifacts import executed_notebooks
from cellmill.cli.complete import complete_partition, complete_run_id, complete_what
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_json, time_text
from cellmill.cli.run_record import find_run
from cellmill.cli.select import select
from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import CellmillError
from cellmill.execution.load import read_value
from cellmill.instance.event_record import AssetRecordsFilter
from cellmill.planning.event import Event, EventType
from cellmill.workspace.value_diff import diff_values

#: Formats that are read in this process; a pickle would run the user's code.
_READABLE = frozenset({"parquet", "npy", "json", "text", "bytes"})
_CODE_VERSION_TAG = "dagster/code_version"


@click.command()
@click.argument("what", shell_complete=complete_what)
@click.argument("other", required=False, shell_complete=complete_run_id)
@click.option("--partition", shell_complete=complete_partition, metavar="KEY", help="Of this partition.")
@click.option("--tolerance", type=float, default=0.0, show_default=True, help="Relative; numbers this close are equal.")
@json_option
@pass_app
def diff(app: App, what: str, other: str | None, partition: str | None, tolerance: float, as_json: bool) -> int:
    """Compare two runs (WHAT and OTHER are run ids), or the last two values of an asset (WHAT).

    Code, inputs, metadata and values are compared. Exit code 0 where nothing differs, 1 where something does.
    """
    found = _runs(app, what, other, tolerance) if other else _asset(app, what, partition, tolerance)
    differs = any(part for part in found.values() if isinstance(part, (list, dict)) and part)
    if as_json:
        show_json({"differs": differs, **found})
    else:
        _show(app, found, differs)
    return EXIT_FAILED if differs else 0


def _asset(app: App, name: str, partition: str | None, tolerance: float) -> dict[str, Any]:
    key = select(app, [name])[0].asset_key
    filters = AssetRecordsFilter(asset_key=key, asset_partitions=[partition] if partition else None)
    records = app.instance.fetch_materializations(filters, limit=2).records
    if len(records) < 2:
        raise click.UsageError(f"{name} was made {'once' if records else 'never'}: there is nothing to compare.")
    after, before = (record.event_log_entry for record in records)
    return {
        "title": f"{name}: {time_text(before.timestamp)} and {time_text(after.timestamp)}",
        "assets": _materializations(app, {key: (before, after)}, tolerance),
    }


def _runs(app: App, one: str, other: str, tolerance: float) -> dict[str, Any]:
    first, second = find_run(app, one), find_run(app, other)
    made = [_made(app, record.run_id) for record in (first, second)]
    pairs = {key: (made[0][key], made[1][key]) for key in made[0] if key in made[1]}
    only = [f"{key.to_user_string()}: only in {one}" for key in made[0] if key not in made[1]]
    only += [f"{key.to_user_string()}: only in {other}" for key in made[1] if key not in made[0]]
    return {
        "title": f"runs {first.run_id[:8]} and {second.run_id[:8]}",
        "only_in_one": only,
        "code": _notebook_code(app, first.run_id, second.run_id),
        "assets": _materializations(app, pairs, tolerance),
    }


def _made(app: App, run_id: str) -> dict[AssetKey, Event]:
    events = app.instance.all_logs(run_id)
    return {e.asset_key: e for e in events if e.type is EventType.ASSET_MATERIALIZATION and e.asset_key is not None}


def _notebook_code(app: App, first: str, second: str) -> list[str]:
    """Return the difference between the sources of the notebooks that two runs executed."""
    before = {path.name: path for path in executed_notebooks(app, first)}
    after = {path.name: path for path in executed_notebooks(app, second)}
    lines: list[str] = []
    for name in before.keys() & after.keys():
        sources = [_sources(json.loads(paths[name].read_text("utf-8"))) for paths in (before, after)]
        lines += unified_diff(sources[0], sources[1], f"{first[:8]}/{name}", f"{second[:8]}/{name}", lineterm="", n=1)
    return lines


def _sources(notebook: Mapping[str, Any]) -> list[str]:
    lines = []
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "code":
            text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            lines += [f"# cell {number}", *text.splitlines()]
    return lines


def _materializations(
    app: App, pairs: Mapping[AssetKey, tuple[Event, Event]], tolerance: float
) -> dict[str, list[str]]:
    found = {}
    for key, (before, after) in pairs.items():
        lines = [*_facts(before, after), *_values(app, before, after, tolerance)]
        if lines:
            found[key.to_user_string()] = lines
    return found


def _facts(before: Event, after: Event) -> list[str]:
    first, second = before.asset_materialization, after.asset_materialization
    lines = []
    tags = [dict(one.tags or {}) for one in (first, second)]
    if tags[0].get(_CODE_VERSION_TAG) != tags[1].get(_CODE_VERSION_TAG):
        lines.append("code: its version changed")
    prefix = "dagster/input_data_version/"
    for tag in sorted({tag for one in tags for tag in one if tag.startswith(prefix)}):
        if tags[0].get(tag) != tags[1].get(tag):
            lines.append(f"input {tag.removeprefix(prefix)}: other data")
    plain = [{n: getattr(v, "value", v) for n, v in one.metadata.items()} for one in (first, second)]
    for name in sorted(plain[0].keys() | plain[1].keys()):
        a, b = plain[0].get(name), plain[1].get(name)
        if isinstance(a, (int, float, str, bool, type(None))) and isinstance(b, (int, float, str, bool, type(None))):
            if a != b and not name.startswith("path"):
                lines.append(f"metadata {name}: {a} -> {b}")
    return lines


def _values(app: App, before: Event, after: Event, tolerance: float) -> list[str]:
    refs: list[Any] = [getattr(event.data, "value_ref", None) for event in (before, after)]
    if refs[0] is None or refs[1] is None or refs[0].checksum == refs[1].checksum:
        return []
    if not {refs[0].format, refs[1].format} <= _READABLE:
        return [f"value: other content ({refs[0].format}, which is compared by its hash only)"]
    try:
        values = [read_value(app.instance, ref) for ref in refs]
    except (CellmillError, OSError, ValueError) as error:
        return [f"value: cannot be read ({error})"]
    return [f"value, {difference}" for difference in diff_values(values[0], values[1], tolerance)]


def _show(app: App, found: Mapping[str, Any], differs: bool) -> None:
    app.console.print(f"[bold]{found['title']}[/]")
    for line in [*found.get("only_in_one", ()), *found.get("code", ())]:
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else None
        app.console.print(line.replace("[", r"\["), style=style)
    for asset, lines in found["assets"].items():
        app.console.print(f"[cyan]{asset}[/]")
        for line in lines:
            app.console.print(f"  {line}".replace("[", r"\["))
    if not differs:
        app.console.print("Nothing differs.", style="green")
