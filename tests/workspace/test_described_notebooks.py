"""Notebooks whose definitions are computed: asked of the location's host once, and run like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cellmill.testing.workspace import TemporaryWorkspace
from cellmill.workspace.validate import validate_manifest
from cellmill.workspace.workspace import Workspace

IMPORT = "from cellmill import asset, define_asset_job, ScheduleDefinition, StaticPartitionsDefinition"
COUNT = "with open('ran.txt', 'a') as file:\n    file.write('x')"
LOOP = """
names = ['alpha', 'beta']
for name in names:
    @asset(name=name, group_name='loop')
    def made():
        return len('alpha')
"""
FACTORY = """
def make(name, above):
    @asset(name=name, deps=[above])
    def inner():
        return 1
    return inner
"""


def cells() -> list[str]:
    return [
        IMPORT,
        f"import json\n{COUNT}\nmore = json.load(open('more.json'))",
        LOOP,
        FACTORY,
        "built = [make(name, 'alpha') for name in more]",
        "%%asset total\nalpha + beta",
        "days = StaticPartitionsDefinition([day.lower() for day in ['Mon', 'Tue']])",
        "%%asset parted --partitions days\ncontext.partition_key",
        "@asset(partitions_def=days)\ndef parted_too(context):\n    return context.partition_key",
        "jobs = [define_asset_job(f'job_{name}', selection=name) for name in names]\n"
        "times = [ScheduleDefinition(name=f'at_{at}', job=job, cron_schedule=f'{at} 6 * * *')\n"
        "         for at, job in enumerate(jobs)]",
        "raise SystemExit('this cell defines nothing, and is not run')",
    ]


def runs(book: TemporaryWorkspace) -> int:
    path = book.root / "ran.txt"
    return len(path.read_text()) if path.exists() else 0


def names(workspace: Workspace) -> list[str]:
    return sorted(entry.name for entry in workspace.manifest.assets)


def problems(workspace: Workspace) -> list[tuple[str | None, int | None, str]]:
    return [(p.notebook, p.cell, p.message) for p in workspace.manifest.problems if p.severity == "error"]


def test_computed_definitions_are_offered_and_run(tmp_path: Path) -> None:
    """Loops, factories, computed partitions, jobs and schedules are there; runs make them, and they are fresh then."""
    book = TemporaryWorkspace(tmp_path)
    book.notebook("dyn.ipynb", *cells())
    book.notebook("other.ipynb", "%%asset report\ntotal + built_one")
    book.file("more.json", '["built_one"]')
    workspace = book.workspace
    by_name = {entry.name: entry for entry in workspace.manifest.assets}

    assert sorted(by_name) == ["alpha", "beta", "built_one", "parted", "parted_too", "report", "total"]
    assert by_name["report"].upstream == (("total",), ("built_one",))
    assert by_name["built_one"].upstream == (("alpha",),)
    assert (by_name["beta"].group, by_name["beta"].cell) == ("loop", 3)
    for name in ("parted", "parted_too"):
        assert json.loads(json.dumps(by_name[name].partitions)) == {"kind": "static", "keys": ["mon", "tue"]}
    assert [(job.name, job.selection) for job in workspace.manifest.jobs] == [
        ("job_alpha", 'key:"alpha"'),
        ("job_beta", 'key:"beta"'),
    ]
    assert [(one.name, one.cron, one.job) for one in workspace.manifest.schedules] == [
        ("at_0", ("0 6 * * *",), "job_alpha"),
        ("at_1", ("1 6 * * *",), "job_beta"),
    ]
    assert not validate_manifest(workspace.manifest)
    assert runs(book) == 1

    book.run("materialize", "report", "--upstream")
    listed: list[dict[str, Any]] = json.loads(book.run("assets", "list", "--json").stdout)
    states = {"/".join(entry["key"]): entry["state"] for entry in listed}

    assert {states[name] for name in ("alpha", "beta", "built_one", "total", "report")} == {"fresh"}
    tick = json.loads(book.run("schedules", "tick", "at_1", "--json").stdout)
    assert tick["runs"][0]["job_name"] == "job_beta"
    book.close()


def test_cells_run_once_for_unchanged_code(tmp_path: Path) -> None:
    """What was told is kept by content: of the notebook, of the modules it imports and the data files it reads."""
    book = TemporaryWorkspace(tmp_path)
    book.notebook("dyn.ipynb", IMPORT, f"import json\n{COUNT}\nmore = json.load(open('more.json'))", FACTORY,
                  "import rules\nbuilt = [make(rules.PREFIX + name, 'raw') for name in more]")  # fmt: skip
    book.file("more.json", '["one"]')
    book.file("rules.py", "PREFIX = 'a_'\n")
    with Workspace.open(tmp_path, home=book.home, describe=False) as unread:
        assert names(unread) == []
        assert {p.kind for p in unread.manifest.problems} == {"dynamic"}
    assert runs(book) == 0

    workspace = book.workspace
    assert names(workspace) == ["a_one"]
    workspace.refresh()
    with Workspace.open(tmp_path, home=book.home, describe=False) as kept:
        assert names(kept) == ["a_one"]
        assert not kept.manifest.problems
    assert runs(book) == 1

    book.file("more.json", '["one", "two"]')
    workspace.refresh()
    assert names(workspace) == ["a_one", "a_two"]
    book.file("rules.py", "PREFIX = 'another_'\n")
    workspace.refresh()
    assert names(workspace) == ["another_one", "another_two"]
    assert runs(book) == 3
    book.close()


@pytest.mark.parametrize(
    ("broken", "part"),
    [
        ("names = ['x']\nnames[3]", "IndexError: list index out of range"),
        ("import time\nnames = ['x']\ntime.sleep(600)", "did not end within 3 s"),
        ("import os\nnames = ['x']\nos._exit(3)", "ended while it worked"),
    ],
    ids=["raises", "hangs", "dies"],
)
def test_a_notebook_that_cannot_be_described_harms_no_other(tmp_path: Path, broken: str, part: str) -> None:
    """It is one problem with its place; its own literal assets and other notebooks are there; it is not run again."""
    book = TemporaryWorkspace(tmp_path)
    book.file("cellmill.toml", 'notebooks = ["*.ipynb"]\n[host]\nload_timeout_s = 3\n')
    loop = "for name in names:\n    @asset(name=name)\n    def made():\n        return 1"
    book.notebook("bad.ipynb", IMPORT, f"{COUNT}\n{broken}", loop, "%%asset still_there\n1")
    book.notebook("good.ipynb", IMPORT, "names = ['y']", loop)
    workspace = book.workspace

    assert names(workspace) == ["still_there", "y"]
    ((notebook, _, message),) = problems(workspace)
    assert notebook == "bad.ipynb" and part in message
    before = runs(book)
    workspace.refresh()
    assert runs(book) == before
    book.close()


def test_namespaces_are_apart(tmp_path: Path) -> None:
    """Two notebooks of a location share a host and no names; what a module offers is not offered again."""
    book = TemporaryWorkspace(tmp_path)
    book.file("shared.py", "from cellmill import asset\n@asset\ndef of_module():\n    return 1\n")
    loop = "for name in names:\n    @asset(name=name)\n    def made():\n        return 1"
    book.notebook("a.ipynb", f"{IMPORT}\nfrom shared import of_module\nnames = ['a1']", loop, "secret = 'a'")
    book.notebook("b.ipynb", f"{IMPORT}\nnames = ['b1'] + (['leak'] if 'secret' in globals() else [])", loop)

    assert names(book.workspace) == ["a1", "b1"]
    book.close()


SCRIPT = """
from cellmill import asset

