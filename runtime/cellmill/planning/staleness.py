"""Whether what is stored still agrees with its definition and its upstreams: fresh, stale (and why), or missing.

The one place that decides it. Input is what the definitions say (`AssetFacts`) and what the catalog says
(`AssetState`, all of them in one query); the decision is one walk in topological order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.asset_state import AssetState
from cellmill.planning.staleness_facts import AssetFacts
from cellmill.planning.virtual import seen_through


class StaleStatus(StrEnum):
    """The state of a stored asset."""

    MISSING = "MISSING"
    STALE = "STALE"
    FRESH = "FRESH"


class StaleCauseCategory(StrEnum):
    """What changed."""

    CODE = "CODE"
    DATA = "DATA"
    DEPENDENCIES = "DEPENDENCIES"


@dataclass(frozen=True, slots=True)
class StaleCause:
    """One reason why an asset is stale."""

    #: The asset that changed: the stale one itself, or an upstream.
    key: AssetKey
    category: StaleCauseCategory
    #: A few words, as shown to users.
    reason: str
    #: The upstream that the reason is about.
    dependency: AssetKey | None = None


@dataclass(frozen=True, slots=True)
class Staleness:
    """The decision about one asset or partition."""

    status: StaleStatus
    causes: tuple[StaleCause, ...] = ()

    @property
    def is_fresh(self) -> bool:
        """Whether making it again would change nothing."""
        return self.status is StaleStatus.FRESH

    @property
    def reasons(self) -> list[str]:
        """The reasons in words."""
        return [cause.reason for cause in self.causes]


FRESH = Staleness(StaleStatus.FRESH)
MISSING = Staleness(StaleStatus.MISSING)


@lru_cache(maxsize=65536)
def key_text(key: AssetKey) -> str:
    """The key as states record it (`a/b`)."""
    return key.to_user_string()


def decide_staleness(facts: Iterable[AssetFacts], states: Mapping[AssetKey, AssetState]) -> dict[AssetKey, Staleness]:
    """The decision about every asset; the order of `facts` does not matter."""
    by_key = seen_through(facts)
    decided: dict[AssetKey, Staleness] = {}
    for key in parents_first(by_key):
        decided[key] = decide_asset(by_key[key], by_key, states, decided)
    return decided


def decide_asset(
    facts: AssetFacts,
    by_key: Mapping[AssetKey, AssetFacts],
    states: Mapping[AssetKey, AssetState],
    decided: Mapping[AssetKey, Staleness],
) -> Staleness:
    """The decision about one asset, whose upstreams are decided."""
    if facts.is_external:
        return FRESH
    state = states.get(facts.key)
    if facts.is_virtual:
        return decide_virtual(facts, state, [decided.get(parent) for parent in facts.parents])
    if state is None or not state.is_materialized:
        return MISSING
    causes = [*code_causes(facts, state), *dependency_causes(facts, state, by_key, states)]
    for parent in facts.parents:
        cause = _parent_cause(facts, state, parent, by_key.get(parent), states.get(parent), decided.get(parent))
        if cause is not None:
            causes.append(cause)
    return Staleness(StaleStatus.STALE, tuple(causes)) if causes else FRESH


def decide_virtual(facts: AssetFacts, state: AssetState | None, parents: Sequence[Staleness | None]) -> Staleness:
    """The decision about a virtual asset: it is there as soon as anything is that it is made of."""
    if state is None or not state.is_materialized:
        there = any(parent is None or parent.status is not StaleStatus.MISSING for parent in parents)
        return FRESH if there else MISSING
    causes = tuple(code_causes(facts, state))
    return Staleness(StaleStatus.STALE, causes) if causes else FRESH


def code_causes(facts: AssetFacts, state: AssetState) -> Sequence[StaleCause]:
    """That the code changed."""
    now, then = facts.code_version, state.code_version
    if now is None or then is None or now == then:
        return ()
    return (StaleCause(facts.key, StaleCauseCategory.CODE, "its code changed"),)


def dependency_causes(
    facts: AssetFacts,
    state: AssetState,
    by_key: Mapping[AssetKey, AssetFacts],
    states: Mapping[AssetKey, AssetState],
) -> Sequence[StaleCause]:
    """That the upstreams changed; known only where the materialization recorded what went in."""
    then: AbstractSet[str] = state.inputs.keys()
    parents = facts.parents
    if facts.unrecorded:
        then = then - {key_text(key) for key in facts.unrecorded}
        parents = [parent for parent in parents if parent not in facts.unrecorded]
    if not then:
        return ()
    names = [key_text(parent) for parent in parents]
    if then == set(names):
        return ()
    now = dict(zip(names, parents, strict=True))
    causes = [
        StaleCause(facts.key, StaleCauseCategory.DEPENDENCIES, f"{name} is a new upstream", now[name])
        for name in sorted(now.keys() - then)
        if _is_recordable(now[name], by_key, states)
    ]
    causes += [
        StaleCause(facts.key, StaleCauseCategory.DEPENDENCIES, f"{name} is no upstream any more")
        for name in sorted(then - now.keys())
    ]
    return causes


def _is_recordable(
    parent: AssetKey, by_key: Mapping[AssetKey, AssetFacts], states: Mapping[AssetKey, AssetState]
) -> bool:
    """Whether a materialization records the parent's version; one made elsewhere has none until it is observed."""
    known = by_key.get(parent)
    return (known is not None and not known.is_external) or parent in states


