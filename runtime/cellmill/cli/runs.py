"""`cellmill runs`: list, show, follow, cancel, retry, and open what they left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from rich.console import Group
from rich.live import Live

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.complete import complete_run_id
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import cell_text, duration_text, show_json, show_rows, size_text, time_text
from cellmill.cli.steps import StepView, apply_event, event_line, step_views, steps_bar, steps_tree
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import RunRecord, RunsFilter, RunStatus

_COLUMNS = ("run", "job", "status", "partition", "started", "took", "by")
#: Seconds between looks at a run that is followed.
_POLL_S = 0.2


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


def parse_tags(words: tuple[str, ...]) -> dict[str, str]:
    """Return ``KEY=VALUE`` words as a mapping."""
    pairs = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise click.UsageError(f"A tag is written KEY=VALUE, not {word!r}.")
        pairs[key] = value
    return pairs


def run_row(record: RunRecord) -> dict[str, Any]:
    """Return what a list shows of one run."""
    run = record.dagster_run
    end = record.end_time or (time.time() if record.start_time and not run.is_finished else None)
    took = end - record.start_time if record.start_time and end else None
    selection = sorted(key.to_user_string() for key in run.asset_selection or ())
    by = next((run.tags[tag] for tag in _MAKERS if tag in run.tags), "")
    return {
        "run": run.run_id[:8],
        "run_id": run.run_id,
        "job": run.tags.get("cellmill/notebook") or _job_title(run.job_name, selection),
        "job_name": run.job_name,
        "status": run.status.value,
        "assets": selection,
        "partition": run.partition_key,
        "created": record.create_timestamp.isoformat(),
        "started": time_text(record.start_time),
        "start_time": record.start_time,
        "end_time": record.end_time,
        "took": duration_text(took),
        "seconds": took,
        "by": by,
        "tags": dict(run.tags),
        "parent_run_id": run.parent_run_id,
        "root_run_id": run.root_run_id,
        "reason": run.reason,
    }


_MAKERS = ("dagster/schedule_name", "dagster/sensor_name", "dagster/backfill")


def _job_title(name: str, selection: list[str]) -> str:
    if not name.startswith("__") or not selection:
        return name
    return ", ".join(selection[:3]) + (f" and {len(selection) - 3} more" if len(selection) > 3 else "")


def find_run(app: App, run_id: str) -> RunRecord:
    """Return the run with that id, or whose id starts so.

    Raises: click.UsageError where there is none, or more than one.
    """
    records = app.instance.get_run_records(RunsFilter(run_ids=[run_id]), limit=1)
    if records:
        return records[0]
    close = [record for record in app.instance.get_run_records(limit=1000) if record.run_id.startswith(run_id)]
    if run_id == "last":
        close = list(app.instance.get_run_records(limit=1))
    if len(close) == 1:
        return close[0]
    problem = "matches several runs; give more of the id" if close else "is no run. See 'cellmill runs list'"
    raise click.UsageError(f"{run_id!r} {problem}.")


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
        progress = import_module("cellmill.cli.progress").Progress(app, record.run_id)
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
    app.console.print(steps_tree(_title(record), steps.values(), time.time()))
    for line in import_module("cellmill.cli.progress").Progress(app, run.run_id).lines():
        app.console.print(line)
    if run.reason:
        app.console.print(f"  {run.reason.replace('[', chr(92) + '[')}")


def _title(record: RunRecord) -> str:
    row = run_row(record)
    partition = f" \\[{row['partition']}]" if row["partition"] else ""
    return f"[bold]{row['run']}[/] {row['job']}{partition}  {cell_text(row['status'])}  [dim]{row['took']}[/]"


def follow_run(app: App, run_id: str) -> int:
    """Draw a run live until it ends, and return the exit code that its end gives."""
    steps = step_views(())
    record = find_run(app, run_id)
    if not app.console.is_terminal:
        return _follow_plainly(app, run_id)
    progress = import_module("cellmill.cli.progress").Progress(app, run_id)
    with Live(console=app.console, refresh_per_second=8, transient=False) as live:
        for event in follow_events(app, run_id):
            if event is not None:
                apply_event(steps, event)
                continue
            record = find_run(app, run_id)
            tree = steps_tree(_title(record), steps.values(), time.time())
            parts = [tree, *progress.lines()]
            if not record.dagster_run.is_finished:
                took = time.time() - record.start_time if record.start_time else None
                parts.append(steps_bar(steps.values(), took))
            live.update(Group(*parts))
    return end_code(app, run_id)


def _follow_plainly(app: App, run_id: str) -> int:
    """Write one line for each step that starts or ends: for logs and CI."""
    steps = step_views(())
    for event in follow_events(app, run_id):
        if event is None:
            continue
        before = steps[event.step_key].state if event.step_key in steps else "waiting"
        apply_event(steps, event)
        step = steps.get(event.step_key or "")
        if step is not None and step.state != before:
            took = duration_text(step.seconds(event.timestamp)) if step.ended_at else ""
            name = step.key.replace("[", r"\[")
            app.console.print(f"{time_text(event.timestamp)}  {name}  {cell_text(step.state)}  {took}".rstrip())
    return end_code(app, run_id)


def follow_events(app: App, run_id: str) -> Iterator[Event | None]:
    """Yield a run's events as they come, and None after each look, until the run has ended."""
    seen = 0
    cursor: str | None = None
    while True:
        finished = find_run(app, run_id).dagster_run.is_finished
        page = app.instance.get_records_for_run(run_id, cursor=cursor)
        for found in page.records:
            seen += 1
            yield found.event_log_entry
        cursor = page.cursor
        yield None
        if finished and not page.records:
            return
        if not page.records:
            time.sleep(_POLL_S)


