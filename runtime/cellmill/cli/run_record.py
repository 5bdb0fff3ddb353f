"""One run as the command line names it."""

from __future__ import annotations

import time
from typing import Any

import click

from cellmill.cli.app import App
from cellmill.cli.render import cell_text, duration_text, time_text
from cellmill.planning.run import RunRecord, RunsFilter


def job_title(name: str, selection: list[str]) -> str:
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


def run_title(record: RunRecord) -> str:
    row = run_row(record)
    partition = f" \\[{row['partition']}]" if row["partition"] else ""
    return f"[bold]{row['run']}[/] {row['job']}{partition}  {cell_text(row['status'])}  [dim]{row['took']}[/]"


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
        "job": run.tags.get("cellmill/notebook") or job_title(run.job_name, selection),
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
