"""The worked examples, exported into modules, compute what their notebooks compute."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cellmill import AssetKey, Definitions, materialize
from cellmill.execution.load import read_value
from cellmill.instance.instance import Instance
from cellmill.workspace.value_diff import diff_values

from .command import Command

EXAMPLES = Path(__file__).parents[2] / "notebooks"
#: Notebooks that read each other's assets are exported together; the partition of those that have any.
GROUPS: dict[tuple[str, ...], str | None] = {
    ("two_a", "two_b"): None,
    ("flights",): None,
    ("model",): None,
    ("config_and_duckdb",): None,
    ("partitioned_weather",): "2013-02",
    ("arrivals",): "2024-03-01",
}


def has_asset_cells(path: Path) -> bool:
    """Whether a notebook has anything to export."""
    cells = json.loads(path.read_text())["cells"]
    return any("".join(cell["source"]).startswith("%%asset") for cell in cells)


def test_every_example_is_here() -> None:
    """An example that is added is exported too."""
    named = {name for names in GROUPS for name in names}
    assert named == {path.stem for path in EXAMPLES.glob("*.ipynb") if has_asset_cells(path)}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("names", "partition"), GROUPS.items(), ids=["-".join(names) for names in GROUPS])
def test_equal_values(
    cellmill: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...],
    partition: str | None,
) -> None:
    """Each asset has the value that the notebook stored, and each check the same outcome."""
    (tmp_path / "cellmill.toml").write_text('notebooks = ["*.ipynb"]\n')
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "2024-03-01.csv").write_text("shop,sales\nnorth,3\nsouth,5\n")
    monkeypatch.setenv("WAREHOUSE", str(tmp_path / "of_the_notebook.duckdb"))
    for name in names:
        shutil.copy(EXAMPLES / f"{name}.ipynb", tmp_path)
    if names == ("arrivals",):
        assert cellmill("partitions", "add", "arrivals", "2024-03-01").code == 0
    chosen = ["--partition", partition] if partition else []
    made = cellmill("materialize", *[f'notebook:"{name}.ipynb"' for name in names], *chosen)
    assert made.code == 0, made.err

    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("WAREHOUSE", str(tmp_path / "of_the_module.duckdb"))
    found = []
    for name in names:
        exported = cellmill("export", f"{name}.ipynb", "--module", f"{name}_module.py")
        assert exported.code == 0, exported.err
        found.append(runpy.run_path(f"{name}_module.py")["defs"])
    defs = Definitions.merge(*found)
    with Instance.get(tmp_path / ".cellmill") as instance:
        again = values_of(defs, partition, tmp_path / "of_the_module")
        for asset in defs.assets or ():
            for key in asset.keys:
                assert diff_values(stored(instance, key, partition), again.asset_value(key), 1e-9) == [], key
    checks = {f"{one.asset_key.to_user_string()}:{one.check_name}" for one in again.get_asset_check_evaluations()}
    assert checks == {check for check in declared_checks(defs)}
    assert all(one.passed for one in again.get_asset_check_evaluations())


def stored(instance: Instance, key: AssetKey, partition: str | None) -> Any:
    """Return what the notebook's run stored: a value of the instance, else a table of the notebook's warehouse."""
    ref = instance.find_value_ref(key, partition)
    if ref is not None:
        return read_value(instance, ref)
    with duckdb.connect("of_the_notebook.duckdb", read_only=True) as warehouse:
        return warehouse.sql(f"select * from public.{key.parts[-1]}").df()  # noqa: S608 - a name of ours


def declared_checks(defs: Definitions) -> list[str]:
    """Return the names of the checks, as asset:check."""
    return [f"{key.asset_key.to_user_string()}:{key.name}" for one in defs.asset_checks or () for key in one.check_keys]


def values_of(defs: Definitions, partition: str | None, home: Path) -> Any:
    """Run everything that the module defines, on an instance of its own."""
    with Instance.get(home) as instance:
        instance.add_dynamic_partitions("arrivals", [partition or "none"])
        definitions = [*(defs.assets or ()), *(defs.asset_checks or ())]
        return materialize(definitions, instance=instance, resources=defs.resources, partition_key=partition)
