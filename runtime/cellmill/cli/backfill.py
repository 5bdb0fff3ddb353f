"""`cellmill backfill`: start, watch, pause, resume, cancel and retry backfills."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cellmill.automation.backfills import (
    BackfillView,
    cancel_backfill,
    pause_backfill,
    resume_backfill,
    retry_backfill,
    submit_backfill,
    view_backfill,
)
from cellmill.automation.submit import queue_is_live
from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.complete import complete_asset, complete_backfill, complete_partition
from cellmill.cli.daemon import daemon_beside
from cellmill.cli.launch import parse_tags
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.partitions import check_key, keys_in_range
from cellmill.cli.render import show_json, show_rows, time_text
from cellmill.cli.select import select
from cellmill.planning.backfill import BackfillStatus

_ENDED = frozenset({BackfillStatus.COMPLETED_SUCCESS, BackfillStatus.COMPLETED_FAILED, BackfillStatus.CANCELED})
_POLL_S = 0.5


@click.group()
def backfill() -> None:
    """Start and watch backfills of partitions; the daemon works them off."""


@backfill.command("start")
@click.argument("selection", nargs=-1, required=True, shell_complete=complete_asset)
@click.option(
    "--partition",
    "keys",
    multiple=True,
    metavar="KEY",
    shell_complete=complete_partition,
    help="This partition; may be repeated.",
)
@click.option("--partition-range", metavar="FIRST..LAST", help="These partitions, both ends included.")
@click.option("--all", "everything", is_flag=True, help="All partitions.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag of its runs.")
@click.option("--title", default="", help="What it is for.")
@click.option("--follow", "-f", is_flag=True, help="Watch until it ends; without a daemon, work it off here.")
@pass_app
def start(
    app: App,
    selection: Sequence[str],
    keys: tuple[str, ...],
    partition_range: str | None,
    everything: bool,
    tags: tuple[str, ...],
    title: str,
    follow: bool,
) -> int:
    """Backfill partitions of the assets of SELECTION, upstreams first."""
    entries = [entry for entry in select(app, selection) if entry.materializable]
    partitioned = [entry for entry in entries if entry.partitions]
    if not partitioned:
        raise click.UsageError("None of the selected assets has partitions; use 'cellmill materialize'.")
    if sum(map(bool, (keys, partition_range, everything))) != 1:
        raise click.UsageError("Say which partitions: --partition KEY …, --partition-range FIRST..LAST, or --all.")
    wanted: Sequence[str] | None = keys or None
    if partition_range:
        wanted = keys_in_range(app, partitioned[0], partition_range)
    for key in keys:
        check_key(app, partitioned[0], key)
    chosen = None if wanted is None else list(wanted)
    targets: dict[Any, Sequence[str] | None] = {
        entry.asset_key: chosen if entry.partitions else None for entry in entries
    }
    identifier = submit_backfill(
        app.instance, assets=targets, all_partitions=everything, tags=parse_tags(tags), title=title
    )
    app.console.print(f"Backfill {identifier} is recorded.")
    if follow:
        return _follow(app, identifier)
    if not queue_is_live(app.instance):
        app.errors.print(
            f"No daemon is running; it starts when one does: cellmill daemon. Or run it here: "
            f"cellmill backfill show {identifier} --follow",
            style="yellow",
        )
    return 0


@backfill.command("list")
@click.option("--limit", default=25, show_default=True)
@json_option
@pass_app
def list_backfills(app: App, limit: int, as_json: bool) -> None:
    """List backfills, newest first."""
    rows = []
    for row in app.instance.backfills.search(limit=limit):
        view = view_backfill(app.instance, row.backfill_id)
        rows.append({**_row(view), "started": time_text(row.created_at), "ended": time_text(row.ended_at)})
    columns = ("backfill", "status", "title", "progress", "started", "ended")
    show_rows(app.console, rows, columns, as_json=as_json, empty="No backfills.")


def _row(view: BackfillView) -> dict[str, Any]:
    progress = view.progress
    counts = {name: getattr(progress, name) for name in progress.__slots__}
    return {
        "backfill": view.backfill_id,
        "status": view.status.value,
        "title": view.title,
        "progress": ", ".join(f"{count} {name.replace(chr(95), chr(32))}" for name, count in counts.items() if count),
        "counts": counts,
        "error": view.error,
        "runs": list(view.run_ids),
    }


@backfill.command("show")
@click.argument("backfill_id", shell_complete=complete_backfill)
@click.option("-f", "--follow", is_flag=True, help="Watch until it ends; without a daemon, work it off here.")
@json_option
@pass_app
def show(app: App, backfill_id: str, follow: bool, as_json: bool) -> int:
    """Show a backfill's progress."""
    row = _row(view_backfill(app.instance, backfill_id))
    if as_json:
        show_json(row)
        return 0
    if follow:
        return _follow(app, backfill_id)
    for name in ("backfill", "status", "title", "progress", "error"):
        if row[name]:
            app.console.print(f"{name:<10}{row[name]}")
    return 0


def _follow(app: App, backfill_id: str) -> int:
    """Watch a backfill until it ends; where no daemon works it off, this process does."""
    if queue_is_live(app.instance):
        return _watch(app, backfill_id)
    app.errors.print("No daemon is running: this command works the backfill off. Ctrl-C leaves the rest to a daemon.")
    with daemon_beside(app, "backfills", "queue", "monitor"):
        return _watch(app, backfill_id)


def _watch(app: App, backfill_id: str) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=app.console) as bar:
        task = bar.add_task(backfill_id, total=None)
        while True:
            view = view_backfill(app.instance, backfill_id)
            counts = _row(view)["counts"]
            done = sum(
                count for name, count in counts.items() if name in ("succeeded", "failed", "canceled", "blocked")
            )
            total = sum(counts.values())
            bar.update(task, total=total or None, completed=done, description=f"{backfill_id} {view.status.value}")
            if view.status in _ENDED:
                break
            time.sleep(_POLL_S)
    app.console.print(_row(view)["progress"])
    return 0 if view.status is BackfillStatus.COMPLETED_SUCCESS else EXIT_FAILED


def _command(name: str, change: Callable[..., bool], done: str, text: str) -> None:
    @backfill.command(name, help=text)
    @click.argument("backfill_id", shell_complete=complete_backfill)
    @pass_app
    def command(app: App, backfill_id: str) -> int:
        if change(app.instance, backfill_id):
            app.console.print(f"{backfill_id} {done}.")
            return 0
        app.console.print(f"{backfill_id} is {view_backfill(app.instance, backfill_id).status.value}: nothing to do.")
        return EXIT_FAILED


_command("pause", pause_backfill, "is paused", "Start no further runs of a backfill.")
_command("resume", resume_backfill, "goes on", "Go on with a paused backfill.")
_command("cancel", cancel_backfill, "is being cancelled", "Cancel a backfill and its runs.")
_command("retry", retry_backfill, "runs its failed parts again", "Run the failed parts of a backfill again.")
