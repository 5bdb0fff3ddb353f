"""Materializing chosen assets and partitions."""

import pytest

from tests.conformance.api import dg


def test_materialize_selection():
    """`selection=` limits what is run; the rest is loaded."""
    instance = dg.DagsterInstance.ephemeral()
    runs = []

    @dg.asset
    def a():
        runs.append("a")
        return 1

    @dg.asset
    def b(a):
        runs.append("b")
        return a + 1

    class Memory(dg.IOManager):
        def __init__(self):
            self.values = {}

        def handle_output(self, context, obj):
            self.values[context.asset_key] = obj

        def load_input(self, context):
            return self.values[context.asset_key]

    resources = {"io_manager": Memory()}
    assert dg.materialize([a, b], instance=instance, resources=resources).success
    result = dg.materialize([a, b], selection=[b], instance=instance, resources=resources)

    assert result.output_for_node("b") == 2
    assert runs == ["a", "b", "b"]


def test_materialize_selection_string():
    """`selection=` takes the selection syntax."""

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b(a):
        return a

    @dg.asset
    def c():
        return 1

    result = dg.materialize([a, b, c], selection="+b")

    assert {e.asset_key.to_user_string() for e in result.get_asset_materialization_events()} == {"a", "b"}


def test_materialize_to_memory():
    """`materialize_to_memory` runs without touching the disk."""

    @dg.asset
    def a():
        return 3

    @dg.asset
    def b(a):
        return a + 1

    assert dg.materialize_to_memory([a, b]).output_for_node("b") == 4


def test_partitioned_materialize():
    """A partitioned asset sees its partition key."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def p(context: dg.AssetExecutionContext):
        return context.partition_key

    result = dg.materialize([p], partition_key="b")

    assert result.output_for_node("p") == "b"
    assert result.asset_materializations_for_node("p")[0].partition == "b"


def test_partitioned_materialize_needs_a_key():
    """Without a partition key a context has none to give."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def p(context: dg.AssetExecutionContext):
        return context.partition_key

    assert not dg.materialize([p], raise_on_error=False).success


@pytest.mark.parametrize("make", [dg.materialize, dg.materialize_to_memory])
def test_an_upstream_that_nobody_gives_is_refused_before_anything_runs(make):
    """An asset that is loaded has to be given, as itself or as a spec; one that only has to be there first has not."""
    runs = []

    @dg.asset
    def first():
        runs.append("first")

    @dg.asset
    def reader(orders):
        return orders

    @dg.asset(deps=["orders"])
    def waits(): ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="is not produced by any of the provided asset ops"):
        make([first, reader])

    assert runs == []
    assert make([waits]).success
