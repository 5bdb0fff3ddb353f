"""`cellmill verify` finds what does not give the same value again, and says which cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace.notebooks import write_notebook

from .command import Command

LOAD = "%load_ext cellmill"


@pytest.mark.slow
def test_three_ways_to_be_irreproducible(cellmill: Command, tmp_path: Path) -> None:
    """A random draw, a variable that no cell binds, and a definition below its use: each is named with its cell."""
    (tmp_path / "cellmill.toml").write_text('notebooks = ["*.ipynb"]\n')
    write_notebook(tmp_path / "draw.ipynb", LOAD, "import random", "%%asset drawn\nrandom.random()")
    write_notebook(tmp_path / "hidden.ipynb", LOAD, "scale = 3", "%%asset scaled\nscale * 2")
    write_notebook(tmp_path / "order.ipynb", LOAD, "rate = 2", "%%asset rated\nrate * 10", "rated_again = 1")
    write_notebook(tmp_path / "good.ipynb", LOAD, "%%asset good\n42")
    done = cellmill("materialize", "*")
    assert done.code == 0, done.err
    # What a person does to a notebook after the value was made in a kernel that still had the names.
    write_notebook(tmp_path / "hidden.ipynb", LOAD, "# scale = 3", "%%asset scaled\nscale * 2")
    write_notebook(tmp_path / "order.ipynb", LOAD, "# below", "%%asset rated\nrate * 10", "rate = 2")
    answer = cellmill("verify", "drawn", "scaled", "rated", "good", "--json")
    found = {row["asset"]: row for row in answer.data}

    assert answer.code == 1
    assert found["good"]["verdict"] == "same"
    assert found["drawn"]["verdict"] == "different" and found["drawn"]["where"].startswith("draw.ipynb, cell 3")
    assert "random" in found["drawn"]["why"]
    assert found["scaled"]["verdict"] == "failed" and found["scaled"]["where"].startswith("hidden.ipynb, cell 3")
    assert "scale" in found["scaled"]["why"]
    assert found["rated"]["verdict"] == "failed" and found["rated"]["where"].startswith("order.ipynb, cell 3")
    assert "rate" in found["rated"]["why"]


@pytest.mark.slow
def test_check_audit_says_what_cells_really_did(cellmill: Command, tmp_path: Path) -> None:
    """In a clean kernel a cell is seen not to read an upstream that its text names."""
    write_notebook(tmp_path / "hidden.ipynb", LOAD, "%%asset named\n1", "%%asset skips\nnamed if False else 2")
    assert cellmill("materialize", "named", "skips").code == 0
    found = [one for one in cellmill("check", "--audit", "--json").data["problems"] if one["kind"] == "audit"]

    assert [(one["message"], one["cell"], one["severity"]) for one in found] == [
        ("asset 'skips': line 2 names the upstream named, but did not read it", 2, "warning")
    ]
    assert "take named out of the cell" in found[0]["remedy"]
