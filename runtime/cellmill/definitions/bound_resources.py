"""`with_resources`: assets and jobs bound to resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cellmill.definitions.assets import AssetsDefinition, SourceAsset
from cellmill.definitions.config.process import validate_config
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.resource_requirements import (
    ResourceRequirement,
    check_acyclic,
    requirements_of_op,
    requirements_of_resources,
)
from cellmill.errors import InvalidConfigError, InvalidInvocationError


def with_resources(
    definitions: Iterable[Any],
    resource_defs: Mapping[str, object],
    resource_config_by_key: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Return the definitions with these resources where they need them.

    Args:
        definitions: Assets, source assets and jobs.
        resource_defs: Resources by key.
        resource_config_by_key: By key, a dict with `config` that the resource is configured with; config for keys of
            no resource is passed over.

    Raises:
        InvalidDefinitionError: where a needed resource is missing.
        InvalidConfigError: where config does not fit its resource.
        InvalidInvocationError: where config is no dict with `config`, or an asset has a resource of its own under one
            of the keys.
        InvariantViolationError: where a resource needs itself.
    """
    given = checked_resources(resource_defs, "with_resources")
    for key, config in (resource_config_by_key or {}).items():
        if key not in given:
            continue
        if not isinstance(config, Mapping) or "config" not in config:
            raise InvalidInvocationError(
                f"Error with config for resource key '{key}': expected a dictionary of the form {{'config': ...}}, but "
                f"received {config!r}"
            )
        problems = validate_config(given[key].config_field, config["config"]).errors
        if problems:
            raise InvalidConfigError(f"Error when applying config for resource with key '{key}'", problems, config)
        given[key] = given[key].configured(config["config"])
    return [_bound(one, given) for one in definitions]


def _bound(one: Any, given: Mapping[str, Any]) -> Any:
    if not isinstance(one, AssetsDefinition):
        return one.with_top_level_resources(given) if hasattr(one, "with_top_level_resources") else one
    own = one.resource_defs
    clash = sorted((given.keys() & own.keys()) - {"io_manager"})
    if clash:
        raise InvalidInvocationError(
            f"{_named(one)} has conflicting resource definitions with provided resources for the following keys: "
            f"{clash if isinstance(one, SourceAsset) else ', '.join(clash)}. Either remove the existing resources "
            "from the asset or change the resource keys so that they don't overlap."
        )
    available = {**given, **own}
    todo = list(_needed(one))
    taken: dict[str, Any] = {}
    while todo:
        wanted = todo.pop()
        if wanted.key in taken:
            continue
        if wanted.key not in available:
            if wanted.key == "io_manager":
                continue
            raise wanted.missing(available)
        taken[wanted.key] = available[wanted.key]
        check_acyclic(taken)
        todo.extend(requirements_of_resources({wanted.key: taken[wanted.key]}, available))
    return one.with_resources({key: value for key, value in taken.items() if key not in own})


def _named(one: AssetsDefinition) -> str:
    if isinstance(one, SourceAsset):
        return f"SourceAsset with key {one.key!r}"
    return f"AssetsDefinition with key {', '.join(key.to_string() for key in sorted(one.keys))}"


def _needed(one: AssetsDefinition) -> Iterator[ResourceRequirement]:
    if one.is_executable:
        for op in one.node_def.iterate_op_defs() if one.node_def.is_graph else [one.node_def]:
            yield from requirements_of_op(op)
        for hook in one.hook_defs:
            yield from (ResourceRequirement(key, f"hook '{hook.name}'") for key in sorted(hook.required_resource_keys))
    else:
        key = getattr(one, "io_manager_key", None) or "io_manager"
        who = ", ".join(one_key.to_string() for one_key in sorted(one.keys))
        yield ResourceRequirement(key, f"SourceAsset with key {who}", "io manager", "IOManagerDefinition")
    if "io_manager" in one.required_resource_keys:
        yield ResourceRequirement("io_manager", repr(one), "io manager", "IOManagerDefinition")
    yield from requirements_of_resources(one.resource_defs, one.resource_defs)
