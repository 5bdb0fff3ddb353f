"""A workspace reads all its locations, shows the broken ones, and reads again only what changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cellmill.workspace import notebook_reading
from cellmill.workspace.validate import validate_manifest
from cellmill.workspace.workspace import Workspace

from .notebooks import write_notebook

LOAD = "%load_ext cellmill"


def names(workspace: Workspace) -> list[str]:
    return sorted(entry.name for entry in workspace.manifest.assets)


def edges(workspace: Workspace) -> dict[str, list[str]]:
    return {entry.name: ["/".join(up) for up in entry.upstream] for entry in workspace.manifest.assets}


def test_notebooks_without_a_file(tmp_path: Path) -> None:
    """Every notebook under the folder that loads cellmill counts; names link over notebooks."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset raw\n1")
    write_notebook(tmp_path / "deep/b.ipynb", LOAD, "k = 2", "%%asset doubled\nraw * k")
    write_notebook(tmp_path / "plain.ipynb", "%%time\n1")
    with Workspace.open(tmp_path) as workspace:
        assert edges(workspace) == {"raw": [], "doubled": ["raw"]}
        assert [entry.name for entry in workspace.select("*doubled")] == ["raw", "doubled"]
        assert [entry.name for entry in workspace.select('notebook:"b.ipynb"')] == ["doubled"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "JSON"),
        ("", "empty"),
        ('{\n"cells": [\n<<<<<<< HEAD\n', "merge markers"),
        ('{"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": "%load_ext cellmill"}]}]}', ""),
    ],
)
def test_a_broken_notebook_harms_no_other(tmp_path: Path, text: str, part: str) -> None:
    """Each unreadable notebook is one problem that names it; the assets of the others are there."""
    write_notebook(tmp_path / "good.ipynb", LOAD, "%%asset raw\n1")
    (tmp_path / "bad.ipynb").write_text(text)
    (tmp_path / "cellmill.toml").write_text('notebooks = ["*.ipynb"]\n')
    with Workspace.open(tmp_path) as workspace:
        assert names(workspace) == ["raw"]
        problems = [problem for problem in workspace.manifest.problems if problem.notebook == "bad.ipynb"]
        assert bool(problems) is bool(part)
        assert all(part in problem.message for problem in problems)


