"""`cellmill runs`: list, show, follow, cancel, retry, and open what they left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cellmill.cli import artifacts, launch
from cellmill.cli import progress as run_progress
from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.complete import complete_run_id
from cellmill.cli.follow import follow_events, follow_run
from cellmill.cli.launch import parse_tags
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import show_json, show_rows
from cellmill.cli.run_record import find_run, run_row, run_title
from cellmill.cli.steps import event_line, step_views, steps_tree
from cellmill.execution import run_ledger
from cellmill.first_use import on_first_use
from cellmill.planning.event import Event
from cellmill.planning.run import RunRecord, RunsFilter, RunStatus

if TYPE_CHECKING:
    from cellmill.cli import debug as debug_notebook
else:
    debug_notebook = on_first_use("cellmill.cli.debug")

_COLUMNS = ("run", "job", "status", "partition", "started", "took", "by")


@click.group()
def runs() -> None:
    """List, show, follow, cancel and retry runs."""


run_argument = click.argument("run_id", shell_complete=complete_run_id)


@runs.command("list")
@click.option("--status", "statuses", multiple=True, type=click.Choice([s.value.lower() for s in RunStatus]))
@click.option("--job", help="Only of this job.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Only with this tag.")
@click.option("--limit", default=25, show_default=True, help="How many, newest first.")
@click.option("--after", metavar="RUN_ID", help="Continue behind this run.")
@json_option
@pass_app
def list_runs(
    app: App,
    statuses: tuple[str, ...],
    job: str | None,
    tags: tuple[str, ...],
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """List runs, newest first."""
    wanted = RunsFilter(
        statuses=[RunStatus(status.upper()) for status in statuses] or None, job_name=job, tags=parse_tags(tags) or None
    )
    records = app.instance.get_run_records(filters=wanted, limit=limit, cursor=after)
    rows = [run_row(record) for record in records]
    show_rows(app.console, rows, _COLUMNS, as_json=as_json, empty="No runs. 'cellmill materialize' makes one.")


@runs.command("show")
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Follow until it ends.")
@json_option
@pass_app
def show(app: App, run_id: str, follow: bool, as_json: bool) -> int:
    """Show a run as a tree of its steps with times. RUN_ID may be shortened; 'last' is the newest."""
    record = find_run(app, run_id)
    if as_json:
        events = app.instance.all_logs(record.run_id)
        steps = [
            {
                "key": s.key,
                "state": s.state,
                "seconds": s.seconds(time.time()),
                "made": s.made,
                "error": s.error or None,
            }
            for s in step_views(events).values()
        ]
        progress = run_progress.Progress(app, record.run_id)
        show_json({**run_row(record), "steps": steps, "notebooks": progress.rows()})
        return 0
    if follow and not record.dagster_run.is_finished:
        return follow_run(app, record.run_id)
    show_run(app, record)
    return 0


def show_run(app: App, record: RunRecord) -> None:
    """Draw a run as it stands."""
    run = record.dagster_run
    steps = step_views(app.instance.all_logs(run.run_id))
    app.console.print(steps_tree(run_title(record), steps.values(), time.time()))
    for line in run_progress.Progress(app, run.run_id).lines():
        app.console.print(line)
    if run.reason:
        app.console.print(f"  {run.reason.replace('[', chr(92) + '[')}")


@runs.command("logs")
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Follow until it ends.")
@click.option("--step", help="Only of this step.")
@json_option
@pass_app
def logs(app: App, run_id: str, follow: bool, step: str | None, as_json: bool) -> int:
    """Write a run's events."""
    record = find_run(app, run_id)
    events = follow_events(app, record.run_id) if follow else iter(app.instance.all_logs(record.run_id))
    found = (event for event in events if event is not None and step in (None, event.step_key))
    if as_json:
        show_json([_event_row(event) for event in found])
        return 0
    for event in found:
        click.echo(event_line(event))
    return 0


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "type": event.type.value,
        "timestamp": event.timestamp,
        "step": event.step_key,
        "message": event.message,
        "asset": event.asset_key.to_user_string() if event.asset_key else None,
        "partition": event.partition,
    }


@runs.command("cancel")
@click.argument("run_ids", nargs=-1, required=True, shell_complete=complete_run_id)
@pass_app
def cancel(app: App, run_ids: tuple[str, ...]) -> int:
    """Stop runs: interrupt, then terminate, then kill; what was finished stays."""
    code = 0
    for run_id in run_ids:
        record = find_run(app, run_id)
        if record.dagster_run.is_finished:
            app.console.print(f"{record.run_id[:8]} has already ended: {record.dagster_run.status.value}.")
            code = EXIT_FAILED
            continue
        run_ledger.request_stop(app.instance, record.run_id, reason="Cancelled from the command line.")
        app.console.print(f"{record.run_id[:8]} is being cancelled.")
    return code


@runs.command("retry")
@run_argument
@click.option("--from-start", is_flag=True, help="All steps, not only from the failed ones.")
@click.option("--detach", is_flag=True, help="Do not wait for the end.")
@pass_app
def retry(app: App, run_id: str, from_start: bool, detach: bool) -> int:
    """Run again what failed, behind what was finished."""
    record = find_run(app, run_id)
    new: str = launch.retry_run(app, record.dagster_run, from_failure=not from_start)
    if detach:
        return 0
    code = follow_run(app, new)
    launch.wait_for_process(app, new)
    return code


@runs.command("notebook")
@run_argument
@click.option("--path", "only_path", is_flag=True, help="Write the path alone.")
@click.option("--open", "open_it", is_flag=True, help="Open it in JupyterLab.")
@click.option("--html", "as_html", is_flag=True, help="Make an HTML page of it, and write its path.")
@click.option("--notebook", "which", help="Which one, where the run has several.")
@click.option("-f", "--follow", is_flag=True, help="Write what its cells print as they print it, until the run ends.")
@pass_app
def notebook(
    app: App, run_id: str, only_path: bool, open_it: bool, as_html: bool, which: str | None, follow: bool
) -> int:
    """Say where the executed notebook of a run is, or open it."""
    record = find_run(app, run_id)
    if follow:
        run_progress.follow_cells(app, record.run_id, which or "")
        return 0
    paths: list[Path] = artifacts.executed_notebooks(app, record.run_id)
    if which:
        paths = [path for path in paths if which in path.name]
    if not paths:
        raise click.ClickException(
            f"Run {record.run_id[:8]} left no executed notebook; it ran no notebook, or not yet."
        )
    if as_html:
        paths = [artifacts.html_of(path) for path in paths]
    if open_it:
        return int(artifacts.open_in_lab(paths[0]))
    for path in paths:
        click.echo(path if only_path or as_html else f"{path}\n  open it:  jupyter lab {path}")
    return 0


@runs.command("debug")
@run_argument
@click.option("--step", help="Which failed step [the first].")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it.")
@pass_app
def debug(app: App, run_id: str, step: str | None, output: Path | None) -> None:
    """Write a notebook that loads a failed asset's inputs and holds its body as cells."""
    record = find_run(app, run_id)
    written = debug_notebook.write_debug_notebook(app, record.dagster_run, step, output)
    click.echo(f"{written}\n  open it:  jupyter lab {written}")
