"""How the nodes of a graph are wired: checked, and sorted so that each comes after what it needs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, get_args, get_origin

from cellmill.definitions.dependency import (
    MappedInput,
    MultiDependencyDefinition,
    Node,
    NodeInvocation,
)
from cellmill.definitions.inference import describe_place
from cellmill.definitions.output import NO_VALUE
from cellmill.definitions.port import (
    DynamicOutputDefinition,
)
from cellmill.errors import InvalidDefinitionError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import dynamic_wiring
else:
    dynamic_wiring = on_first_use("cellmill.definitions.dynamic_wiring")


class Wired(Protocol):
    """What is asked here of a `GraphDefinition`."""

    @property
    def name(self) -> str: ...

    @property
    def composition_fn(self) -> Any: ...

    @property
    def node_defs(self) -> Sequence[Any]: ...

    @property
    def nodes(self) -> Sequence[Node]: ...

    @property
    def node_dict(self) -> Mapping[str, Node]: ...

    @property
    def wiring(self) -> Mapping[str, Mapping[str, Any]]: ...

    @property
    def input_mappings(self) -> Sequence[Any]: ...

    @property
    def output_mappings(self) -> Sequence[Any]: ...


def _checked_given(graph: Wired, given: Any) -> None:
    """Raise where the dependencies are not a mapping of nodes to mappings of inputs to dependencies."""
    if not isinstance(given, Mapping):
        raise InvalidDefinitionError(
            f'{_kind(graph)} got dependencies of type {type(given).__name__}. The expected type for "dependencies" is '
            "Union[Mapping[str, Mapping[str, DependencyDefinition]], Mapping[NodeInvocation, Mapping[str, "
            "DependencyDefinition]]]."
        )
    for key, inputs in given.items():
        if hasattr(inputs, "get_node_dependencies"):
            raise InvalidDefinitionError(
                f"{_kind(graph)}: Received a IDependencyDefinition one layer too high under key {key}. Name the input "
                "that it is for: {'" + str(key) + "': {'input_name': DependencyDefinition(...)}}."
            )
        for name, dependency in inputs.items():
            if not hasattr(dependency, "get_node_dependencies"):
                raise InvalidDefinitionError(
                    f'{_kind(graph)}: Expected IDependencyDefinition for node "{key}" input "{name}", got '
                    f"{dependency!r} of type {type(dependency).__name__}."
                )


def nodes_of(graph: Wired, given: Any) -> tuple[dict[str, Node], dict[str, Mapping[str, Any]]]:
    if isinstance(given, Sequence) and given:
        merged: dict[Any, Any] = {}
        for one in given:
            merged.update(one)
        given = merged
    _checked_given(graph, given)
    by_name: dict[str, Any] = {}
    for definition in graph.node_defs:
        if not hasattr(definition, "is_graph"):
            hint = (
                f"You have passed a lambda or function {definition.__name__}; "
                if inspect.isfunction(definition)
                else ""
            )
            raise InvalidDefinitionError(
                f"Invalid item in node list: {definition!r}. {hint}'{graph.name}' is made of ops and graphs."
            )
        other = by_name.setdefault(definition.name, definition)
        if other is not definition and (not hasattr(other, "name") or other is not definition):
            raise InvalidDefinitionError(
                f'Detected conflicting node definitions with the same name "{definition.name}" in "{graph.name}". '
                "Give one of them another name."
            )
    nodes: dict[str, Node] = {}
    dependencies: dict[str, Mapping[str, Any]] = {}
    used: set[str] = set()
    for key, wanted in given.items():
        invocation = NodeInvocation(key) if isinstance(key, str) else key
        definition = by_name.get(invocation.name)
        if definition is None:
            raise InvalidDefinitionError(
                f'Invalid dependencies: node "{invocation.name}" in dependency dictionary not found in node list of '
                f'"{graph.name}". It has {sorted(by_name)}.'
            )
        name = invocation.alias or invocation.name
        used.add(invocation.name)
        tags = {**definition.tags, **invocation.tags} if invocation.tags else definition.tags
        nodes[name] = Node(name, definition, tags, invocation.hook_defs, invocation.retry_policy)
        dependencies[name] = wanted
    for name, definition in by_name.items():
        if name not in used:
            nodes[name] = Node(name, definition, definition.tags)
            dependencies[name] = {}
    return nodes, dependencies


def parts_of(dependency: Any) -> list[Any]:
    """Return the single dependencies on node outputs."""
    found: list[Any] = dependency.get_node_dependencies()
    return found


def check_dependencies(graph: Wired) -> None:
    for name, inputs in graph.wiring.items():
        node = graph.node_dict[name]
        for input_name, dependency in inputs.items():
            if input_name not in node.definition.input_dict:
                raise InvalidDefinitionError(
                    f'In {_kind(graph)}, {_what(node)} "{name}" does not have input "{input_name}". '
                    f"Input list: {list(node.definition.input_dict)}."
                )
            for part in parts_of(dependency):
                _check_source(graph, node, input_name, part)
    if any(one.is_dynamic for node in graph.nodes for one in node.definition.output_defs):
        dynamic_wiring.check_dynamic(graph, _kind(graph))


def _kind(graph: Wired) -> str:
    place = describe_place(graph.composition_fn) if graph.composition_fn else ""
    return f"graph '{graph.name}'{f' ({place})' if place else ''}"


def _what(node: Node) -> str:
    return "graph" if node.definition.is_graph else "op"


def _check_source(graph: Wired, node: Node, input_name: str, part: Any) -> None:
    source = graph.node_dict.get(part.node)
    if source is None:
        raise InvalidDefinitionError(
            f'Invalid dependencies: in {_kind(graph)}, node "{part.node}" not found in node list '
            f'(listed as dependency for node "{node.name}"). It has {sorted(graph.node_dict)}.'
        )
    if source is node:
        raise InvalidDefinitionError(
            f'In {_kind(graph)}, a circular reference: the input "{input_name}" of "{node.name}" comes from '
            f'"{node.name}" itself.'
        )
    output = source.definition.output_dict.get(part.output)
    if output is None:
        raise InvalidDefinitionError(
            f'In {_kind(graph)}, node "{part.node}" does not have output "{part.output}". '
            f"Its outputs: {list(source.definition.output_dict)}."
        )
    declared = node.definition.input_dict[input_name]
    if output.is_nothing and not declared.is_nothing and not declared.is_untyped:
        raise InvalidDefinitionError(
            f'In {_kind(graph)}, the input "{input_name}" of "{node.name}" expects a value but the output '
            f'"{part.output}" of "{part.node}" yields Nothing.'
        )


def _infer_inputs(graph: Wired) -> None:
    """Give each input of the graph that says nothing itself what the inputs behind it agree on: type and default."""
    behind: dict[str, list[Any]] = {}
    for mapping in graph.input_mappings:
        inner = graph.node_dict[mapping.mapped_node_name].definition.input_dict[mapping.mapped_node_input_name]
        declared = inner.declared_type if mapping.fan_in_index is None else _item_type(inner)
        behind.setdefault(mapping.graph_input_name, []).append((mapping.definition, declared, inner.default_value))
    for found in behind.values():
        types, defaults = [one[1] for one in found], [one[2] for one in found]
        for own, _, _ in found:
            if (own.declared_type is NO_VALUE or own.declared_type is Any) and all(one == types[0] for one in types):
                own.declared_type = types[0]
            if own.default_value is NO_VALUE and NO_VALUE not in defaults:
                own.default_value = defaults[0]


def _item_type(fan_in: Any) -> Any:
    """The type of one of the values that an input takes as a list."""
    declared = fan_in.declared_type
    if declared is NO_VALUE or fan_in.is_nothing:
        return declared
    if get_origin(declared) is list:
        return get_args(declared)[0]
    return getattr(declared, "inner_type", NO_VALUE)


def check_mappings(graph: Wired) -> None:
    for mapping in graph.input_mappings:
        node = graph.node_dict.get(mapping.mapped_node_name)
        if node is None:
            raise InvalidDefinitionError(
                f"In {_kind(graph)} input mapping references node '{mapping.mapped_node_name}' which it does not "
                f"contain. It has {sorted(graph.node_dict)}."
            )
        if mapping.mapped_node_input_name not in node.definition.input_dict:
            raise InvalidDefinitionError(
                f"In {_kind(graph)} input mapping to {mapping.mapped_node_name}.{mapping.mapped_node_input_name}: the "
                f"node has no input of that name. It has {list(node.definition.input_dict)}."
            )
        wired = graph.wiring[mapping.mapped_node_name].get(mapping.mapped_node_input_name)
        if mapping.fan_in_index is None and wired is not None:
            raise InvalidDefinitionError(
                f"In {_kind(graph)} input mapping target {mapping.mapped_node_name}.{mapping.mapped_node_input_name} "
                "is already satisfied by a dependency."
            )
        if mapping.fan_in_index is not None:
            if not isinstance(wired, MultiDependencyDefinition):
                raise InvalidDefinitionError(
                    f"In {_kind(graph)} the fan-in input mapping of '{mapping.graph_input_name}' requires a "
                    "MultiDependencyDefinition."
                )
            if wired.dependencies[mapping.fan_in_index] is not MappedInput:
                raise InvalidDefinitionError(
                    f"In {_kind(graph)} the fan-in input mapping of '{mapping.graph_input_name}' requires the "
                    "placeholder MappedInputPlaceholder at its index."
                )
    _infer_inputs(graph)
    for output in graph.output_mappings:
        node = graph.node_dict.get(output.mapped_node_name)
        if node is None:
            raise InvalidDefinitionError(
                f"In {_kind(graph)} output mapping references node '{output.mapped_node_name}' which it does not "
                f"contain. It has {sorted(graph.node_dict)}."
            )
        inner_out = node.definition.output_dict.get(output.mapped_node_output_name)
        if inner_out is None:
            raise InvalidDefinitionError(
                f"In {_kind(graph)} output mapping from {output.mapped_node_name}.{output.mapped_node_output_name}: "
                f"the node has no output of that name. It has {list(node.definition.output_dict)}."
            )
        if inner_out.is_dynamic and not output.definition.is_dynamic:
            own = output.definition
            output.definition = DynamicOutputDefinition(inner_out.declared_type, own.name, own.description)
        if output.definition.declared_type is NO_VALUE:
            output.definition.declared_type = inner_out.declared_type


def sorted_nodes(graph: Wired) -> list[str]:
    """Return the names of the nodes, each after those it needs, else by name; an error where they go in a circle."""
    above = {
        name: {part.node for dependency in inputs.values() for part in parts_of(dependency)}
        for name, inputs in sorted(graph.wiring.items())
    }
    waiting = {name: len(needs) for name, needs in above.items()}
    below: dict[str, list[str]] = {name: [] for name in above}
    for name, needs in above.items():
        for need in needs:
            below[need].append(name)
    ready = [name for name, count in waiting.items() if not count]
    order: list[str] = []
    for name in ready:
        order.append(name)
        for child in below[name]:
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if len(order) < len(above):
        circle = sorted(name for name, count in waiting.items() if count)
        raise InvalidDefinitionError(f"Circular dependencies exist between the nodes of {_kind(graph)}: {circle}.")
    return order
