"""Runs from the command line: notebooks and modules, failures, retries, partitions, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cellmill.execution.notebook.document import read_notebook
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step

from tests.workspace.notebooks import write_notebook

from .command import Command

LOAD = "%load_ext cellmill"
pytestmark = pytest.mark.slow


def test_materialize_list_and_stale(cellmill: Command, tmp_path: Path) -> None:
    """A selection is made in its notebook's kernel; then it is fresh, and an edit makes what depends on it stale."""
    path = write_notebook(tmp_path / "a.ipynb", LOAD, "k = 2", "raise SystemError('never run')", "%%asset raw\n[1, k]",
                          "%%asset total\nsum(raw)", "%%asset other\n1")  # fmt: skip
    missing = cellmill("materialize", "total")
    assert missing.code == 1 and "raw, which total reads" in missing.err and "--upstream" in missing.err
    made = cellmill("materialize", "total", "--upstream")
    assert made.code == 0, made.err
    assert "total" in made.out and "assets/total@" in made.out
    states = {row["asset"]: row["state"] for row in cellmill("assets", "list", "--json").data}
    assert states == {"raw": "fresh", "total": "fresh", "other": "missing"}
    assert cellmill("materialize", "total", "--upstream", "--stale").out.strip() == "Everything is fresh."
    path.write_text(path.read_text().replace("k = 2", "k = 5"))
    rows = {row["key"][0]: row for row in cellmill("assets", "graph", "--json").data["assets"]}
    assert rows["raw"]["state"] == "stale" and rows["raw"]["stale_reasons"] == ["its code changed"]
    assert rows["total"]["stale_reasons"] == ["raw is stale"]
    assert [row["asset"] for row in cellmill("assets", "list", "status:stale", "--json").data] == ["raw", "total"]
    assert cellmill("assets", "wipe", "raw", "--yes").code == 0
    assert cellmill("assets", "show", "raw", "--json").data["state"] == "missing"


def test_a_failure_is_shown_and_retried_behind_what_was_made(cellmill: Command, tmp_path: Path) -> None:
    """The failing cell is named, its notebook kept; a retry makes the rest only."""
    path = write_notebook(
        tmp_path / "a.ipynb", LOAD, "%%asset first\n1", "%%asset second\nfirst / 0", "%%asset third\nsecond"
    )
    failed = cellmill("materialize", "*")
    assert failed.code == 1 and "a.ipynb, cell 3" in failed.err and "ZeroDivisionError" in failed.err
    run = cellmill("runs", "list", "--json").data[0]
    assert run["status"] == "FAILURE"
    notebook = cellmill("runs", "notebook", run["run"], "--path").out.strip()
    assert "ZeroDivisionError" in Path(notebook).read_text()
    debug = cellmill("runs", "debug", "last")
    assert debug.code == 0 and "cellmill.load('first')" in Path(debug.out.splitlines()[0]).read_text()
    path.write_text(path.read_text().replace("first / 0", "first / 1"))
    again = cellmill("runs", "retry", "last")
    assert again.code == 0, again.err
    shown = cellmill("runs", "show", "last", "--json").data
    assert [step["key"] for step in shown["steps"]] == ["second", "third"]
    assert shown["parent_run_id"] == run["run_id"]
    assert cellmill("runs", "retry", run["run"]).code == 0


def test_run_a_notebook_with_parameters(cellmill: Command, tmp_path: Path) -> None:
    """`run` executes a notebook top to bottom, with papermill's parameters."""
    write_notebook(tmp_path / "a.ipynb", "n = 1", "open('out.txt', 'w').write(str(n * 2))")
    done = cellmill("run", "a.ipynb", "-p", "n", "21")
    text = (tmp_path / "out.txt").read_text()

    assert done.code == 0, done.err
    assert text == "2"  # without a cell tagged 'parameters' they are injected at the top, as papermill does
    assert "jupyter lab" in done.out


