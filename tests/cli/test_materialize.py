"""`cellmill materialize`: which executor, and how many runs for a range of partitions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cellmill.cli.app import App
from cellmill.cli.launch import RunOrder, start_run
from cellmill.definitions.asset_key import AssetKey
from cellmill.workspace import worker
from cellmill.workspace.run_names import ASSET_JOB

from tests.workspace.notebooks import write_notebook

from .command import Command

MODULE = """
import os
from cellmill import BackfillPolicy, Definitions, StaticPartitionsDefinition, asset

@asset
def first():
    return os.getpid()

@asset
def second(first):
    return [first, os.getpid()]

PARTS = StaticPartitionsDefinition(["a", "b", "c", "d"])

@asset(partitions_def=PARTS, backfill_policy=BackfillPolicy.single_run())
def together(context):
    return dict.fromkeys(context.partition_keys, 1)

@asset(partitions_def=PARTS, backfill_policy=BackfillPolicy.multi_run(3))
def by_three(context):
    return dict.fromkeys(context.partition_keys, 1)

@asset(partitions_def=PARTS)
def one_by_one(context):
    return context.partition_key

defs = Definitions(assets=[first, second, together, by_three, one_by_one])
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path) -> None:
    """A workspace of one file."""
    (tmp_path / "code.py").write_text(MODULE)
    (tmp_path / "cellmill.toml").write_text('[[locations]]\nname = "code"\nfile = "code.py"\n')


def processes(tmp_path: Path) -> set[int]:
    newest = max((tmp_path / ".cellmill").rglob("assets/second@*.json"), key=lambda path: path.stat().st_mtime)
    return set(json.loads(newest.read_text()))


@pytest.mark.parametrize(("executor", "own"), [("in_process", True), ("multiprocess", False)])
def test_executor(cellmill: Command, tmp_path: Path, executor: str, own: bool) -> None:
    """Steps are carried out where the option says, several selections being one run."""
    done = cellmill("materialize", "first", "second", "--executor", executor)
    assert done.code == 0, done.err
    started = cellmill("runs", "logs", "last", "--json").data[0]["message"]
    worker = int(started.removesuffix(".").rpartition(" ")[2])
    assert (processes(tmp_path) == {worker}) is own and (worker in processes(tmp_path)) is own
    assert len(cellmill("runs", "list", "--json").data) == 1


def test_unknown_executor(cellmill: Command) -> None:
    """A misspelt executor is refused with the nearest."""
    wrong = cellmill("materialize", "first", "--executor", "multiproces")
    assert wrong.code == 2 and "Did you mean 'multiprocess'" in wrong.err


@pytest.mark.parametrize(("asset", "count"), [("together", 1), ("by_three", 2), ("one_by_one", 4)])
def test_range(cellmill: Command, asset: str, count: int) -> None:
    """A range is as many runs as the backfill policy says, and each of its partitions is made."""
    done = cellmill("materialize", asset, "--partition-range", "a..d")
    assert done.code == 0, done.err
    assert len(cellmill("runs", "list", "--json").data) == count
    assert cellmill("partitions", "status", asset, "--json").data == {"materialized": 4}


@pytest.mark.slow
def test_a_range_of_notebook_assets_is_one_run(cellmill: Command, tmp_path: Path) -> None:
    """A cell with ``single_run`` makes the range at once, and gets its upstream's partitions, by key, from another run.

    The upstream has no policy, so it is made in a run for each partition.
    """
    words = "--partitions static:a,b,c,d"
    write_notebook(tmp_path / "up.ipynb", "%load_ext cellmill", f"%%asset up {words}\ncontext.partition_key * 2")
    write_notebook(
        tmp_path / "down.ipynb",
        "%load_ext cellmill",
        f"%%asset down {words} --backfill-policy single_run\n{{key: up[key] + '!' for key in context.partition_keys}}",
        f"%%asset last {words} --backfill-policy single_run\nassert down == {{'b': 'bb!', 'c': 'cc!'}}\ndown",
    )
    (tmp_path / "cellmill.toml").write_text('notebooks = ["*.ipynb"]\n')
    made = cellmill("materialize", "up", "--partition-range", "b..c")
    assert made.code == 0, made.err
    done = cellmill("materialize", "down", "last", "--partition-range", "b..c")
    assert done.code == 0, done.err
    assert len(cellmill("runs", "list", "--json").data) == 3
    assert cellmill("partitions", "status", "last", "--json").data == {"materialized": 2, "missing": 2}


def test_another_python_is_refused_and_variables_are_set(cellmill: Command, tmp_path: Path) -> None:
    """A module's location has its variables in a run too; a Python that a run would not use is an error."""
    (tmp_path / "code.py").write_text(
        "import os\nfrom cellmill import asset\n@asset\ndef one(): return os.environ['REGION']\n"
    )
    location = '[[locations]]\nname = "code"\nfile = "code.py"\nenv = {REGION = "eu"}\n'
    (tmp_path / "cellmill.toml").write_text(location)
    done = cellmill("materialize", "one")
    assert done.code == 0, done.err
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    (tmp_path / "cellmill.toml").write_text(location + f'python = "{other}"\n')
    refused = cellmill("materialize", "one")
    text = " ".join(refused.err.split())
    assert refused.code == 1 and "asks for the Python" in text and "take 'python' away" in text, text


def test_a_followed_backfill_needs_no_daemon(cellmill: Command, tmp_path: Path) -> None:
    """Where no daemon runs, the command that watches a backfill works it off; the missing daemon is said."""
    words = [sys.executable, "-m", "cellmill.cli", "backfill", "start", "one_by_one", "--all", "--follow"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "No daemon is running" in done.stderr and "4 succeeded" in done.stdout
    assert cellmill("partitions", "status", "one_by_one", "--json").data == {"materialized": 4}
    (row,) = cellmill("backfill", "list", "--json").data
    assert row["status"] == "COMPLETED_SUCCESS"


def test_a_queued_run_knows_the_chosen_files(tmp_path: Path) -> None:
    """A run that waits for a daemon carries what -f chose, and whoever starts it loads that file alone."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work").mkdir()
    path = tmp_path / "elsewhere" / "own.py"
    path.write_text("from cellmill import asset\n\n@asset\ndef chosen():\n    return 1\n")
    app = App({"files": (str(path),), "workspace": str(tmp_path / "work"), "home": str(tmp_path / "home")})
    with click.Context(click.Command("materialize")).scope():
        order = RunOrder(job_name=ASSET_JOB, assets=[AssetKey("chosen")])
        run_id = start_run(app, order, queue=True)

        assert worker.main([run_id, "--home", str(tmp_path / "home"), "--workspace", str(tmp_path / "work")]) == 0
        assert app.instance.has_asset_key(AssetKey("chosen"))
