"""Whatever is wrong with one notebook: a clear error for it, and everything else goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from tests.workspace.notebooks import write_notebook

from .command import Command

LOAD = "%load_ext cellmill"
GLOB = 'notebooks = ["*.ipynb"]\n'


@pytest.fixture(autouse=True)
def good(tmp_path: Path) -> None:
    """Beside every bad notebook stands a good one."""
    (tmp_path / "cellmill.toml").write_text(GLOB)
    write_notebook(tmp_path / "good.ipynb", LOAD, "%%asset fine\n1")


def problems(cellmill: Command) -> list[dict[str, Any]]:
    return list(cellmill("check", "--json").data["problems"])


def assert_the_rest_works(cellmill: Command) -> None:
    listed = cellmill("assets", "list", "fine", "--json")
    assert [row["asset"] for row in listed.data] == ["fine"]


def set_kernel(path: Path, name: str) -> None:
    data = json.loads(path.read_text())
    data["metadata"]["kernelspec"]["name"] = name
    path.write_text(json.dumps(data))


def test_a_cell_that_raises(cellmill: Command, tmp_path: Path) -> None:
    """The error names notebook, cell and line; what was made before it, and earlier values, stay."""
    path = write_notebook(tmp_path / "bad.ipynb", LOAD, "%%asset first\n1", "%%asset second\nx = first\n10 / x")
    assert cellmill("materialize", "second", "--upstream").code == 0
    write_notebook(path, LOAD, "%%asset first\n0", "%%asset second\nx = first\n10 / x")
    failed = cellmill("materialize", "second", "--upstream")

    assert failed.code == 1
    assert "bad.ipynb, cell 3, line 3: ZeroDivisionError: division by zero" in " ".join(failed.err.split())
    assert "Traceback" not in failed.err
    rows = {row["asset"]: row for row in cellmill("assets", "list", "--json").data}
    assert rows["second"]["run_id"] and rows["second"]["run_id"] != rows["first"]["run_id"]


def test_a_missing_upstream(cellmill: Command, tmp_path: Path) -> None:
    """An unknown upstream is named with the nearest that exists, one never made with the option that makes it."""
    write_notebook(tmp_path / "bad.ipynb", LOAD, "%%asset needy --deps fin\n1", "%%asset reader\nfine + 1")
    found = problems(cellmill)
    assert [(p["kind"], p["cell"], p["remedy"]) for p in found] == [("missing-upstream", 1, "Did you mean 'fine'?")]
    # made elsewhere, or a mistake: Dagster takes such a name
    assert [p["severity"] for p in found] == ["warning"] and cellmill("check").code == 0
    refused = cellmill("materialize", "reader")
    assert refused.code == 1 and "fine, which reader reads" in refused.err and "--upstream" in refused.err


def test_what_is_made_elsewhere_is_declared(cellmill: Command, tmp_path: Path) -> None:
    """A name that an `AssetSpec` of any notebook declares is known, listed, and made by nobody here."""
    spec = "import cellmill as cm\noutside = cm.AssetSpec('outside', group_name='erp', description='orders of the ERP')"
    write_notebook(tmp_path / "bad.ipynb", LOAD, "%%asset needy --deps outside\n1")
    write_notebook(tmp_path / "outer.ipynb", LOAD, spec)
    assert problems(cellmill) == []
    (found,) = [a for a in cellmill("assets", "graph", "--json").data["assets"] if a["key"] == ["outside"]]
    assert (found["group"], found["notebook"], found["upstream"]) == ("erp", "outer.ipynb", [])
    assert cellmill("materialize", "needy").code == 0


@pytest.mark.parametrize("other", ["bad.ipynb", "worse.ipynb"])
def test_a_circle_is_one_report(cellmill: Command, tmp_path: Path, other: str) -> None:
    """A circle in one notebook, or through two, is told once with all its cells, and is not begun."""
    cells = ["%%asset left\nright", "%%asset right\nleft"]
    if other == "bad.ipynb":
        write_notebook(tmp_path / "bad.ipynb", LOAD, *cells)
    else:
        write_notebook(tmp_path / "bad.ipynb", LOAD, cells[0])
        write_notebook(tmp_path / other, LOAD, cells[1])
    found = problems(cellmill)
    assert len(found) == 1 and "→" in found[0]["message"]
    assert "left in bad.ipynb, cell 2" in found[0]["remedy"] and f"right in {other}" in found[0]["remedy"]
    refused = cellmill("materialize", "left", "--upstream")
    assert refused.code == 1 and "circle" in refused.err and "Break the circle" in refused.err
    assert cellmill("runs", "list", "--json").data == []
    assert_the_rest_works(cellmill)


def test_two_assets_with_one_name(cellmill: Command, tmp_path: Path) -> None:
    """Both places are named."""
    write_notebook(tmp_path / "bad.ipynb", LOAD, "%%asset fine\n2")
    (found,) = problems(cellmill)
    assert {found["notebook"], "good.ipynb"} == {"good.ipynb", "bad.ipynb"} or "bad.ipynb" in found["message"]
    assert found["cell"] == 1 and "Rename one of them" in found["remedy"]
    assert_the_rest_works(cellmill)


def test_a_syntax_error(cellmill: Command, tmp_path: Path) -> None:
    """Notebook, cell and line are named; the notebook's other assets stand; a name that it hides leads to it."""
    write_notebook(tmp_path / "bad.ipynb", LOAD, "%%asset broken\nx = 1\n5 +", "%%asset other\n3")
    (found,) = problems(cellmill)
    assert (found["notebook"], found["cell"], found["line"]) == ("bad.ipynb", 1, 3) and found["remedy"]
    refused = cellmill("materialize", "broken")
    assert refused.code == 1 and "bad.ipynb, cell 2, line 3: invalid syntax" in refused.err
    assert [row["asset"] for row in cellmill("assets", "list", "--json").data] == ["fine", "other"]


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        ("hello", "not valid JSON", 1),
        ("", "empty", None),
        ("[1]", "no JSON object", None),
        ("{}", "no list of cells", None),
        ("null", "no JSON object", None),
        ('{\n<<<<<<< HEAD\n"cells": []\n=======\n>>>>>>> x\n}', "merge markers", 2),
    ],
)
def test_no_notebook(cellmill: Command, tmp_path: Path, text: str, says: str, line: int | None) -> None:
    """The file, the line and a remedy are named."""
    (tmp_path / "bad.ipynb").write_text(text)
    (found,) = problems(cellmill)
    assert found["notebook"] == "bad.ipynb" and says in found["message"] and found["line"] == line and found["remedy"]
    assert_the_rest_works(cellmill)