def test_plain_cells_of_a_run_are_told_of_it(cellmill: Command, tmp_path: Path) -> None:
    """With cellmill loaded or without, `context` names the run and its partition before anything binds it."""
    for name, first in (("loads", LOAD), ("plain", "1")):
        cell = f"open('{name}.txt', 'w').write(' '.join([context.run_id, context.partition_key]))"
        write_notebook(tmp_path / f"{name}.ipynb", first, cell)
        done = cellmill("run", f"{name}.ipynb", "--partition", "north")
        run = cellmill("runs", "list", "--json").data[0]["run"]

        assert done.code == 0, done.err
        told, partition = (tmp_path / f"{name}.txt").read_text().split()
        assert told.startswith(run) and len(told) > len(run) and partition == "north"


def test_parameters_have_the_types_that_the_notebook_declares(
    cellmill: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A date arrives as one, a wrong one starts nothing; a secret arrives, and stands nowhere; a slip is pointed at."""
    declared = "import datetime as dt\nday: dt.date = dt.date(2024, 1, 1)\npassword = ''"
    path = write_notebook(
        tmp_path / "a.ipynb", declared, "print(password)\nopen('out.txt', 'w').write(f'{day!r} {len(password)}')"
    )
    node = json.loads(path.read_text())
    node["cells"][0]["metadata"]["tags"] = ["parameters"]
    path.write_text(json.dumps(node))
    monkeypatch.setenv("THE_DOOR", secret := "hunter2-open-sesame")

    wrong = cellmill("run", "a.ipynb", "-p", "day", "2024-02-30")
    assert wrong.code == 1 and "'day' is a dt.date" in wrong.err and "2024-02-29" in wrong.err
    assert cellmill("runs", "list", "--json").data == []

    done = cellmill("run", "a.ipynb", "-p", "day", "2024-02-29", "-p", "dya", "1", "--secret", "password", "THE_DOOR")
    assert done.code == 0, done.err
    assert "Did you mean 'day'" in done.err
    assert (tmp_path / "out.txt").read_text() == f"datetime.date(2024, 2, 29) {len(secret)}"
    kept = [path for path in (tmp_path / ".cellmill").rglob("*") if path.is_file()]
    assert [path for path in kept if secret.encode() in path.read_bytes()] == []
    followed = cellmill("runs", "notebook", "last", "--follow").out
    assert "cell 3" in followed and "succeeded" in followed and secret not in followed
    (shown,) = cellmill("runs", "show", "last", "--json").data["notebooks"]
    assert [cell["state"] for cell in shown["cells"]] == ["succeeded"] * 3


def test_a_parameter_of_the_notebooks_own_type_is_checked_before_anything_starts(
    cellmill: Command, tmp_path: Path
) -> None:
    """A member of an Enum arrives as one; another word starts nothing and is answered with the members."""
    path = write_notebook(
        tmp_path / "a.ipynb", "from enum import Enum\nclass Colour(Enum):\n    RED = 1\n    GREEN = 2",
        "colour: Colour = Colour.RED", "open('out.txt', 'w').write(str(colour is Colour.GREEN))",
    )  # fmt: skip
    node = json.loads(path.read_text())
    node["cells"][1]["metadata"]["tags"] = ["parameters"]
    path.write_text(json.dumps(node))

    wrong = cellmill("run", "a.ipynb", "-p", "colour", "GREN")
    assert wrong.code == 1 and "one of RED, GREEN" in wrong.err and "Did you mean 'GREEN'" in wrong.err
    assert cellmill("runs", "list", "--json").data == []

    done = cellmill("run", "a.ipynb", "-p", "colour", "GREEN")
    assert done.code == 0, done.err
    assert (tmp_path / "out.txt").read_text() == "True"


def test_a_kernel_that_dies_fails_its_run_alone(cellmill: Command, tmp_path: Path) -> None:
    """A kernel that ends itself is a failure with a reason; what was made before stays."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset fine\n1", "%%asset deadly\nimport os\nos._exit(7)")
    done = cellmill("materialize", "*")

    assert done.code == 1 and "cell 3" in done.err
    states = {row["asset"]: row["state"] for row in cellmill("assets", "list", "--json").data}
    assert states == {"fine": "fresh", "deadly": "missing"}


