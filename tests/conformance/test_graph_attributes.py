"""What jobs, ops and graphs tell of themselves."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus(x):
    return x + 1


def test_job_attributes():
    """What a job tells of its nodes."""

    @dg.job(tags={"a": "b"}, description="d", metadata={"k": 1})
    def j():
        plus(one())

    assert j.name == "j"
    assert j.description == "d"
    assert j.tags == {"a": "b"}
    assert j.metadata == {"k": dg.MetadataValue.int(1)}
    assert [node.name for node in j.nodes_in_topological_order] == ["one", "plus"]
    assert j.get_node_named("one").definition is one
    assert j.has_node_named("plus")
    assert not j.has_node_named("minus")
    assert {definition.name for definition in j.all_node_defs} >= {"one", "plus"}
    assert {definition.name for definition in j.top_level_node_defs} == {"one", "plus"}
    assert isinstance(j.graph, dg.GraphDefinition)
    assert not j.is_subset if isinstance(j.is_subset, bool) else True


def test_op_attributes():
    """What an op tells of its ports."""

    @dg.op(
        ins={"x": dg.In(int, description="in", metadata={"i": 1}), "y": dg.In(default_value=3)},
        out={"a": dg.Out(int), "b": dg.Out(is_required=False, io_manager_key="other")},
        tags={"t": "v"},
        required_resource_keys={"r"},
        retry_policy=dg.RetryPolicy(max_retries=1),
        code_version="1",
    )
    def busy(x, y):
        """Doc."""

    assert busy.name == "busy"
    assert busy.description == "Doc."
    assert busy.tags == {"t": "v"}
    assert busy.version == "1"
    assert busy.retry_policy.max_retries == 1
    assert "r" in busy.required_resource_keys
    assert list(busy.ins) == ["x", "y"]
    assert list(busy.outs) == ["a", "b"]
    assert busy.input_def_named("x").dagster_type.display_name == "Int"
    assert busy.input_def_named("x").description == "in"
    assert busy.input_def_named("y").has_default_value
    assert busy.input_def_named("y").default_value == 3
    assert busy.output_def_named("b").io_manager_key == "other"
    assert not busy.output_def_named("b").is_required
    assert busy.input_has_default("y")
    assert busy.has_input("x")
    assert busy.has_output("a")
    assert not busy.has_output("c")


def test_graph_attributes():
    """What a graph tells."""

    @dg.graph(tags={"a": "b"}, description="g")
    def g(x):
        return plus(x)

    assert g.name == "g"
    assert g.description == "g"
    assert g.tags == {"a": "b"}
    assert [node.name for node in g.nodes] == ["plus"]
    assert [one_.name for one_ in g.input_defs] == ["x"]
    assert [one_.name for one_ in g.output_defs] == ["result"]
    assert g.input_mappings[0].graph_input_name == "x"
    assert g.output_mappings[0].graph_output_name == "result"
    assert g.execute_in_process(input_values={"x": 2}).output_value() == 3
    assert g.alias("h").tag({"c": "d"}) is not None


def test_graph_to_job_options():
    """A graph gives jobs with different names and tags."""

    @dg.graph
    def g():
        plus(one())

    first, second = g.to_job(name="first", tags={"a": "1"}), g.to_job(name="second")

    assert (first.name, second.name) == ("first", "second")
    assert first.execute_in_process().dagster_run.tags["a"] == "1"
    assert first.execute_in_process().job_def.name == "first"


@pytest.mark.parametrize("name", ["context", "conf", "config", "meta", "input", "output", "a-b", "a b", "1.5"])
def test_bad_node_names(name):
    """Names that mean something else are refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.op(name=name)(lambda: 1)


def test_subset_of_job():
    """Executing a selection leaves the rest out."""

    @dg.job
    def j():
        plus.alias("last")(plus(one()))

    result = j.execute_in_process(op_selection=["*plus"])

    assert {event.step_key for event in result.get_step_success_events()} == {"one", "plus"}
    with pytest.raises(dg.DagsterInvariantViolationError):
        result.output_for_node("last")
