"""`cellmill run`: run a notebook top to bottom."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cellmill.cli.app import App, pass_app
from cellmill.cli.launch import RunOrder, executor_tags, parse_tags, start_and_follow
from cellmill.execution.notebook import declared_parameters, document, parameter_types
from cellmill.execution.notebook import parameters as notebook_parameters
from cellmill.planning.run import PARTITION_TAG
from cellmill.workspace.run_names import NOTEBOOK_JOB, NOTEBOOK_TAG, PARAMETERS_TAG


@click.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="As in papermill; of the type that the notebook declares.",
)
@click.option("-r", "--raw-parameter", "raw", nargs=2, multiple=True, metavar="NAME VALUE", help="Kept as text.")
@click.option(
    "--secret", "secrets", nargs=2, multiple=True, metavar="NAME VARIABLE", help="What that environment variable holds."
)
@click.option("--partition", metavar="KEY", help="Of this partition.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag of the run.")
@click.option("--executor", help="in_process, multiprocess, dask or dask:ADDRESS.")
@click.option("--detach", is_flag=True, help="Write the run's id and do not wait.")
@pass_app
def run(
    app: App,
    notebook: Path,
    parameters: tuple[tuple[str, str], ...],
    raw: tuple[tuple[str, str], ...],
    secrets: tuple[tuple[str, str], ...],
    partition: str | None,
    tags: tuple[str, ...],
    executor: str | None,
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
    if parameters or raw or secrets:
        run_tags[PARAMETERS_TAG] = _recorded(app, notebook, dict(parameters), dict(raw), dict(secrets))
    if partition:
        run_tags[PARTITION_TAG] = partition
    if executor:
        run_tags |= executor_tags(executor)
    assets = [entry.asset_key for entry in app.workspace.manifest.assets if entry.notebook == relative]
    order = RunOrder(job_name=NOTEBOOK_JOB, assets=assets or None, tags=run_tags)
    return start_and_follow(app, order, detach=detach)


def _recorded(app: App, notebook: Path, texts: dict[str, str], raw: dict[str, str], secrets: dict[str, str]) -> str:
    """Return the parameters of a run as its record keeps them, checked against what the notebook declares.

    Raises: InvalidParameterName, InvalidConfigError, UnreadableNotebook.
    """
    notebook_parameters.check_names({**raw, **secrets})
    nodes = document.read_notebook(notebook)
    declared = declared_parameters.declared_parameters(nodes)
    own = {name: text for name, text in texts.items() if name in declared and declared[name].is_own_type}
    values = (
        declared_parameters.typed_values({name: text for name, text in texts.items() if name not in own}, declared)
        | (parameter_types.typed_config(notebook.absolute(), nodes, own) if own else {})
        | raw
        | {name: notebook_parameters.Secret(variable) for name, variable in secrets.items()}
    )
    for problem in declared_parameters.undeclared(values, declared):
        app.errors.print(problem, style="yellow", markup=False)
    return str(declared_parameters.recorded(values))
