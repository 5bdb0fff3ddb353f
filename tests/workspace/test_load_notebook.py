"""Notebooks as definitions in Python code."""

from __future__ import annotations

from pathlib import Path

import pytest
from cellmill import InvalidDefinitionError, load_assets_from_notebooks, load_notebook, materialize_to_memory

from .notebooks import write_notebook


def test_load_notebook(tmp_path: Path) -> None:
    """A notebook's cells are assets with code versions that compute as they do in its kernel."""
    path = write_notebook(
        tmp_path / "a.ipynb", "%load_ext cellmill", "k = 2", "%%asset raw\n[1, k]", "%%asset total\nsum(raw)",
        '%schedule "0 6 * * *" *total --name early',
    )  # fmt: skip
    definitions = load_notebook(path)
    result = materialize_to_memory(definitions.assets)

    assert result.asset_value("total") == 3
    assert all(spec.code_version for spec in definitions.get_all_asset_specs())
    assert [schedule.name for schedule in definitions.schedules] == ["early"]
    assert load_notebook(path).get_all_asset_specs()[0].code_version


def test_load_assets_from_several(tmp_path: Path) -> None:
    """Cells of one notebook read assets of another by name; a missing notebook is named."""
    write_notebook(tmp_path / "a.ipynb", "%%asset raw\n[1, 2]")
    write_notebook(tmp_path / "b.ipynb", "%%asset total\nsum(raw)")
    assets = load_assets_from_notebooks(tmp_path / "a.ipynb", tmp_path / "b.ipynb")

    assert materialize_to_memory(assets).asset_value("total") == 3
    with pytest.raises(InvalidDefinitionError, match="no notebook"):
        load_notebook(tmp_path / "gone.ipynb")
