"""Staleness: one decision, with reasons, from definitions and catalog alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cellmill import AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.planning.asset_state import AssetState
from cellmill.planning.data_version import data_version
from cellmill.planning.staleness import (
    StaleCauseCategory,
    decide_staleness,
)
from cellmill.planning.staleness_facts import AssetFacts
from hypothesis import given
from hypothesis import strategies as st

from tests.work import calls

A, B, C = AssetKey("a"), AssetKey("b"), AssetKey("c")
FACTS = [AssetFacts(C, [B], "c1"), AssetFacts(A, (), "a1"), AssetFacts(B, [A], "b1")]
STATES = {
    A: AssetState(A, event_id=1, data_version="A", code_version="a1"),
    B: AssetState(B, event_id=2, data_version="B", code_version="b1", inputs={"a": "A"}),
    C: AssetState(C, event_id=3, data_version="C", code_version="c1", inputs={"b": "B"}),
}


def words(facts: list[AssetFacts], states: dict[AssetKey, AssetState]) -> dict[str, tuple[str, list[str]]]:
    """Status and reasons by name."""
    decided = decide_staleness(facts, states)
    return {key.to_user_string(): (item.status.value, item.reasons) for key, item in decided.items()}


def test_nothing_changed() -> None:
    """What agrees with its definition and its upstreams is fresh."""
    assert words(FACTS, STATES) == {"a": ("FRESH", []), "b": ("FRESH", []), "c": ("FRESH", [])}


def test_an_external_upstream_that_was_never_observed() -> None:
    """It has no version that could have been recorded, so it is no new upstream; with or without a declaration."""
    far = AssetKey("far")
    near = replace(FACTS[2], parents=[A, far])
    for facts in ([*FACTS[:2], near], [*FACTS[:2], near, AssetFacts(far, is_external=True)]):
        assert words(facts, STATES)["b"] == ("FRESH", [])
    observed = {**STATES, far: AssetState(far, event_id=9, data_version="F")}
    assert "far has newer data" in words([*FACTS[:2], near], observed)["b"][1]


def test_never_made() -> None:
    """An asset without a materialization is missing, and what was made from it is stale."""
    found = words(FACTS, {B: STATES[B], C: STATES[C]})

    assert found == {"a": ("MISSING", []), "b": ("STALE", ["a is missing"]), "c": ("STALE", ["b is stale"])}


@pytest.mark.parametrize(
    ("facts", "states", "expected"),
    [
        ({A: {"code_version": "a2"}}, {}, {"a": ["its code changed"], "b": ["a is stale"], "c": ["b is stale"]}),
        ({}, {A: {"event_id": 9, "data_version": "A2"}}, {"b": ["a has newer data"], "c": ["b is stale"]}),
        ({}, {A: {"event_id": 9}}, {}),
        ({C: {"parents": [A, B]}}, {}, {"c": ["a is a new upstream"]}),
        ({C: {"parents": []}}, {}, {"c": ["b is no upstream any more"]}),
        ({}, {B: {"inputs": {}}}, {}),
        ({}, {B: {"inputs": {}}, A: {"event_id": 7}}, {"b": ["a has newer data"], "c": ["b is stale"]}),
        ({}, {A: {"event_id": 7, "data_version": None}}, {"b": ["a has newer data"], "c": ["b is stale"]}),
        ({A: {"is_external": True}}, {A: {"event_id": None, "data_version": None}}, {}),
        (
            {A: {"is_external": True}},
            {A: {"event_id": None, "observation_id": 8, "observed_version": "A2"}},
            {"b": ["a has newer data"], "c": ["b is stale"]},
        ),
        ({A: {"code_version": None}}, {}, {}),
    ],
)
def test_each_reason(
    facts: dict[AssetKey, dict[str, object]],
    states: dict[AssetKey, dict[str, object]],
    expected: dict[str, list[str]],
) -> None:
    """A row for each way to become stale, or to stay fresh."""
    changed = [replace(item, **facts.get(item.key, {})) for item in FACTS]  # type: ignore[arg-type]
    stored = {key: replace(state, **states.get(key, {})) for key, state in STATES.items()}  # type: ignore[arg-type]

    assert {name: why for name, (_, why) in words(changed, stored).items() if why} == expected


def test_causes_name_what_changed() -> None:
    """A cause says which asset changed, and in what way."""
    changed = [replace(item, code_version="new") if item.key == A else item for item in FACTS]
    decided = decide_staleness(changed, STATES)

    assert [(cause.key, cause.category) for cause in decided[A].causes] == [(A, StaleCauseCategory.CODE)]
    assert [(cause.key, cause.dependency) for cause in decided[B].causes] == [(A, A)]


def test_a_cycle_is_decided_too() -> None:
    """Definitions that cannot run do not hang the screen."""
    facts = [AssetFacts(A, [B]), AssetFacts(B, [A])]

    assert set(decide_staleness(facts, {})) == {A, B}


@given(st.lists(st.lists(st.integers(0, 29), max_size=4), min_size=1, max_size=30))
def test_what_is_fresh_has_fresh_upstreams(rows: list[list[int]]) -> None:
    """In any graph, an asset is fresh only if all its upstreams are."""
    keys = [AssetKey(f"k{i}") for i in range(len(rows))]
    facts = [
        AssetFacts(keys[i], [keys[j] for j in sorted({j % i for j in row})] if i else []) for i, row in enumerate(rows)
    ]
    states = {key: AssetState(key, event_id=100 - i if i % 3 else i + 1) for i, key in enumerate(keys) if i % 5}
    decided = decide_staleness(reversed(facts), states)

    for item in facts:
        if decided[item.key].is_fresh:
            assert all(decided[parent].is_fresh for parent in item.parents)


def test_five_thousand_assets_in_one_walk() -> None:
    """Ten times the assets are ten times the work."""

    def work(count: int) -> int:
        keys = [AssetKey(f"k{i}") for i in range(count)]
        facts = [AssetFacts(key, keys[max(0, i - 3) : i], "1") for i, key in enumerate(keys)]
        inputs = {key.to_user_string(): "v" for key in keys}
        states = {
            item.key: AssetState(
                item.key, event_id=1, data_version="v", code_version="1",
                inputs={name: inputs[name] for name in (parent.to_user_string() for parent in item.parents)},
            )
            for item in facts
        }  # fmt: skip
        assert all(item.is_fresh for item in decide_staleness(facts, states).values())
        return calls(lambda: decide_staleness(facts, states))

    assert work(5000) < 12 * work(500)


def test_data_versions() -> None:
    """Given versions win; content counts where equal values have equal bytes; the unknown is never equal."""
    json = ValueRef(path="x", format="json", version="1", size=1, checksum="ab" * 32)
    pickle = replace(json, format="pickle")

    assert data_version(given="mine", ref=json, run_id="1") == "mine"
    assert data_version(ref=json, run_id="1") == data_version(ref=json, run_id="2")
    assert data_version(ref=pickle, run_id="1") != data_version(ref=pickle, run_id="2")
    assert data_version(code_version="c", inputs={"a": "v"}, run_id="1") == data_version(
        code_version="c", inputs={"a": "v"}, run_id="2"
    )
    assert data_version(code_version="c", inputs={"a": None}, run_id="1") != data_version(
        code_version="c", inputs={"a": None}, run_id="2"
    )
    assert data_version(ref=pickle, code_version="c", run_id="1") == data_version(
        ref=pickle, code_version="c", run_id="2"
    )
    assert data_version(ref=json, run_id="1", deterministic=False) != data_version(
        ref=json, run_id="2", deterministic=False
    )
    assert data_version(code_version="c", run_id="1", deterministic=False) != data_version(
        code_version="c", run_id="2", deterministic=False
    )
