"""Automation conditions of asset checks: evaluated as those of assets are."""

import pytest

from tests.conformance.api import dg

KEYS = dg.StaticPartitionsDefinition(["a", "b"])


def checked(passed, condition, partitions_def=None):
    """Definitions of an asset with a check, and a job of the check alone."""

    @dg.asset(partitions_def=partitions_def)
    def orders(): ...

    @dg.asset_check(asset=orders, automation_condition=condition, partitions_def=partitions_def)
    def rows():
        return dg.AssetCheckResult(passed=passed)

    defs = dg.Definitions(assets=[orders], asset_checks=[rows])
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_check_selection={rows.check_key})
    return defs, job, rows.check_key


@pytest.mark.parametrize("passed", [True, False])
def test_a_condition_on_the_result_of_the_check_itself(passed):
    """It holds from the evaluation until the asset is made again."""
    condition = dg.AutomationCondition.check_passed() if passed else dg.AutomationCondition.check_failed()
    defs, job, _ = checked(passed, condition)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.evaluate_automation_conditions(defs, instance)
        assert result.total_requested == 0
        job.execute_in_process(instance=instance)
        for _ in range(2):
            result = dg.evaluate_automation_conditions(defs, instance, cursor=result.cursor)
            assert result.total_requested == 1
        instance.report_runless_asset_event(dg.AssetMaterialization("orders"))
        result = dg.evaluate_automation_conditions(defs, instance, cursor=result.cursor)
        assert result.total_requested == 0


def test_results_count_by_partition():
    """A check in partitions is fresh in those where it looked at the latest materialization."""
    defs, job, _ = checked(True, dg.AutomationCondition.check_passed(), KEYS)
    with dg.DagsterInstance.ephemeral() as instance:
        counts = []
        for key in ("a", "b"):
            job.execute_in_process(instance=instance, partition_key=key)
            counts.append(dg.evaluate_automation_conditions(defs, instance).total_requested)
        instance.report_runless_asset_event(dg.AssetMaterialization("orders", partition="b"))
        counts.append(dg.evaluate_automation_conditions(defs, instance).total_requested)
    assert counts == [1, 2, 1]


def test_an_eager_check_follows_its_asset():
    """It is asked for when its asset was made, once."""
    defs, _, _ = checked(True, dg.AutomationCondition.eager())
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.evaluate_automation_conditions(defs, instance)
        assert result.total_requested == 0
        instance.report_runless_asset_event(dg.AssetMaterialization("orders"))
        result = dg.evaluate_automation_conditions(defs, instance, cursor=result.cursor)
        assert result.total_requested == 1
        result = dg.evaluate_automation_conditions(defs, instance, cursor=result.cursor)
        assert result.total_requested == 0
        instance.report_runless_asset_event(dg.AssetMaterialization("orders"))
        result = dg.evaluate_automation_conditions(defs, instance, cursor=result.cursor)
        assert result.total_requested == 1


def test_a_check_that_comes_with_its_asset_has_a_condition():
    """The condition of a check that the asset's own function evaluates is evaluated like that of any other."""

    @dg.asset(
        check_specs=[dg.AssetCheckSpec("rows", asset="orders", automation_condition=dg.AutomationCondition.missing())]
    )
    def orders():
        yield dg.Output(None)
        yield dg.AssetCheckResult(passed=True)

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.evaluate_automation_conditions([orders], instance)
        assert [found.true_subset.size for found in result.results] == [1]
        assert result.results[0].key == dg.AssetCheckKey(orders.key, "rows")
        dg.materialize([orders], instance=instance)
        assert dg.evaluate_automation_conditions([orders], instance).total_requested == 0
