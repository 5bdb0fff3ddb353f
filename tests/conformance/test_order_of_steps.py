"""Steps that could start at the same time start by name, each behind those that it needs."""

from tests.conformance.api import dg


def test_ops_start_by_name():
    """Ops that wait for nothing run by name; one that waits follows the last it waited for."""
    seen = []

    @dg.op
    def first(context):
        seen.append(context.op_handle.name)
        return 1

    @dg.op
    def later(context, given):
        seen.append(context.op_handle.name)
        return given

    @dg.job
    def several():
        b = later.alias("b")(first.alias("z")())
        first.alias("m")()
        first.alias("a")()
        later.alias("y")(b)

    several.execute_in_process()
    assert seen == ["a", "m", "z", "b", "y"]


def test_assets_and_checks_start_by_name():
    """Assets are made by name; checks and dependents follow what they wait for, in the order of that."""
    seen = []

    def asset_named(name, deps=None):
        @dg.asset(name=name, deps=deps)
        def run():
            seen.append(name)

        return run

    def check_named(name, asset):
        @dg.asset_check(name=name, asset=asset)
        def run():
            seen.append(f"{asset}:{name}")
            return dg.AssetCheckResult(passed=True)

        return run

    defs = dg.Definitions(
        assets=[asset_named("z"), asset_named("b", ["z"]), asset_named("m")],
        asset_checks=[check_named("second", "z"), check_named("first", "z"), check_named("only", "m")],
    )
    defs.resolve_implicit_global_asset_job_def().execute_in_process()
    assert seen == ["m", "z", "m:only", "b", "z:first", "z:second"]
