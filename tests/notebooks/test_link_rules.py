"""How names are linked across cells, and what that makes of slices, notes and code versions: one row a rule."""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest
from cellmill.definitions.asset_key import AssetKey
from cellmill.notebooks.asset_cell import AssetCell
from cellmill.notebooks.cache import FactsCache
from cellmill.notebooks.cells import analyse_source
from cellmill.notebooks.workspace import WorkspaceScan, scan_workspace

from .books import book
from .test_names import ROWS


class Link(NamedTuple):
    """Cells, and what the asset `a` among them needs: cells by index, assets by name; words of notes and problems."""

    rule: str
    cells: tuple[str, ...]
    needs: set[int]
    upstreams: set[str] = set()
    words: str = ""


class Pair(NamedTuple):
    """Two states of a notebook whose asset `a` has the same code version, or another one."""

    rule: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    same: bool


LINKS = [
    Link("26 helper reads a plain name", ("T = 1", "def h():\n    return T", "%%asset a\nh()"), {0, 1}),
    Link("26 helper reads an asset", ("%%asset b\n1", "def h():\n    return b", "%%asset a\nh()"), {1}, {"b"}),
    Link("26 helper of a helper",
         ("T = 1", "def g():\n    return T", "def h():\n    return g()", "%%asset a\nh()"), {0, 1, 2}),
    Link("26 helper passed on", ("T = 1", "def h(x):\n    return T", "%%asset a\nlist(map(h, [1]))"), {0, 1}),
    Link("26 bound method",
         ("T = 1", "class C:\n    def m(self):\n        return T", "c = C()", "%%asset a\nc.m()"), {0, 1, 2}),
    Link("26 registered function",
         ("T = 1", "fs = []", "def h():\n    return T\nfs.append(h)", "%%asset a\nfs[0]()"), {0, 1, 2}),
    Link("26 registering decorator",
         ("T = 1", "fs = {}\ndef keep(f):\n    fs[f.__name__] = f\n    return f",
          "@keep\ndef h():\n    return T", "%%asset a\nfs['h']()"), {0, 1, 2}),
    Link("26 function handed to an object",
         ("T = 1", "b = Button()", "def h():\n    return T\nb.on_click(h)", "%%asset a\nb.click()"), {0, 1, 2}),
    Link("26 function set as an attribute",
         ("T = 1", "b = Button()", "b.call = lambda: T", "%%asset a\nb.call()"), {0, 1, 2}),
    Link("26 dispatched function",
         ("T = 1", "@singledispatch\ndef show(v):\n    return 0", "@show.register\ndef _(v: int):\n    return T",
          "%%asset a\nshow(1)"), {0, 1, 2}),
    Link("37 change through an alias", ("x = []", "y = x", "y.append(1)", "%%asset a\nx"), {0, 1, 2}),
    Link("37 change through a helper", ("x = []", "def f():\n    x.append(1)", "f()", "%%asset a\nx"), {0, 1, 2}),
    Link("38 change of an asset", ("%%asset b\n[1]", "%%asset a\nb.append(2)\nb"), set(), {"b"},
         "changes the asset 'b' in place"),
    Link("40 nearest definer above", ("x = 1", "x = 2", "%%asset a\nx", "x = 3"), {1}),
    Link("40 definer only below", ("%%asset a\nx", "x = 1"), set(), set(), "stands below"),
    Link("40 assets in any order", ("%%asset a\nb", "%%asset b\n1"), set(), {"b"}),
    Link("41 may-bind goes on upwards", ("x = 1", "if c:\n    x = 2", "%%asset a\nx"), {0, 1}, set(), ""),
    Link("41 may-bind alone", ("c = 1", "if c:\n    x = 2", "%%asset a\nx"), {0, 1}),
    Link("42 versions of a name", ("x = [1]", "x = x + [2]", "%%asset a\nx", "x = x + [3]"), {0, 1}),
    Link("42 change is a version", ("x = {}", "x['k'] = 1", "%%asset a\nx", "x['k'] = 2"), {0, 1}),
    Link("42 augmented", ("x = 1", "x += 1", "%%asset a\nx"), {0, 1}),
    Link("42 deleted and bound anew", ("x = 1", "del x", "x = 2", "%%asset a\nx"), {2}),
    Link("43 statements, not cells", ("x = 1\ny = boom()", "%%asset a\nx"), {0}),
    Link("43 effects are one slice", ("x = 1", "y = 2\n!touch {x}", "%%asset a\ny"), {0, 1}),
    Link("44 import", ("import math", "import os", "%%asset a\nmath.pi"), {0}),
    Link("44 import for a helper", ("import math", "def h():\n    return math.pi", "%%asset a\nh()"), {0, 1}),
    Link("45 preamble", ("import pandas as pd", "pd.set_option('a', 1)", "x = 1", "%%asset a\n1"), {0, 1}),
    Link("45 preamble only above", ("import pandas as pd", "%%asset a\n1", "pd.set_option('a', 1)"), set()),
    Link("46 scratch cells", ("x = 1", "print(x)", "z = x", "%%asset a\nx"), {0}),
    Link("47 circle", ("%%asset a\nb", "%%asset b\na"), set(), {"b"}, "in a circle: "),
    Link("13 star import may bind it", ("from mystery import *", "%%asset a\nx"), {0}, set(), "may bind any name"),
    Link("14 computed name may bind it", ("globals()[k()] = 1", "%%asset a\nx"), {0}, set(), "may bind any name"),
    Link("34 inspection is no need", ("x = 1", "%%asset a\nx?\n1"), set()),
    Link("06 history", ("%%asset a\n_",), set(), set(), "IPython's own memory"),
    Link("06 own underscore", ("_, x = 1, 2", "%%asset a\n_"), {0}),
    Link("05 own builtin", ("list = [1]", "%%asset a\nlist"), {0}),
]  # fmt: skip

