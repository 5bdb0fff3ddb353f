"""What runs leave behind: executed notebooks."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from cellmill.cli.app import App
from cellmill.errors import MissingExtra
from cellmill.execution.run_ledger import complete_artifacts
from cellmill.workspace.run_names import artifacts_of


def executed_notebooks(app: App, run_id: str) -> list[Path]:
    """Return the executed notebooks of a run; one whose worker died is made from its journal."""
    folder = artifacts_of(app.home, run_id)
    if not folder.is_dir():
        return []
    run = app.instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        complete_artifacts(app.instance, run_id)
    return sorted(folder.glob("**/*.ipynb"))


def html_of(notebook: Path) -> Path:
    """Return the path of an HTML page made of a notebook, beside it."""
    try:
        nbconvert = import_module("nbconvert")
    except ModuleNotFoundError:
        raise MissingExtra("lab") from None
    # Jupyter looks below this interpreter's prefix; a virtual environment may see an nbconvert of another one
    templates = str(Path(str(nbconvert.__file__)).parents[4] / "share" / "jupyter" / "nbconvert" / "templates")
    exporter = nbconvert.HTMLExporter(extra_template_basedirs=[templates], extra_template_paths=[templates])
    body, _ = exporter.from_filename(str(notebook))
    page = notebook.with_suffix(".html")
    page.write_text(body, "utf-8")
    return page


def open_in_lab(notebook: Path) -> int:
    """Open a notebook in JupyterLab, and return its exit code when it is closed."""
    return subprocess.call([sys.executable, "-m", "jupyter", "lab", str(notebook)])
