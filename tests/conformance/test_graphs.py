"""Graphs: nesting, several outputs, definition by dictionaries, fan-out of inputs."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus_one(x):
    return x + 1


def test_graph_output_and_nesting():
    """Graphs nest; handles are dotted."""

    @dg.graph
    def inner(x):
        return plus_one(plus_one(x))

    @dg.graph
    def outer():
        return inner(one())

    result = outer.execute_in_process()

    assert result.output_value() == 3
    assert result.output_for_node("inner") == 3
    assert result.output_for_node("inner.plus_one_2") == 3


def test_graph_with_several_outs():
    """A graph's outs are returned as a mapping."""

    @dg.graph(out={"x": dg.GraphOut(), "y": dg.GraphOut()})
    def g():
        return {"x": one(), "y": plus_one(one())}

    result = g.execute_in_process()

    assert result.output_value("x") == 1
    assert result.output_value("y") == 2


def test_graph_definition_by_dictionaries():
    """A graph can be built from a dependency dictionary."""
    g = dg.GraphDefinition(
        name="g",
        node_defs=[one, plus_one],
        dependencies={"plus_one": {"x": dg.DependencyDefinition("one")}},
    )

    assert g.execute_in_process().output_for_node("plus_one") == 2


def test_graph_definition_multi_dependency():
    """MultiDependencyDefinition fans in."""

    @dg.op
    def total(xs):
        return sum(xs)

    g = dg.GraphDefinition(
        name="g",
        node_defs=[one, total],
        dependencies={
            dg.NodeInvocation("one", alias="a"): {},
            dg.NodeInvocation("one", alias="b"): {},
            "total": {"xs": dg.MultiDependencyDefinition([dg.DependencyDefinition("a"), dg.DependencyDefinition("b")])},
        },
    )

    assert g.execute_in_process().output_for_node("total") == 2


def test_graph_definition_unknown_node():
    """A dependency on a node that is not there is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.GraphDefinition(
            name="g", node_defs=[plus_one], dependencies={"plus_one": {"x": dg.DependencyDefinition("nope")}}
        )


@dg.op
def sink(x):
    return x


def test_graph_input_fan_out():
    """One graph input may feed several ops."""

    @dg.op
    def add(a, b):
        return a + b

    @dg.graph
    def g(x):
        return add(sink(x), sink(x))

    assert g.execute_in_process(input_values={"x": 2}).output_value() == 4


def test_order_only_between_graphs():
    """Nothing dependencies cross graph borders."""
    seen = []

    @dg.op(ins={"go": dg.In(dg.Nothing)})
    def last():
        seen.append("last")

    @dg.op
    def start():
        seen.append("start")

    @dg.graph(ins={"go": dg.GraphIn()})
    def tail(go):
        last(go)

    @dg.job
    def j():
        tail(start())

    assert j.execute_in_process().success
    assert seen == ["start", "last"]
