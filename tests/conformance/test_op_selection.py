"""Chosen ops of a job."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus_one(x):
    return x + 1


@dg.op
def add(a, b):
    return a + b


def test_op_selection():
    """`op_selection` runs a part of the graph."""

    @dg.job
    def j():
        add(one(), plus_one(one()))

    result = j.execute_in_process(op_selection=["*plus_one"])

    assert {e.step_key for e in result.all_node_events if e.is_step_success} == {"one_2", "plus_one"}


def test_op_selection_of_nothing():
    """A selection that names no op is an error."""

    @dg.job
    def j():
        one()

    with pytest.raises(dg.DagsterInvalidSubsetError):
        j.execute_in_process(op_selection=["nope"])