DEFS = """
from cellmill import *
@asset
def one():
    return 1
@asset
def two(one):
    return one + 1
@asset(partitions_def=StaticPartitionsDefinition(["a", "b", "c"]))
def parts(context):
    return context.partition_key
@op
def begin():
    return 3
@op
def end(x):
    return x + 1
@job
def ops():
    end(begin())
nightly = define_asset_job("nightly", selection="*two")
@schedule(job=ops, cron_schedule="@daily")
def daily(context):
    return RunRequest(run_key=str(context.scheduled_execution_time.date()))
@sensor(job=ops)
def watch(context):
    context.update_cursor(str(int(context.cursor or 0) + 1))
    return RunRequest(run_key=context.cursor)
defs = Definitions(assets=[one, two, parts], jobs=[ops, nightly], schedules=[daily], sensors=[watch])
"""


def test_modules(cellmill: Command, tmp_path: Path) -> None:
    """Assets, jobs, schedules and sensors of a module are listed, run and evaluated; notebooks read its assets."""
    (tmp_path / "defs.py").write_text(DEFS)
    (tmp_path / "cellmill.toml").write_text('files = ["defs.py"]\nnotebooks = ["*.ipynb"]\n')
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset three\ntwo + 1")
    assert cellmill("check").code == 0
    assert [row["job"] for row in cellmill("jobs", "list", "--json").data] == ["ops", "nightly"]
    made = cellmill("materialize", "*three")
    assert made.code == 0, made.err
    assert cellmill("jobs", "run", "ops").code == 0
    assert cellmill("jobs", "run", "nightly").code == 0
    assert cellmill("materialize", "parts", "--partition-range", "a..b").code == 0
    assert cellmill("partitions", "status", "parts", "--json").data == {"materialized": 2, "missing": 1}
    wrong = cellmill("materialize", "parts", "--partition", "bb")
    assert wrong.code == 2 and "Did you mean 'b'" in wrong.err
    assert cellmill("schedules", "tick", "daily", "--json").data["runs"][0]["job_name"] == "ops"
    assert cellmill("sensors", "preview", "watch", "--cursor", "4", "--json").data["cursor"] == "5"


def test_broken_modules_harm_no_other(cellmill: Command, tmp_path: Path) -> None:
    """A module that raises, hangs or is not there is a problem of its location; the others are listed."""
    (tmp_path / "raises.py").write_text("import cellmill\nraise RuntimeError('at import')\n")
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(60)\n")
    (tmp_path / "good.py").write_text("from cellmill import asset\n@asset\ndef fine():\n    return 1\n")
    (tmp_path / "cellmill.toml").write_text(
        'modules = ["not_there"]\nfiles = ["raises.py", "hangs.py", "good.py"]\n[host]\nload_timeout_s = 10\n'
    )
    found = cellmill("check", "--json").data
    text = "\n".join(problem["message"] for problem in found["problems"])

    assert "at import" in text and "raises.py, line 2" in text
    assert "did not end within 10 s" in text and "not_there" in text
    assert found["assets"] == 1


