"""`cellmill init`: a small project that works at once."""

from __future__ import annotations

import json
from pathlib import Path

import click

_CONFIG = """\
# The workspace: where its code is. See docs/cli.md for all settings.
name = {name}
notebooks = ["notebooks/**/*.ipynb"]
# modules = ["my_package.definitions"]

# [run_queue]
# max_concurrent_runs = 2
"""

_IGNORE = ".cellmill/\n.ipynb_checkpoints/\n__pycache__/\n"

_CELLS: tuple[tuple[str, str, str], ...] = (
    (
        "markdown",
        "intro",
        "# A first notebook\n\nRun the cells. Each `%%asset` cell is tracked, stored and can be scheduled.",
    ),
    ("code", "setup", "%load_ext cellmill\nimport pandas as pd"),
    (
        "code",
        "temperatures",
        '%%asset temperatures --group weather\n"""Temperatures of a week in three cities, in degrees Celsius."""\n'
        "pd.DataFrame(\n    {\n"
        '        "city": ["Oslo", "Rome", "Cairo"] * 7,\n'
        '        "day": [day for day in range(7) for _ in range(3)],\n'
        '        "celsius": [4 + day % 3 + 9 * city for day in range(7) for city in range(3)],\n'
        "    }\n)",
    ),
    (
        "code",
        "by_city",
        '%%asset by_city --group weather --check "len(by_city) == 3"\n"""Mean temperature of each city."""\n'
        'temperatures.groupby("city", as_index=False).celsius.mean()',
    ),
    ("code", "lineage", "%lineage"),
    ("code", "schedule", '%schedule "0 6 * * *" *by_city --name every_morning'),
)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--name", help="Name of the project [the folder's].")
@click.option("--force", is_flag=True, help="Write into a folder that is not empty; existing files are kept.")
def init(folder: Path, name: str | None, force: bool) -> None:
    """Make a project with one notebook in FOLDER (default: here)."""
    folder = folder.absolute()
    if not force and folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty; give another folder, or --force to add what is missing.")
    files = {
        folder / "cellmill.toml": _CONFIG.format(name=json.dumps(name or folder.name)),
        folder / ".gitignore": _IGNORE,
        folder / "notebooks" / "example.ipynb": example_notebook(),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            click.echo(f"kept   {path.relative_to(folder)}")
            continue
        path.write_text(text, "utf-8")
        click.echo(f"made   {path.relative_to(folder)}")
    where = "" if folder == Path.cwd() else f"cd {folder} && "
    click.echo(f"\nNext:  {where}cellmill materialize '*'\n       {where}cellmill dev")


def example_notebook() -> str:
    """Return the text of the notebook that a new project starts with."""
    cells = []
    for kind, cell_id, source in _CELLS:
        cell: dict[str, object] = {"cell_type": kind, "id": cell_id, "metadata": {}, "source": source.splitlines(True)}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"
