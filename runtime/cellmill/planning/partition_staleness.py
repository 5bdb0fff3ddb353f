"""Staleness of single partitions: each against its own code version and the upstream partitions that go into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.mapping import PartitionMapping
from cellmill.definitions.partitions.upstream import upstream_partition_keys
from cellmill.planning.asset_state import AssetState
from cellmill.planning.data_version import combined_version
from cellmill.planning.staleness import (
    FRESH,
    MISSING,
    StaleCause,
    Staleness,
    StaleStatus,
    code_causes,
    data_cause,
    decide_asset,
    decide_virtual,
    dependency_causes,
    key_text,
    parents_first,
    upstream_cause,
)
from cellmill.planning.staleness_facts import AssetFacts
from cellmill.planning.virtual import seen_through

_NONE: Mapping[str, AssetState] = {}
#: How many partitions a reason names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """What the definition of an asset says of partitions: its own, and how those of its upstreams go into it."""

    #: Its own partitions; None for an asset without any.
    definition: PartitionsDefinition | None = None
    #: The keys that they have now.
    keys: Sequence[str] = ()
    #: Upstream -> the mapping that was declared, or None for the default.
    mappings: Mapping[AssetKey, PartitionMapping | None] = field(default_factory=dict)


_UNPARTITIONED = PartitionFacts()


@dataclass(frozen=True, slots=True)
class PartitionDecisions:
    """The decisions about assets, and about each partition of those that have partitions."""

    #: A partitioned asset is missing where none of its partitions was made, stale where one that was made is.
    assets: Mapping[AssetKey, Staleness]
    partitions: Mapping[AssetKey, Mapping[str, Staleness]]

    def to_make(self, key: AssetKey) -> list[str]:
        """The partitions of an asset that are stale or missing, in their order; none of an asset without partitions."""
        return [partition for partition, found in self.partitions.get(key, {}).items() if not found.is_fresh]


def decide_partitions(
    facts: Iterable[AssetFacts],
    partitions: Mapping[AssetKey, PartitionFacts],
    states: Mapping[AssetKey, AssetState],
    partition_states: Mapping[AssetKey, Mapping[str, AssetState]],
    known: tuple[Collection[AssetKey], PartitionDecisions] = ((), PartitionDecisions({}, {})),
) -> PartitionDecisions:
    """The decision about every asset and every partition, in one walk; the order of `facts` does not matter.

    `known` are assets about which was decided before, from the same facts and states, and those decisions;
    `partition_states` holds the others and the parents of the others.

    `partitions` holds the assets that have partitions, and those that declare how they read some.

    Where keys of dynamic partitions decide which upstream partitions are meant, call it inside of a
    `partition_loading_context`.
    """
    walk = _Walk(seen_through(facts), partitions, states, partition_states)
    for key in parents_first(walk.facts):
        if key in known[0]:
            walk.take(key, known[1])
        else:
            walk.decide(key)
    return PartitionDecisions(walk.assets, walk.partitions)


def targets_of(
    chosen: Sequence[AssetKey],
    facts: Mapping[AssetKey, AssetFacts],
    partitions: Mapping[AssetKey, PartitionFacts],
    decisions: PartitionDecisions,
    within: Collection[str] | None = None,
) -> dict[AssetKey, list[str] | None]:
    """What of the `chosen` assets (upstreams first) is to be made so that all of it is fresh.

    None for an asset without partitions, else its partitions (of those in `within`, if given): those that are stale
    or missing, and those into which something goes that is made before them.
    """
    found: dict[AssetKey, list[str] | None] = {}
    for key in chosen:
        own = partitions.get(key, _UNPARTITIONED)
        if own.definition is None:
            if not decisions.assets[key].is_fresh or _reads_made(key, None, facts, partitions, found):
                found[key] = None
            continue
        wanted: list[str] = []
        found[key] = wanted  # seen by the partitions behind, where an asset reads its own
        for partition, decided in decisions.partitions[key].items():
            if within is not None and partition not in within:
                continue
            if not decided.is_fresh or _reads_made(key, partition, facts, partitions, found):
                wanted.append(partition)
        if not wanted:
            del found[key]
    return found


def _reads_made(
    key: AssetKey,
    partition: str | None,
    facts: Mapping[AssetKey, AssetFacts],
    partitions: Mapping[AssetKey, PartitionFacts],
    made: Mapping[AssetKey, list[str] | None],
) -> bool:
    own = partitions.get(key, _UNPARTITIONED)
    for parent in {*facts[key].parents, *own.mappings}:
        if parent not in made:
            continue
        keys, above = made[parent], partitions.get(parent, _UNPARTITIONED)
        if keys is None or above.definition is None:
            return True
        needed = upstream_partition_keys(partition, own.definition, above.definition, own.mappings.get(parent))
        if keys and (needed is None or not set(keys).isdisjoint(needed)):
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Source:
    """What goes into a partition from one upstream: one asset or partition of it, or several partitions together."""

    newest: int | None
    version: str | None
    staleness: Staleness | None


class _Walk:
    """One walk over the assets, parents first.

    Responsibilities: keeps what is decided so far; finds the upstream partitions of a partition; looks at many of them
    as one.
    """

    def __init__(
        self,
        facts: Mapping[AssetKey, AssetFacts],
        known: Mapping[AssetKey, PartitionFacts],
        states: Mapping[AssetKey, AssetState],
        partition_states: Mapping[AssetKey, Mapping[str, AssetState]],
    ) -> None:
        self.facts = facts
        self.assets: dict[AssetKey, Staleness] = {}
        self.partitions: dict[AssetKey, Mapping[str, Staleness]] = {}
        self._known = known
        self._states = states
        self._partition_states = partition_states
        #: What all partitions of an asset are together: the same for every partition they go into.
        self._together: dict[AssetKey, _Source] = {}

    def take(self, key: AssetKey, before: PartitionDecisions) -> None:
        """Keep what was decided about an asset before."""
        self.assets[key] = before.assets[key]
        if key in before.partitions:
            self.partitions[key] = before.partitions[key]

    def decide(self, key: AssetKey) -> None:
        """Decide about an asset and its partitions."""
        facts, own = self.facts[key], self._known.get(key, _UNPARTITIONED)
        if own.definition is None:
            if not facts.is_external and any(self._of(parent).definition is not None for parent in facts.parents):
                self.assets[key] = self._decide_one(facts, None, self._states.get(key))
            else:
                self.assets[key] = decide_asset(facts, self.facts, self._states, self.assets)
            return
        if facts.is_external:
            self.assets[key], self.partitions[key] = FRESH, dict.fromkeys(own.keys, FRESH)
            return
        states = self._partition_states.get(key, _NONE)
        found: dict[str, Staleness] = {}
        self.partitions[key] = found  # seen by the partitions behind, where an asset reads its own
        for partition in own.keys:
            found[partition] = self._decide_one(facts, partition, states.get(partition))
        self.assets[key] = _summary(found)

    def _of(self, key: AssetKey) -> PartitionFacts:
        return self._known.get(key, _UNPARTITIONED)

    def _decide_one(self, facts: AssetFacts, partition: str | None, state: AssetState | None) -> Staleness:
        if facts.is_virtual:
            sources = [self._source(facts.key, partition, parent) for parent in facts.parents]
            return decide_virtual(facts, state, [source.staleness for source in sources])
        if state is None or not state.is_materialized:
            return MISSING
        causes = [*code_causes(facts, state), *dependency_causes(facts, state, self.facts, self._states)]
        parents = facts.parents
        if facts.key in self._of(facts.key).mappings and facts.key not in parents:
            parents = (*parents, facts.key)  # it reads earlier partitions of its own
        for parent in parents:
            source = self._source(facts.key, partition, parent)
            cause = data_cause(state, parent, source.newest, source.version, state.inputs.get(key_text(parent)))
            cause = cause or upstream_cause(parent, source.staleness)
            if cause is not None:
                causes.append(cause)
        return Staleness(StaleStatus.STALE, tuple(causes)) if causes else FRESH

    def _source(self, key: AssetKey, partition: str | None, parent: AssetKey) -> _Source:
        own, above = self._of(key), self._of(parent)
        if above.definition is None:
            facts = self.facts.get(parent)
            if facts is not None and facts.is_partitioned and partition is not None:
                # Its partitions are known by running its notebook only: those of the same name belong together.
                return self._single(parent, partition)
            return _source_of(self._states.get(parent), self.assets.get(parent))
        keys = upstream_partition_keys(partition, own.definition, above.definition, own.mappings.get(parent))
        if keys is None:
            found = self._together.get(parent)
            if found is None:
                found = self._together[parent] = self._several(parent, above.keys)
            return found
        return self._single(parent, keys[0]) if len(keys) == 1 else self._several(parent, keys)

    def _single(self, parent: AssetKey, partition: str) -> _Source:
        state = self._partition_states.get(parent, _NONE).get(partition)
        return _source_of(state, self.partitions.get(parent, {}).get(partition))

    def _several(self, parent: AssetKey, keys: Sequence[str]) -> _Source:
        """Several partitions as one; those that were never made did not go in, so they do not count."""
        states = self._partition_states.get(parent, _NONE)
        made = {key: state for key in keys if (state := states.get(key)) is not None and _is_known(state)}
        decided = self.partitions.get(parent, {})
        stale = next((found for key in made if (found := decided.get(key)) and not found.is_fresh), None)
        return _Source(
            max((state.event_id or 0 for state in made.values()), default=None),
            combined_version({key: version for key, state in made.items() if (version := state.current_version)}),
            stale,
        )


def _is_known(state: AssetState) -> bool:
    return state.is_materialized or state.observed_version is not None


def _source_of(state: AssetState | None, staleness: Staleness | None) -> _Source:
    if state is None:
        return _Source(None, None, staleness)
    return _Source(state.event_id, state.current_version, staleness)


def _summary(partitions: Mapping[str, Staleness]) -> Staleness:
    stale = {key: found for key, found in partitions.items() if found.status is StaleStatus.STALE}
    if not stale:
        made = any(found.is_fresh for found in partitions.values())
        return FRESH if made else MISSING
    counted: Counter[StaleCause] = Counter()
    first: dict[StaleCause, list[str]] = {}
    for key, found in stale.items():
        for cause in found.causes:
            counted[cause] += 1
            if counted[cause] <= _NAMED:
                first.setdefault(cause, []).append(key)
    causes = tuple(
        StaleCause(cause.key, cause.category, f"{cause.reason}: {_named(first[cause], count)}", cause.dependency)
        for cause, count in counted.items()
    )
    return Staleness(StaleStatus.STALE, causes)


def _named(keys: Sequence[str], count: int) -> str:
    rest = count - len(keys)
    return f"partition{'s' if count > 1 else ''} {', '.join(keys)}{f' and {rest} more' if rest else ''}"
