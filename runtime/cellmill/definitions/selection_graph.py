"""What a selection needs to know about assets: a graph read from definitions, or from a planned asset graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey

DEFAULT_GROUP = "default"
KIND_TAG_PREFIX = "dagster/kind/"


@runtime_checkable
class PlannedGraph(Protocol):
    """The part of a planned asset graph that selections read."""

    def get_all_asset_keys(self) -> AbstractSet[AssetKey]:
        """Return every key, those of external assets too."""
        ...

    def get(self, key: AssetKey) -> Any:
        """Return the node of `key`, with Dagster's attribute names (`parent_keys`, `group_name`, `tags` …)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFacts:
    """One asset as selections see it."""

    key: AssetKey
    parents: AbstractSet[AssetKey] = frozenset()
    materializable: bool = True
    group: str = DEFAULT_GROUP
    tags: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    kinds: AbstractSet[str] = frozenset()
    siblings: AbstractSet[AssetKey] = frozenset()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    automation_type: str | None = None
    code_location: str | None = None
    notebook: str | None = None


class SelectionGraph:
    """Assets by key with their edges both ways, and the checks of each.

    `status_of` is given where a stored state is known; selections by status need it.
    """

    __slots__ = ("assets", "checks", "children", "status_of")

    def __init__(
        self,
        assets: Iterable[AssetFacts],
        checks: Iterable[AssetCheckKey] = (),
        status_of: Callable[[AssetKey], str] | None = None,
    ) -> None:
        self.assets: dict[AssetKey, AssetFacts] = {facts.key: facts for facts in assets}
        self.checks: frozenset[AssetCheckKey] = frozenset(checks)
        self.status_of = status_of
        for key in {p for facts in self.assets.values() for p in facts.parents} - self.assets.keys():
            self.assets[key] = AssetFacts(key=key, materializable=False)
        self.children: dict[AssetKey, set[AssetKey]] = {key: set() for key in self.assets}
        for key, facts in self.assets.items():
            for parent in facts.parents:
                if parent != key:
                    self.children[parent].add(key)

    def with_status(self, status_of: Callable[[AssetKey], str]) -> SelectionGraph:
        """Return the same graph that answers ``status:`` through `status_of`."""
        return SelectionGraph(self.assets.values(), self.checks, status_of)

    def located(self, code_location: str) -> SelectionGraph:
        """Return the same graph with every asset in `code_location`."""
        facts = (replace(asset, code_location=code_location) for asset in self.assets.values())
        return SelectionGraph(facts, self.checks, self.status_of)

    def keys(self, *, include_sources: bool) -> set[AssetKey]:
        """Return the keys of all assets, or of those that can be materialized."""
        return {key for key, facts in self.assets.items() if include_sources or facts.materializable}

    def parents(self, key: AssetKey) -> AbstractSet[AssetKey]:
        """Return the direct upstreams of `key`."""
        return self.assets[key].parents

    def reach(self, start: AbstractSet[AssetKey], *, up: bool, depth: int | None) -> set[AssetKey]:
        """Return `start` and what lies within `depth` steps (None: any) above or below it."""
        seen, frontier, steps = set(start), set(start), 0
        while frontier and (depth is None or steps < depth):
            step = (self.parents(key) if up else self.children[key] for key in frontier if key in self.assets)
            frontier = {key for keys in step for key in keys} - seen
            seen |= frontier
            steps += 1
        return seen

    def beyond(self, start: AbstractSet[AssetKey], *, up: bool) -> set[AssetKey]:
        """Return the proper ancestors (or descendants) of any of `start`, members of `start` among them."""
        step = (self.parents(key) if up else self.children[key] for key in start if key in self.assets)
        first = {near for key, keys in zip(start, step, strict=False) for near in keys if near != key}
        return self.reach(first, up=up, depth=None)