PAIRS = [
    Pair("43 other statement of a cell", ("x = 1\ny = 1", "%%asset a\nx"), ("x = 1\ny = 2", "%%asset a\nx"), True),
    Pair("43 own statement", ("x = 1\ny = 1", "%%asset a\nx"), ("x = 2\ny = 1", "%%asset a\nx"), False),
    Pair("43 order of others", ("x = 1\ny = 1", "%%asset a\nx"), ("y = 1\nx = 1", "%%asset a\nx"), True),
    Pair("44 unused import", ("import os", "%%asset a\n1"), ("import sys", "%%asset a\n1"), True),
    Pair("44 other name of one import",
         ("from m import p, q", "%%asset a\np"), ("from m import p, r", "%%asset a\np"), True),
    Pair("45 how things look", ("import matplotlib.pyplot as plt\nplt.rc('font', size=1)", "%%asset a\n1"),
         ("import matplotlib.pyplot as plt\nplt.rc('font', size=2)", "%%asset a\n1"), True),
    Pair("48 layout", ("%%asset a\nf( 1,2 )",), ("%%asset a\nf(1, 2)  # called",), True),
    Pair("48 comment and docstring", ("def h():\n    return 1", "%%asset a\nh()"),
         ('def h():\n    """One."""\n    return 1  # one', "%%asset a\nh()"), True),
    Pair("48 helper", ("def h():\n    return 1", "%%asset a\nh()"),
         ("def h():\n    return 2", "%%asset a\nh()"), False),
    Pair("48 constant of a helper", ("K = 1\ndef h():\n    return K", "%%asset a\nh()"),
         ("K = 2\ndef h():\n    return K", "%%asset a\nh()"), False),
    Pair("48 constant of a registered function",
         ("K = 1", "fs = []", "def h():\n    return K\nfs.append(h)", "%%asset a\nfs[0]()"),
         ("K = 2", "fs = []", "def h():\n    return K\nfs.append(h)", "%%asset a\nfs[0]()"), False),
    Pair("48 how it is declared", ("%%asset a\n1",), ("%%asset a --group g --tags x=y\n1",), True),
    Pair("48 comment form", ("%%asset a\n1",), ("#| asset a\n1",), True),
]  # fmt: skip


def scan(cells: tuple[str, ...]) -> WorkspaceScan:
    """A notebook of these cells, linked."""
    return scan_workspace({"n.ipynb": book(*cells)}, python=(sys.version_info[0], sys.version_info[1]))


def asset(found: WorkspaceScan) -> AssetCell:
    """Its asset `a`."""
    return found.assets[AssetKey("a")]


@pytest.mark.parametrize("row", LINKS, ids=lambda row: row.rule)
def test_what_an_asset_needs(row: Link) -> None:
    """The asset needs just these plain cells and these assets, and says what is doubtful."""
    found = scan(row.cells)
    a = asset(found)
    said = [*a.notes, *(str(problem) for problem in found.problems)]

    assert set(a.cells) == row.needs
    assert {up.key.to_user_string() for up in a.upstreams} == row.upstreams
    assert any(row.words in text for text in said) if row.words else not found.problems


@pytest.mark.parametrize("row", PAIRS, ids=lambda row: row.rule)
def test_what_a_code_version_sees(row: Pair) -> None:
    """The code version changes with what the asset's value may depend on, and with nothing else."""
    before, after = asset(scan(row.before)).code_version, asset(scan(row.after)).code_version

    assert (before == after) is row.same


def test_rule_01_a_cell_is_analysed_once() -> None:
    """Facts depend on a cell's source alone, and are kept by it."""
    cache = FactsCache()
    for path in ("one.ipynb", "two.ipynb"):
        scan_workspace({path: book("x = 1", "y = x")}, cache=cache)

    assert cache.misses == 2


def test_rule_03_grammar_of_the_running_python() -> None:
    """Syntax of a later Python is read by a later Python; an older one says that the cell is broken, and where."""
    facts = analyse_source("x = 1\ntype Pair = tuple[T, x]")
    if sys.version_info >= (3, 12):
        assert set(facts.binds) == {"x", "Pair"} and set(facts.uses) == {"T"}
    else:
        assert facts.flags == {"broken"} and facts.problem_line == 2


#: Rules of the analyser that are not about the text of cells, with the module whose tests hold them.
ELSEWHERE = {
    39: "tests/kernel_ext/test_soundness.py", 49: "tests/kernel_ext/test_session.py",
}  # fmt: skip


def test_every_rule_has_a_row() -> None:
    """Each of the fifty rules of name analysis is a row of one of the tables, or has its tests elsewhere."""
    named = {int(row.rule[:2]) for row in (*ROWS, *LINKS, *PAIRS)} | {1, 3} | set(ELSEWHERE)

    assert named == set(range(1, 51))
