"""Selections mean what Dagster's mean, in Python and in both string grammars."""

from __future__ import annotations

import pytest
from cellmill import AssetCheckKey, AssetKey, AssetSelection, InvalidAssetSelectionError, InvalidSubsetError
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph

S = AssetSelection


def key(name: str) -> AssetKey:
    return AssetKey.from_user_string(name)


def facts(name: str, *parents: str, **more: object) -> AssetFacts:
    return AssetFacts(key=key(name), parents=frozenset(map(key, parents)), **more)  # type: ignore[arg-type]


PAIR = frozenset({key("m1"), key("m2")})
GRAPH = SelectionGraph(
    [
        facts("src", materializable=False, group="g"),
        facts("a", "src", group="g", tags={"team": "data", "tier": ""}, owners=("me@x.io",), kinds=frozenset({"csv"})),
        facts("b", "a", notebook="notebooks/flights.ipynb", code_location="nb"),
        facts("c", "b", "other"),
        facts("m1", "a", siblings=PAIR),
        facts("m2", "b", siblings=PAIR),
        facts("x/a1", metadata={"dagster/table_name": "db.t"}),
    ],
    [AssetCheckKey(key("a"), "c1"), AssetCheckKey(key("b"), "c2")],
)


def chosen(selection: AssetSelection) -> str:
    return " ".join(sorted(k.to_user_string() for k in selection.resolve(GRAPH)))


PYTHON_CASES = [
    (S.all(), "a b c m1 m2 x/a1"),
    (S.all(include_sources=True), "a b c m1 m2 other src x/a1"),
    (S.assets("a", AssetKey("b")), "a b"),
    (S.assets(), ""),
    (S.keys("x/a1", ["x", "a1"]), "x/a1"),
    (S.groups("g"), "a"),
    (S.groups("g", include_sources=True), "a src"),
    (S.tag("team", "data"), "a"),
    (S.tag("team", ""), "a"),
    (S.tag_string("team=other"), ""),
    (S.kind("csv"), "a"),
    (S.owner("me@x.io"), "a"),
    (S.key_prefixes("x"), "x/a1"),
    (S.key_prefixes(["x", "a1"]), "x/a1"),
    (S.key_substring("a1"), "x/a1"),
    (S.assets("b").upstream(), "a b"),
    (S.assets("c").upstream(1), "b c"),
    (S.assets("b").upstream(1, include_self=False), "a"),
    (S.assets("src").downstream(1), "a src"),
    (S.assets("a").upstream_source_assets(), "src"),
    (S.all().roots(), "a x/a1"),
    (S.assets("a", "c").roots(), "a"),
    (S.assets("a", "c").sinks(), "c"),
    (S.all().sinks(), "c m1 m2 x/a1"),
    (S.assets("m1").required_multi_asset_neighbors(), "m1 m2"),
    (S.all(include_sources=True).materializable(), "a b c m1 m2 x/a1"),
    (S.assets("a") | S.assets("b") | S.groups("g"), "a b"),
    (S.assets("a", "b") & S.groups("g"), "a"),
    (S.all() - S.assets("a"), "b c m1 m2 x/a1"),
]


@pytest.mark.parametrize(("selection", "expected"), PYTHON_CASES, ids=lambda value: str(value))
def test_python_selections(selection: AssetSelection, expected: str) -> None:
    """Each way to make a selection resolves to the keys that Dagster's documentation says."""
    assert chosen(selection) == expected


STRING_CASES = [
    ("a", "a"),
    ("*b", "a b"),
    ("++c", "a b c"),
    ("+c", "b c"),
    ("a+", "a b m1"),
    ("+b+", "a b c m2"),
    ("b*", "b c m2"),
    ("x/a1", "x/a1"),
    ("tag:team=data", "a"),
    ("tag:team", "a"),
    ("*", "a b c m1 m2 x/a1"),
    ('key:"m*"', "m1 m2"),
    ("key:m* and not key:m1", "m2"),
    ('+key:"b"', "a b"),
    ("1+key:b+1", "a b c m2"),
    ("key:a+1", "a b m1"),
    ("group:g", "a"),
    ('owner:"me@x.io"', "a"),
    ("owner:me@x.io", "a"),
    ("kind:csv OR key:c", "a c"),
    ("kind:<null> and key:a", ""),
    ("code_location:nb", "b"),
    ('notebook:"flights.ipynb"', "b"),
    ("notebook:notebooks/*", "b"),
    ("table:db.t", "x/a1"),
    ("roots()", "a x/a1"),
    ("sinks(key:a or key:c)", "c"),
    ("roots(+key:c)", "a"),
    ("not not key:a", "a"),
    ("key:a and key:b or key:c", "c"),
    ("key:a or (key:b and key:b)", "a b"),
    ('tag:"team"="data"', "a"),
    ("not (key:a or key:b)+", "x/a1"),
]


