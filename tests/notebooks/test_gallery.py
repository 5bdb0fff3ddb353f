"""The notebooks that readers learn from run unattended; `make notebooks` runs them cell by cell, as a client does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cellmill.testing import TemporaryWorkspace

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
#: How each notebook of the gallery is run from the command line.
COMMANDS = {
    "flights": ["run", "notebooks/flights.ipynb"],
    "model": ["run", "notebooks/model.ipynb"],
    "report": ["-f", "notebooks/model_report.py", "materialize", "*"],
    "ops_and_graphs": ["jobs", "run", "count_a_sentence"],
    "config_and_duckdb": ["run", "notebooks/config_and_duckdb.ipynb"],
    "arrivals": ["run", "notebooks/arrivals.ipynb"],
    "partitioned_weather": ["run", "notebooks/partitioned_weather.ipynb"],
    "two_a": ["materialize", "verdict", "--upstream"],
    "two_b": ["materialize", "plausible", "--upstream"],
}


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TemporaryWorkspace:
    """A copy of the gallery with an instance of its own."""
    monkeypatch.setenv("WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    workspace = TemporaryWorkspace(tmp_path / "clone")
    shutil.copytree(NOTEBOOKS, workspace.root / "notebooks", ignore=shutil.ignore_patterns(".cellmill", "__pycache__"))
    return workspace


@pytest.mark.parametrize("name", COMMANDS)
def test_runs_unattended(gallery: TemporaryWorkspace, name: str) -> None:
    """The command of its text succeeds in a clone where nothing was ever made."""
    said = gallery.run(*COMMANDS[name])
    assert "SUCCESS" in said.stdout + said.stderr


def test_the_workspace_has_no_problem(gallery: TemporaryWorkspace) -> None:
    """`cellmill check` finds nothing to say about the gallery."""
    assert "no problems" in gallery.run("check", "--strict").stdout


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_outputs_are_cleared(path: Path) -> None:
    """Notebooks are committed without outputs."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    assert not [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")]