def _parent_cause(
    facts: AssetFacts,
    state: AssetState,
    parent: AssetKey,
    parent_facts: AssetFacts | None,
    parent_state: AssetState | None,
    parent_staleness: Staleness | None,
) -> StaleCause | None:
    partitioned = facts.is_partitioned or (parent_facts is not None and parent_facts.is_partitioned)
    # Versions of different partitions say nothing about each other: there, what is newer counts.
    recorded = None if partitioned else state.inputs.get(key_text(parent))
    version = None if parent_state is None else parent_state.current_version
    newest = None if parent_state is None else parent_state.event_id
    cause = data_cause(state, parent, newest, version, recorded)
    return cause if cause is not None else upstream_cause(parent, parent_staleness)


def data_cause(
    state: AssetState, parent: AssetKey, newest: int | None, version: str | None, recorded: str | None
) -> StaleCause | None:
    """That an upstream has newer data: by its version where the one that went in is known, else by what came last.

    `newest` is the storage id of the upstream's latest materialization, `version` its current data version.
    """
    if recorded is not None and version is not None:
        if version == recorded:
            return None
    elif (newest or 0) <= (state.event_id or 0):
        return None
    return StaleCause(parent, StaleCauseCategory.DATA, f"{key_text(parent)} has newer data", parent)


def upstream_cause(parent: AssetKey, staleness: Staleness | None) -> StaleCause | None:
    """That an upstream is itself not fresh."""
    if staleness is None or staleness.status is StaleStatus.FRESH:
        return None
    word = "missing" if staleness.status is StaleStatus.MISSING else "stale"
    return StaleCause(parent, StaleCauseCategory.DATA, f"{key_text(parent)} is {word}", parent)


def parents_first(by_key: Mapping[AssetKey, AssetFacts]) -> list[AssetKey]:
    """The keys, each behind its parents; what lies on a cycle comes last."""
    order: dict[AssetKey, None] = {}
    waiting: list[AssetKey] = []
    # Definitions mostly come in an order that serves; what does not is left to Kahn's algorithm.
    for key, facts in by_key.items():
        if all(parent in order or parent not in by_key for parent in facts.parents):
            order[key] = None
        else:
            waiting.append(key)
    if not waiting:
        return list(by_key)
    return [*order, *_sorted(waiting, by_key)]


def _sorted(keys: Sequence[AssetKey], by_key: Mapping[AssetKey, AssetFacts]) -> list[AssetKey]:
    among = set(keys)
    missing: dict[AssetKey, int] = {}
    children: dict[AssetKey, list[AssetKey]] = {}
    for key in keys:
        parents = {parent for parent in by_key[key].parents if parent in among and parent != key}
        missing[key] = len(parents)
        for parent in parents:
            children.setdefault(parent, []).append(key)
    order = [key for key, count in missing.items() if not count]
    for key in order:
        for child in children.get(key, ()):
            missing[child] -= 1
            if not missing[child]:
                order.append(child)
    done = set(order)
    return [*order, *(key for key in keys if key not in done)]
