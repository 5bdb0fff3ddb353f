"""`%audit on`: what cells really read, bind and change in place, against what their text says."""

from __future__ import annotations

import sys
import types

import pytest

from .conftest import Notebook

#: A function that only running shows: it hangs in a module that no name stands for.
HIDDEN = "base = [1]\ndef helper():\n    return base\nvars(__import__('audit_box'))['fn'] = helper"


@pytest.fixture
def book(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """A notebook whose cells are recorded."""
    monkeypatch.setitem(sys.modules, "audit_box", types.ModuleType("audit_box"))
    nb.ok("%%asset a\n[1, 2]", "a")
    nb.ok("%audit on")
    return nb


def findings(nb: Notebook) -> list[tuple[str, str]]:
    """Kind and words of what was recorded."""
    assert nb.session.audit is not None
    return [(one.kind, one.what) for found in nb.session.audit.findings.values() for one in found]


def test_ordinary_cells_do_what_they_say(book: Notebook) -> None:
    """Helpers, comprehensions, classes, rebinding and awaiting leave nothing to report."""
    for number, source in enumerate(
        (
            "import asyncio\nbase = 1\ndef helper(v):\n    return v + base\nclass C:\n    k = base\n"
            "    def m(self):\n        return helper(self.k)",
            "x = helper(1)\nys = [helper(n) + base for n in range(3)]\nc = C()",
            "%%asset b\nawait asyncio.sleep(0)\na = a + [helper(3)]\n[c.m(), *a]",
            "%%asset d\nb[0] + x",
        )
    ):
        book.ok(source, f"c{number}")

    assert findings(book) == []
    assert "4 cells were recorded" in repr(book.ok("%audit").value)


@pytest.mark.parametrize(
    ("cells", "kind", "words"),
    [
        ([HIDDEN, "%%asset b\n__import__('audit_box').fn()"], "read", "read base, which its text does not show"),
        ([HIDDEN, "print(__import__('audit_box').fn())"], "read", "read base, which its text does not show"),
        (["def f():\n    globals()[''.join('zz')] = 1", "f()"], "wrote", "bound zz, which its text does not show"),
        (["x = [1]", "getattr(x, 'app' + 'end')(2)"], "changed in place", "changed the value of x"),
        (["getattr(a, 'app' + 'end')(2)"], "changed in place", "changed the value of a"),
        (["%%asset b\na if False else 3"], "not read", "line 2 names the upstream a, but did not read it"),
    ],
)
def test_what_the_text_does_not_show_is_found(book: Notebook, cells: list[str], kind: str, words: str) -> None:
    """Each difference is said under the cell, and is a row of %audit with its remedy."""
    shown = [book.ok(source, f"c{number}").printed for number, source in enumerate(cells)]
    rows = {row[1]: row for row in book.ok("%audit").value.rows}

    assert [found for found in findings(book) if found[0] == kind and words in found[1]]
    assert words in shown[-1]
    assert words in rows[kind][2] and rows[kind][3]


def test_recording_ends(book: Notebook) -> None:
    """After %audit off nothing is recorded, and no tracing is left behind."""
    before = sys.gettrace()
    book.ok("%audit off")
    book.ok("x = 1")

    assert book.session.audit is None
    assert sys.gettrace() is before


def test_a_value_that_a_plain_cell_changed_is_not_what_assets_get(nb: Notebook) -> None:
    """Without %audit too: an asset reads what is stored, whatever a plain cell did to the value, under any name."""
    nb.ok("%%asset a\n[1, 2]", "a")
    nb.ok("other = a\nother.append(3)")
    result = nb.ok("%%asset b\nlen(a)")

    assert result.value == 2
    assert "changed the asset a in place" in result.printed
    rows = nb.ok("%audit").value.rows
    assert any(row[1] == "mutation" and "Make the change in the cell that makes a" in row[3] for row in rows)


@pytest.mark.parametrize(
    ("source", "words", "remedy"),
    [
        ("%%asset b\nimport time\ntime.time()", "reads the clock", "context.partition_key"),
        ("%%asset b\nimport random\nrandom.random()", "random numbers without a seed", "default_rng"),
        ("%%asset b\na.append(3)\nlen(a)", "changed its upstream a in place", "a2 = a.copy()"),
    ],
)
def test_clauses_of_the_audit(nb: Notebook, source: str, words: str, remedy: str) -> None:
    """Clocks, unseeded randomness and changed inputs are rows with their remedies."""
    nb.ok("%%asset a\n[1, 2]", "a")
    nb.ok(source, "b")

    assert any(words in row[2] and remedy in row[3] for row in nb.ok("%audit").value.rows)
