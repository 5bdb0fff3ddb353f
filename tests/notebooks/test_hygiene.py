"""Tools of the trade leave asset cells as they are: jupytext, nbstripout, nbdime."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cellmill.notebooks.workspace import scan_workspace
from cellmill.testing import TemporaryWorkspace, load_notebook

GALLERY = Path(__file__).parents[2] / "notebooks"


def versions(path: Path) -> dict[str, str]:
    """The fingerprint of each asset of a notebook."""
    linked = scan_workspace({str(path): path.read_bytes()})
    assert () == linked.problems
    return {key.to_user_string(): cell.code_version for key, cell in linked.assets.items()}


def run(folder: Path, *words: str) -> None:
    """Run a Python module as a command."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True)
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["flights", "model", "config_and_duckdb"])
def test_jupytext_there_and_back(tmp_path: Path, name: str) -> None:
    """A percent-format file has the same assets with the same fingerprints, and so has the notebook made from it."""
    path = Path(shutil.copy(GALLERY / f"{name}.ipynb", tmp_path))
    before = versions(path)
    run(tmp_path, "jupytext", "--to", "py:percent", path.name)
    there = versions(tmp_path / f"{name}.py")
    path.unlink()
    run(tmp_path, "jupytext", "--to", "ipynb", f"{name}.py")

    assert before and before == there == versions(path)


def test_nbstripout(tmp_path: Path) -> None:
    """Without outputs the definitions and fingerprints are the same."""
    path = Path(shutil.copy(GALLERY / "model.ipynb", tmp_path))
    before = versions(path)
    content = json.loads(path.read_text())
    content["cells"][-1] |= {
        "execution_count": 3,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}],
    }
    path.write_text(json.dumps(content))
    run(tmp_path, "nbstripout", path.name)

    assert [] == json.loads(path.read_text())["cells"][-1]["outputs"]
    assert before == versions(path)


def test_nbdime_merges_asset_cells(tmp_path: Path) -> None:
    """Two edits of different asset cells are merged into one notebook with both."""
    base = TemporaryWorkspace(tmp_path).notebook("base", "%%asset a\n1", "%%asset b\na + 1")
    for name, old, new in (("mine", "%%asset a\n1", "%%asset a\n10"), ("theirs", "a + 1", "a + 100")):
        content = json.loads(base.read_text())
        for cell in content["cells"]:
            cell["source"] = "".join(cell["source"]).replace(old, new)
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(content))
    run(tmp_path, "nbdime", "merge", "base.ipynb", "mine.ipynb", "theirs.ipynb", "--out", "merged.ipynb")
    merged = load_notebook(tmp_path / "merged.ipynb")

    assert (10, 110) == (merged.assets.a(), merged.assets.b(a=10))


def test_percent_files_run_end_to_end(cellmill_workspace: TemporaryWorkspace) -> None:
    """A .py notebook is checked, planned, run with parameters and materialized like any other."""
    text = (
        "# ---\n# jupyter: {}\n# ---\n\n# %%\n# %load_ext cellmill\n\n"
        '# %% tags=["parameters"]\nfactor = 2\n\n# %% [markdown]\n# ## Assets\n\n'
        "# %%\n#| asset base\n[1, 2]\n\n# %%\n# %%asset total --check \"total > 0\"\nsum(base) * factor\n"
    )  # fmt: skip
    cellmill_workspace.file("book.py", text)
    cellmill_workspace.file("cellmill.toml", 'notebooks = ["*.py"]\n')

    assert "2 assets: no problems" in cellmill_workspace.run("check", "--strict").stdout
    assert "SUCCESS" in cellmill_workspace.run("materialize", "total", "--upstream").stdout
    assert "SUCCESS" in cellmill_workspace.run("run", "book.py", "-p", "factor", "5").stdout
    assert "fresh" in cellmill_workspace.run("assets", "list").stdout
    assert 9 == load_notebook(cellmill_workspace.root / "book.py").assets.total(base=[1, 2], factor=3)
