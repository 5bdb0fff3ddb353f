"""Assets in detail: subsets of graphs, hooks, resources of their own, metadata, self-dependencies, direct calls."""

from typing import Any

import pytest

from tests.conformance.api import dg


def test_a_subset_of_a_graph_runs_only_the_ops_it_needs() -> None:
    """The op behind an asset that is not selected is left out."""
    ran = []

    @dg.op
    def source() -> int:
        return 1

    @dg.op
    def copy(context, value: int) -> int:
        ran.append(context.op_handle.name)
        return value

    @dg.graph(out={"one": dg.GraphOut(), "two": dg.GraphOut()})
    def both() -> Any:
        value = source()
        return copy.alias("first")(value), copy.alias("second")(value)

    assets = dg.AssetsDefinition.from_graph(both, can_subset=True)
    result = dg.materialize_to_memory([assets], selection=[dg.AssetKey("one")])

    assert result.success
    assert ran == ["first"]
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [dg.AssetKey("one")]


def test_an_op_of_a_graph_reads_what_another_stored_as_an_asset() -> None:
    """An output that is an asset and is read inside of the graph as well is found, in memory and on disk."""

    @dg.op
    def first() -> int:
        return 1

    @dg.op
    def second(value: int) -> int:
        return value + 2

    @dg.graph(out={"a": dg.GraphOut(), "b": dg.GraphOut()})
    def both() -> Any:
        value = first()
        return {"a": value, "b": second(value)}

    assets = dg.AssetsDefinition.from_graph(
        both,
        keys_by_output_name={"a": dg.AssetKey("a"), "b": dg.AssetKey("b")},
        internal_asset_deps={"a": set(), "b": {dg.AssetKey("a")}},
    )
    for resources in ({}, {"io_manager": dg.fs_io_manager}, {"io_manager": dg.InMemoryIOManager()}):
        assert dg.materialize([assets], resources=resources).output_for_node("both.second") == 3


def test_hooks_on_a_graph_run_for_each_of_its_ops() -> None:
    """Of a graph in a job, of a graph asset, and through several levels."""
    seen = []

    @dg.success_hook
    def noted(context) -> None:
        seen.append(context.step_key)

    @dg.op
    def one() -> int:
        return 1

    @dg.op
    def more(value: int) -> int:
        return value + 1

    @dg.graph
    def inner() -> Any:
        return more(one())

    @dg.graph
    def outer() -> Any:
        return more(inner())

    @dg.job
    def job() -> None:
        outer.with_hooks({noted})()

    assert job.execute_in_process().success
    assert sorted(seen) == ["outer.inner.more", "outer.inner.one", "outer.more"]
    seen.clear()

    @dg.graph_asset(hooks={noted})
    def made() -> Any:
        return more(one())

    assert dg.materialize_to_memory([made]).success
    assert sorted(seen) == ["made.more", "made.one"]


def test_specs_without_values() -> None:
    """A function with specs returns nothing, and all its assets are materialized; outs need their values."""
    first, second = dg.AssetSpec("first"), dg.AssetSpec("second", deps=["first"])

    @dg.multi_asset(specs=[first, second])
    def silent(): ...

    result = dg.materialize([silent])

    assert {event.asset_key for event in result.get_asset_materialization_events()} == {first.key, second.key}
    assert silent() is None

    @dg.multi_asset(outs={"a": dg.AssetOut(), "b": dg.AssetOut()})
    def wrong(): ...

    with pytest.raises(
        dg.DagsterInvariantViolationError, match="has multiple outputs, but only one output was returned"
    ):
        dg.materialize([wrong])


def test_an_asset_may_use_the_resources_it_brings() -> None:
    """In a run and in a direct call; what is given twice is refused."""

    @dg.asset(resource_defs={"greeting": dg.ResourceDefinition.hardcoded_resource("hello")})
    def greeted(context) -> str:
        return str(context.resources.greeting)

    assert dg.materialize_to_memory([greeted]).output_for_node("greeted") == "hello"
    assert greeted(dg.build_asset_context()) == "hello"
    with pytest.raises(dg.DagsterInvalidInvocationError, match="provided on both the definition and invocation"):
        greeted(dg.build_asset_context(resources={"greeting": "bye"}))


