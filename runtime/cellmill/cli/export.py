"""`cellmill export`: a notebook's assets as a plain Python module."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cellmill.cli.app import App, pass_app
from cellmill.workspace.export import export_module
from cellmill.workspace.files import write_text_atomically
from cellmill.workspace.run_plan import LinkedNotebooks


@click.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--module", "-o", "output", type=click.Path(dir_okay=False, path_type=Path), help="File [standard output]."
)
@click.option("--force", is_flag=True, help="Overwrite the file.")
@pass_app
def export(app: App, notebook: Path, output: Path | None, force: bool) -> None:
    """Write the asset cells of NOTEBOOK as @asset functions that behave the same."""
    relative = os.path.relpath(notebook.resolve(), app.config.root).replace(os.sep, "/")
    text, notes = export_module(LinkedNotebooks(app.workspace).linked(relative), relative)
    for note in notes:
        app.errors.print(f"[yellow]Note:[/] {note.replace('[', chr(92) + '[')}")
    if output is None:
        click.echo(text, nl=False)
        return
    if output.exists() and not force:
        raise click.UsageError(f"{output} exists; --force overwrites it.")
    write_text_atomically(output, text)
    app.console.print(f"Wrote {output}.")
