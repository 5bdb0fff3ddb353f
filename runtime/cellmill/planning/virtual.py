"""Virtual assets in the decision about staleness: they have no data of their own, so what is behind them counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.staleness_facts import AssetFacts


def seen_through(facts: Iterable[AssetFacts]) -> dict[AssetKey, AssetFacts]:
    """The facts by key; assets that read virtual ones have those as parents that are behind these."""
    by_key = {item.key: item for item in facts}
    virtual = {key for key, item in by_key.items() if item.is_virtual}
    if not virtual:
        return by_key
    return {key: _through(item, by_key) if _reads(item, virtual) else item for key, item in by_key.items()}


def _reads(item: AssetFacts, virtual: set[AssetKey]) -> bool:
    return not item.is_virtual and not virtual.isdisjoint(item.parents)


def _through(item: AssetFacts, by_key: Mapping[AssetKey, AssetFacts]) -> AssetFacts:
    parents: dict[AssetKey, None] = {}
    behind: set[AssetKey] = set()
    seen: set[AssetKey] = set()
    waiting = list(reversed(item.parents))
    while waiting:
        key = waiting.pop()
        known = by_key.get(key)
        if key in seen:
            continue
        seen.add(key)
        if known is not None and known.is_virtual:
            behind.add(key)
            waiting += reversed(known.parents)
        else:
            parents[key] = None
    unrecorded = behind | (parents.keys() - set(item.parents))
    return replace(item, parents=tuple(parents), unrecorded=frozenset(unrecorded))
