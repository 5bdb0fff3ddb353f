"""Notebooks linked: upstreams, slices, code versions, and the mistakes that the whole shows."""

from __future__ import annotations

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.cache import FactsCache
from cellmill.notebooks.problem import AssetCycleError, CellSyntaxError, DuplicateAssetError, NameLinkError
from cellmill.notebooks.workspace import WorkspaceScan, scan_workspace

from .books import book


def scan(*sources: str, **other: tuple[str, ...]) -> WorkspaceScan:
    """A workspace of one notebook (and others by name)."""
    return scan_workspace(
        {"n.ipynb": book(*sources), **{f"{name}.ipynb": book(*cells) for name, cells in other.items()}}
    )


def asset(workspace: WorkspaceScan, name: str) -> AssetCell:
    """The asset of that name."""
    return workspace.assets[AssetKey(name.split("/"))]


def upstreams(workspace: WorkspaceScan, name: str) -> set[str]:
    """The keys that an asset needs."""
    return {upstream.key.to_user_string() for upstream in asset(workspace, name).upstreams}


def version(*sources: str, name: str = "a") -> str:
    """The code version of an asset."""
    return asset(scan(*sources), name).code_version


UPSTREAM_ROWS = [
    ("read by name", ("%%asset b\n1", "%%asset a\nb + 1"), {"b"}),
    ("order-free", ("%%asset a\nb + 1", "%%asset b\n1"), {"b"}),
    ("comment form", ("#| asset b\n1", "# | asset a\nb + 1"), {"b"}),
    ("rebinds its upstream's name", ("%%asset b\n1", "%%asset a\nb = b.dropna()\nb"), {"b"}),
    ("own local", ("%%asset b\n1", "%%asset a\nb = 2\nb"), set()),
    ("through a helper", ("%%asset b\n1", "def h():\n    return b", "%%asset a\nh()"), {"b"}),
    ("through two helpers", ("%%asset b\n1", "def h():\n    return b\ndef g():\n    return h()", "%%asset a\ng()"),
     {"b"}),
    ("through a plain statement", ("%%asset b\n1", "m = b.mean()", "%%asset a\nm"), {"b"}),
    ("asset wins over plain name here", ("b = 3", "%%asset b\n1", "%%asset a\nb"), {"b"}),
    ("in a query string", ("%%asset b\n1", "df = 1", "%%asset a\ndf.query('x > @b')"), {"b"}),
    ("in SQL", ("import duckdb", "%%asset b\n1", "%%asset a\nduckdb.sql('select * from b').df()"), {"b"}),
    ("deps", ("%%asset b\n1", "%%asset a --deps b\n1"), {"b"}),
    ("ins", ("%%asset raw/b\n1", "%%asset a --ins df=raw/b\ndf"), {"raw/b"}),
    ("no-infer", ("%%asset b\n1", "%%asset a --no-infer\nb"), set()),
    ("prefix", ("%%asset b --key-prefix raw\n1", "%%asset a\nb"), {"raw/b"}),
    ("decorator", ("%%asset b\n1", "from cellmill import asset\n@asset\ndef a(context, b):\n    return b"), {"b"}),
    ("decorator deps", ("%%asset b\n1", "@asset(deps=['b'])\ndef a():\n    return 1"), {"b"}),
    ("decorator ins", ("%%asset b\n1", "@asset(ins={'x': AssetIn(key='b')})\ndef a(x):\n    return 1"), {"b"}),
    ("multi asset", ("%%asset b c\nb, c = 1, 2", "%%asset a\nc"), {"c"}),
    ("nothing", ("%%asset a\nlen([])",), set()),
    ("inspection is no upstream", ("%%asset b\n1", "%%asset a\nb?\n1"), set()),
    ("in a comprehension", ("%%asset b\n1", "%%asset a\n[x for x in b]"), {"b"}),
    ("through time magic", ("%%asset b\n1", "%%asset a\n%time y = b\ny"), {"b"}),
    ("in the shell", ("%%asset b\n1", "%%asset a\n!echo {b}\n1"), {"b"}),
    ("context is given", ("%%asset context\n1", "%%asset a\ncontext.log"), set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sources", "expected"), [row[1:] for row in UPSTREAM_ROWS], ids=[row[0] for row in UPSTREAM_ROWS]
)
def test_upstreams(sources: tuple[str, ...], expected: set[str]) -> None:
    """What an asset reads, directly or through its slice, and what is said by options, is upstream."""
    workspace = scan(*sources)

    assert upstreams(workspace, "a") == expected
    assert not workspace.problems


def test_other_notebook() -> None:
    """A name that nothing here binds may be an asset of another notebook."""
    assert upstreams(scan("%%asset a\nb", other=("%%asset b\n1",)), "a") == {"b"}


def test_plain_name_wins_over_another_notebook() -> None:
    """A plain binding of this notebook wins over an asset of another."""
    assert upstreams(scan("b = 1", "%%asset a\nb", other=("%%asset b\n1",)), "a") == set()


def test_ambiguous_name() -> None:
    """A name that could be two assets is an error that names both."""
    workspace = scan("%%asset a\nb", one=("%%asset x/b\n1",), two=("%%asset y/b\n1",))

    (problem,) = workspace.problems
    assert isinstance(problem, NameLinkError)
    assert "x/b" in str(problem) and "y/b" in str(problem) and "--ins b=x/b" in str(problem)


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (("%%asset a\na + 1",), "reads itself"),
        (("%%asset a\nb", "%%asset b\na"), "circle"),
        (("%%asset a\nb", "%%asset b\nc", "%%asset c\na"), "circle"),
    ],
)
def test_cycles(sources: tuple[str, ...], words: str) -> None:
    """An asset that reads itself, and a circle of assets, are errors that name the cells."""
    (problem,) = scan(*sources).problems

    assert isinstance(problem, AssetCycleError)
    assert words in str(problem)


