"""`cellmill graphql` on the workspace, the instance and the locations that the command line names."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspace.notebooks import write_notebook

from .command import Command

KEYS = "{ assetNodes { assetKey { path } } }"


def test_the_command_lines_own_choices(cellmill: Command, tmp_path: Path) -> None:
    """`--workspace`, `--home`, `-f` and `-m` hold for a query as for every other command."""
    write_notebook(tmp_path / "a.ipynb", "%load_ext cellmill", "%%asset here\n1")
    write_notebook(tmp_path / "other" / "b.ipynb", "%load_ext cellmill", "%%asset there\n1")
    keys = {"data": {"assetNodes": [{"assetKey": {"path": ["there"]}}]}}

    assert cellmill("-f", "other/b.ipynb", "graphql", "-t", KEYS).data == keys
    assert cellmill("--home", "elsewhere", "graphql", "{ runsOrError { ... on Runs { count } } }").code == 0
    assert (tmp_path / "elsewhere" / "instance.db").exists()
    (tmp_path / "q.graphql").write_text(KEYS)
    assert len(cellmill("graphql", "--file", "q.graphql").data["data"]["assetNodes"]) == 2


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("{ version }", "-t", "{ version }"), "one query"),
        (("",), "Give a query"),
        (("{ version }", "-v", "{"), "no JSON"),
        (("{ version }", "-v", "[]"), "an object"),
        (("{ version }", "--remote", "localhost"), "no address"),
    ],
)
def test_wrong_command_lines(cellmill: Command, words: tuple[str, ...], part: str) -> None:
    """Each mistake is named."""
    outcome = cellmill("graphql", *words)
    assert outcome.code in (1, 2) and part in outcome.err


LAUNCH = """mutation {
  launchRun(executionParams: {selector: {assetSelection: [{path: ["there"]}]}}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
  }
}"""


@pytest.mark.slow
def test_a_run_that_a_mutation_starts_has_the_same_choices(cellmill: Command, tmp_path: Path) -> None:
    """The worker of the run finds the assets of the file that `-f` named, which the workspace does not list."""
    (tmp_path / "cellmill.toml").write_text('notebooks = ["a.ipynb"]\n')
    write_notebook(tmp_path / "a.ipynb", "%load_ext cellmill", "%%asset here\n1")
    write_notebook(tmp_path / "other" / "b.ipynb", "%load_ext cellmill", "%%asset there\n1")
    words = [sys.executable, "-m", "cellmill", "-f", "other/b.ipynb", "graphql", LAUNCH]
    asked = subprocess.run(words, cwd=tmp_path, capture_output=True, check=True)
    launched = json.loads(asked.stdout)["data"]["launchRun"]

    assert launched["__typename"] == "LaunchRunSuccess"
    cellmill("runs", "show", "-f", launched["run"]["runId"])
    assert cellmill("runs", "show", "--json", "last").data["status"] == "SUCCESS"
