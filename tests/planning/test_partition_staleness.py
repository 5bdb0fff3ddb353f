"""Staleness of partitions: each against its own upstream partitions, in one walk."""

from __future__ import annotations

from dataclasses import replace

import cellmill as c
from cellmill import AssetKey
from cellmill.planning.asset_state import AssetState
from cellmill.planning.data_version import combined_version
from cellmill.planning.partition_staleness import PartitionFacts, decide_partitions
from cellmill.planning.staleness_facts import AssetFacts

from tests.work import calls

A, B, C = AssetKey("a"), AssetKey("b"), AssetKey("c")
KEYS = c.StaticPartitionsDefinition(["1", "2", "3"])
FACTS = [
    AssetFacts(C, [B], "c1"),
    AssetFacts(B, [A], "b1", is_partitioned=True),
    AssetFacts(A, (), "a1", is_partitioned=True),
]
PARTITIONS = {key: PartitionFacts(KEYS, ["1", "2", "3"]) for key in (A, B)}
WHOLE = {
    A: AssetState(A, "2", event_id=2),
    B: AssetState(B, "2", event_id=4),
    C: AssetState(
        C, event_id=5, data_version="C", code_version="c1", inputs={"b": combined_version({"1": "B1", "2": "B2"}) or ""}
    ),
}
MADE = {
    A: {
        "1": AssetState(A, "1", event_id=1, data_version="A1", code_version="a1"),
        "2": AssetState(A, "2", event_id=2, data_version="A2", code_version="a1"),
    },
    B: {
        "1": AssetState(B, "1", event_id=3, data_version="B1", code_version="b1", inputs={"a": "A1"}),
        "2": AssetState(B, "2", event_id=4, data_version="B2", code_version="b1", inputs={"a": "A2"}),
    },
}


def words(
    made: dict[AssetKey, dict[str, AssetState]],
    facts: list[AssetFacts] = FACTS,
    partitions: dict[AssetKey, PartitionFacts] = PARTITIONS,
) -> dict[str, object]:
    """Each asset's status, and of a partitioned one that of its partitions by their initials."""
    decided = decide_partitions(facts, partitions, WHOLE, made)
    found: dict[str, object] = {}
    for key, whole in decided.assets.items():
        parts = "".join(one.status.value[0] for one in decided.partitions.get(key, {}).values())
        found[key.to_user_string()] = (parts, whole.status.value, whole.reasons)
    return found


def with_a1(**changes: object) -> dict[AssetKey, dict[str, AssetState]]:
    """What is stored, the first partition of the first asset changed."""
    return {**MADE, A: {**MADE[A], "1": replace(MADE[A]["1"], **changes)}}  # type: ignore[arg-type]


def test_partitions_are_decided_one_by_one() -> None:
    """A partition is stale for its own upstream partitions only, and what reads all of them for any."""
    assert words(MADE) == {"a": ("FFM", "FRESH", []), "b": ("FFM", "FRESH", []), "c": ("", "FRESH", [])}
    assert words(with_a1(event_id=9, data_version="other")) == {
        "a": ("FFM", "FRESH", []),
        "b": ("SFM", "STALE", ["a has newer data: partition 1"]),
        "c": ("", "STALE", ["b is stale"]),
    }


def test_an_identical_result_leaves_the_partition_below_fresh() -> None:
    """Made again with the same version, nothing below it is stale."""
    assert words(with_a1(event_id=9))["b"] == ("FFM", "FRESH", [])


def test_each_partition_has_its_code_version() -> None:
    """After an edit, what was made since is fresh and the rest is not, and so is the asset as a whole."""
    facts = [*FACTS[:2], replace(FACTS[2], code_version="a2")]

    found = words(with_a1(event_id=9, code_version="a2"), facts)

    assert found["a"] == ("FSM", "STALE", ["its code changed: partition 2"])
    assert found["b"] == ("FSM", "STALE", ["a is stale: partition 2"])


def test_a_new_partition_is_newer_data_for_what_reads_all() -> None:
    """What was combined is another combination now."""
    more = {**MADE, B: {**MADE[B], "3": AssetState(B, "3", event_id=9, data_version="B3", code_version="b1")}}
    more[A] = {**MADE[A], "3": AssetState(A, "3", event_id=8, data_version="A3", code_version="a1")}

    assert words(more)["c"] == ("", "STALE", ["b has newer data"])


def test_declared_mappings_are_followed() -> None:
    """With the last partition going into everything, the others do not matter; so for an asset without partitions."""
    last = c.LastPartitionMapping()
    mapped = {**PARTITIONS, B: replace(PARTITIONS[B], mappings={A: last}), C: PartitionFacts(mappings={B: last})}
    made = {
        A: {"3": AssetState(A, "3", event_id=1, data_version="A3", code_version="a1")},
        B: {
            key: AssetState(B, key, event_id=3, data_version="B", code_version="b1", inputs={"a": "A3"})
            for key in ("1", "3")
        },
    }
    assert words(made, partitions=mapped)["b"] == ("FMF", "FRESH", [])
    other = {**made, A: {**made[A], "1": AssetState(A, "1", event_id=9, data_version="new", code_version="a1")}}
    assert words(other, partitions=mapped)["b"] == ("FMF", "FRESH", [])
    changed = {**made, A: {"3": AssetState(A, "3", event_id=9, data_version="new", code_version="a1")}}
    assert words(changed, partitions=mapped)["b"] == ("SMS", "STALE", ["a has newer data: partitions 1, 3"])


def test_an_asset_that_reads_its_own_earlier_partition() -> None:
    """A day that is made anew makes the days after it stale, one after the other."""
    days = c.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")
    keys = list(days.get_partition_keys())
    facts = [AssetFacts(A, (), "a1", is_partitioned=True)]
    own = {A: PartitionFacts(days, keys, {A: c.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)})}
    made = {
        key: AssetState(A, key, event_id=at + 1, data_version=key, code_version="a1",
                        inputs={"a": keys[at - 1]} if at else {})
        for at, key in enumerate(keys)
    }  # fmt: skip
    made[keys[0]] = replace(made[keys[0]], event_id=9, data_version="new")
    whole = {A: AssetState(A, keys[0], event_id=9)}

    decided = decide_partitions(facts, own, whole, {A: made})

    assert decided.to_make(A) == keys[1:]


def test_ten_thousand_partitions_in_one_walk() -> None:
    """Ten times the partitions are ten times the work."""

    def work(end: str, count: int) -> int:
        hours = c.HourlyPartitionsDefinition("2024-01-01-00:00", end_date=end)
        keys = list(hours.get_partition_keys())
        partitions = {key: PartitionFacts(hours, keys) for key in (A, B)}
        made = {
            key: {
                one: AssetState(key, one, event_id=at, data_version="v", code_version=f"{key.path[0]}1",
                                inputs={"a": "v"} if key == B else {})
                for at, one in enumerate(keys)
            }
            for key in (A, B)
        }  # fmt: skip
        assert count == len(keys)
        assert decide_partitions(FACTS[1:], partitions, {}, made).assets[B].is_fresh
        return calls(lambda: decide_partitions(FACTS[1:], partitions, {}, made))

    assert work("2025-02-20-16:00", 10_000) < 12 * work("2024-02-11-16:00", 1_000)
