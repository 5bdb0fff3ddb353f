"""Runs that select checks: which cells they execute."""

from __future__ import annotations

from pathlib import Path

import pytest
from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.errors import InvalidSubsetError
from cellmill.workspace.check_plan import plan_with_checks
from cellmill.workspace.run_plan import LinkedNotebooks
from cellmill.workspace.workspace import Workspace

from tests.workspace.notebooks import write_notebook

CELLS = (
    "%load_ext cellmill",
    "%%asset prices --check len(prices)>0\nprices = [1]",
    "%%check small --asset prices\nassert len(prices) < 5",
    "%%check low --asset prices\nassert max(prices) < 5",
)


def key(name: str) -> AssetCheckKey:
    """A check on `prices`."""
    return AssetCheckKey(AssetKey("prices"), name)


def test_only_the_selected_check_cells_are_run(tmp_path: Path) -> None:
    """With the asset in one visit, alone in a visit of its own, or none of them."""
    write_notebook(tmp_path / "n.ipynb", *CELLS)
    with Workspace.open(tmp_path, home=tmp_path / ".cellmill") as workspace:
        entries = list(workspace.manifest.assets)
        (together,) = plan_with_checks(workspace, entries, {key("small")}, LinkedNotebooks(workspace))
        (alone,) = plan_with_checks(workspace, (), {key("low")}, LinkedNotebooks(workspace))
        (without,) = plan_with_checks(workspace, entries, set(), LinkedNotebooks(workspace))

    assert ({2: key("small")}, (AssetKey("prices"),)) == (together.checks, together.assets)
    assert ({3: key("low")}, ()) == (alone.checks, alone.assets)
    assert AssetKey("prices") in alone.reads
    assert {} == without.checks


def test_a_check_that_cannot_be_run_is_named_with_the_remedy(tmp_path: Path) -> None:
    """One that there is not comes with the nearest; one that the asset's cell declares asks for the asset."""
    write_notebook(tmp_path / "n.ipynb", *CELLS)
    with Workspace.open(tmp_path, home=tmp_path / ".cellmill") as workspace:
        (declared,) = {name for entry in workspace.manifest.assets for name in entry.checks} - {"small", "low"}
        with pytest.raises(InvalidSubsetError, match="Did you mean 'prices:small'"):
            plan_with_checks(workspace, (), {key("smal")}, LinkedNotebooks(workspace))
        with pytest.raises(InvalidSubsetError, match="select the asset too"):
            plan_with_checks(workspace, (), {key(declared)}, LinkedNotebooks(workspace))