def test_cycle_through_two_notebooks() -> None:
    """A circle through two notebooks is found."""
    (problem,) = scan("%%asset a\nb", other=("%%asset b\na",)).problems

    assert "n.ipynb" in str(problem) and "other.ipynb" in str(problem)


def test_own_name_from_a_plain_cell_above() -> None:
    """An asset may start from a plain value of its own name that stands above."""
    workspace = scan("a = 1", "%%asset a\na = a + 1")

    assert not workspace.problems
    assert asset(workspace, "a").plain_names == ("a",) or asset(workspace, "a").cells == {0}


def test_two_assets_of_one_name() -> None:
    """The second cell of a name is an error that names the first; the first still works."""
    workspace = scan("%%asset a\n1", "%%asset a\n2", "%%asset b\na")

    (problem,) = workspace.problems
    assert isinstance(problem, DuplicateAssetError)
    assert "cell 1" in str(problem)
    assert asset(workspace, "a").origin.cell_index == 0


def test_definer_only_below() -> None:
    """A plain name that is defined only below is an error with a remedy."""
    (problem,) = scan("%%asset a\nx + 1", "x = 1").problems

    assert isinstance(problem, NameLinkError)
    assert "cell 2" in str(problem) and "Move" in str(problem)


def test_broken_cell_breaks_nothing_else() -> None:
    """A syntax error is reported with its line; other cells keep working."""
    workspace = scan("x = (", "%%asset a\n1", "%%asset b\na +", "%%asset c --gruop x\n1")

    assert [type(problem) for problem in workspace.problems][:2] == [CellSyntaxError, CellSyntaxError]
    assert len(workspace.problems) == 3
    assert set(workspace.assets) == {AssetKey("a")}


def test_broken_notebook_breaks_nothing_else() -> None:
    """A file that is no notebook is a problem; the others are read."""
    workspace = scan_workspace({"bad.ipynb": "{", "n.ipynb": book("%%asset a\n1")})

    assert len(workspace.problems) == 1
    assert AssetKey("a") in workspace.assets


def test_other_language() -> None:
    """A notebook of another language has no asset cells and no problems."""
    workspace = scan_workspace({"r.ipynb": book("x <- 1", kernelspec={"language": "R", "name": "ir"})})

    assert not workspace.problems and not workspace.assets


