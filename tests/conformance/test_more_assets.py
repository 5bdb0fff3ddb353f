"""More of assets: loading from modules, observation of several, IO managers with events, instances for tests."""

import sys
import types

import pytest

from tests.conformance.api import dg


def test_dependencies_without_values():
    """Order without loading: a dependency that is no argument."""
    seen = []

    @dg.asset
    def first():
        seen.append("first")

    @dg.asset(deps=[first])
    def second():
        seen.append("second")

    dg.materialize([second, first])

    assert seen == ["first", "second"]


def test_non_argument_deps():
    """The old name of deps gives the same, where it is still taken."""
    try:
        decorate = dg.asset(name="old", non_argument_deps={dg.AssetKey("up")})
    except TypeError as error:
        assert "non_argument_deps" in str(error)
    else:
        assert set(decorate(lambda: 1).dependency_keys) == {dg.AssetKey("up")}


def test_multi_observable_source_asset():
    """Several assets are watched by one function."""

    @dg.multi_observable_source_asset(specs=[dg.AssetSpec("x"), dg.AssetSpec("y")])
    def watched():
        yield dg.ObserveResult(asset_key="x", metadata={"n": 1}, data_version=dg.DataVersion("1"))
        yield dg.ObserveResult(asset_key="y", data_version=dg.DataVersion("2"))

    defs = dg.Definitions([watched], jobs=[dg.define_asset_job("j", selection=dg.AssetSelection.assets("x", "y"))])
    result = defs.resolve_job_def("j").execute_in_process()

    assert result.success
    found = {
        event.asset_key.to_user_string(): event.asset_observation_data
        for event in result.get_asset_observation_events()
    }
    assert set(found) == {"x", "y"}
    assert found["x"].asset_observation.metadata["n"].value == 1
    assert found["x"].asset_observation.tags["dagster/data_version"] == "1"


def test_load_assets_from_modules():
    """Assets of modules, in a group and under a prefix."""

    @dg.asset
    def first():
        return 1

    @dg.asset
    def second(first):
        return first

    module = types.ModuleType("conf_assets")
    module.first, module.second = first, second
    sys.modules["conf_assets"] = module
    loaded = dg.load_assets_from_modules([module], group_name="g", key_prefix="p")

    assert {one.key.to_user_string() for one in loaded} == {"p/first", "p/second"}
    assert {group for one in loaded for group in one.group_names_by_key.values()} == {"g"}
    (below,) = [one for one in loaded if one.key.path[-1] == "second"]
    assert set(below.dependency_keys) == {dg.AssetKey(["p", "first"])}


def test_load_asset_checks_from_modules():
    """Checks of modules."""

    @dg.asset_check(asset="a")
    def fine():
        return dg.AssetCheckResult(passed=True)

    module = types.ModuleType("conf_checks")
    module.fine = fine
    loaded = dg.load_asset_checks_from_modules([module])

    assert [one.check_key.to_user_string() for one in loaded] == ["a:fine"]


def test_io_manager_yields_events():
    """What an IO manager says about an output is in its events."""

    class Manager(dg.IOManager):
        def handle_output(self, context, obj):
            context.add_output_metadata({"rows": 3})
            context.log_event(dg.AssetMaterialization("side"))

        def load_input(self, context):
            return 1

    @dg.asset
    def a():
        return 1

    result = dg.materialize([a], resources={"io_manager": Manager()})
    found = {one.asset_key.to_user_string(): one.materialization for one in result.get_asset_materialization_events()}

    assert set(found) == {"a", "side"}
    assert found["a"].metadata["rows"].value == 3


def test_instance_for_test():
    """An instance that is gone afterwards."""

    @dg.asset
    def a():
        return 5

    with dg.instance_for_test() as instance:
        assert dg.materialize([a], instance=instance).success
        assert dg.DagsterInstance.get().get_runs_count() == 1
        assert [key.to_user_string() for key in instance.get_asset_keys()] == ["a"]


def test_asset_value_of_result():
    """Values are found by asset."""

    @dg.asset
    def a():
        return 5

    @dg.asset(key_prefix="p")
    def b(a):
        return a + 1

    result = dg.materialize_to_memory([a, b])

    assert result.asset_value("a") == 5
    assert result.asset_value(["p", "b"]) == 6
    assert result.output_for_node("p__b") == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", {"a", "b", "c"}),
        ("b", {"b"}),
        ("b+", {"b", "c"}),
        ("+b", {"a", "b"}),
        ('key:"a" or key:"c"', {"a", "c"}),
        ("group:default", {"a", "b", "c"}),
        ("not key:a", {"b", "c"}),
        ("sinks(*)", {"c"}),
        ("roots(*)", {"a"}),
        ("tag:t=v", {"b"}),
        ("kind:sql", {"c"}),
    ],
)
def test_selection_of_a_job(text, expected):
    """Jobs select assets by strings."""

    @dg.asset
    def a():
        return 1

    @dg.asset(tags={"t": "v"})
    def b(a):
        return a

    @dg.asset(kinds={"sql"})
    def c(b):
        return b

    defs = dg.Definitions([a, b, c], jobs=[dg.define_asset_job("j", selection=text)])
    found = defs.resolve_job_def("j").asset_layer.executable_asset_keys

    assert {key.to_user_string() for key in found} == expected


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (lambda s: s.assets("b").upstream(), {"a", "b"}),
        (lambda s: s.assets("b").upstream(include_self=False), {"a"}),
        (lambda s: s.assets("b").downstream(), {"b", "c"}),
        (lambda s: s.assets("c").upstream(depth=1), {"b", "c"}),
        (lambda s: s.all() - s.assets("a"), {"b", "c"}),
        (lambda s: s.assets("a") | s.assets("c"), {"a", "c"}),
        (lambda s: s.assets("a", "b") & s.assets("b", "c"), {"b"}),
        (lambda s: s.all().sinks(), {"c"}),
        (lambda s: s.all().roots(), {"a"}),
        (lambda s: s.groups("default"), {"a", "b", "c"}),
        (lambda s: s.keys("a"), {"a"}),
        (lambda s: s.all(), {"a", "b", "c"}),
    ],
)
def test_selection_objects(select, expected):
    """Selections are combined in Python."""

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b(a):
        return a

    @dg.asset
    def c(b):
        return b

    assert {key.to_user_string() for key in select(dg.AssetSelection).resolve([a, b, c])} == expected