@asset(group_name='script')
def rows():
    return [1, 2, 3]

@asset
def counted(rows):
    return len(rows)
"""


def test_assets_of_a_script_that_a_notebook_runs(tmp_path: Path) -> None:
    """`%run script.py`: what it defines is the notebook's own, is read by cells, runs, and follows edits."""
    book = TemporaryWorkspace(tmp_path)
    book.file("script.py", SCRIPT)
    book.notebook("runs_it.ipynb", "%run script.py", "%%asset total\ncounted + sum(rows)")
    workspace = book.workspace
    by_name = {entry.name: entry for entry in workspace.manifest.assets}

    assert sorted(by_name) == ["counted", "rows", "total"]
    assert (by_name["rows"].group, by_name["rows"].notebook, by_name["rows"].cell) == ("script", "runs_it.ipynb", 1)
    assert by_name["counted"].upstream == (("rows",),)
    assert set(by_name["total"].upstream) == {("counted",), ("rows",)}
    assert not problems(workspace)

    book.run("materialize", "total", "--upstream")
    listed: list[dict[str, Any]] = json.loads(book.run("assets", "list", "--json").stdout)
    states = {"/".join(entry["key"]): entry["state"] for entry in listed}
    assert states == dict.fromkeys(("counted", "rows", "total"), "fresh")

    book.file("script.py", SCRIPT + "\n@asset\ndef more():\n    return 1\n")
    workspace.refresh()
    assert names(workspace) == ["counted", "more", "rows", "total"]
    book.close()


