"""Upstreams of assets in every form; duplicates and cycles."""

import pytest

from tests.conformance.api import dg


@pytest.mark.parametrize("form", ["asset", "key", "string", "dep", "spec"])
def test_deps_take_every_form(form):
    """`deps` takes assets, keys, strings, AssetDep and AssetSpec, and orders without loading."""
    seen = []

    @dg.asset
    def first():
        seen.append("first")

    given = {
        "asset": first,
        "key": dg.AssetKey("first"),
        "string": "first",
        "dep": dg.AssetDep("first"),
        "spec": dg.AssetSpec("first"),
    }[form]

    @dg.asset(deps=[given])
    def second():
        seen.append("second")

    assert dg.materialize([second, first]).success
    assert seen == ["first", "second"]


def test_a_dep_that_is_also_an_argument_is_loaded():
    """One upstream both as parameter and in `deps` is one dependency, and is loaded."""

    @dg.asset
    def a():
        return 4

    @dg.asset(deps=["a"])
    def b(a):
        return a

    assert b.asset_deps[b.key] == {dg.AssetKey("a")}
    assert dg.materialize([a, b]).output_for_node("b") == 4


def test_duplicate_keys_are_refused():
    """Two assets with one key cannot be in one set."""

    @dg.asset(name="same")
    def one():
        return 1

    @dg.asset(name="same")
    def two():
        return 2

    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.materialize([one, two])


def test_cycle_is_refused():
    """Assets that need each other are a definition error."""

    @dg.asset
    def a(b):
        return b

    @dg.asset
    def b(a):
        return a

    with pytest.raises(Exception, match="(?i)circular|cycle"):
        dg.Definitions.validate_loadable(dg.Definitions(assets=[a, b]))


def test_an_upstream_without_prefix_is_found_in_the_group():
    """A name that is no asset's key stands for the one asset of that name in the same group."""

    @dg.asset(key_prefix=["lake", "core"], group_name="core")
    def items():
        return [1, 2]

    @dg.asset(key_prefix="shop", group_name="core")
    def total(items):
        return sum(items)

    @dg.asset(key_prefix="shop", group_name="core", deps=["items"])
    def report():
        return 1

    result = dg.materialize([items, total, report], resources={"io_manager": dg.mem_io_manager})
    assert result.output_for_node("shop__total") == 3
    defs = dg.Definitions(assets=[items, total, report])
    graph = defs.get_repository_def().asset_graph
    assert graph.get(dg.AssetKey(["shop", "report"])).parent_keys == {dg.AssetKey(["lake", "core", "items"])}


def test_an_upstream_of_another_group_is_not_found_by_its_name():
    """Only the same group is looked through, and one of two of the same name is not guessed."""

    def made(prefix, group):
        @dg.asset(name="items", key_prefix=prefix, group_name=group)
        def items():
            return 1

        return items

    @dg.asset(group_name="core", deps=["items"])
    def total():
        return 1

    for assets in ([made("a", "other")], [made("a", "core"), made("b", "core")]):
        graph = dg.Definitions(assets=[*assets, total]).get_repository_def().asset_graph
        assert graph.get(dg.AssetKey("total")).parent_keys == {dg.AssetKey("items")}
