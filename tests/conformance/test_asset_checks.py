"""Checks of assets: severity, blocking, several, direct calls."""

import datetime
import time

import pytest

from tests.conformance.api import dg


@dg.asset
def a():
    return 1


def test_asset_check():
    """A check runs after its asset and is recorded."""

    @dg.asset_check(asset=a)
    def positive(a):
        return dg.AssetCheckResult(passed=a > 0, metadata={"v": a})

    defs = dg.Definitions(assets=[a], asset_checks=[positive])
    result = defs.get_implicit_global_asset_job_def().execute_in_process()
    (evaluation,) = result.get_asset_check_evaluations()

    assert evaluation.passed
    assert evaluation.check_name == "positive"
    assert evaluation.asset_key == a.key
    assert evaluation.metadata["v"].value == 1


def test_failing_check_does_not_fail_the_run():
    """A failed check that does not block leaves the run alone."""

    @dg.asset_check(asset=a)
    def never():
        return dg.AssetCheckResult(passed=False)

    result = dg.materialize([a, never])

    assert result.success
    assert not result.get_asset_check_evaluations()[0].passed


def test_blocking_check():
    """A failed blocking check stops what is downstream."""
    ran = []

    @dg.asset_check(asset=a, blocking=True)
    def stop():
        return dg.AssetCheckResult(passed=False)

    @dg.asset
    def after(a):
        ran.append(1)

    result = dg.materialize([a, stop, after], raise_on_error=False)

    assert not result.success
    assert ran == []


def test_blocking_warning_does_not_block():
    """A warning never blocks."""

    @dg.asset_check(asset=a, blocking=True)
    def warn():
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    assert dg.materialize([a, warn]).success


def test_check_specs_on_the_asset():
    """Check results may come with the asset."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("ok", asset="x")])
    def x():
        yield dg.Output(1)
        yield dg.AssetCheckResult(check_name="ok", passed=True)

    result = dg.materialize([x])

    assert result.get_asset_check_evaluations()[0].check_name == "ok"


def test_check_in_materialize_result():
    """Check results may be part of a MaterializeResult."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("ok", asset="x")])
    def x():
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="ok", passed=False)])

    assert not dg.materialize([x]).get_asset_check_evaluations()[0].passed


def test_missing_check_result():
    """A promised check result has to come."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("ok", asset="x")])
    def x():
        return 1

    with pytest.raises(dg.DagsterError):
        dg.materialize([x])


def test_multi_asset_check():
    """One function may give several checks."""

    @dg.multi_asset_check(specs=[dg.AssetCheckSpec("one", asset="a"), dg.AssetCheckSpec("two", asset="a")])
    def checks():
        yield dg.AssetCheckResult(check_name="one", passed=True, asset_key="a")
        yield dg.AssetCheckResult(check_name="two", passed=True, asset_key="a")

    result = dg.materialize([a, checks])

    assert {e.check_name for e in result.get_asset_check_evaluations()} == {"one", "two"}


def test_check_direct_invocation():
    """A check can be called like the function it is."""

    @dg.asset_check(asset="a")
    def positive(a):
        return dg.AssetCheckResult(passed=a > 0)

    assert positive(5).passed


def evaluated(instance, checks, *assets):
    """The one evaluation of checks that are run alone."""
    chosen = dg.AssetSelection.checks(*checks)
    result = dg.materialize([*assets, *checks], instance=instance, selection=chosen)
    (found,) = result.get_asset_check_evaluations()
    return found


def test_freshness_of_an_observed_source():
    """An observation counts as the update that it tells of; looking alone makes nothing fresh."""
    instance = dg.DagsterInstance.ephemeral()
    source = dg.AssetSpec("source")
    checks = dg.build_last_update_freshness_checks(assets=["source"], lower_bound_delta=datetime.timedelta(hours=2))
    now = time.time()

    def observed(**metadata):
        instance.report_runless_asset_event(dg.AssetObservation("source", metadata=metadata))
        return evaluated(instance, checks, source)

    never = observed()
    assert (never.passed, never.description) == (False, "Asset has never been observed/materialized.")
    late = observed(**{"dagster/last_updated_timestamp": dg.MetadataValue.timestamp(now - 9_965)})
    assert not late.passed
    assert "Asset is overdue for an update. The last update was 2 hours, 46 minutes, " in late.description
    fresh = observed(**{"dagster/last_updated_timestamp": dg.MetadataValue.timestamp(now - 3_600)})
    assert fresh.passed
    assert fresh.metadata["dagster/last_updated_timestamp"].value == pytest.approx(now - 3_600)
    assert fresh.metadata["dagster/fresh_until_timestamp"].value == pytest.approx(now + 3_600)
    assert fresh.metadata["dagster/freshness_params"].value == {"timezone": "UTC", "lower_bound_delta_seconds": 7_200}


def test_freshness_of_a_partition():
    """The last partition that had ended at the deadline must be there."""
    days = dg.DailyPartitionsDefinition("2024-01-01")

    @dg.asset(partitions_def=days)
    def prices():
        return 1

    instance = dg.DagsterInstance.ephemeral()
    checks = dg.build_time_partition_freshness_checks(assets=[prices], deadline_cron="0 0 * * *")
    assert "never been observed/materialized" in evaluated(instance, checks, prices).description
    instance.report_runless_asset_event(dg.AssetMaterialization("prices", partition="2024-01-01"))
    overdue = evaluated(instance, checks, prices)
    assert not overdue.passed
    assert "Asset is overdue. We expected partition " in overdue.description
    last = days.get_last_partition_key()
    instance.report_runless_asset_event(dg.AssetObservation("prices", partition=last))
    assert evaluated(instance, checks, prices).passed


def test_changes_of_columns_are_told():
    """What was added, removed and changed its type is in the description."""
    instance = dg.DagsterInstance.ephemeral()
    checks = dg.build_column_schema_change_checks(assets=["table"])
    assert [key.name for key in checks[0].check_keys] == ["column_schema_change"]
    for columns in ({"a": "int", "b": "int"}, {"a": "text", "c": "int"}):
        schema = dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in columns.items()])
        event = dg.AssetMaterialization("table", metadata={"dagster/column_schema": schema})
        instance.report_runless_asset_event(event)
    told = evaluated(instance, checks, dg.AssetSpec("table")).description
    assert told.split("\n\n")[1:] == [
        "Added columns: c",
        "Removed columns: b",
        "Column type changes:\n- a: int -> text",
    ]
