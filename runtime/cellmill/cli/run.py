"""`cellmill run`: run a notebook top to bottom."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from cellmill.cli.app import App, pass_app
from cellmill.cli.launch import RunOrder, start_and_follow
from cellmill.cli.runs import parse_tags
from cellmill.planning.run import PARTITION_TAG
from cellmill.workspace.run_names import NOTEBOOK_JOB, NOTEBOOK_TAG, PARAMETERS_TAG


@click.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-p", "--parameter", "parameters", nargs=2, multiple=True, metavar="NAME VALUE", help="As in papermill.")
@click.option("-r", "--raw-parameter", "raw", nargs=2, multiple=True, metavar="NAME VALUE", help="Kept as text.")
@click.option("--partition", metavar="KEY", help="Of this partition.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag of the run.")
@click.option("--detach", is_flag=True, help="Write the run's id and do not wait.")
@pass_app
def run(
    app: App,
    notebook: Path,
    parameters: tuple[tuple[str, str], ...],
    raw: tuple[tuple[str, str], ...],
    partition: str | None,
    tags: tuple[str, ...],
    detach: bool,
) -> int:
    """Run NOTEBOOK top to bottom through papermill; its asset cells are materialized."""
    app.prepare_run()
    relative = os.path.relpath(notebook.resolve(), app.config.root).replace(os.sep, "/")
    if relative.startswith("../"):
        raise click.UsageError(
            f"{notebook} is outside the workspace {app.config.root}; give its folder with --workspace."
        )
    run_tags = {**parse_tags(tags), NOTEBOOK_TAG: relative}
    values = {name: parse_value(text) for name, text in parameters} | dict(raw)
    if values:
        run_tags[PARAMETERS_TAG] = json.dumps(values)
    if partition:
        run_tags[PARTITION_TAG] = partition
    assets = [entry.asset_key for entry in app.workspace.manifest.assets if entry.notebook == relative]
    order = RunOrder(job_name=NOTEBOOK_JOB, assets=assets or None, tags=run_tags)
    return start_and_follow(app, order, detach=detach)


def parse_value(text: str) -> Any:
    """Return a parameter's value: a number, true, false, null or JSON where it reads so, else the text."""
    lowered = text.strip().lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered in ("none", "null"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
