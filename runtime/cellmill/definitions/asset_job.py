"""Jobs that make assets: their graph is made from the assets selected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.asset_spec import AssetSpec
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.dependency import DependencyDefinition, NodeInvocation
from cellmill.definitions.external_asset import external_asset_from_spec
from cellmill.definitions.graph import GraphDefinition
from cellmill.definitions.inference import describe_place
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.port import DEFAULT_IO_MANAGER_KEY
from cellmill.definitions.selection_graph import DEFAULT_GROUP
from cellmill.errors import CheckError, InvalidDefinitionError, InvalidInvocationError


class AssetCatalog:
    """All definitions of assets and checks of a place, by key."""

    def __init__(self, definitions: Iterable[AssetsDefinition]) -> None:
        self.definitions = with_found_upstreams(list(definitions))
        self.by_key: dict[AssetKey, AssetsDefinition] = {}
        self.by_check: dict[AssetCheckKey, AssetsDefinition] = {}
        for one in self.definitions:
            for key in one.keys:
                other = self.by_key.setdefault(key, one)
                if other is not one:
                    self._add_twice(key, other, one)
            if one.check_specs_by_output_name:
                for check in one.check_keys:
                    if self.by_check.setdefault(check, one) is not one:
                        raise InvalidDefinitionError(
                            f"Duplicate asset check key: {check.to_user_string()} is defined twice."
                        )

    def _add_twice(self, key: AssetKey, first: AssetsDefinition, second: AssetsDefinition) -> None:
        # A source asset says how a value is loaded that may be made here too; a spec says that nothing here makes it.
        if first.is_executable and hasattr(second, "get_io_manager_key"):
            return
        if second.is_executable and hasattr(first, "get_io_manager_key"):
            self.by_key[key] = second
            return
        places = " and ".join(filter(None, (_place(first), _place(second))))
        raise InvalidDefinitionError(
            f"Duplicate asset key: {key} is defined twice{f', at {places}' if places else ''}. Give "
            "one of them another name or key_prefix."
        )

    def executable(self) -> list[AssetsDefinition]:
        """Return the definitions that have a function to run."""
        return [one for one in self.definitions if one.is_executable]


def with_found_upstreams(definitions: list[AssetsDefinition]) -> list[AssetsDefinition]:
    """Return the definitions; an upstream without prefix that is nowhere is the one of that name in their group."""
    known = {key for one in definitions for key in one.keys}
    changed: dict[int, AssetsDefinition] = {}
    named: dict[tuple[str, str], set[AssetKey]] | None = None
    for one in definitions:
        lost = [key for key in one.node_keys_by_input_name.values() if len(key.path) == 1 and key not in known]
        if not lost or one.is_checks:
            continue
        if named is None:
            named = _by_group_and_name(definitions)
        groups = {spec.group_name or DEFAULT_GROUP for spec in one.specs}
        found = {
            key: next(iter(same))
            for key in lost
            if len(groups) == 1 and len(same := named.get((next(iter(groups)), key.path[0]), set()) - {*one.keys}) == 1
        }
        if found:
            changed[id(one)] = one.with_attributes(input_asset_key_replacements=found)
    return [changed.get(id(one), one) for one in definitions] if changed else definitions


def _by_group_and_name(definitions: Iterable[AssetsDefinition]) -> dict[tuple[str, str], set[AssetKey]]:
    found: dict[tuple[str, str], set[AssetKey]] = {}
    for one in definitions:
        for spec in one.specs:
            found.setdefault((spec.group_name or DEFAULT_GROUP, spec.key.path[-1]), set()).add(spec.key)
    return found


def _place(definition: AssetsDefinition) -> str:
    fn = getattr(definition, "__wrapped__", None)
    return describe_place(fn) if fn is not None else ""


def as_assets(items: Iterable[Any]) -> list[AssetsDefinition]:
    """Return what a user gave as assets as definitions; specs stand for assets that are not made here."""
    found: list[AssetsDefinition] = []
    for item in items:
        if isinstance(item, AssetsDefinition):
            found.append(item)
        elif isinstance(item, AssetSpec):
            found.append(external_asset_from_spec(item))
        elif hasattr(item, "compute_cacheable_data"):
            found.extend(as_assets(item.build_definitions(item.compute_cacheable_data())))
        elif isinstance(item, Iterable) and not isinstance(item, (str, bytes)):
            found.extend(as_assets(item))
        else:
            raise CheckError(f"Expected assets, got {item!r} of type {type(item).__name__}.")
    return found


def build_asset_job(
    name: str,
    selected: Sequence[AssetsDefinition],
    catalog: AssetCatalog,
    **options: Any,
) -> JobDefinition:
    """Return the job that makes the selected assets; what they need besides is loaded."""
    graph_def, nodes, inputs, order = _asset_graph(name, selected, catalog)
    resources = merged_resources(nodes.values(), options.pop("resource_defs", None))
    made = JobDefinition(
        graph_def=graph_def, name=name, resource_defs=resources, asset_nodes=nodes, input_assets=inputs, **options
    )
    made.selected_assets_of = catalog
    made.extra_order = order
    return made


_Graph = tuple[GraphDefinition, dict[str, AssetsDefinition], dict[tuple[str, str], Any], dict[str, frozenset[str]]]


def _asset_graph(name: str, selected: Sequence[AssetsDefinition], catalog: AssetCatalog) -> _Graph:
    nodes, maker, checker = _named_nodes(selected)
    dependencies: dict[str | NodeInvocation, dict[str, Any]] = {}
    inputs: dict[tuple[str, str], Any] = {}
    order: dict[str, frozenset[str]] = {}
    blocking = _blocking_checks(nodes)
    times = Counter(id(one.node_def) for one in nodes.values())
    for node, one in nodes.items():
        wired: dict[str, Any] = {}
        for input_name, key in one.node_keys_by_input_name.items():
            source = maker.get(key)
            # A part of a definition in a circle waits for what its own assets need; the rest is there already.
            unneeded = times[id(one.node_def)] > 1 and input_name not in one.keys_by_input_name
            if source is not None and source != node and not unneeded:
                wired[input_name] = DependencyDefinition(source, nodes[source].get_output_name_for_asset_key(key))
            else:
                inputs[(node, input_name)] = catalog.by_key.get(key, key)
                waits_for = {maker[up] for up in _behind_virtual(key, catalog) if up in maker} - {node}
                if waits_for:
                    order[node] = order.get(node, frozenset()) | waits_for
        if blocking and not one.is_checks:
            waits = {check for key in one.node_keys_by_input_name.values() for check in blocking.get(key, ())}
            if waits - {node}:
                order[node] = order.get(node, frozenset()) | (waits - {node})
        hooks = one.hook_defs
        if node == one.node_def.name and not hooks:
            dependencies[node] = wired
        else:
            dependencies[NodeInvocation(one.node_def.name, node, None, hooks)] = wired
    graph_def = (
        GraphDefinition(name, None, [one.node_def for one in nodes.values()], dependencies, checked=True)
        if not _same_names(nodes)
        else _graph_with_aliases(name, nodes, dependencies)
    )
    graph_def.node_order = tuple(_sorted(graph_def, order))
    return graph_def, nodes, inputs, order


def _behind_virtual(key: AssetKey, catalog: AssetCatalog) -> set[AssetKey]:
    """Return the assets that are not virtual behind a virtual asset that the job does not make; none of another."""
    found: set[AssetKey] = set()
    seen: set[AssetKey] = set()
    waiting = [key]
    while waiting:
        one = waiting.pop()
        definition = catalog.by_key.get(one)
        if definition is None or one in seen or not definition.specs_by_key[one].is_virtual:
            found.add(one)
            continue
        seen.add(one)
        waiting += definition.asset_deps[one]
    return found - {key}


def _same_names(nodes: Mapping[str, AssetsDefinition]) -> bool:
    names: dict[str, Any] = {}
    for one in nodes.values():
        if names.setdefault(one.node_def.name, one.node_def) is not one.node_def:
            return True
    return False


def _graph_with_aliases(
    name: str, nodes: Mapping[str, AssetsDefinition], dependencies: dict[str | NodeInvocation, dict[str, Any]]
) -> GraphDefinition:
    """Return the graph of nodes some of which have different definitions of one name."""
    renamed = {node: one.node_def.copy_with(name=node) for node, one in nodes.items()}
    wired: dict[str | NodeInvocation, dict[str, Any]] = {}
    for key, value in dependencies.items():
        node = key if isinstance(key, str) else (key.alias or key.name)
        hooks = key.hook_defs if isinstance(key, NodeInvocation) else ()
        wired[NodeInvocation(node, None, None, hooks)] = value
    return GraphDefinition(name, None, list(renamed.values()), wired, checked=True)


def _named_nodes(
    selected: Sequence[AssetsDefinition],
) -> tuple[dict[str, AssetsDefinition], dict[AssetKey, str], dict[AssetCheckKey, str]]:
    nodes: dict[str, AssetsDefinition] = {}
    maker: dict[AssetKey, str] = {}
    checker: dict[AssetCheckKey, str] = {}
    for one in _split_circles(selected):
        name, number = one.node_def.name, 1
        while name in nodes:
            number += 1
            name = f"{one.node_def.name}_{number}"
        nodes[name] = one
        for key in one.keys:
            maker[key] = name
        if one.check_specs_by_output_name:
            for check in one.check_keys:
                checker[check] = name
    return nodes, maker, checker


def _split_circles(selected: Sequence[AssetsDefinition]) -> list[AssetsDefinition]:
    """Return the definitions; one that can be subset is cut where its assets need each other through others."""
    several = [one for one in selected if one.can_subset and len(one.keys) > 1]
    if not several:
        return list(selected)
    owner = {key: index for index, one in enumerate(selected) for key in one.keys}
    above = {key: one.asset_deps.get(key, frozenset()) for one in selected for key in one.keys}
    depth: dict[AssetKey, int] = {}

    def level(key: AssetKey, trail: tuple[AssetKey, ...] = ()) -> int:
        # How often the way to `key` leaves its own definition and comes back to it.
        if key in depth:
            return depth[key]
        if key in trail:
            return 0
        best = 0
        for parent in above[key]:
            if parent not in owner:
                continue
            if owner[parent] == owner[key]:
                best = max(best, level(parent, (*trail, key)))
            else:
                best = max(best, _returns(key, parent, (*trail, key)))
        depth[key] = best
        return best

    def _returns(key: AssetKey, parent: AssetKey, trail: tuple[AssetKey, ...]) -> int:
        found, todo, best = set(), [parent], 0
        while todo:
            one = todo.pop()
            if one in found:
                continue
            found.add(one)
            for up in above.get(one, ()):
                if up in owner and owner[up] == owner[key] and up not in trail:
                    best = max(best, level(up, trail) + 1)
                elif up in owner and up not in trail:
                    todo.append(up)
        return best

    parts: list[AssetsDefinition] = []
    for one in selected:
        parts.extend(_cut(one, level) if one in several else [one])
    return parts


def _cut(one: AssetsDefinition, level: Callable[[AssetKey], int]) -> list[AssetsDefinition]:
    """Return the definition in as many parts as its assets have levels."""
    by_level: dict[int, set[AssetKey]] = {}
    for key in one.keys:
        by_level.setdefault(level(key), set()).add(key)
    if len(by_level) == 1:
        return [one]
    return [
        one.subset_for(by_level[number], {check for check in one.check_keys if check.asset_key in by_level[number]})
        for number in sorted(by_level)
    ]


def _blocking_checks(nodes: Mapping[str, AssetsDefinition]) -> dict[AssetKey, set[str]]:
    found: dict[AssetKey, set[str]] = {}
    for node, one in nodes.items():
        if one.check_specs_by_output_name:
            for spec in one.check_specs:
                if spec.blocking:
                    found.setdefault(spec.asset_key, set()).add(node)
    return found


def _sorted(graph_def: GraphDefinition, order: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the names of the nodes, each after those it needs; those that could come at the same time by name."""
    above = {
        name: [part.node for dependency in wired.values() for part in dependency.get_node_dependencies()]
        for name, wired in sorted(graph_def.wiring.items())
    }
    for name, more in order.items():
        above[name] = [*above[name], *more]
    waiting = {name: len(set(needs)) for name, needs in above.items()}
    below: dict[str, list[str]] = {name: [] for name in above}
    for name, needs in above.items():
        for need in set(needs):
            below[need].append(name)
    done = [name for name, count in waiting.items() if not count]
    for name in done:
        for child in below[name]:
            waiting[child] -= 1
            if not waiting[child]:
                done.append(child)
    if len(done) < len(above):
        circle = _one_circle({name: set(above[name]) for name, count in waiting.items() if count})
        places = [describe_place(graph_def.node_dict[one].definition.__wrapped__) for one in circle]
        shown = " -> ".join([*circle, circle[0]])
        raise InvalidDefinitionError(
            f"Circular reference detected: the assets {shown} need each other ({', '.join(places)}). Remove one of "
            "these dependencies."
        )
    return done


def _one_circle(above: Mapping[str, set[str]]) -> list[str]:
    trail: list[str] = [min(above)]
    while True:
        near = min(one for one in above[trail[-1]] if one in above)
        if near in trail:
            return list(reversed(trail[trail.index(near) :]))
        trail.append(near)


def merged_resources(definitions: Iterable[AssetsDefinition], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the resources of all, one for each key."""
    found: dict[str, Any] = {}
    for one in definitions:
        for key, resource in one.resource_defs.items():
            other = found.setdefault(key, resource)
            if other is not resource and other != resource:
                raise InvalidDefinitionError(
                    f"Conflicting versions of resource with key '{key}' were provided to different assets. When "
                    "constructing a job, all resource definitions provided to assets must match by reference equality "
                    "for a given key."
                )
            if given and given.get(key, resource) != resource and key != DEFAULT_IO_MANAGER_KEY:
                keys = ", ".join(str(each.to_string()) for each in sorted(one.keys))
                raise InvalidInvocationError(
                    f"AssetsDefinition with key {keys} has conflicting resource definitions with provided resources "
                    f"for the following keys: {key}. Either remove the existing resources from the asset or change "
                    "the resource keys so that they don't overlap."
                )
    return {**given, **found} if given else found
