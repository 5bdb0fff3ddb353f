"""`cellmill run-worker`: the process of one run, as launchers on other machines start it."""

from __future__ import annotations

import click

from cellmill.workspace import worker


@click.command(hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("run_id")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_worker(run_id: str, arguments: tuple[str, ...]) -> int:
    """Work off the run RUN_ID; ARGUMENTS are --home, --attempt and the like."""
    status: int = worker.main([run_id, *arguments])
    return status