def test_verify_and_diff(cellmill: Command, tmp_path: Path) -> None:
    """A random draw and a hidden variable are found, with the cell; nothing is recorded; values are compared."""
    path = write_notebook(
        tmp_path / "a.ipynb", LOAD, "import random", "%%asset steady\n[1]", "%%asset draw\nrandom.random()"
    )
    assert cellmill("materialize", "*").code == 0
    found = {row["asset"]: row for row in cellmill("verify", "*", "--json").data}
    assert found["steady"]["verdict"] == "same"
    assert found["draw"]["verdict"] == "different" and "draws random numbers" in found["draw"]["why"]
    assert found["draw"]["where"] == "a.ipynb, cell 4"
    assert len(cellmill("runs", "list", "--json").data) == 1
    assert cellmill("materialize", "*").code == 0
    assert cellmill("diff", "steady").code == 0
    assert cellmill("diff", "draw").code == 1
    assert cellmill("diff", "draw", "--tolerance", "1000").code == 0
    path.write_text(path.read_text().replace("random.random()", "hidden_name"))
    broken = {row["asset"]: row for row in cellmill("verify", "draw", "--json").data}
    assert broken["draw"]["verdict"] == "failed" and "only the live kernel had" in broken["draw"]["why"]


def test_ctrl_c_cancels_the_run(tmp_path: Path) -> None:
    """Ctrl-C ends the command cleanly, cancels the run, and leaves no process of it."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset slow\nimport time\ntime.sleep(60)")
    env = {name: value for name, value in os.environ.items() if not name.startswith("CELLMILL_")}
    command = [sys.executable, "-m", "cellmill", "materialize", "slow"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "running" in process.stdout.readline()
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=40)

    assert process.returncode == 130 and "Traceback" not in errors
    assert time.monotonic() - started < 30
    listed = subprocess.run(
        [sys.executable, "-m", "cellmill", "runs", "list", "--json"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert '"status": "CANCELED"' in listed.stdout


def test_a_failed_asset_is_opened_with_its_inputs_and_a_page_of_its_run(cellmill: Command, tmp_path: Path) -> None:
    """The notebook of `runs debug` runs to the statement that failed, with its inputs; `--html` makes a page."""
    write_notebook(
        tmp_path / "a.ipynb",
        LOAD,
        "helper = 10",
        "%%asset table\n[1, 2, 3]",
        "%%asset broken\ntotal = sum(table) * helper\nopen('seen.txt', 'a').write(f'{total} ')\ntotal / 0",
    )
    assert cellmill("materialize", "*").code == 1
    (tmp_path / "seen.txt").unlink()
    debug = cellmill("runs", "debug", "last")
    assert debug.code == 0, debug.err
    outcome = run_notebook_step(
        NotebookStepRequest(path=Path(debug.out.splitlines()[0]), artifacts=tmp_path / "artifacts", warm=False)
    )
    ends = [cell["metadata"].get("cellmill", {}).get("end") for cell in read_notebook(outcome.notebook_path)["cells"]]
    assert ends[-1] == "failed" and set(ends[1:-1]) == {"succeeded"}
    assert "ZeroDivisionError" in outcome.notebook_path.read_text()
    assert (tmp_path / "seen.txt").read_text() == "60 "

    page = cellmill("runs", "notebook", "last", "--html")
    assert page.code == 0, page.err
    text = Path(page.out.strip().splitlines()[-1]).read_text()
    assert "ZeroDivisionError" in text and "<html" in text


def test_a_failed_asset_is_opened_with_its_partition_and_config(cellmill: Command, tmp_path: Path) -> None:
    """The notebook of `runs debug` has a context as the failed step had it."""
    body = "seen = (context.partition_key, context.op_config['limit'])\nopen('seen.txt', 'w').write(str(seen))\n1 / 0"
    header = '%%asset broken --partitions static:a,b --config \'{"limit": "int"}\''
    write_notebook(tmp_path / "a.ipynb", LOAD, f"{header}\n{body}")
    (tmp_path / "config.yaml").write_text("ops:\n  broken:\n    config:\n      limit: 7\n")
    assert cellmill("materialize", "broken", "--partition", "a", "--config", "config.yaml").code == 1
    assert (tmp_path / "seen.txt").read_text() == "('a', 7)"
    (tmp_path / "seen.txt").unlink()

    debug = cellmill("runs", "debug", "last")

    assert debug.code == 0, debug.err
    outcome = run_notebook_step(
        NotebookStepRequest(path=Path(debug.out.splitlines()[0]), artifacts=tmp_path / "artifacts", warm=False)
    )
    assert outcome.result.detail.startswith("ZeroDivisionError")
    assert (tmp_path / "seen.txt").read_text() == "('a', 7)"


def test_a_job_of_ops_in_a_notebook(cellmill: Command, tmp_path: Path) -> None:
    """Its ops are listed without running it, and a run of it runs them; a job of nothing is no success."""
    write_notebook(
        tmp_path / "a.ipynb",
        LOAD,
        "from cellmill import graph, job, op, define_asset_job",
        "@op\ndef begin():\n    return 20",
        "@op(config_schema={'by': int})\ndef grow(context, value):\n    return value + context.op_config['by']",
        "@op\ndef keep(value):\n    open('kept.txt', 'w').write(str(value))",
        "@job\ndef growing():\n    keep(grow(begin()))",
        "nothing = define_asset_job('nothing', selection='group:none')",
    )
    (tmp_path / "by.yaml").write_text("ops: {grow: {config: {by: 22}}}")
    rows = {row["job"]: row for row in cellmill("jobs", "list", "--json").data}
    assert rows["growing"]["kind"] == "op" and rows["growing"]["runs"] == "3 ops"
    made = cellmill("jobs", "run", "growing", "--config", "by.yaml")
    assert made.code == 0, made.err
    assert (tmp_path / "kept.txt").read_text() == "42"
    shown = cellmill("runs", "show", "last", "--json").data
    assert [step["key"] for step in shown["steps"]] == ["begin", "grow", "keep"]
    unset = cellmill("jobs", "run", "growing")
    assert unset.code == 1 and "grow" in unset.err
    assert cellmill("jobs", "run", "nothing").code == 1


def test_a_location_of_notebooks_has_a_python_of_its_own(cellmill: Command, tmp_path: Path) -> None:
    """Its kernels are started with that Python; one that is not there is an error that names it."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nWHICH="the other" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    write_notebook(tmp_path / "a.ipynb", LOAD, "import os", "%%asset which\nos.environ['WHICH']")
    config = tmp_path / "cellmill.toml"
    config.write_text('[[location]]\nnotebooks = ["*.ipynb"]\npython = "bin/python"\n')
    made = cellmill("materialize", "which")
    assert made.code == 0, made.err
    shown = cellmill("graphql", "{ assetNodes { assetKey { path } staleStatus } }").data["data"]["assetNodes"]
    assert shown == [{"assetKey": {"path": ["which"]}, "staleStatus": "FRESH"}]
    config.write_text('[[location]]\nnotebooks = ["*.ipynb"]\npython = "bin/nowhere"\n')
    missing = cellmill("materialize", "which")
    assert missing.code == 1 and "bin/nowhere" in missing.err


def test_checks_run_alone(cellmill: Command, tmp_path: Path) -> None:
    """A check cell runs on the stored value, without making the asset again; its outcome is the exit code."""
    path = write_notebook(
        tmp_path / "a.ipynb",
        LOAD,
        "least = 2",
        "%%asset numbers\nopen('made.txt', 'a').write('x')\n[1, 2, 3]",
        "%%check enough --asset numbers\nlen(numbers) > least",
    )
    assert cellmill("materialize", "numbers").code == 0
    passed = cellmill("checks", "run", "numbers", "--json")
    assert passed.code == 0, passed.err
    assert [row["result"] for row in json.loads(passed.out[passed.out.index("[\n") :])] == ["passed"]
    path.write_text(path.read_text().replace("least = 2", "least = 5"))
    assert cellmill("checks", "run", "numbers").code == 1
    assert cellmill("checks", "list", "--json").data[0]["result"] == "failed"
    assert (tmp_path / "made.txt").read_text() == "x"
