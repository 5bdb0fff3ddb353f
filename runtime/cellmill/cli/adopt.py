"""`cellmill adopt`: propose asset headers for the cells of ordinary notebooks."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import click

from cellmill.cli.app import App, json_option, pass_app
from cellmill.cli.render import show_json
from cellmill.workspace.adopt import Adoption, apply_adoption, propose

_COLOURS = {"asset": "green", "unclear": "yellow"}


@click.command()
@click.argument("notebooks", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--write", is_flag=True, help="Write the headers into the notebooks.")
@click.option(
    "--style", type=click.Choice(["magic", "comment"]), default="magic", help="'%%asset NAME' or '#| asset NAME'."
)
@json_option
@pass_app
def adopt(app: App, notebooks: tuple[Path, ...], write: bool, style: str, as_json: bool) -> None:
    """Say which cells of NOTEBOOKS would be assets and why, as a diff; with --write, write it."""
    proposals = [propose(path, style=style) for path in notebooks]
    if as_json:
        show_json([_data(proposal) for proposal in proposals])
    for proposal in proposals:
        if not as_json:
            _show(app, proposal)
        if write and proposal.changed:
            apply_adoption(proposal)
            app.errors.print(f"Wrote {proposal.path}.")
    if not write and not as_json and any(proposal.changed for proposal in proposals):
        app.console.print("Nothing is written yet; --write writes it.")


def _data(proposal: Adoption) -> dict[str, object]:
    cells = [
        {"cell": cell.index + 1, "role": cell.role, "names": list(cell.names), "why": cell.why}
        for cell in proposal.cells
    ]
    return {"notebook": str(proposal.path), "cells": cells, "changed": [index + 1 for index in proposal.changed]}


def _show(app: App, proposal: Adoption) -> None:
    app.console.print(f"[bold]{proposal.path}[/]")
    for cell in proposal.cells:
        names = f" {', '.join(cell.names)}" if cell.names else ""
        colour = _COLOURS.get(cell.role, "dim")
        why = cell.why.replace("[", r"\[")
        app.console.print(f"  cell {cell.index + 1:<4}[{colour}]{cell.role:<8}[/]{names}  [dim]{why}[/]")
    for index in proposal.changed:
        before, after = proposal.before[index].splitlines(), proposal.after[index].splitlines()
        name = f"{proposal.path.name}, cell {index + 1}"
        for line in unified_diff(before, after, name, name, lineterm="", n=1):
            style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
            app.console.print(line.replace("[", r"\["), style=style)
