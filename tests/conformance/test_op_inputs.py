"""Inputs of ops: order without data, fan-in, defaults, values from config and from the caller."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus_one(x):
    return x + 1


def test_nothing_orders():
    """A Nothing input orders without a value and has no parameter."""
    seen = []

    @dg.op(out=dg.Out(dg.Nothing))
    def first():
        seen.append(1)

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def second():
        seen.append(2)

    @dg.job
    def j():
        second(start=first())

    assert j.execute_in_process().success
    assert seen == [1, 2]


def test_nothing_fan_in():
    """Several ops may feed one Nothing input."""

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def last():
        return 1

    @dg.job
    def j():
        last(start=[one(), one()])

    assert j.execute_in_process().success


def test_fan_in_list():
    """A list of outputs arrives as a list."""

    @dg.op
    def total(xs):
        return sum(xs)

    @dg.job
    def j():
        total([one(), one(), one()])

    assert j.execute_in_process().output_for_node("total") == 3


def test_default_value_of_an_input():
    """A parameter's default is the input's default."""

    @dg.op
    def f(x=5):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") == 5


def test_unconnected_input_from_config():
    """An unconnected input of a scalar type is taken from config."""

    @dg.op
    def f(x: int):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process(run_config={"ops": {"f": {"inputs": {"x": 3}}}}).output_for_node("f") == 3


def test_unconnected_input_without_loader_is_refused():
    """An input with no source is a definition error."""

    class Thing:
        pass

    @dg.op
    def f(x: Thing):
        return x

    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            f()


def test_input_values():
    """`input_values` feeds a job's own inputs."""

    @dg.graph
    def g(x):
        return plus_one(x)

    assert g.to_job().execute_in_process(input_values={"x": 4}).output_for_node("plus_one") == 5
    assert g.execute_in_process(input_values={"x": 4}).output_value() == 5
