"""`cellmill daemon`: run schedules, sensors, backfills and the queue."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import click

from cellmill.automation import daemon as daemons
from cellmill.automation import queue
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.instance import retention_policy
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_rows, time_text
from cellmill.execution.run_ledger import launch_recorded_run
from cellmill.instance.instance import Instance
from cellmill.planning.run import Run
from cellmill.workspace.source import WorkspaceSource


@click.group(invoke_without_command=True)
@click.option(
    "--only", multiple=True, help="Only these loops: scheduler, sensors, queue, monitor, backfills, automation."
)
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
@click.pass_context
@pass_app
def daemon(app: App, ctx: click.Context, only: tuple[str, ...], verbose: bool) -> int:
    """Run schedules, sensors, backfills and the queue, until stopped. Any number of daemons may run."""
    if ctx.invoked_subcommand is not None:
        return 0
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    app.warn_problems()
    manifest = app.workspace.manifest
    app.errors.print(
        f"Daemon for {app.config.root}: {len(manifest.schedules)} schedules, {len(manifest.sensors)} sensors. "
        "Ctrl-C stops it; runs that go on are not stopped."
    )
    return run_daemon(app, only)


def run_daemon(app: App, only: tuple[str, ...] = ()) -> int:
    """Run the loops in this process until it is told to stop, and return its exit code."""
    status: int = daemons.run(_make_daemon(app, only))
    return status


def _make_daemon(app: App, only: tuple[str, ...]) -> Any:
    return daemons.make_daemon(
        app.instance,
        AutomatedWorkspace(WorkspaceSource(app.workspace, app.workspace.follow), app.instance),
        limits=_limits(app),
        launcher=run_launcher(app),
        retention=(lambda: retention_policy(app)) if "retention" in app.config.settings else None,
        only=list(only) or None,
    )


@contextmanager
def daemon_beside(app: App, *loops: str) -> Iterator[None]:
    """Run these loops beside the body, for a command that waits for their work where no daemon does it."""
    daemon = _make_daemon(app, loops)
    thread = Thread(target=daemon.run, name="cellmill-daemon", daemon=True)
    thread.start()
    try:
        yield
    finally:
        daemon.stop()
        thread.join()


def run_launcher(app: App) -> Any:
    """Return the function by which the queue gives a run its process."""

    def launch(instance: Instance, run: Run, **_: Any) -> Any:
        return launch_recorded_run(instance, run.run_id, cwd=app.config.root, arguments=app.worker_arguments)

    return launch


def _limits(app: App) -> Any:
    """Return the queue's limits of the workspace's file."""
    table = app.config.settings.get("run_queue")
    if not isinstance(table, dict):
        return None
    limits = [
        queue.TagLimit(**{name: value for name, value in limit.items()})
        for limit in table.get("tag_concurrency_limits", [])
    ]
    options: dict[str, Any] = {}
    for name in ("max_concurrent_runs", "min_free_bytes"):
        if name in table:
            options[name] = int(table[name])
    if limits:
        options["tag_limits"] = tuple(limits)
    return queue.QueueLimits(**options)


@daemon.command("status")
@json_option
@pass_app
def status(app: App, as_json: bool) -> int:
    """Say how each loop of the daemon does."""
    found = daemons.daemon_status(app.instance)
    rows = [
        {
            "loop": loop.name,
            "healthy": loop.healthy,
            "last_beat": time_text(loop.last_beat),
            "owner": loop.owner,
            "error": loop.error,
        }
        for loop in found
    ]
    columns = ("loop", "healthy", "last_beat", "owner", "error")
    show_rows(app.console, rows, columns, as_json=as_json, empty="No daemon has run here. Start one: cellmill daemon")
    return 0 if rows and all(row["healthy"] for row in rows) else EXIT_FAILED
