"""What a job must keep to be one: names, inputs, resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cellmill.errors import CheckError, InvalidDefinitionError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import resource
    from cellmill.definitions.graph import GraphDefinition
else:
    resource = on_first_use("cellmill.definitions.resource")


def check_names(graph_def: GraphDefinition, seen: dict[str, Any]) -> None:
    """Raise where two ops or graphs at any depth have one name."""
    for node in graph_def.node_dict.values():
        definition = node.definition
        other = seen.setdefault(definition.name, definition)
        if other is not definition:
            raise InvalidDefinitionError(
                f'Detected conflicting node definitions with the same name "{definition.name}" within the graph '
                f"{graph_def.name!r}. Give one of them another name."
            )
        if node.is_graph:
            check_names(definition, seen)


def check_loadable_inputs(graph_def: GraphDefinition, assets: Mapping[str, Any], given: Mapping[Any, Any]) -> None:
    """Raise for an input that nothing is connected to and nothing can load."""
    mapped: set[tuple[str, str]] | None = None
    for name, wired in graph_def.wiring.items():
        definition = graph_def.node_dict[name].definition
        if name in assets or len(wired) == len(definition.input_defs):
            continue
        if mapped is None:
            mapped = {(one.mapped_node_name, one.mapped_node_input_name) for one in graph_def.input_mappings}
        for one in definition.input_defs:
            at = (name, one.name)
            if one.name in wired or at in mapped or at in given or at in graph_def.input_assets:
                continue
            if one.is_untyped or one.is_nothing or one.has_default_value or one.input_manager_key or one.asset_key:
                continue
            if one.dagster_type.loader is None:
                raise InvalidDefinitionError(
                    f"Input '{one.name}' of {graph_def.node_dict[name].describe_node()} has no way of being resolved: "
                    "it is not connected to the output of a previous node and can not be loaded from configuration. "
                    "Possible solutions are:\n  * add a type loader for the type "
                    f'"{one.dagster_type.display_name}"\n'
                    f'  * connect "{one.name}" to the output of another node'
                )


def check_partitions_known(partitions_def: Any) -> None:
    """Raise for partitions of which the definition does not say whether one exists."""
    if getattr(partitions_def, "name", None) is not None and hasattr(partitions_def, "build_add_request"):
        raise CheckError(
            "run_request_for_partition is not supported for dynamic partitions. Instead, use "
            "RunRequest(partition_key=...): the daemon knows which partitions there are."
        )


def checked_resources(resource_defs: Mapping[str, Any] | None, owner: str) -> dict[str, Any]:
    """Return resources by key, plain values wrapped, if every key can be an attribute's name."""
    if not resource_defs:
        return {}
    wrap = resource.wrap_resources_for_execution
    for key in resource_defs:
        if not isinstance(key, str):
            raise CheckError(f"The keys of the resources of {owner} are str; got {key!r}.")
        if not key.isidentifier():
            raise CheckError(f"Resource key {key!r} of {owner} must be a valid Python identifier.")
    wrapped: dict[str, Any] = wrap(resource_defs)
    return wrapped