def test_nbformat_3_is_read_and_run(cellmill: Command, tmp_path: Path) -> None:
    """An old notebook is no error: its cells are read, and run."""
    cell = {"cell_type": "code", "language": "python", "outputs": [], "metadata": {}, "collapsed": False}
    cells = [{**cell, "input": LOAD}, {**cell, "input": "%%asset old\n3"}]
    sheet = {"cells": cells, "metadata": {}}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [sheet]}
    (tmp_path / "bad.ipynb").write_text(json.dumps(old))
    assert problems(cellmill) == []
    assert cellmill("materialize", "old").code == 0


def test_another_language(cellmill: Command, tmp_path: Path) -> None:
    """A header in a notebook of another language is an error at its cell; without one the notebook is no problem."""
    write_notebook(tmp_path / "bad.ipynb", "%%asset fit\nlm(y ~ x)", language="R")
    write_notebook(tmp_path / "plain.ipynb", "lm(y ~ x)", language="R")
    (found,) = problems(cellmill)
    assert (found["notebook"], found["cell"]) == ("bad.ipynb", 0) and "'R'" in found["message"]
    assert "notebook_asset" in found["remedy"]
    assert_the_rest_works(cellmill)


def test_large_outputs(cellmill: Command, tmp_path: Path) -> None:
    """50 MB of outputs are read past, and a run of the notebook does not choke on them."""
    path = write_notebook(tmp_path / "bad.ipynb", LOAD, "%%asset big\n1")
    data = json.loads(path.read_text())
    data["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 50_000_000}]
    path.write_text(json.dumps(data))
    assert problems(cellmill) == []
    assert cellmill("materialize", "big").code == 0


def test_a_kernel_that_is_not_installed(cellmill: Command, tmp_path: Path) -> None:
    """The error names the notebook, the kernel, those that are installed, and how to install it."""
    set_kernel(write_notebook(tmp_path / "bad.ipynb", LOAD, "%%asset lost\n1"), "nonesuch")
    failed = cellmill("materialize", "lost")
    text = " ".join(failed.err.split())
    assert failed.code == 1 and "bad.ipynb: No kernel named 'nonesuch'" in text and "ipykernel install" in text
    assert text.count("No kernel named") == 1


def test_a_kernel_without_cellmill(cellmill: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the notebook, the kernel and the remedy, once."""
    venv.create(tmp_path / "bare", with_pip=False)
    site = next((tmp_path / "bare" / "lib").glob("python*")) / "site-packages"
    import ipykernel

    (site / "deps.pth").write_text(str(Path(ipykernel.__file__).parents[1]) + "\n")
    spec = tmp_path / "jupyter" / "kernels" / "bare"
    spec.mkdir(parents=True)
    argv = [str(tmp_path / "bare" / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "bare", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    if subprocess.run([argv[0], "-c", "import cellmill"], capture_output=True).returncode == 0:
        pytest.fail("the bare environment sees cellmill: install cellmill apart from ipykernel to test this")
    set_kernel(write_notebook(tmp_path / "bad.ipynb", LOAD, "%%asset bare\n1"), "bare")
    failed = cellmill("materialize", "bare")
    text = " ".join(failed.err.split())
    assert failed.code == 1 and "bad.ipynb: its kernel 'bare' cannot import cellmill" in text
    assert "pip install cellmill" in text and text.count("cannot import") == 1


def test_problems_elsewhere_are_one_line(cellmill: Command, tmp_path: Path) -> None:
    """A command that is not `check` says in one line how many problems there are."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.ipynb").write_text("{")
    assert cellmill("assets", "list").err == "2 problems in this workspace: cellmill check\n"


def test_a_folder_that_cannot_be_written(cellmill: Command, tmp_path: Path) -> None:
    """Reading goes on without a cache; what must be stored is refused with the folder and the remedy."""
    tmp_path.chmod(0o555)
    try:
        run = _without_privilege(tmp_path)
        listed = run("assets", "graph", "--no-state", "--json")
        assert json.loads(listed.stdout)["assets"][0]["key"] == ["fine"], listed.stderr
        assert run("check").returncode == 0
        refused = run("materialize", "fine")
        text = " ".join(refused.stderr.split())
        assert refused.returncode == 1 and ".cellmill" in text and "CELLMILL_HOME" in text, text
        assert "mistake of cellmill" not in text and "Traceback" not in text
    finally:
        tmp_path.chmod(0o755)


def _without_privilege(folder: Path) -> Any:
    """Return a way to run cellmill in `folder` that permission bits bind, for root too."""
    words = [sys.executable, "-m", "cellmill"]
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        assert setpriv, "as root this needs setpriv (util-linux)"
        drop = "-dac_override,-dac_read_search,-fowner"
        words = [setpriv, f"--bounding-set={drop}", f"--inh-caps={drop}", *words]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*words, *arguments], cwd=folder, capture_output=True, text=True)

    return run