SLICE_ROWS = [
    ("nearest above", ("x = 1", "x = 2", "%%asset a\nx"), {1}),
    ("rebinding chain", ("x = 1", "x = x + 1", "%%asset a\nx"), {0, 1}),
    ("may-binding goes on", ("x = 1", "if c:\n    x = 2", "%%asset a\nx"), {0, 1}),
    ("below does not count", ("x = 1", "%%asset a\nx", "x = 2"), {0}),
    ("mutation counts", ("x = []", "x.append(1)", "%%asset a\nx"), {0, 1}),
    ("mutation of an item", ("d = {}", "d['k'] = 1", "y = 1", "%%asset a\nd"), {0, 1}),
    ("mutation through an alias", ("x = []", "y = x", "y.append(1)", "%%asset a\nx"), {0, 1, 2}),
    ("mutation through a helper", ("x = []", "def f():\n    x.append(1)", "f()", "%%asset a\nx"), {0, 1, 2}),
    ("helper's names from the caller", ("K = 1", "def h():\n    return K", "K = 2", "%%asset a\nh()"), {1, 2}),
    ("only what is needed", ("x = 1\ny = 2", "z = 3", "%%asset a\nx"), {0}),
    ("import", ("import pandas as pd", "%%asset a\npd.DataFrame()"), {0}),
    ("module function is no mutation", ("import os", "os.remove('x')", "%%asset a\nos.getcwd()"), {0}),
    ("seed belongs to its module", ("import numpy as np", "np.random.seed(1)", "%%asset a\nnp.random.rand()"), {0, 1}),
    ("setup runs for all below", ("import pandas as pd", "pd.set_option('a', 1)", "%%asset a\n1"), {0, 1}),
    ("own builtin", ("def len(x):\n    return 3", "%%asset a\nlen([])"), {0}),
    ("star import", ("from mystery import *", "%%asset a\nstrange()"), {0}),
    ("capture", ("%%capture out\nx = 1", "%%asset a\nout"), {0}),
    ("sql table", ("con.execute('create table t as select 1')", "%%asset a\ncon.execute('select * from t')"), {0}),
    ("class", ("class A:\n    def m(self):\n        return K", "K = 2", "%%asset a\nA().m()"), {0, 1}),
    ("lambda in a list", ("K = 1", "fs = [lambda: K]", "%%asset a\nfs[0]()"), {0, 1}),
]  # fmt: skip


@pytest.mark.parametrize(("sources", "cells"), [row[1:] for row in SLICE_ROWS], ids=[row[0] for row in SLICE_ROWS])
def test_slice_cells(sources: tuple[str, ...], cells: set[int]) -> None:
    """An asset's slice has the plain cells that its names reach, in document order."""
    assert asset(scan(*sources), "a").cells == cells


def test_slice_is_by_statement() -> None:
    """The slice takes statements, not cells."""
    assert asset(scan("x = 1\ny = 2\nz = x", "%%asset a\nz"), "a").slice == ((0, 1, 1), (0, 3, 3))


