"""Following a run to its end: its tree of steps, or its lines; and what it made."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live

from cellmill.cli import progress as run_progress
from cellmill.cli.app import App
from cellmill.cli.main import EXIT_FAILED
from cellmill.cli.render import cell_text, duration_text, show_rows, size_text, time_text
from cellmill.cli.run_record import find_run, run_title
from cellmill.cli.steps import StepView, apply_event, step_views, steps_bar, steps_tree
from cellmill.planning.event import Event, EventType
from cellmill.planning.run import RunRecord


def follow_run(app: App, run_id: str) -> int:
    """Draw a run live until it ends, and return the exit code that its end gives."""
    steps = step_views(())
    record = find_run(app, run_id)
    if not app.console.is_terminal:
        return _follow_plainly(app, run_id)
    progress = run_progress.Progress(app, run_id)
    with Live(console=app.console, refresh_per_second=8, transient=False) as live:
        for event in follow_events(app, run_id):
            if event is not None:
                apply_event(steps, event)
                continue
            record = find_run(app, run_id)
            tree = steps_tree(run_title(record), steps.values(), time.time())
            parts: list[RenderableType] = [tree, *progress.lines()]
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
    app.console.print(run_title(record))
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


#: Seconds between looks at a run that is followed.
_POLL_S = 0.2
