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


def test_circles_through_definitions_that_can_be_cut():
    """Two definitions that need each other's assets in turn are run in parts, each when its own inputs are made."""

    @dg.multi_asset(
        outs={"a": dg.AssetOut(is_required=False), "c": dg.AssetOut(is_required=False)},
        internal_asset_deps={"a": set(), "c": {dg.AssetKey("b")}},
        can_subset=True,
    )
    def first(context, b):
        for name in sorted(context.selected_output_names):
            yield dg.Output(name, name)

    @dg.multi_asset(
        outs={"b": dg.AssetOut(is_required=False), "d": dg.AssetOut(is_required=False)},
        internal_asset_deps={"b": {dg.AssetKey("a")}, "d": {dg.AssetKey("c")}},
        can_subset=True,
    )
    def second(context, a, c):
        for name in sorted(context.selected_output_names):
            yield dg.Output(name, name)

    class Anything(dg.IOManager):
        def handle_output(self, context, obj): ...

        def load_input(self, context):
            return 0

    job = dg.Definitions([first, second], resources={"io_manager": Anything()}).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process()
    made = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]
    assert made == ["a", "b", "c", "d"]


def test_requests_of_asset_jobs_have_their_config():
    """The request for a partition has the config that the job was defined with, of that partition where it has one."""
    keys = dg.StaticPartitionsDefinition(["x", "y"])

    @dg.static_partitioned_config(partition_keys=["x", "y"])
    def by_key(key):
        return {"ops": {"orders": {"config": {"key": key}}}}

    job = dg.define_asset_job("work", "*", config=by_key, partitions_def=keys)
    assert job.run_request_for_partition("y").run_config == {"ops": {"orders": {"config": {"key": "y"}}}}
    plain = {"ops": {"orders": {"config": {"key": "same"}}}}
    job = dg.define_asset_job("work", "*", config=plain, partitions_def=keys)
    assert job.run_request_for_partition("y").run_config == plain


def test_what_is_known_of_an_asset_job_stays():
    """Metadata may be replaced; owners and a part of the job by keys are those of the resolved job."""

    @dg.asset
    def orders(): ...

    @dg.asset
    def others(): ...

    job = dg.define_asset_job("work", "*", metadata={"a": 1}, owners=["team:sales"])
    assert dict(job.metadata) == {"a": 1}
    assert dict(job.with_metadata({}).metadata) == {}
    resolved = dg.Definitions([orders, others], jobs=[job]).resolve_job_def("work")
    assert list(resolved.owners) == ["team:sales"]
    part = resolved.get_subset(asset_selection={dg.AssetKey("orders")})
    assert part.asset_layer.selected_asset_keys == {dg.AssetKey("orders")}
