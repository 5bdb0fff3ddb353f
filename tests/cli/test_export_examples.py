"""The worked examples, exported into modules, compute what their notebooks compute."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

import pytest
from cellmill import materialize_to_memory
from cellmill.execution.load import read_value
from cellmill.instance.instance import Instance
from cellmill.workspace.value_diff import diff_values

from .command import Command

EXAMPLES = Path(__file__).parents[2] / "notebooks"


@pytest.mark.slow
@pytest.mark.parametrize("names", [("two_a", "two_b")], ids="-".join)
def test_equal_values(
    cellmill: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """Each asset has the value that the notebook stored."""
    (tmp_path / "cellmill.toml").write_text('notebooks = ["*.ipynb"]\n')
    for name in names:
        shutil.copy(EXAMPLES / f"{name}.ipynb", tmp_path)
    made = cellmill("materialize", *[f'notebook:"{name}.ipynb"' for name in names])
    assert made.code == 0, made.err
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assets = []
    for name in names:
        exported = cellmill("export", f"{name}.ipynb", "--module", f"{name}_module.py")
        assert exported.code == 0, exported.err
        assets += runpy.run_path(f"{name}_module.py")["defs"].assets
    result = materialize_to_memory(assets)
    with Instance.get(tmp_path / ".cellmill") as instance:
        for asset in assets:
            for key in asset.keys:
                ref = instance.find_value_ref(key, None)
                assert ref is not None
                assert diff_values(read_value(instance, ref), result.asset_value(key), 1e-9) == [], key
