"""Staleness as a server sees it again and again: what nothing has changed of is not decided anew.

An asset's decision depends on its definition, on what is stored of it, and on the same of everything above it.  A mark
of all that costs one statement for all assets; partitions are read only of assets whose mark is another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.partitions.loading import DynamicPartitionsStore, partition_loading_context
from cellmill.instance.instance import Instance
from cellmill.planning.asset_state import AssetState
from cellmill.planning.partition_staleness import PartitionDecisions, PartitionFacts, decide_partitions
from cellmill.planning.staleness import parents_first
from cellmill.planning.staleness_facts import AssetFacts

#: The definition, what is stored, and the marks of what is above, as one number.
Mark = int


@dataclass(frozen=True, slots=True)
class StalenessSeen:
    """What was decided last, and the mark of each asset at that time."""

    marks: Mapping[AssetKey, Mark] = field(default_factory=dict)
    decisions: PartitionDecisions = field(default_factory=lambda: PartitionDecisions({}, {}))

    def decide(
        self,
        facts: Mapping[AssetKey, AssetFacts],
        partitions: Mapping[AssetKey, PartitionFacts],
        states: Mapping[AssetKey, AssetState],
        instance: Instance,
        dynamic: DynamicPartitionsStore,
    ) -> StalenessSeen:
        """Decide about all assets and partitions; what has the same mark as before keeps its decision.

        Args:
            facts: What the definitions say.
            partitions: What they say of partitions.
            states: What is stored of each asset.
            instance: What is stored of partitions.
            dynamic: Where keys of dynamic partitions are looked up.
        """
        partitioned = {key for key, fact in facts.items() if fact.is_partitioned}
        stored = instance.catalog.partition_marks() if partitioned else {}
        marks = _marks(facts, partitions, states, stored)
        known = {key for key, mark in marks.items() if self.marks.get(key) == mark}
        read: set[AssetKey] = set()
        for key in facts.keys() - known:
            read.update((key, *facts[key].parents))
        wanted = sorted(read & partitioned)
        rows = instance.partition_states(wanted) if wanted else {}
        with partition_loading_context(None, dynamic):
            decided = decide_partitions(facts.values(), partitions, states, rows, known=(known, self.decisions))
        return StalenessSeen(marks, decided)


def _marks(
    facts: Mapping[AssetKey, AssetFacts],
    partitions: Mapping[AssetKey, PartitionFacts],
    states: Mapping[AssetKey, AssetState],
    stored: Mapping[AssetKey, Sequence[int | None]],
) -> dict[AssetKey, Mark]:
    found: dict[AssetKey, Mark] = {}
    for key in parents_first(facts):
        fact, own, state = facts[key], partitions.get(key), states.get(key)
        above = tuple(found[up] if up in found else _stored(states.get(up)) for up in fact.parents)
        parts = None if own is None else (repr(own.definition), repr(own.mappings), tuple(own.keys))
        told = (tuple(fact.parents), fact.code_version, fact.is_external, fact.is_partitioned)
        found[key] = hash((told, parts, _stored(state), stored.get(key), above))
    return found


def _stored(state: AssetState | None) -> tuple[int | None, int | None] | None:
    return None if state is None else (state.event_id, state.observation_id)