def test_io_managers_are_resources_of_the_context() -> None:
    """What stores an asset's value can be asked for by its key."""

    class Kept(dg.IOManager):
        name = "kept"

        def handle_output(self, context, obj: Any) -> None: ...

        def load_input(self, context) -> Any: ...

    @dg.asset(io_manager_key="keeper")
    def stored(context) -> int:
        assert context.resources.keeper.name == "kept"
        return 1

    assert dg.materialize([stored], resources={"keeper": Kept()}).success


def test_the_first_partition_of_an_asset_that_reads_its_own() -> None:
    """There is nothing before it, and that is no error."""
    seen = []

    class Manager(dg.IOManager):
        def handle_output(self, context, obj: Any) -> None: ...

        def load_input(self, context) -> None:
            seen.append(list(context.asset_partition_keys))

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition(start_date="2020-01-01"),
        ins={"total": dg.AssetIn(partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1))},
    )
    def total(total: Any) -> None: ...

    for day in ("2020-01-01", "2020-01-02"):
        assert dg.materialize([total], partition_key=day, resources={"io_manager": Manager()}).success
    assert seen == [[], ["2020-01-01"]]


def test_metadata_for_what_is_not_made_is_refused() -> None:
    """An asset, an output or a partition that the step does not make."""

    @dg.asset
    def one(context) -> None:
        for arguments in ({"partition_key": "x"}, {"asset_key": "x"}):
            with pytest.raises(dg.DagsterInvariantViolationError):
                context.add_asset_metadata(metadata={"a": 1}, **arguments)
        with pytest.raises(dg.DagsterInvariantViolationError):
            context.add_output_metadata(metadata={"a": 1}, output_name="x")

    assert dg.materialize([one]).success


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"specs": [dg.AssetSpec("a")], "can_subset": True},
        {"specs": [dg.AssetSpec("a")], "keys_by_output_name": {"result": dg.AssetKey("a")}},
    ],
)
def test_definitions_without_a_function(arguments: dict[str, Any]) -> None:
    """Specs alone are assets that are made elsewhere; what belongs to a function is refused with them."""
    assert not dg.AssetsDefinition(specs=[dg.AssetSpec("b")]).is_executable
    with pytest.raises(Exception) as raised:
        dg.AssetsDefinition(**arguments)
    assert "CheckError" in {one.__name__ for one in type(raised.value).__mro__}


def test_keys_are_no_lists() -> None:
    """One key is not iterated over and not indexed by mistake."""
    key = dg.AssetKey("ouch")
    with pytest.raises(Exception, match="Iteration is not allowed"):
        list(key)
    with pytest.raises(Exception, match="Index access is not allowed"):
        key[0]


def test_ten_kinds() -> None:
    """More are refused, and so is one that can be no tag."""

    @dg.asset(kinds={f"k{number}" for number in range(10)})
    def many() -> None: ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="at most ten kinds"):
        dg.asset(kinds={f"k{number}" for number in range(11)})(lambda: None)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Found invalid tag key"):

        @dg.multi_asset(outs={"a": dg.AssetOut(kinds={"a%"})})
        def wrong(): ...


def test_groups_within_groups_and_metadata_given_twice() -> None:
    """A slash makes a group in a group; the later value of a name counts."""

    @dg.asset(group_name="shop/daily")
    def sales(context):
        context.add_output_metadata({"rows": 1})
        context.add_output_metadata({"rows": 2})

    made = dg.materialize_to_memory([sales]).get_asset_materialization_events()[0]

    assert made.event_specific_data.materialization.metadata["rows"].value == 2
    assert dg.AssetSpec("a", deps=["b"]).deps == [dg.AssetDep("b")]


def test_checks_of_a_multi_asset_that_can_be_subset_may_be_left_out() -> None:
    """Such a function says which checks it evaluated."""

    @dg.multi_asset(
        specs=[dg.AssetSpec("a"), dg.AssetSpec("b")],
        check_specs=[dg.AssetCheckSpec("c1", asset="a"), dg.AssetCheckSpec("c2", asset="b")],
        can_subset=True,
    )
    def some(context):
        for key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key)
        yield dg.AssetCheckResult(check_name="c1", asset_key="a", passed=True)

    result = dg.materialize_to_memory([some])

    assert [one.check_name for one in result.get_asset_check_evaluations()] == ["c1"]