def selection_graph(source: object) -> SelectionGraph:
    """Return `source` (such a graph, a planned asset graph, or an iterable of definitions) as a selection graph."""
    if isinstance(source, SelectionGraph):
        return source
    if isinstance(source, PlannedGraph):
        return _from_planned(source)
    if isinstance(source, Iterable):
        return _from_definitions(source)
    raise TypeError(f"Expected definitions of assets or an asset graph, got {type(source).__name__}.")


def _from_planned(graph: PlannedGraph) -> SelectionGraph:
    checks: set[AssetCheckKey] = set(getattr(graph, "asset_check_keys", ()))
    return SelectionGraph((_node_facts(key, graph.get(key)) for key in graph.get_all_asset_keys()), checks)


def _node_facts(key: AssetKey, node: Any) -> AssetFacts:
    tags: Mapping[str, str] = getattr(node, "tags", None) or {}
    metadata: Mapping[str, Any] = getattr(node, "metadata", None) or {}
    origin: Any = getattr(node, "origin", None)
    return AssetFacts(
        key=key,
        parents=frozenset(getattr(node, "parent_keys", ())),
        materializable=bool(getattr(node, "is_materializable", True)),
        group=getattr(node, "group_name", None) or DEFAULT_GROUP,
        tags=tags,
        owners=tuple(getattr(node, "owners", None) or ()),
        kinds=_kinds(getattr(node, "kinds", None), tags),
        siblings=frozenset(getattr(node, "execution_set_asset_keys", ())),
        metadata=metadata,
        code_location=getattr(node, "code_location", None),
        notebook=getattr(node, "notebook", None) or (str(origin.path) if getattr(origin, "path", None) else None),
    )


def _kinds(declared: Iterable[str] | None, tags: Mapping[str, str]) -> frozenset[str]:
    named = {name.removeprefix(KIND_TAG_PREFIX) for name in tags if name.startswith(KIND_TAG_PREFIX)}
    return frozenset(named | set(declared or ()))


def _from_definitions(definitions: Iterable[Any]) -> SelectionGraph:
    facts: dict[AssetKey, AssetFacts] = {}
    checks: set[AssetCheckKey] = set()
    for definition in definitions:
        checks.update(getattr(definition, "check_keys", ()))
        for asset in _definition_facts(definition):
            facts[asset.key] = asset
    return SelectionGraph(facts.values(), checks)


def _definition_facts(definition: Any) -> Iterable[AssetFacts]:
    """Yield the assets of one definition: a spec, a source asset, or an assets definition."""
    if not hasattr(definition, "asset_deps"):
        key = getattr(definition, "key", None)
        if key is not None:
            deps = getattr(definition, "deps", ())
            parents = frozenset(getattr(dep, "asset_key", dep) for dep in deps)
            yield _spec_facts(definition, key, parents, materializable=False, siblings=frozenset())
        return
    materializable = bool(getattr(definition, "is_materializable", True))
    keys = frozenset(definition.keys)
    together = keys if len(keys) > 1 and not getattr(definition, "can_subset", False) else frozenset()
    specs = {spec.key: spec for spec in getattr(definition, "specs", ())}
    for key in keys:
        parents = frozenset(definition.asset_deps.get(key, ()))
        spec = specs.get(key, definition)
        yield _spec_facts(spec, key, parents, materializable=materializable, siblings=together)


def _spec_facts(
    spec: Any, key: AssetKey, parents: frozenset[AssetKey], *, materializable: bool, siblings: frozenset[AssetKey]
) -> AssetFacts:
    tags = getattr(spec, "tags", None) or {}
    return AssetFacts(
        key=key,
        parents=parents,
        materializable=materializable,
        group=getattr(spec, "group_name", None) or DEFAULT_GROUP,
        tags=tags,
        owners=tuple(getattr(spec, "owners", None) or ()),
        kinds=_kinds(getattr(spec, "kinds", None), tags),
        siblings=siblings,
        metadata=getattr(spec, "metadata", None) or {},
    )
