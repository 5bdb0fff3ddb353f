"""Asset checks: what their declarations may say, and which results are recorded."""

import pytest

from tests.conformance.api import dg


def test_a_check_waits_for_its_asset_as_it_is():
    """The asset of a check is neither among its further dependencies nor among its further inputs."""
    with pytest.raises(ValueError, match="cannot have an additional dependency"):
        dg.AssetCheckSpec("rows", asset="orders", additional_deps=["orders"])
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="`asset` and `additional_deps`"):

        @dg.asset_check(asset="orders", additional_deps=["orders"])
        def waits():
            return dg.AssetCheckResult(passed=True)

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="`asset` and `additional_ins`"):

        @dg.asset_check(asset="orders", additional_ins={"also": dg.AssetIn("orders")})
        def reads(also):
            return dg.AssetCheckResult(passed=True)


def test_parameters_of_several_checks_are_their_assets():
    """A parameter of a multi-asset check that is none of the assets is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.multi_asset_check(specs=[dg.AssetCheckSpec("rows", asset="orders")])
        def checks(order):
            yield dg.AssetCheckResult(passed=True)


def test_resources_of_a_check_are_there():
    """What `resource_defs` gives needs not be required again."""

    @dg.asset
    def orders():
        return 1

    @dg.asset_check(asset=orders, resource_defs={"limit": dg.ResourceDefinition.hardcoded_resource(3)})
    def few(context):
        return dg.AssetCheckResult(passed=context.resources.limit == 3)

    defs = dg.Definitions(assets=[orders], asset_checks=[few])
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process()
    assert [one.passed for one in result.get_asset_check_evaluations()] == [True]


def test_partitions_of_a_check_are_those_of_its_asset():
    """A check in other partitions than its asset is refused when the definitions are loaded."""
    days = dg.DailyPartitionsDefinition("2024-01-01")

    @dg.asset(partitions_def=days)
    def orders(): ...

    @dg.asset_check(asset=orders, partitions_def=dg.WeeklyPartitionsDefinition("2024-01-01"))
    def weekly():
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset=orders)
    def whole():
        return dg.AssetCheckResult(passed=True)

    dg.Definitions.validate_loadable(dg.Definitions(assets=[orders], asset_checks=[whole]))
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="has a different partitions definition"):
        dg.Definitions.validate_loadable(dg.Definitions(assets=[orders], asset_checks=[weekly]))


def test_a_check_without_partitions_looks_at_the_partition_just_made():
    """Its evaluation has no partition, and points to the materialization of the step's partition."""

    @dg.asset(
        partitions_def=dg.StaticPartitionsDefinition(["a", "b"]),
        check_specs=[dg.AssetCheckSpec("rows", asset="orders")],
    )
    def orders(context):
        yield dg.Output(1)
        context.instance.report_runless_asset_event(dg.AssetMaterialization("orders", partition="b"))
        yield dg.AssetCheckResult(passed=True)

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([orders], instance=instance, partition_key="a")
        (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.partition is None
    assert evaluation.target_materialization_data.run_id == result.run_id


def test_a_result_that_could_be_of_several_assets():
    """Without an asset and a name, a result among several assets is an error that asks for the asset."""

    @dg.multi_asset(
        specs=[dg.AssetSpec("one"), dg.AssetSpec("two")],
        check_specs=[dg.AssetCheckSpec("c", asset="one"), dg.AssetCheckSpec("d", asset="two")],
    )
    def both():
        yield dg.MaterializeResult(asset_key="one")
        yield dg.MaterializeResult(asset_key="two")
        yield dg.AssetCheckResult(passed=True)

    with pytest.raises(dg.DagsterInvariantViolationError, match="didn't specify an asset key"):
        dg.materialize([both])


def test_any_op_of_a_graph_gives_the_result_of_its_check():
    """An op inside a graph asset may give the result; what comes behind it stands for the check's output."""

    @dg.op
    def make():
        return 1

    @dg.op
    def look(value):
        return dg.AssetCheckResult(check_name="rows", passed=True, metadata={"n": 1})

    @dg.op
    def on(value):
        return value

    @dg.graph_multi_asset(
        outs={"orders": dg.AssetOut(), "others": dg.AssetOut()},
        check_specs=[dg.AssetCheckSpec("rows", asset="orders")],
        can_subset=True,
    )
    def shop():
        made = make()
        return {"orders": made, "orders_rows": on(look(made)), "others": make()}

    result = dg.materialize([shop])
    assert result.success
    assert [(one.check_name, one.passed) for one in result.get_asset_check_evaluations()] == [("rows", True)]
    part = dg.materialize([shop], selection=dg.AssetSelection.assets("orders"))
    assert len(part.get_asset_materialization_events()) == len(part.get_asset_check_evaluations()) == 1


def test_a_result_outside_of_assets_is_an_error():
    """An op of an ordinary job has no asset whose check it could have evaluated."""

    @dg.op
    def stray():
        return dg.AssetCheckResult(asset_key="orders", check_name="rows", passed=True)

    @dg.job
    def work():
        stray()

    with pytest.raises(Exception, match="AssetsDefinition"):
        work.execute_in_process()


def test_bounds_that_nothing_is_within():
    """A lower bound above the upper one is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="may not be greater"):
        dg.build_metadata_bounds_checks(assets=["orders"], metadata_key="rows", min_value=10, max_value=1)
