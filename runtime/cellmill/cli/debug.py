"""`cellmill runs debug`: a notebook that loads a failed asset's inputs and holds its body as cells."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import Any

import click

from cellmill.cli.app import App
from cellmill.cli.steps import step_views
from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.planning.run import PARTITION_TAG, Run
from cellmill.workspace.files import write_text_atomically
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.run_names import artifacts_of
from cellmill.workspace.run_plan import LinkedNotebooks


def write_debug_notebook(app: App, run: Run, step: str | None, output: Path | None) -> Path:
    """Write the notebook for the (first) failed asset of a run, and return its path.

    Raises: click.UsageError where no asset cell failed.
    """
    failed = [view for view in step_views(app.instance.all_logs(run.run_id)).values() if view.state == "failure"]
    by_step = {entry.asset_key.to_python_identifier(): entry for entry in app.workspace.manifest.assets}
    names = [view.key for view in failed if view.key in by_step and by_step[view.key].notebook]
    wanted = step or (names[0] if names else None)
    if wanted is None or wanted not in by_step or not by_step[wanted].notebook:
        raise click.UsageError(
            f"No asset cell failed in run {run.run_id[:8]}" + (f" at step {step!r}." if step else ".")
        )
    entry = by_step[wanted]
    error = next((view.error for view in failed if view.key == wanted), "")
    text = _notebook(app, run, entry, error)
    path = output or artifacts_of(app.home, run.run_id) / f"debug-{wanted}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(path, text)
    return path


def _notebook(app: App, run: Run, entry: AssetEntry, error: str) -> str:
    assert entry.notebook is not None
    notebooks = LinkedNotebooks(app.workspace)
    cell = notebooks.cell(entry)
    sources = {one.cell.index: one.cell.source for one in notebooks.scan(entry.notebook).cells}
    folder = app.config.root / Path(entry.notebook).parent
    head = (
        f"# {entry.name} failed in run {run.run_id[:8]}\n\n`{error}`\n\nIts inputs are loaded below, its body follows."
    )
    cells = [_markdown(head), _code(_setup(app, folder, cell, run))]
    cells += [_code(sources[index]) for index in sorted(cell.cells) if index in sources]
    cells += [_code(part) for part in _parts(cell)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    data = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    for number, one in enumerate(cells):
        one["id"] = f"debug-{number}"
    return json.dumps(data, indent=1) + "\n"


def _setup(app: App, folder: Path, cell: AssetCell, run: Run) -> str:
    partition = run.tags.get(PARTITION_TAG)
    lines = [
        "import os",
        f"os.environ['CELLMILL_HOME'] = {os.fspath(app.home)!r}",
        f"os.chdir({os.fspath(folder)!r})",
        "import cellmill",
    ]
    for up in cell.upstreams:
        if up.loaded and up.name:
            at = _partition_of(app, up.key, partition)
            more = f", partition={at!r}" if at else ""
            lines.append(f"{up.name} = cellmill.load({up.key.to_user_string()!r}{more})")
    if partition:
        lines.append(f"partition_key = {partition!r}")
    if "context" in cell.definition.facts.uses:
        config = (run.run_config.get("ops") or {}).get(cell.key.to_python_identifier(), {}).get("config")
        given = [f"partition_key={partition!r}"] if partition else []
        given += [f"asset_config={config!r}"] if config is not None else []
        lines.append(f"context = cellmill.build_asset_context({', '.join(given)})")
    return "\n".join(lines)


def _partition_of(app: App, key: AssetKey, partition: str | None) -> str | None:
    found = app.workspace.asset(key)
    return partition if found is not None and found.partitions else None


def _parts(cell: AssetCell) -> list[str]:
    """Return the body, a statement a cell, so that each can be run and looked at alone."""
    lines = cell.definition.code.split("\n")
    parts = []
    for node in cell.definition.body:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        text = "\n".join(lines[first - 1 : node.end_lineno])
        parts.append(text if _parses(text) else ast.unparse(node))
    return parts


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "execution_count": None, "outputs": []}


def _markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}
