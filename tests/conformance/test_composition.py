"""Composition: ops and graphs called in the body of a job or graph, and what such a body may not do."""

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


def test_job_composes_by_calling():
    """Calling ops in a job's body wires them."""

    @dg.job
    def j():
        add(one(), plus_one(one()))

    result = j.execute_in_process()

    assert result.success
    assert result.output_for_node("add") == 3


def test_repeated_ops_get_numbers():
    """The second use of an op is named with `_2`."""

    @dg.job
    def j():
        plus_one(plus_one(one()))

    assert j.execute_in_process().output_for_node("plus_one_2") == 3


def test_alias():
    """`alias` names one use of an op."""

    @dg.job
    def j():
        plus_one.alias("first")(one())

    assert j.execute_in_process().output_for_node("first") == 2


def test_two_aliases_alike_are_refused():
    """A name can be used once in a graph."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            one.alias("x")()
            plus_one.alias("x")(one())


def test_invalid_names():
    """Names are letters, digits and underscores, and not reserved words."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.op(name="no spaces please")
        def f():
            pass


def test_op_must_be_called_in_a_graph_with_outputs():
    """Passing something that is no output to an op inside a graph is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            plus_one(object())


def test_too_many_arguments():
    """Too many positional inputs in composition are refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            plus_one(one(), one())


def test_job_cannot_return():
    """A job's outputs are not returned to a caller; `to_job` keeps graph outputs."""

    @dg.graph
    def g():
        return one()

    assert g.to_job(name="jj").name == "jj"


@dg.op
def source():
    return 1


@dg.op
def sink(x):
    return x


@dg.op(out={"a": dg.Out(), "b": dg.Out()})
def pair():
    return 1, 2


def bad_compositions():
    """Graph bodies that must be refused."""

    def several_outs_as_one():
        sink(pair())

    def same_input_twice():
        sink(source(), x=source())

    def unknown_input():
        sink(y=source())

    def plain_value():
        sink(5)

    return [several_outs_as_one, same_input_twice, unknown_input, plain_value]


@pytest.mark.parametrize("body", bad_compositions(), ids=lambda f: f.__name__)
def test_bad_composition(body):
    """What cannot be wired is refused when the graph is defined."""
    with pytest.raises((dg.DagsterInvalidDefinitionError, dg.DagsterInvalidInvocationError)):
        dg.graph(body)


def test_graph_must_return_what_it_declares():
    """A graph with several outs returns all of them."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.graph(out={"x": dg.GraphOut(), "y": dg.GraphOut()})
        def g():
            return {"x": source()}


def test_unused_graph_input():
    """An input that nothing uses is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.graph
        def g(x):
            source()


def test_op_call_outside_composition_is_direct():
    """Outside of a graph a call is a call."""
    assert source() == 1


def test_invoking_a_graph_outside_is_refused():
    """A graph can be called only inside another."""

    @dg.graph
    def g():
        source()

    with pytest.raises(dg.DagsterError):
        g()


def test_op_with_hooks_and_tags():
    """`tag` puts tags on one use of an op."""

    @dg.job
    def j():
        source.tag({"k": "v"})()

    assert j.graph.node_named("source").tags["k"] == "v"


def test_op_tags():
    """An op's tags are strings."""

    @dg.op(tags={"k": "v"})
    def f():
        return 1

    assert f.tags["k"] == "v"


def test_describe_job():
    """A job lists its nodes."""

    @dg.job(description="what for")
    def j():
        sink(source())

    assert j.description == "what for"
    assert {n.name for n in j.nodes} == {"source", "sink"}
    assert j.has_node_named("sink")


@pytest.mark.parametrize("name", ["input", "meta", "config"])
def test_reserved_op_names(name):
    """Some names are reserved."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.op(name=name)(lambda: 1)


@pytest.mark.parametrize("name", ["has space", "has-dash", "has.dot", "", "ü"])
def test_invalid_op_names(name):
    """Names are letters, digits and underscores."""
    with pytest.raises(Exception):  # noqa: B017
        dg.op(name=name or "-")(lambda: 1)


def test_ins_must_match_parameters():
    """An `In` without a parameter is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.op(ins={"nope": dg.In(int)})
        def f(x):
            return x


def test_nothing_with_parameter():
    """A Nothing input must not be a parameter."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.op(ins={"x": dg.In(dg.Nothing)})
        def f(x):
            return x


def test_var_args_are_refused():
    """Inputs have names."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.asset
        def f(*args):
            return args


def test_in_default_value():
    """An In may have a default."""

    @dg.op(ins={"x": dg.In(int, default_value=3)})
    def f(x):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") == 3


def test_optional_annotation():
    """Optional parameters take None."""

    @dg.op
    def f(x: int | None = None):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") is None


@dg.op
def plus(x):
    return x + 1


def test_op_invoked_with_keyword_in_graph():
    """Ops are wired by keyword as well."""

    @dg.op
    def minus(a, b):
        return a - b

    @dg.job
    def j():
        minus(b=one(), a=plus(one()))

    assert j.execute_in_process().output_for_node("minus") == 1


def test_nothing_input_by_keyword():
    """Order without data."""
    seen = []

    @dg.op(out=dg.Out(dg.Nothing))
    def first():
        seen.append("first")

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def second():
        seen.append("second")

    @dg.job
    def j():
        second(start=first())

    assert j.execute_in_process().success
    assert seen == ["first", "second"]
