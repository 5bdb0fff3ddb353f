"""`with_resources`: assets and jobs bound to resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.job import checked_resources
from cellmill.errors import InvalidDefinitionError, InvalidInvocationError


def with_resources(
    definitions: Iterable[Any],
    resource_defs: Mapping[str, object],
    resource_config_by_key: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Return the definitions with these resources where they need them and have none of their own.

    Args:
        definitions: Assets, source assets and jobs.
        resource_defs: Resources by key.
        resource_config_by_key: By key, a dict with `config` that the resource is configured with.

    Raises:
        InvalidDefinitionError: where a needed resource is missing, or config is for none of the resources.
        InvalidInvocationError: where config is no dict with `config`.
    """
    given = checked_resources(resource_defs, "with_resources")
    for key, config in (resource_config_by_key or {}).items():
        if key not in given:
            raise InvalidDefinitionError(
                f"Config for key '{key}' in resource_config_by_key is for no resource of resource_defs."
            )
        if not isinstance(config, Mapping) or "config" not in config:
            raise InvalidInvocationError(
                f"Error with config for resource key '{key}': expected a dictionary of the form {{'config': ...}}, but "
                f"received {config!r}"
            )
        given[key] = given[key].configured(config["config"])
    return [_bound(one, given) for one in definitions]


def _bound(one: Any, given: Mapping[str, Any]) -> Any:
    if not isinstance(one, AssetsDefinition):
        return one.with_top_level_resources(given) if hasattr(one, "with_top_level_resources") else one
    needed = set(one.required_resource_keys)
    if not one.is_executable:
        key = getattr(one, "io_manager_key", None) or "io_manager"
        needed.add(key)
    todo, mine = list(needed), {}
    while todo:
        key = todo.pop()
        if key in mine or key in one.resource_defs:
            continue
        if key not in given:
            if key == "io_manager":
                continue
            raise InvalidDefinitionError(
                f"resource with key '{key}' required by {one!r} was not provided. Please provide a ResourceDefinition "
                f"to key '{key}', or change the required key to one of the following keys which points to an "
                f"ResourceDefinition: {sorted({*given, *one.resource_defs})}"
            )
        mine[key] = given[key]
        todo.extend(getattr(given[key], "required_resource_keys", ()))
    return one.with_resources(mine)
