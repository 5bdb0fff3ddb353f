"""Jobs of assets, and assets of modules."""

import pytest

from tests.conformance.api import dg


def test_define_asset_job():
    """An asset job selects assets; it is resolved inside Definitions."""

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b(a):
        return a + 1

    defs = dg.Definitions(assets=[a, b], jobs=[dg.define_asset_job("only_a", selection="a")])
    result = defs.get_job_def("only_a").execute_in_process()

    assert result.success
    assert [e.asset_key.to_user_string() for e in result.get_asset_materialization_events()] == ["a"]


def test_implicit_global_asset_job():
    """All assets together form a job of their own."""

    @dg.asset
    def a():
        return 1

    defs = dg.Definitions(assets=[a])

    assert defs.get_implicit_global_asset_job_def().execute_in_process().success


def test_load_assets_from_current_module():
    """Every asset of the module is collected."""
    import types

    module = types.ModuleType("m")

    @dg.asset
    def a():
        return 1

    module.a = a

    assert [x.key for x in dg.load_assets_from_modules([module], group_name="gg")] == [dg.AssetKey("a")]


@dg.asset
def a():
    return 1


@dg.asset(group_name="g", tags={"t": "1"}, kinds={"duckdb"}, owners=["team:x"])
def b(a):
    return a


@dg.asset(key_prefix="p")
def c(b):
    return b


@dg.asset
def alone():
    return 1


ALL = [a, b, c, alone]


def test_unresolvable_job_selection():
    """A job that selects unknown assets cannot be loaded."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.Definitions.validate_loadable(
            dg.Definitions(assets=ALL, jobs=[dg.define_asset_job("j", selection=dg.AssetSelection.assets("nope"))])
        )