def end_code(app: App, run_id: str) -> int:
    """Return 0 where the run succeeded, else 1, and say how it ended."""
    record = find_run(app, run_id)
    run = record.dagster_run
    app.console.print(_title(record))
    if run.is_success:
        show_made(app, record)
        return 0
    for step in step_views(app.instance.all_logs(run_id)).values():
        if step.error and step.error.partition(": ")[2] not in (run.reason or ""):
            app.errors.print(
                f"[red]{step.key.replace('[', chr(92) + '[')}:[/] {step.error.replace('[', chr(92) + '[')}"
            )
    if run.reason:
        app.errors.print(run.reason.replace("[", r"\["))
    app.errors.print(f"See:  cellmill runs notebook {run.run_id[:8]} --open   or   cellmill runs logs {run.run_id[:8]}")
    return EXIT_FAILED


def show_made(app: App, record: RunRecord) -> None:
    """Show what a run made: rows, size, seconds and where each value is stored; and how to look at it."""
    steps = step_views(events := app.instance.all_logs(record.run_id))
    rows = [made_row(event, steps) for event in events if event.type is EventType.ASSET_MATERIALIZATION]
    if rows:
        show_rows(app.console, rows, ("asset", "rows", "size", "took", "stored_at"), as_json=False, empty="")
    notebook = record.dagster_run.tags.get("cellmill/notebook")
    if notebook:
        app.console.print(f"Open it:  jupyter lab {app.config.root / notebook}")


def made_row(event: Event, steps: Mapping[str, StepView]) -> dict[str, Any]:
    """Return what a list shows of one materialization."""
    metadata = event.asset_materialization.metadata if event.asset_materialization else {}
    count = metadata.get("dagster/row_count")
    ref = getattr(event.data, "value_ref", None)
    step = steps.get(event.step_key or "")
    name = event.asset_key.to_user_string() if event.asset_key else ""
    return {
        "asset": f"{name} [{event.partition}]" if event.partition else name,
        "rows": f"{count.value:,}" if count is not None else None,
        "size": size_text(ref.size) if ref is not None else None,
        "took": duration_text(step.seconds(event.timestamp)) if step is not None else None,
        "stored_at": ref.path if ref is not None else None,
    }


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
    ledger = import_module("cellmill.execution.run_ledger")
    code = 0
    for run_id in run_ids:
        record = find_run(app, run_id)
        if record.dagster_run.is_finished:
            app.console.print(f"{record.run_id[:8]} has already ended: {record.dagster_run.status.value}.")
            code = EXIT_FAILED
            continue
        ledger.request_stop(app.instance, record.run_id, reason="Cancelled from the command line.")
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
    launch = import_module("cellmill.cli.launch")
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
        import_module("cellmill.cli.progress").follow_cells(app, record.run_id, which or "")
        return 0
    artifacts = import_module("cellmill.cli.artifacts")
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
    written = import_module("cellmill.cli.debug").write_debug_notebook(app, record.dagster_run, step, output)
    click.echo(f"{written}\n  open it:  jupyter lab {written}")