def test_two_notebooks_with_one_key(tmp_path: Path) -> None:
    """The second asset of a key is a problem that names both places; the first one stands."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset raw\n1")
    write_notebook(tmp_path / "b.ipynb", LOAD, "%%asset raw\n2", "%%asset other\n3")
    with Workspace.open(tmp_path) as workspace:
        found = [problem for problem in validate_manifest(workspace.manifest) if problem.kind == "duplicate"]

        assert names(workspace) == ["other", "raw"]
        assert len(found) == 1 and found[0].notebook == "b.ipynb" and "a.ipynb, cell 2" in found[0].message


def test_a_cycle_over_notebooks(tmp_path: Path) -> None:
    """A circle is reported once, with its shortest way round."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset one\nthree")
    write_notebook(tmp_path / "b.ipynb", LOAD, "%%asset two\none", "%%asset three\ntwo")
    with Workspace.open(tmp_path) as workspace:
        found = [problem for problem in validate_manifest(workspace.manifest) if problem.kind == "cycle"]

        assert len(found) == 1 and "two → three → one → two" in found[0].message


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ('x = 1\n\n%schedule "61 * * * *" raw', 3),
        (
            "import cellmill as cm\nnightly = cm.define_asset_job('nightly', 'raw')\n"
            "late = cm.ScheduleDefinition(name='late', job=nightly, cron_schedule='61 * * * *')",
            3,
        ),
        (
            "import cellmill as cm\n\n\n@cm.schedule(cron_schedule='61 * * * *', target='raw')\ndef late():\n    ...",
            5,
        ),
    ],
)
def test_a_bad_cron_is_found_at_its_line(tmp_path: Path, cell: str, line: int) -> None:
    """A schedule that is declared in a cell is reported with the line of its declaration."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset raw\n1", cell)
    with Workspace.open(tmp_path) as workspace:
        found = [problem for problem in validate_manifest(workspace.manifest) if problem.kind == "cron"]

        assert [str(problem.place) for problem in found] == [f"a.ipynb, cell 3, line {line}"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["%%asset list\n[1]"], "'list' is a builtin too"),
        (["import pandas as pd", "%%asset pd\n3"], "'pd' is imported in cell 2, line 1 too"),
        (["%%asset a\na + 1"], "reads itself"),
        (["for n in 'xy':\n    @asset(name=n)\n    def made():\n        return 1"], "inside a loop or branch"),
        (["for n in 'xy':\n    get_ipython().run_cell_magic('asset', n, '1')"], "it is made by code"),
        (["%%asset a\nexec(text)\n1"], "unknown until it runs"),
        (["globals()[input()] = 1", "%%asset a\nmystery"], "may bind any name"),
        (["%%asset a\n# nothing"], "has no body"),
        (["%%asset a\n_ + 1"], "IPython's own memory"),
        (["%%asset a --gruop x\n1"], "unknown option --gruop"),
        (["%%asset a\n1 +"], "invalid syntax"),
    ],
)
def test_bad_input_is_never_without_a_word(tmp_path: Path, cells: list[str], words: str) -> None:
    """What cannot be known or makes no sense is a problem that says so, before anything runs."""
    write_notebook(tmp_path / "a.ipynb", LOAD, *cells)
    with Workspace.open(tmp_path) as workspace:
        found = [problem.message for problem in validate_manifest(workspace.manifest)]

    assert any(words in message for message in found), found


def test_a_notebook_that_is_run_counts(tmp_path: Path) -> None:
    """`%run` of a notebook or a script binds what that binds: slices, upstreams and versions go through it."""
    write_notebook(tmp_path / "raw.ipynb", LOAD, "%%asset flights\n1")
    write_notebook(
        tmp_path / "lib" / "tools.ipynb", "SCALE = 2\nOTHER = 1", "%run more.py", "def load():\n    return flights"
    )
    (tmp_path / "lib" / "more.py").write_text("def twice(x):\n    return 2 * x * SCALE\n")
    write_notebook(
        tmp_path / "a.ipynb", LOAD, "%run lib/tools.ipynb", "%%asset scaled\ntwice(1)", "%%asset loaded\nload()",
        "%%asset strange\nunheard_of",
    )  # fmt: skip
    with Workspace.open(tmp_path) as workspace:
        before = {entry.name: entry for entry in workspace.manifest.assets}
        write_notebook(
            tmp_path / "lib" / "tools.ipynb", "SCALE = 3\nOTHER = 2", "%run more.py", "def load():\n    return flights"
        )
        workspace.refresh()
        after = {entry.name: entry for entry in workspace.manifest.assets}
        (tmp_path / "lib" / "more.py").write_text("def twice(x):\n    return 4 * x * SCALE\n")
        workspace.refresh()
        last = {entry.name: entry for entry in workspace.manifest.assets}
        said = [problem.message for problem in workspace.manifest.problems]

    assert before["loaded"].upstream == (("flights",),)
    assert before["scaled"].upstream == ()
    assert before["scaled"].code_version != after["scaled"].code_version != last["scaled"].code_version
    assert before["loaded"].code_version == after["loaded"].code_version == last["loaded"].code_version
    assert any("nothing defines 'unheard_of'" in message for message in said)


def test_a_file_that_cannot_be_run_is_unknown(tmp_path: Path) -> None:
    """Where the file is not at hand, the line may bind any name, and the asset says so."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%run nowhere.ipynb", "%%asset a\nsomething")
    with Workspace.open(tmp_path) as workspace:
        said = [problem.message for problem in workspace.manifest.problems]

    assert any("cell 2, line 1 may bind any name" in message for message in said)


