"""What dynamic outputs multiply: each node by one of them at most, in its graph and in the graphs around it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cellmill.definitions.dependency import DynamicCollectDependencyDefinition, MultiDependencyDefinition
from cellmill.errors import InvalidDefinitionError

#: A dynamic output: the node and the output's name.
Axis = tuple[str, str]

#: Stands for the dynamic output of a graph around this one.
_OUTER: Axis = ("", "")


def check_dynamic(graph: Any, place: str) -> None:
    """Raise where nodes of a graph would be multiplied by several dynamic outputs.

    Args:
        graph: The graph.
        place: The graph, as messages name it.

    Raises:
        InvalidDefinitionError: with the node and the dynamic outputs.
    """
    axes = _axes(graph)
    for name, own in axes.items():
        if len(own) > 1:
            raise InvalidDefinitionError(
                f"In {place}, node '{name}' cannot be downstream of more than one dynamic output. It is "
                f"downstream of {_listed(own)}: collect one of them first."
            )
        _check_node(graph, name, axes, place)


def _check_node(graph: Any, name: str, axes: Mapping[str, frozenset[Axis]], place: str) -> None:
    collected: set[Axis] = set()
    multiplied: set[Axis] = set()
    definition = graph.node_dict[name].definition
    for input_name, dependency in graph.wiring[name].items():
        if isinstance(dependency, DynamicCollectDependencyDefinition):
            over = _collected(graph, dependency, axes)
            collected |= over
            if over & multiplied:
                raise InvalidDefinitionError(
                    f"In {place}, node '{name}' cannot both collect over dynamic output {_listed(over)} by its input "
                    f"'{input_name}' and be downstream of it: collect in a node of its own."
                )
            continue
        over = _carried(graph, dependency, axes)
        multiplied |= over
        if over & collected:
            raise InvalidDefinitionError(
                f"In {place}, node '{name}' cannot be both downstream of dynamic output {_listed(over)} by its input "
                f"'{input_name}' and collect over it: collect in a node of its own."
            )
        if over and isinstance(dependency, MultiDependencyDefinition):
            raise InvalidDefinitionError(
                f"In {place}: Problematic dependency on dynamic output {_listed(over)}: the list that '{name}' gets "
                f"for its input '{input_name}' holds one of its values; collect them."
            )
        if over and definition.is_graph and _multiplies(definition, input_name):
            raise InvalidDefinitionError(
                f"In {place}, graph '{name}' cannot be downstream of dynamic output {_listed(over)} since input "
                f'"{input_name}" maps to a node that is already downstream of another dynamic output.'
            )


def _listed(axes: Collection[Axis]) -> str:
    return ", ".join(f'"{node}:{output}"' for node, output in sorted(axes))


def _is_dynamic(graph: Any, part: Any) -> bool:
    return bool(graph.node_dict[part.node].definition.output_dict[part.output].is_dynamic)


def _carried(graph: Any, dependency: Any, axes: Mapping[str, frozenset[Axis]]) -> frozenset[Axis]:
    """Return the dynamic outputs that what a dependency gives is multiplied by."""
    found: frozenset[Axis] = frozenset()
    for part in dependency.get_node_dependencies():
        if isinstance(part, DynamicCollectDependencyDefinition):
            continue
        found |= axes[part.node]
        if _is_dynamic(graph, part):
            found |= {(part.node, part.output)}
    return found


def _collected(graph: Any, dependency: Any, axes: Mapping[str, frozenset[Axis]]) -> frozenset[Axis]:
    """Return the dynamic outputs that a collecting dependency puts together."""
    if _is_dynamic(graph, dependency):
        return frozenset({(dependency.node, dependency.output)})
    return axes[dependency.node]


def _axes(graph: Any, entered: Collection[str] = ()) -> dict[str, frozenset[Axis]]:
    """Return for each node the dynamic outputs that it is multiplied by; the nodes `entered` by an outer one too."""
    found: dict[str, frozenset[Axis]] = {}

    def over(name: str) -> frozenset[Axis]:
        if name not in found:
            found[name] = frozenset()  # a circle is another's error
            own: frozenset[Axis] = frozenset({_OUTER}) if name in entered else frozenset()
            for dependency in graph.wiring[name].values():
                for part in dependency.get_node_dependencies():
                    over(part.node)
                if not isinstance(dependency, DynamicCollectDependencyDefinition):
                    own |= _carried(graph, dependency, found)
                elif _is_dynamic(graph, dependency) and found[dependency.node]:
                    # one of two is collected, and what is made of the other cannot be told apart
                    own |= found[dependency.node] | {(dependency.node, dependency.output)}
            found[name] = own
        return found[name]

    for name in graph.node_dict:
        over(name)
    return found


def _multiplies(graph: Any, input_name: str) -> bool:
    """Return whether what enters a graph by an input meets a dynamic output inside."""
    entries = [mapping for mapping in graph.input_mappings if mapping.graph_input_name == input_name]
    axes = _axes(graph, {mapping.mapped_node_name for mapping in entries})
    if any(len(own) > 1 for own in axes.values()):
        return True
    for mapping in entries:
        inner = graph.node_dict[mapping.mapped_node_name].definition
        if inner.is_graph and _multiplies(inner, mapping.mapped_node_input_name):
            return True
    return any(
        _multiplies(node.definition, name)
        for node in graph.nodes
        if node.definition.is_graph
        for name, dependency in graph.wiring[node.name].items()
        if _OUTER in _carried(graph, dependency, axes)
    )