def test_a_script_without_definitions_is_not_run(tmp_path: Path) -> None:
    """A script that only says functions and constants is read as text."""
    book = TemporaryWorkspace(tmp_path)
    book.file("script.py", f"{COUNT}\nSCALE = 2\n")
    book.notebook("runs_it.ipynb", "%run script.py", "%%asset total\nSCALE + 1")
    assert names(book.workspace) == ["total"] and runs(book) == 0
    book.close()


def test_a_factory_of_a_module_is_called(tmp_path: Path) -> None:
    """Assets that a function of the workspace's own module makes are the notebook's, and follow that module."""
    book = TemporaryWorkspace(tmp_path)
    book.file("makers.py", "from cellmill import asset\n" + FACTORY)
    book.notebook("calls.ipynb", "from makers import make as build\nfirst = build('built_one', 'raw')",
                  "import makers\nrest = [makers.make(name, 'built_one') for name in ('built_two',)]",
                  "%%asset total\nbuilt_two + 1")  # fmt: skip
    workspace = book.workspace
    by_name = {entry.name: entry for entry in workspace.manifest.assets}
    assert sorted(by_name) == ["built_one", "built_two", "total"]
    assert by_name["total"].upstream == (("built_two",),) and by_name["built_two"].upstream == (("built_one",),)

    book.file("makers.py", "from cellmill import asset\n" + FACTORY.replace("name=name", "name=name + '_new'"))
    workspace.refresh()
    assert names(workspace) == ["built_one_new", "built_two_new", "total"]
    book.close()


def test_a_factory_behind_a_second_module_is_called(tmp_path: Path) -> None:
    """A factory is one under the name that another module gives it, in a function around it, and as a class."""
    book = TemporaryWorkspace(tmp_path)
    method = FACTORY.replace("def make(", "def make(self, ").replace("\n", "\n    ")
    book.file("deep/__init__.py", "")
    book.file("deep/makers.py", f"from cellmill import asset\n{FACTORY}\nclass Maker:\n    {method}\n")
    book.file("deep/api.py", "from .makers import make as build_one, Maker as Builder\n"
              "def build_all(*given):\n    return [build_one(name, 'raw') for name in given]\n")  # fmt: skip
    book.file("front.py", "from deep.api import *\nfrom deep.api import build_all as every, Builder\n")
    book.notebook("wrapped.ipynb", "from front import every\nparts = every('built_one', 'built_two')")
    book.notebook("classes.ipynb", "from front import *\nmaker = Builder()",
                  "built = maker.make('built_three', 'raw')", "%%asset total\nbuilt_three + 1")  # fmt: skip
    by_name = {entry.name: entry for entry in book.workspace.manifest.assets}
    assert sorted(by_name) == ["built_one", "built_three", "built_two", "total"]
    assert by_name["total"].upstream == (("built_three",),)
    book.close()
