"""Errors of declarations in plain cells name the cell, not the file name that IPython gives its code."""

from __future__ import annotations

from .conftest import Notebook

WRONG = """import cellmill as c

@c.op
def wrong(*args):
    return 1"""


def test_a_decorator_in_a_plain_cell_names_cell_and_line(nb: Notebook) -> None:
    """Also of the function of an earlier cell that is decorated in a later one."""
    nb.ok("K = 1", "k")
    assert "'wrong' (cell 2, line 3)" in str(nb.run(WRONG, "w").error)
    nb.ok("def bad(*args):\n    return 1", "f")
    assert "'bad' (cell 3, line 1)" in str(nb.run("c.op(bad)", "l").error)
