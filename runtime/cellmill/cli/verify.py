"""`cellmill verify`: is what is stored reproducible?"""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.complete import complete_asset, complete_partition
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_json
from cellmill.cli.select import select
from cellmill.workspace.validate import validate_manifest
from cellmill.workspace.verify import Verified, verify_assets

_COLOURS = {"same": "green", "stale": "yellow", "not stored": "yellow", "unknown": "yellow"}


@click.command()
@click.argument("selection", nargs=-1, required=True, shell_complete=complete_asset)
@click.option("--partition", shell_complete=complete_partition, metavar="KEY", help="Of this partition.")
@json_option
@pass_app
def verify(app: App, selection: Sequence[str], partition: str | None, as_json: bool) -> int:
    """Run SELECTION again in a clean kernel and compare with what is stored; nothing is recorded.

    Exit code 0 where every value was made again, 1 where one was not.
    """
    entries = [entry for entry in select(app, selection) if entry.materializable]
    notebooks = {entry.notebook for entry in entries}
    for problem in validate_manifest(app.workspace.manifest):
        if problem.severity == "error" and problem.notebook in notebooks:
            app.errors.print(f"[yellow]Warning:[/] {problem.place}: {problem.message}")
    columns = (SpinnerColumn(), TextColumn("running {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=app.errors, transient=True) as bar:
        bar.add_task(", ".join(entry.name for entry in entries[:3]))
        found = verify_assets(app.workspace, app.instance, entries, partition=partition)
    if as_json:
        show_json([_row(one) for one in found])
    else:
        for one in found:
            colour = _COLOURS.get(one.verdict, "red")
            why = f"  {one.why}".replace("[", r"\[") if one.why else ""
            app.console.print(f"[{colour}]{one.verdict:<10}[/] {one.asset}  [dim]{one.where}[/]{why}")
    return 0 if all(one.ok for one in found) else EXIT_FAILED


def _row(one: Verified) -> dict[str, object]:
    return {
        "asset": one.asset,
        "verdict": one.verdict,
        "where": one.where,
        "why": one.why,
        "stored_checksum": one.stored.checksum if one.stored else None,
        "again_checksum": one.again.checksum if one.again else None,
    }
