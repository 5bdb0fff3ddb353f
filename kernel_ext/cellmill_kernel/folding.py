"""Which assets of a large graph are shown as themselves, and what stands for the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cellmill.definitions.asset_key import AssetKey

#: ipycytoscape makes a model and a message per element: beyond this many nodes only a neighbourhood is shown.
MAX_NODES = 150
#: Assets that one click unfolds.
UNFOLDED_AT_ONCE = 100
#: Folded nodes at most; further groups and notebooks are folded into one.
MAX_FOLDED = 40
#: Edges above which none are drawn between folded nodes.
MAX_EDGES = 250
_REST = "others:other assets"


@dataclass(frozen=True, slots=True)
class Folding:
    """The assets that are shown, and the folded nodes with the assets that they stand for."""

    shown: tuple[AssetKey, ...] = ()
    folded: Mapping[str, tuple[AssetKey, ...]] = field(default_factory=dict)

    def edges(self, graph: Mapping[AssetKey, tuple[AssetKey, ...]]) -> list[tuple[str, str]]:
        """The edges between nodes; those between two folded ones only while there is room for them."""
        hidden = {key: name for name, members in self.folded.items() for key in members}
        nodes = {key: key.to_user_string() for key in self.shown} | hidden
        found: dict[tuple[str, str], None] = {}
        folded: dict[tuple[str, str], None] = {}
        for key, upstreams in graph.items():
            for upstream in upstreams:
                source, target = nodes.get(upstream), nodes.get(key)
                if source is not None and target is not None and source != target:
                    (folded if key in hidden and upstream in hidden else found)[(source, target)] = None
        return [*found, *list(folded)[: max(0, MAX_EDGES - len(found))]]


def fold(keys: Sequence[AssetKey], groups: Mapping[AssetKey, str], wanted: Iterable[AssetKey]) -> Folding:
    """All of `keys` where there is room; else the first of `wanted`, and nodes for the groups of the rest."""
    if len(keys) <= MAX_NODES:
        return Folding(tuple(keys))
    allowed = set(keys)
    shown = set(list(dict.fromkeys(key for key in wanted if key in allowed))[:MAX_NODES])
    members: dict[str, list[AssetKey]] = {}
    for key in keys:
        if key not in shown:
            members.setdefault(groups[key], []).append(key)
    largest = sorted(members, key=lambda name: -len(members[name]))[:MAX_FOLDED]
    folded: dict[str, list[AssetKey]] = {}
    for name, hidden in members.items():
        folded.setdefault(name if name in largest else _REST, []).extend(hidden)
    return Folding(tuple(key for key in keys if key in shown), {name: tuple(hidden) for name, hidden in folded.items()})
