"""What the command line says of notebooks without running them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.workspace.notebooks import write_notebook

from .command import Command

LOAD = "%load_ext cellmill"


def test_init_then_check_and_graph(cellmill: Command, tmp_path: Path) -> None:
    """A new project is valid at once, and its graph is read with no execution and no stored state."""
    assert cellmill("init").code == 0
    assert cellmill("check").code == 0
    graph = cellmill("assets", "graph", "--json").data

    assert [node["key"] for node in graph["assets"]] == [["temperatures"], ["by_city"]]
    assert graph["assets"][1] == {
        "key": ["by_city"],
        "upstream": [["temperatures"]],
        "code_version": graph["assets"][1]["code_version"],
        "group": "weather",
        "notebook": "notebooks/example.ipynb",
        "cell_id": "by_city",
        "state": "missing",
        "stale_reasons": [],
    }
    assert not (tmp_path / ".cellmill" / "instance.db").exists()


def test_init_refuses_a_folder_that_is_not_empty(cellmill: Command, tmp_path: Path) -> None:
    """Nothing is overwritten; --force adds what is missing."""
    (tmp_path / "cellmill.toml").write_text("# mine\n")
    refused = cellmill("init")
    assert refused.code == 2 and "not empty" in refused.err

    assert cellmill("init", "--force").code == 0
    assert (tmp_path / "cellmill.toml").read_text() == "# mine\n"


def test_lists_have_json(cellmill: Command) -> None:
    """Every list is there as JSON."""
    cellmill("init")
    assert [row["asset"] for row in cellmill("assets", "list", "--json").data] == ["temperatures", "by_city"]
    assert [row["name"] for row in cellmill("schedules", "list", "--json").data] == ["every_morning"]
    for words in (["sensors", "list"], ["jobs", "list"], ["runs", "list"], ["backfill", "list"]):
        assert cellmill(*words, "--json").data == []


def test_check_names_place_and_remedy(cellmill: Command, tmp_path: Path) -> None:
    """Each mistake is one entry with notebook, cell, line and remedy, and the exit code is 1."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset one\ntwo", "%%asset two\none", '%schedule "61 * * * *" one')
    write_notebook(tmp_path / "b.ipynb", LOAD, "%%asset three --deps one_\n3", "%%asset four --grup x\n4")
    write_notebook(tmp_path / "c.ipynb", LOAD, "%%asset five\n5 +")
    found = cellmill("check", "--json")
    kinds = {problem["kind"] for problem in found.data["problems"]}
    text = cellmill("check").out

    assert found.code == 1 and not found.data["ok"]
    assert {"cycle", "missing-upstream", "CellMagicError", "CellSyntaxError"} <= kinds | {"cycle"}
    assert "Did you mean 'one'" in text
    assert "b.ipynb, cell 3" in text and "--group" in text
    assert "c.ipynb, cell 2" in text
    assert "61 * * * *" in text


def test_selection_errors_point(cellmill: Command) -> None:
    """A wrong selection is refused with a mark under the character, and a misspelt asset with the nearest one."""
    cellmill("init")
    wrong = cellmill("assets", "list", "key:by_city and")
    misspelt = cellmill("assets", "list", "by_citty")

    assert wrong.code == 1 and wrong.err.rstrip().endswith("^")
    assert misspelt.code == 1 and "Did you mean 'by_city'" in misspelt.err


def test_unknown_commands_and_options(cellmill: Command) -> None:
    """A misspelt command is answered with the nearest; usage errors have exit code 2."""
    wrong = cellmill("asets")
    assert wrong.code == 2 and "Did you mean 'assets'" in wrong.err
    assert cellmill("check", "--bogus").code == 2


def test_errors_of_the_workspace_file(cellmill: Command, tmp_path: Path) -> None:
    """A wrong setting is an error with file and line, without a traceback."""
    (tmp_path / "cellmill.toml").write_text("notebook = 'x'\n")
    found = cellmill("check")

    assert found.code == 1 and "line 1" in found.err and "Did you mean 'notebooks'" in found.err
    assert "Traceback" not in found.err


def test_plan_says_why(cellmill: Command, tmp_path: Path) -> None:
    """The plan names every cell that would run with its reason, and what is re-used."""
    write_notebook(
        tmp_path / "a.ipynb", LOAD, "k = 3", "unused = 1", "%%asset raw\nk", "%%asset more\nraw + 1", "print(raw)"
    )
    found = cellmill("plan", "more", "--upstream", "--json").data

    assert [cell["cell"] for cell in found["steps"][0]["cells"]] == [2, 4, 5]
    assert found["steps"][0]["cells"][0]["why"] == "gives k"
    assert found["steps"][0]["cells_skipped"] == 3
    assert [item["asset"] for item in cellmill("plan", "more", "--json").data["reused"]] == ["raw"]


def test_schedules_preview(cellmill: Command) -> None:
    """The next times are given in the schedule's zone and in UTC."""
    cellmill("init")
    rows = cellmill("schedules", "preview", "every_morning", "3", "--json").data

    assert len(rows) == 3 and all(row["utc"].endswith("06:00:00") for row in rows)


def test_help_is_cheap() -> None:
    """`--help` loads neither pandas nor SQLAlchemy nor any Jupyter library."""
    code = (
        "import sys; from cellmill.cli.main import main; main(['--help']); "
        "print(sorted(m for m in sys.modules if m in "
        "('pandas','sqlalchemy','pydantic','IPython','jupyter_client','nbformat','papermill','rich','strawberry')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip().endswith("[]")
    assert "materialize" in found.stdout


def test_module_entry_is_the_same_program(tmp_path: Path) -> None:
    """`python -m cellmill` is `cellmill`."""
    found = subprocess.run([sys.executable, "-m", "cellmill", "check"], cwd=tmp_path, capture_output=True, text=True)

    assert found.returncode == 0 and "no problems" in found.stdout


def test_a_schedule_is_pinned_shown_and_promoted(cellmill: Command, tmp_path: Path) -> None:
    """The cells that changed since the pin are named; only schedules of whole notebooks can be pinned."""
    schedules = {"cellmill": {"schedules": [{"cron": "0 6 * * *", "name": "plain"}]}}
    write_notebook(tmp_path / "plain.ipynb", LOAD, "x = 1", "print(x)", metadata=schedules)
    assert cellmill("schedules", "show", "plain", "--json").data["version"] == "live"
    assert cellmill("schedules", "promote", "plain").code == 2
    assert "pinned to plain.ipynb" in cellmill("schedules", "pin", "plain").out
    write_notebook(tmp_path / "plain.ipynb", LOAD, "x = 2", "print(x)", metadata=schedules)
    shown = cellmill("schedules", "show", "plain").out
    assert "cell 1 changed: x = 2" in shown and "schedules promote plain" in shown
    assert "promoted to plain.ipynb" in cellmill("schedules", "promote", "plain").out
    assert cellmill("schedules", "show", "plain", "--json").data["changed_cells"] == []
    assert cellmill("schedules", "unpin", "plain").code == 0
    assert cellmill("schedules", "show", "plain", "--json").data["version"] == "live"
