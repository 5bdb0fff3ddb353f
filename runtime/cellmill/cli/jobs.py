"""`cellmill jobs`: list and run jobs."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.complete import complete_job
from cellmill.cli.launch import RunOrder, executor_tags, parse_tags, read_config_file, start_and_follow
from cellmill.cli.render import show_rows
from cellmill.planning.run import PARTITION_TAG
from cellmill.workspace.manifest import JobEntry


@click.group()
def jobs() -> None:
    """List and run jobs."""


@jobs.command("list")
@json_option
@pass_app
def list_jobs(app: App, as_json: bool) -> None:
    """List the jobs of all locations."""
    app.warn_problems()
    rows = [
        {
            "job": job.name,
            "kind": job.kind,
            "location": job.location,
            "where": str(job.place) if hasattr(job, "place") else job.notebook,
            "runs": job.selection or ", ".join("/".join(path) for path in job.assets) or f"{len(job.ops)} ops",
            "description": job.description,
        }
        for job in app.workspace.manifest.jobs
    ]
    columns = ("job", "kind", "location", "runs", "description")
    show_rows(
        app.console, rows, columns, as_json=as_json, empty="No jobs. Any selection can be materialized without one."
    )


def find_job(app: App, name: str) -> JobEntry:
    """Return the job of that name, or of ``location:name``."""
    found = [job for job in app.workspace.manifest.jobs if name in (job.name, f"{job.location}:{job.name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise click.UsageError(f"Several locations have a job {name!r}: write LOCATION:{name}.")
    close = get_close_matches(name, [job.name for job in app.workspace.manifest.jobs], n=1)
    hint = f" Did you mean {close[0]!r}?" if close else " See 'cellmill jobs list'."
    raise click.UsageError(f"There is no job {name!r}.{hint}")


@jobs.command("run")
@click.argument("name", shell_complete=complete_job)
@click.option("--op", "ops", multiple=True, help="Only these ops, in selection syntax such as '*x+'.")
@click.option("--partition", metavar="KEY", help="Of this partition.")
@click.option(
    "--config", "config_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Run config."
)
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag of the run.")
@click.option("--executor", help="in_process, multiprocess, dask or dask:ADDRESS.")
@click.option("--detach", is_flag=True, help="Write the run's id and do not wait.")
@pass_app
def run(
    app: App,
    name: str,
    ops: Sequence[str],
    partition: str | None,
    config_file: Path | None,
    tags: tuple[str, ...],
    executor: str | None,
    detach: bool,
) -> int:
    """Run the job NAME."""
    job = find_job(app, name)
    run_tags = {**job.tags, **parse_tags(tags)}
    if partition:
        run_tags[PARTITION_TAG] = partition
    if executor:
        run_tags |= executor_tags(executor)
    order = RunOrder(
        job_name=job.name,
        location=job.location,
        tags=run_tags,
        run_config=read_config_file(config_file),
        op_selection=list(ops) or None,
    )
    return start_and_follow(app, order, detach=detach)
