"""Checks of assets: severity, blocking, several, direct calls."""

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
