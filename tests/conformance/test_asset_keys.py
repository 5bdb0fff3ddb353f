"""Keys of assets: from names, prefixes and arguments."""

import pytest

from tests.conformance.api import dg


def test_function_name_is_the_key():
    """The decorated function's name becomes the asset key."""

    @dg.asset
    def apples():
        return 1

    assert apples.key == dg.AssetKey("apples")
    assert apples.op.name == "apples"


def test_parameters_are_upstreams():
    """A parameter names the upstream asset whose value it receives."""

    @dg.asset
    def a():
        return 2

    @dg.asset
    def b(a):
        return a * 10

    result = dg.materialize([a, b])

    assert result.success
    assert result.output_for_node("b") == 20
    assert result.asset_value("b") == 20


def test_key_prefix():
    """A prefix comes before the name in the key; the op's name joins both by two underscores."""

    @dg.asset(key_prefix=["x", "y"])
    def z():
        return 1

    assert z.key == dg.AssetKey(["x", "y", "z"])
    assert z.op.name == "x__y__z"
    assert z.key.to_user_string() == "x/y/z"


def test_key_argument():
    """`key=` gives the whole key at once."""

    @dg.asset(key=["p", "q"])
    def whatever():
        return 1

    assert whatever.key == dg.AssetKey(["p", "q"])


def test_key_and_name_exclude_each_other():
    """`key=` together with `name=` or `key_prefix=` is an invalid definition."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.asset(key="a", name="b")
        def c():
            return 1


def test_name_argument():
    """`name=` overrules the function's name."""

    @dg.asset(name="other")
    def fn():
        return 1

    assert fn.key == dg.AssetKey("other")


def test_asset_in_renames():
    """`AssetIn(key=...)` binds a parameter to an asset of another name."""

    @dg.asset
    def upstream():
        return 7

    @dg.asset(ins={"x": dg.AssetIn(key="upstream")})
    def down(x):
        return x + 1

    assert dg.materialize([upstream, down]).output_for_node("down") == 8


def test_asset_in_key_prefix():
    """`AssetIn(key_prefix=...)` prefixes the parameter's own name."""

    @dg.asset(key_prefix="pre")
    def up():
        return 3

    @dg.asset(ins={"up": dg.AssetIn(key_prefix="pre")})
    def down(up):
        return up + 1

    result = dg.materialize([up, down])

    assert result.output_for_node("down") == 4
    assert down.asset_deps[down.key] == {dg.AssetKey(["pre", "up"])}


def test_asset_key_forms():
    """Keys compare by their parts, and print with slashes."""
    key = dg.AssetKey(["a", "b"])

    assert key == dg.AssetKey(["a", "b"])
    assert key.path == ["a", "b"]
    assert dg.AssetKey.from_user_string("a/b") == key
    assert hash(key) == hash(dg.AssetKey(["a", "b"]))
    assert key.has_prefix(["a"])
    assert dg.AssetKey("b").with_prefix("a") == key
