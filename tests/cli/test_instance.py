"""`cellmill instance`: what is stored is counted, written out, examined and let go."""

from __future__ import annotations

import json
from pathlib import Path

import cellmill as cm
import pytest

from .command import Command

CELLS = {
    "load": "%load_ext cellmill",
    "a": "%%asset few\n[1, 2, 3]",
    "b": "%%asset many --metadata cellmill/keep=3\n{'a': 1}",
}


@cm.asset
def few() -> list[int]:
    """What the first cell makes."""
    return [1, 2, 3]


@cm.asset
def many() -> dict[str, int]:
    """What the second cell makes."""
    return {"a": 1}


@pytest.fixture(autouse=True)
def stored(tmp_path: Path) -> None:
    """A workspace of one notebook, whose two assets were made four times."""
    cells = [
        {"cell_type": "code", "id": name, "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for name, text in CELLS.items()
    ]
    (tmp_path / "book.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    (tmp_path / "cellmill.toml").write_text('notebooks = ["book.ipynb"]\n[retention]\nkeep = 1\n')
    with cm.Instance.get(tmp_path / ".cellmill") as instance:
        for _ in range(4):
            cm.materialize([few, many], instance=instance)


def values(tmp_path: Path, asset: str) -> list[Path]:
    """The stored versions of an asset."""
    return sorted((tmp_path / ".cellmill" / "storage" / "assets").glob(f"{asset}@*"))


def test_purge_follows_the_settings_and_the_metadata(
    cellmill: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told first what would go, then it goes; events stay where nobody said for how long."""
    options = {"keep": 3, "grace_s": -60.0, "dry_run": False}
    monkeypatch.setattr("cellmill.execution.retention.collect_values.__kwdefaults__", options)
    told = cellmill("instance", "purge", "--dry-run")
    untouched = {path.name for path in values(tmp_path, "few") + values(tmp_path, "many")}
    done = cellmill("instance", "purge")
    left = {path.name for path in values(tmp_path, "few") + values(tmp_path, "many")}

    assert len(untouched) == 8
    assert {Path(line).name for line in told.out.split()} == untouched - left
    assert "4 values, 0 events and 0 ticks are gone" in done.out, done.err
    assert (len(values(tmp_path, "few")), len(values(tmp_path, "many"))) == (1, 3)
    assert cellmill("instance", "doctor", "--json").data["ok"]


def test_export_is_one_line_for_each_run(cellmill: Command, tmp_path: Path) -> None:
    """Every run with its events, oldest first, as JSON that anybody can read."""
    done = cellmill("instance", "export", "-o", "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]

    assert "4 runs written" in done.err
    assert len(lines) == 4
    for line in lines:
        kinds = [event["type"] for event in line["events"]]
        assert kinds[-1] == "PIPELINE_SUCCESS"
        assert kinds.count("ASSET_MATERIALIZATION") == 2


def test_doctor_names_what_is_missing_and_what_is_damaged(cellmill: Command, tmp_path: Path) -> None:
    """A value that somebody removed by hand is named with its remedy."""
    for path in values(tmp_path, "few"):
        path.unlink()
    done = cellmill("instance", "doctor", "--json")
    (wrong,) = [finding for finding in done.data["findings"] if not finding["ok"]]

    assert done.code != 0
    assert wrong["message"] == "values are gone: few\nMaterialize them again."


def test_info_counts_rows_and_bytes(cellmill: Command) -> None:
    """Where it is, how large, and what it holds."""
    found = cellmill("instance", "info", "--json").data

    assert found["rows"]["runs"] == 4
    assert found["bytes"] > 0 and found["values_bytes"] > 0