def test_a_cell_of_five_thousand_lines(tmp_path: Path) -> None:
    """A very long cell is read like any other: its names, its upstreams, its line numbers."""
    lines = [f"x{number} = raw + {number}" for number in range(5_000)]
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset raw\n1", "\n".join(["%%asset long", *lines, "nothing_here"]))
    with Workspace.open(tmp_path) as workspace:
        entry = workspace.assets_by_key[("long",)]
        notes = [problem.message for problem in workspace.manifest.problems]

    assert entry.upstream == (("raw",),)
    assert notes == ["asset 'long': line 5002: nothing defines 'nothing_here'"]


def test_only_the_edited_notebook_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warm cache reads nothing; an edit reads one notebook; a new asset's name reads those that use the word."""
    first = write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset raw\n1")
    write_notebook(tmp_path / "b.ipynb", LOAD, "%%asset doubled\nraw * 2 + len(later)")
    write_notebook(tmp_path / "c.ipynb", LOAD, "%%asset alone\n3")
    read: list[str] = []
    original = notebook_reading.second_look

    def spy(path: Path, relative: str, *rest: object) -> object:
        read.append(relative)
        return original(path, relative, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(notebook_reading, "second_look", spy)
    with Workspace.open(tmp_path) as workspace:
        workspace.refresh()
        assert sorted(read) == ["a.ipynb", "b.ipynb", "c.ipynb"]
    read.clear()
    with Workspace.open(tmp_path) as workspace:
        version = workspace.assets_by_key["raw",].code_version
        assert read == []
        write_notebook(first, LOAD, "%%asset raw\n1 + 1")
        workspace.refresh()
        assert read == ["a.ipynb"]
        assert workspace.assets_by_key["raw",].code_version != version
        read.clear()
        write_notebook(first, LOAD, "%%asset raw\n1 + 1", "%%asset later\n5")
        workspace.refresh()
        assert sorted(read) == ["a.ipynb", "b.ipynb"]
        assert edges(workspace)["doubled"] == ["raw", "later"]


def test_a_local_module_counts(tmp_path: Path) -> None:
    """Editing a module of the workspace changes the versions of the assets that use it, and of no other."""
    (tmp_path / "tools.py").write_text("def f(x):\n    return x\n")
    write_notebook(tmp_path / "a.ipynb", LOAD, "import tools", "%%asset used\ntools.f(1)", "%%asset unused\n2")
    with Workspace.open(tmp_path) as workspace:
        before = {entry.name: entry.code_version for entry in workspace.manifest.assets}
        (tmp_path / "tools.py").write_text("def f(x):\n    return x + 1\n")
        workspace.refresh()
        after = {entry.name: entry.code_version for entry in workspace.manifest.assets}

        assert before["used"] != after["used"] and before["unused"] == after["unused"]


def test_an_unchanged_workspace_keeps_its_manifest(tmp_path: Path) -> None:
    """Reading again what is as it was gives the same object, so that what was worked out of it stays good."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset raw\n1")
    with Workspace.open(tmp_path) as workspace:
        before = workspace.manifest
        assert workspace.refresh() is before
        write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset raw\n2")
        assert workspace.refresh() is not before


def test_a_module_that_fails_is_not_run_again_and_again(tmp_path: Path) -> None:
    """It is loaded once, until a Python file changes or somebody asks for it; the other locations are there."""
    (tmp_path / "cellmill.toml").write_text('files = ["bad.py"]\nnotebooks = ["*.ipynb"]\n')
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset raw\n1")
    count = "with open('ran.txt', 'a') as file:\n    file.write('x')\n"
    (tmp_path / "bad.py").write_text(f"{count}raise RuntimeError('no database')\n")
    with Workspace.open(tmp_path) as workspace:
        for _ in range(3):
            workspace.refresh()
            assert names(workspace) == ["raw"]
            assert ["no database" in problem.message for problem in workspace.manifest.problems] == [True]
        assert (tmp_path / "ran.txt").read_text() == "x"

        workspace.reload("bad.py")
        assert (tmp_path / "ran.txt").read_text() == "xx"

        (tmp_path / "bad.py").write_text("from cellmill import asset\n\n@asset\ndef mended():\n    return 1\n")
        workspace.refresh()
        assert names(workspace) == ["mended", "raw"]
