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


def test_a_name_bound_twice(tmp_path: Path) -> None:
    """An asset sees a name as the cells above it left it: constants, helpers that read them, lists that grow."""
    path = write_notebook(
        tmp_path / "a.ipynb",
        "%load_ext cellmill",
        "import math",
        "k = 2\nseen = [k]",
        "def scaled(x):\n    return math.floor(x * k)",
        "%%asset first\n[scaled(10), list(seen)]",
        "from cellmill import asset\n@asset\ndef early():\n    return scaled(100)",
        "import math\nk = 3\nseen.append(k)",
        "%%asset second\n[scaled(10), list(seen)]",
        "@asset\ndef late(second):\n    return scaled(100)",
        "%%asset third\n[math.floor(2.5), *first]",
    )
    result = materialize_to_memory(load_notebook(path).assets)

    assert result.asset_value("first") == [20, [2]]
    assert result.asset_value("second") == [30, [2, 3]]
    assert result.asset_value("early") == 200
    assert result.asset_value("late") == 300
    assert result.asset_value("third") == [2, 20, [2]]
