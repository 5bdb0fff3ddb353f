"""Selections of assets, and their errors."""

import pytest

from tests.conformance.api import dg


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


SELECTIONS = [
    (dg.AssetSelection.all(), {"a", "b", "p/c", "alone"}),
    (dg.AssetSelection.assets("a", "b"), {"a", "b"}),
    (dg.AssetSelection.assets(dg.AssetKey(["p", "c"])), {"p/c"}),
    (dg.AssetSelection.groups("g"), {"b"}),
    (dg.AssetSelection.groups("g", "default"), {"a", "b", "p/c", "alone"}),
    (dg.AssetSelection.tag("t", "1"), {"b"}),
    (dg.AssetSelection.kind("duckdb"), {"b"}),
    (dg.AssetSelection.owner("team:x"), {"b"}),
    (dg.AssetSelection.key_prefixes("p"), {"p/c"}),
    (dg.AssetSelection.assets("b").upstream(), {"a", "b"}),
    (dg.AssetSelection.assets("b").upstream(include_self=False), {"a"}),
    (dg.AssetSelection.assets("a").downstream(), {"a", "b", "p/c"}),
    (dg.AssetSelection.assets("a").downstream(depth=1), {"a", "b"}),
    (dg.AssetSelection.assets("a").downstream(depth=1, include_self=False), {"b"}),
    (dg.AssetSelection.all().roots(), {"a", "alone"}),
    (dg.AssetSelection.all().sinks(), {"p/c", "alone"}),
    (dg.AssetSelection.assets("a") | dg.AssetSelection.assets("alone"), {"a", "alone"}),
    (dg.AssetSelection.all() - dg.AssetSelection.assets("a"), {"b", "p/c", "alone"}),
    (dg.AssetSelection.assets("a").downstream() & dg.AssetSelection.groups("g"), {"b"}),
    (dg.AssetSelection.from_string("*b"), {"a", "b"}),
    (dg.AssetSelection.from_string("b+"), {"b", "p/c"}),
    (dg.AssetSelection.from_string("+b"), {"a", "b"}),
    (dg.AssetSelection.from_string('key:"b"'), {"b"}),
    (dg.AssetSelection.from_string('key:"a*"'), {"a", "alone"}),
    (dg.AssetSelection.from_string('group:"g" or key:"a"'), {"a", "b"}),
    (dg.AssetSelection.from_string('not group:"default"'), {"b"}),
    (dg.AssetSelection.from_string('+key:"p/c"'), {"a", "b", "p/c"}),
    (dg.AssetSelection.from_string('1+key:"p/c"'), {"b", "p/c"}),
    (dg.AssetSelection.from_string('key:"a"+ and not key:"b"'), {"a", "p/c"}),
    (dg.AssetSelection.from_string('kind:"duckdb"'), {"b"}),
    (dg.AssetSelection.from_string('tag:"t"="1"'), {"b"}),
    (dg.AssetSelection.from_string('owner:"team:x"'), {"b"}),
    (dg.AssetSelection.from_string('roots(key:"a"+)'), {"a"}),
    (dg.AssetSelection.from_string("sinks(*)"), {"p/c", "alone"}),
    (dg.AssetSelection.from_coercible(["a", "alone"]), {"a", "alone"}),
    (dg.AssetSelection.from_coercible("p/c"), {"p/c"}),
]


@pytest.mark.parametrize(("selection", "expected"), SELECTIONS, ids=[str(i) for i in range(len(SELECTIONS))])
def test_selection(selection, expected):
    """A selection resolves to its keys."""
    assert {k.to_user_string() for k in selection.resolve(ALL)} == expected


@pytest.mark.parametrize("text", ["(((", 'key:"a" and', "key:", "+++++", 'nonsense:"x"'])
def test_bad_selection_strings(text):
    """What is no selection is refused."""
    with pytest.raises(Exception):  # noqa: B017
        dg.AssetSelection.from_string(text)


def test_unknown_key_in_selection():
    """An asset that is not there is named."""
    with pytest.raises(dg.DagsterInvalidSubsetError, match="nope"):
        dg.AssetSelection.assets("nope").resolve(ALL)
