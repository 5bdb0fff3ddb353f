"""Parts of jobs: some of the ops, or some of the assets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Any

from cellmill.definitions.asset_job import build_asset_job
from cellmill.definitions.asset_selection_job import selected_keys, subset_of
from cellmill.definitions.dependency import DependencyDefinition, MultiDependencyDefinition, NodeInvocation
from cellmill.definitions.graph import GraphDefinition
from cellmill.definitions.graph_wiring import sorted_nodes
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.job_checks import check_loadable_inputs
from cellmill.errors import InvalidDefinitionError, InvalidSubsetError

_CLAUSE = re.compile(r"^(?P<up>\*|\++)?(?P<name>[A-Za-z0-9_.\[\]?]+)(?P<down>\*|\++)?$")
_ALL = 1 << 30


def job_subset(
    job: JobDefinition,
    op_selection: Iterable[str] | None,
    asset_selection: AbstractSet[Any] | None,
    asset_check_selection: AbstractSet[Any] | None = None,
) -> JobDefinition:
    """Return the part of `job` that is selected."""
    if op_selection is not None and asset_selection:
        raise InvalidSubsetError("Select ops or assets, not both at once.")
    if asset_selection is not None or asset_check_selection is not None:
        return _asset_subset(job, asset_selection, asset_check_selection)
    return op_subset(job, list(op_selection or ()))


def _asset_subset(job: JobDefinition, assets: Any, checks: Any) -> JobDefinition:
    catalog = job.selected_assets_of
    if catalog is None:
        raise InvalidSubsetError(f"Job {job.name!r} does not make assets, so that none of them can be selected.")
    own = {key for one in job.asset_nodes.values() for key in one.keys}
    if assets is None:
        keys: frozenset[Any] = frozenset()
    else:
        keys, _ = selected_keys(assets, catalog, f"job {job.name!r}")
    outside = keys - own
    if outside:
        raise InvalidSubsetError(
            f"Assets provided in asset_selection argument {sorted(key.to_user_string() for key in outside)} do not "
            f"exist in parent asset group or job {job.name!r}. It has "
            f"{sorted(key.to_user_string() for key in own)[:20]}."
        )
    chosen = None if checks is None else frozenset(checks)
    own_checks = {key for one in job.asset_nodes.values() for key in one.check_keys}
    if chosen is None:
        chosen = frozenset(key for key in own_checks if key.asset_key in keys)
    made = build_asset_job(job.name, subset_of(catalog, keys, chosen), catalog)
    return job.copy_with(
        graph=made.graph,
        asset_nodes=made.asset_nodes,
        input_assets=made.input_assets,
        extra_order=made.extra_order,
        whole_job=job.whole_job or job,
        asset_selection=keys,
        asset_check_selection=chosen,
    )


def op_subset(job: JobDefinition, selection: Sequence[str]) -> JobDefinition:
    """Return the part of `job` that a selection of ops means: ``a``, ``*a``, ``a+``, ``graph.op``."""
    handles = selected_ops(job.graph, selection, job.name)
    if not handles:
        raise InvalidSubsetError(
            f"No qualified ops to execute found for op_selection={list(selection)} in job {job.name!r}."
        )
    graph_def = _reduced(job.graph, handles, ())
    graph_def.node_order = tuple(sorted_nodes(graph_def))
    assets = {name: one for name, one in job.asset_nodes.items() if name in graph_def.node_dict}
    try:
        check_loadable_inputs(graph_def, assets, job.input_assets)
    except InvalidDefinitionError as error:
        raise InvalidSubsetError(
            f"The op_selection {list(selection)} of job {job.name!r} leaves a graph that cannot run. {error}"
        ) from error
    kept = set(graph_def.node_dict)
    return job.copy_with(
        graph=graph_def,
        op_selection=list(selection),
        asset_nodes=assets,
        input_assets={key: one for key, one in job.input_assets.items() if key[0] in kept},
        extra_order={name: waits & kept for name, waits in job.extra_order.items() if name in kept},
        input_values={name: value for name, value in job.input_values.items() if name in graph_def.input_dict},
        whole_job=job.whole_job or job,
    )


def selected_ops(graph_def: GraphDefinition, selection: Sequence[str], job_name: str) -> frozenset[tuple[str, ...]]:
    """Return the handles of the nodes that a selection means."""
    above, below = _edges(graph_def)
    found: set[tuple[str, ...]] = set()
    for clause in selection:
        if clause == "*":
            return frozenset((name,) for name in graph_def.node_dict)
        parts = _CLAUSE.match(clause.strip())
        if parts is None:
            raise InvalidSubsetError(
                f"No qualified ops to execute found for op_selection={list(selection)!r}: {clause!r} cannot be read; "
                "write `a`, `*a`, `a+` or `graph.op`."
            )
        handle = tuple(parts["name"].split("."))
        _check_handle(graph_def, handle, clause, job_name)
        if len(handle) > 1:
            found.add(handle)
            continue
        found.add(handle)
        for sign, edges in ((parts["up"], above), (parts["down"], below)):
            if sign:
                depth = _ALL if sign == "*" else len(sign)
                found |= {(name,) for name in _reach(handle[0], edges, depth)}
    return frozenset(found)


def _check_handle(graph_def: GraphDefinition, handle: tuple[str, ...], clause: str, job_name: str) -> None:
    here = graph_def
    for name in handle:
        node = here.node_dict.get(name) if getattr(here, "is_graph", False) else None
        if node is None:
            known = list(graph_def.node_dict)
            near = get_close_matches(handle[0], known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidSubsetError(
                f"No qualified ops to execute found for op_selection=[{clause!r}] in job {job_name!r}: it has no node "
                f"{'.'.join(handle)!r}.{hint} It has {known[:30]}."
            )
        here = node.definition


def _edges(graph_def: GraphDefinition) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    above = {
        name: {part.node for one in wired.values() for part in one.get_node_dependencies()}
        for name, wired in graph_def.wiring.items()
    }
    below: dict[str, set[str]] = {name: set() for name in above}
    for name, needs in above.items():
        for need in needs:
            below[need].add(name)
    return above, below


def _reach(start: str, edges: Mapping[str, set[str]], depth: int) -> set[str]:
    found, front = {start}, {start}
    while front and depth > 0:
        front = {near for name in front for near in edges[name]} - found
        found |= front
        depth -= 1
    return found


def _reduced(
    graph_def: GraphDefinition, handles: AbstractSet[tuple[str, ...]], prefix: tuple[str, ...]
) -> GraphDefinition:
    kept: dict[str, Any] = {}
    for name, node in graph_def.node_dict.items():
        handle = (*prefix, name)
        if handle in handles:
            kept[name] = node.definition
        elif node.is_graph and any(one[: len(handle)] == handle for one in handles):
            kept[name] = _reduced(node.definition, handles, handle)
    dependencies: dict[Any, dict[str, Any]] = {}
    renamed: list[Any] = []
    for name, definition in kept.items():
        node = graph_def.node_dict[name]
        own = definition.copy_with(name=name) if definition is not node.definition else definition
        renamed.append(own)
        invocation = NodeInvocation(
            own.name, name if own.name != name else None, None, node.hook_defs, node.retry_policy
        )
        invocation.tags = node.tags
        dependencies[invocation] = {
            input_name: one
            for input_name, given in graph_def.wiring[name].items()
            if (one := _kept_dependency(given, kept)) is not None and input_name in own.input_dict
        }
    unique = list({id(one): one for one in renamed}.values())
    made = GraphDefinition(
        graph_def.name,
        graph_def.description,
        unique,
        dependencies,
        [one for one in graph_def.input_mappings if one.mapped_node_name in kept and _has_input(kept, one)],
        [one for one in graph_def.output_mappings if one.mapped_node_name in kept and _has_output(kept, one)],
        graph_def.config_mapping,
        graph_def.tags,
        positional_inputs=graph_def.positional_inputs,
        checked=True,
    )
    made.node_order = tuple(sorted_nodes(made))
    return made


def _has_input(kept: Mapping[str, Any], mapping: Any) -> bool:
    return mapping.mapped_node_input_name in kept[mapping.mapped_node_name].input_dict


def _has_output(kept: Mapping[str, Any], mapping: Any) -> bool:
    return mapping.mapped_node_output_name in kept[mapping.mapped_node_name].output_dict


def _kept_dependency(given: Any, kept: Mapping[str, Any]) -> Any:
    if isinstance(given, MultiDependencyDefinition):
        parts = [
            one
            for one in given.dependencies
            if not isinstance(one, DependencyDefinition)
            or (one.node in kept and one.output in kept[one.node].output_dict)
        ]
        return MultiDependencyDefinition(parts) if parts else None
    if given.node not in kept:
        return None
    if given.output not in kept[given.node].output_dict:
        raise InvalidSubsetError(
            f"The selection takes a part of the graph {given.node!r} that does not give its output {given.output!r}, "
            "which a selected node reads. Select what gives it, or nothing of the graph."
        )
    return given