SAME = [
    ("comments", ("%%asset a\nx = 1 # one\nx",), ("%%asset a\nx=1\nx",)),
    ("layout", ("%%asset a\nf(1,\n  2)",), ("%%asset a\nf(1, 2)",)),
    ("docstring", ('%%asset a\n"""old"""\n1 + 1',), ('%%asset a\n"""new"""\n1 + 1',)),
    ("helper's docstring", ("def h():\n    'd'\n    return 1", "%%asset a\nh()"), ("def h():\n    return 1",
     "%%asset a\nh()")),
    ("unrelated statement", ("x = 1\ny = 2", "%%asset a\nx"), ("x = 1\ny = 3", "%%asset a\nx")),
    ("unrelated import", ("import a1, b1", "%%asset a\na1.f()"), ("import a1", "%%asset a\na1.f()")),
    ("group", ("%%asset a --group x\n1",), ("%%asset a --group y\n1",)),
    ("form", ("%%asset a\n1",), ("#| asset a\n1",)),
    ("moved cell", ("%%asset b\n2", "%%asset a\n1"), ("%%asset a\n1", "%%asset b\n2")),
    ("upstream's code", ("%%asset b\n1", "%%asset a\nb"), ("%%asset b\n2", "%%asset a\nb")),
]  # fmt: skip
CHANGED = [
    ("body", ("%%asset a\n1",), ("%%asset a\n2",)),
    ("type of a constant", ("%%asset a\n1",), ("%%asset a\n1.0",)),
    ("helper", ("def h():\n    return 1", "%%asset a\nh()"), ("def h():\n    return 2", "%%asset a\nh()")),
    ("constant two cells away", ("K = 1", "def h():\n    return K", "%%asset a\nh()"),
     ("K = 2", "def h():\n    return K", "%%asset a\nh()")),
    ("mutation", ("x = []", "x.append(1)", "%%asset a\nx"), ("x = []", "x.append(2)", "%%asset a\nx")),
    ("import", ("import a1 as m", "%%asset a\nm.f()"), ("import b1 as m", "%%asset a\nm.f()")),
    ("foreign cell", ("%%R -o r\nr <- 1", "%%asset a\nr"), ("%%R -o r\nr <- 2", "%%asset a\nr")),
    ("shell", ("x = !ls", "%%asset a\nx"), ("x = !pwd", "%%asset a\nx")),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_code_version_is_kept(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    """What does not change the meaning of the code keeps the code version."""
    assert version(*old) == version(*new)


@pytest.mark.parametrize(("old", "new"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED])
def test_code_version_changes(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    """A change of the body or of what its names reach changes the code version."""
    assert version(*old) != version(*new)


def test_local_module_is_part_of_the_version() -> None:
    """A workspace-local module, and what it imports, is part of the code version; its comments are not."""

    def with_module(source: str, other: str = "K = 1") -> str:
        return asset(
            scan_workspace(
                {"n.ipynb": book("from helpers import f", "%%asset a\nf()")}, modules={"helpers": source, "deep": other}
            ),
            "a",
        ).code_version

    base = with_module("import deep\ndef f(): return deep.K")
    assert base == with_module("import deep\n# note\ndef f(): return deep.K")
    assert base != with_module("import deep\ndef f(): return 2")
    assert base != with_module("import deep\ndef f(): return deep.K", "K = 2")


def test_explicit_code_version() -> None:
    """--code-version replaces the fingerprint."""
    assert version("%%asset a --code-version 7\n1") == "7"


def test_names_without_a_name() -> None:
    """Without a NAME the last statement names the asset; where it cannot, it is an error."""
    workspace = scan("%%asset\nfoo = 1", "%%asset\nx = 1\nbar = x\nbar", "%%asset\nf()")

    assert set(workspace.assets) == {AssetKey("foo"), AssetKey("bar")}
    assert "has no name" in str(workspace.problems[0])


def test_description_and_origin() -> None:
    """A leading string is the description; the origin names notebook, cell and id."""
    found = asset(scan("md:# x", '%%asset a --group g\n"""Mean delay."""\n1'), "a")

    assert found.definition.description == "Mean delay."
    assert (found.origin.path, found.origin.cell_id, found.origin.cell_index) == ("n.ipynb", "cell-1", 1)


def test_declarations() -> None:
    """Jobs and schedules are read from line magics and from decorators."""
    workspace = scan(
        '%schedule "0 6 * * *" a+ --name morning',
        "%job nightly = group:g",
        "@schedule(cron_schedule='@daily', job=nightly)\ndef daily(context):\n    return {}",
        "job2 = define_asset_job('j2', selection='a')",
    )

    assert [(d.kind, d.name, d.selection) for d in workspace.declarations] == [
        ("schedule", "morning", "a+"),
        ("job", "nightly", "group:g"),
        ("schedule", "daily", ""),
        ("job", "j2", ""),
    ]
    assert workspace.declarations[2].computed == ("job",)


@pytest.mark.parametrize(
    "source",
    [
        "for n in names:\n    @asset(name=n)\n    def made():\n        return 1",
        "@asset(name=prefix + 'x')\ndef made():\n    return 1",
        "@asset(**options)\ndef made():\n    return 1",
    ],
)
def test_unknowns_are_said(source: str) -> None:
    """What the text does not show is reported, not guessed."""
    workspace = scan(source)

    assert not workspace.assets
    assert workspace.unknowns[0].what == "made"


def test_only_the_edited_cell_is_analysed() -> None:
    """With a cache, one edit analyses one cell."""
    cache = FactsCache()
    sources = [f"x{n} = {n}" for n in range(20)]
    scan_workspace({"n.ipynb": book(*sources)}, cache=cache)
    misses = cache.misses
    scan_workspace({"n.ipynb": book(*sources[:-1], "x19 = 20")}, cache=cache)

    assert cache.misses == misses + 1


def test_cells_that_give_resources() -> None:
    """An asset that names a resource needs the cell that gives it, and what that reads; others do not need it."""
    workspace = scan(
        "from cellmill import Definitions",
        "path = 'x'",
        "defs = Definitions(resources={'store': open(path)})",
        "%%asset kept --io-manager store\n1",
        "%%asset plain\n2",
    )

    assert asset(workspace, "kept").cells == {0, 1, 2}
    assert asset(workspace, "plain").cells == frozenset()


def test_a_cell_that_gives_every_io_manager() -> None:
    """Resources with an `io_manager` concern every asset below."""
    workspace = scan("defs = Definitions(resources={'io_manager': print})", "%%asset a\n1")

    assert asset(workspace, "a").cells == {0}
