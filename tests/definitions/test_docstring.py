"""Docstrings describe inputs and outputs, however they are written."""

from __future__ import annotations

import cellmill as cm
import pytest
from cellmill.definitions.docstring import described

GOOGLE = """Sum up.

Args:
    a: first
        goes on
    b (int): second: with a colon

Returns:
    int: the number
    of things

Raises:
    ValueError: never
"""
NUMPY = """Sum up.

Parameters
----------
a : int
    first
    goes on
b
    second: with a colon

Returns
-------
int
    the number
    of things

Notes
-----
None.
"""
SPHINX = """Sum up.

:param a: first
  goes on
:param int b: second: with a colon
:returns: the number
  of things
:rtype: int
"""


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_the_three_ways_to_write(text: str) -> None:
    """Each parameter and what is returned are found, with all their lines and without types."""
    parameters, returns = described(text)
    assert dict(parameters) == {"a": "first\ngoes on", "b": "second: with a colon"}
    assert returns == "the number\nof things"


@pytest.mark.parametrize("text", ["", "Sum up.", "Args:", "Sum up.\n\nArgs:\n    a - first\n", "Parameters\n---"])
def test_a_docstring_that_describes_nothing(text: str) -> None:
    """Other texts describe nothing and are no error."""
    parameters, returns = described(text)
    assert (dict(parameters), returns) == ({}, None)


def test_what_is_declared_wins() -> None:
    """A description that is given stays, and several outputs are not what is returned."""

    @cm.op(ins={"a": cm.In(description="own")}, out={"x": cm.Out(), "y": cm.Out(description="why")})
    def several(a: int, b: int) -> tuple[int, int]:
        """Do.

        Args:
            a: documented
            b: documented too

        Returns:
            Both.
        """
        return a, b

    assert [one.description for one in several.input_defs] == ["own", "documented too"]
    assert [one.description for one in several.output_defs] == [None, "why"]


def test_graphs_and_assets() -> None:
    """The body of a graph and the function of an asset describe their inputs and output too."""

    @cm.asset
    def report(orders: int) -> int:
        """Make the report.

        Args:
            orders: all of them

        Returns:
            The total.
        """
        return orders

    @cm.op
    def same(number: int) -> int:
        return number

    @cm.graph
    def passes(number: int) -> int:
        """Pass it on.

        Args:
            number: any
        """
        passed: int = same(number)
        return passed

    assert report.op.input_dict["orders"].description == "all of them"
    assert report.op.output_dict["result"].description == "The total."
    assert passes.input_dict["number"].description == "any"