@pytest.mark.parametrize(("text", "expected"), STRING_CASES)
def test_selection_strings(text: str, expected: str) -> None:
    """Both grammars select the expected assets."""
    assert chosen(S.from_string(text)) == expected


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ("key:", 4, "expected a value"),
        ("key:a key:b", 6, "'and', 'or'"),
        ("kye:a", 0, "'key'"),
        ("root(key:a)", 0, "'roots'"),
        ("(key:a", 6, "expected ')'"),
        ("key:a and", 9, "expected a term"),
        ("a and b", 0, 'key:"a"'),
        ('key:"a', 4, "not closed"),
        ("a,b", 1, "unexpected ','"),
        ("", 0, "expected a term"),
        ("not", 3, "expected a term"),
        ("key:a++", 6, "'and', 'or'"),
    ],
)
def test_syntax_errors_point_at_the_character(text: str, column: int, part: str) -> None:
    """The message holds the text, a mark under the wrong character, and what would be right."""
    with pytest.raises(InvalidAssetSelectionError) as caught:
        S.from_string(text)
    message = str(caught.value)

    assert part in message
    assert message.splitlines()[-1] == " " * (4 + column) + "^"


def test_unknown_key_names_the_nearest() -> None:
    """A misspelt key is refused with the nearest existing one, and ignored where that is asked."""
    with pytest.raises(InvalidSubsetError, match="Did you mean 'x/a1'"):
        S.keys("x/a2").resolve(GRAPH)

    assert S.keys("x/a2").resolve(GRAPH, allow_missing=True) == set()


WRITTEN = [
    (S.all(), "*"),
    (S.assets("a", "b"), 'key:"a" or key:"b"'),
    (S.tag("a", "b"), 'tag:"a"="b"'),
    (S.kind(None), "kind:<null>"),
    (S.assets("a").upstream(2), '2+key:"a"'),
    (S.assets("a").upstream().downstream(), '+key:"a"+'),
    ((S.assets("a") | S.groups("b")) & S.groups("c"), '(key:"a" or group:"b") and group:"c"'),
    (S.all() - S.groups("b") - S.assets("c"), '(not group:"b") and not key:"c"'),
    (S.assets("a").roots(), 'roots(key:"a")'),
]


@pytest.mark.parametrize(("selection", "text"), WRITTEN)
def test_written_form(selection: AssetSelection, text: str) -> None:
    """A selection is written in the new grammar, and what is written reads back as the same set."""
    assert str(selection) == text


def test_checks_follow_their_assets() -> None:
    """Checks are selected with their assets unless taken away, and alone when asked for."""
    c1, c2 = AssetCheckKey(key("a"), "c1"), AssetCheckKey(key("b"), "c2")

    assert S.assets("a").resolve_checks(GRAPH) == {c1}
    assert S.assets("a").without_checks().resolve_checks(GRAPH) == set()
    assert S.all_asset_checks().resolve_checks(GRAPH) == {c1, c2}
    assert S.checks_for_assets("b").resolve_checks(GRAPH) == {c2}
    assert (S.all() - S.checks_for_assets("a")).resolve_checks(GRAPH) == {c2}
    assert S.checks(c1).resolve_checks(GRAPH) == {c1}


def test_from_coercible() -> None:
    """Strings, sequences of strings, keys and selections are accepted; anything else is refused by name."""
    assert S.from_coercible(["a", "b+"]) == S.assets("a") | S.assets("b").downstream(1)
    assert S.from_coercible([AssetKey("a")]) == S.assets("a")
    assert S.from_coercible(S.all()) == S.all()
    with pytest.raises(InvalidAssetSelectionError, match="got int"):
        S.from_coercible(3)


def test_status_needs_state() -> None:
    """``status:`` selects by stored state, and says where it can be used when there is none."""
    with pytest.raises(InvalidAssetSelectionError, match="stored state"):
        S.from_string("status:stale").resolve(GRAPH)
    known = GRAPH.with_status(lambda k: "STALE" if k == key("b") else "FRESH")

    assert S.from_string("status:stale").resolve(known) == {key("b")}
