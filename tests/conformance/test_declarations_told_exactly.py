"""Declarations that contradict themselves, and what the message says; declarations that may look odd and are right."""

import pytest

from tests.conformance.api import dg


def test_an_asset_that_reads_itself():
    """An asset may read itself only by earlier partitions."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Assets can only depend on themselves if"):

        @dg.asset(deps=["again"])
        def again(): ...


def test_inputs_of_a_graph_asset_by_keyword():
    """The body of a graph asset may take what `ins` declare as keywords."""

    @dg.asset
    def one():
        return 1

    @dg.asset
    def two():
        return 2

    @dg.op(ins={"left": dg.In(), "right": dg.In()})
    def both(**values):
        return list(values.values())

    ins = {"left": dg.AssetIn("one"), "right": dg.AssetIn("two")}

    @dg.graph_asset(ins=ins)
    def listed(**given):
        return both(**given)

    @dg.graph_multi_asset(ins=ins, outs={"again": dg.AssetOut()})
    def several(**given):
        return {"again": both(**given)}

    run = dg.materialize_to_memory([one, two, listed, several])
    assert run.output_for_node("listed") == [1, 2]
    assert run.output_for_node("several", "again") == [1, 2]


def test_inputs_of_a_graph_asset_that_are_not_there():
    """A name in `ins` that is no parameter is told."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="'start' in provided ins dict does not correspond"):

        @dg.graph_asset(ins={"start": dg.AssetIn("raw")})
        def nothing(): ...


def test_deps_beside_specs():
    """With specs, each of them has its own dependencies."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="specify deps on the AssetSpecs directly"):

        @dg.multi_asset(specs=[dg.AssetSpec("a")], deps=["b"])
        def made(): ...


def test_a_name_beside_the_key_of_an_observed_source():
    """The key of an observed source is given once."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="when the key argument is provided"):

        @dg.observable_source_asset(key=["a", "b"], name="c")
        def seen(): ...


def test_a_job_and_its_graph():
    """A repository cannot have a graph and a job of it under the same name."""

    @dg.graph
    def work(): ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Duplicate job definition found for graph 'work'"):

        @dg.repository
        def everything():
            return [work.to_job(name="work"), work]


def test_a_tag_that_changes_as_json():
    """A value of a tag must be the same after it was stored."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="is not equivalent to original value"):

        @dg.op(tags={"pair": (1, 2)})
        def tagged(): ...


def test_a_condition_is_a_policy_too():
    """An automation condition can be read in its older form, and cannot stand beside one."""
    condition = dg.AutomationCondition.eager()
    spec = dg.AssetSpec("a", automation_condition=condition)
    assert isinstance(spec.auto_materialize_policy, dg.AutoMaterializePolicy)
    assert dg.AssetSpec("a").auto_materialize_policy is None
    with pytest.raises(dg.DagsterInvariantViolationError, match="both `automation_condition` and"):
        dg.AssetSpec("a", automation_condition=condition, auto_materialize_policy=dg.AutoMaterializePolicy.eager())


def test_the_name_of_an_ops_function():
    """An op has the name and the docstring of its function."""

    @dg.op(name="other")
    def work():
        """Do it."""

    assert (work.__name__, work.__doc__) == ("work", "Do it.")
