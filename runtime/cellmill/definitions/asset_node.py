"""The op or graph behind assets: its checks, its tags, and which assets its outputs are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.asset_key import AssetKey, key_prefix_from_coercible
from cellmill.definitions.asset_spec import AssetDep, AssetSpec
from cellmill.definitions.composition import checked_hooks
from cellmill.definitions.inference import FunctionShape
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.op import OpDefinition
from cellmill.definitions.output import DEFAULT_OUTPUT
from cellmill.definitions.port import OutputDefinition
from cellmill.definitions.tags import checked_tags
from cellmill.errors import CheckError, InvalidDefinitionError

#: Tag of an op that says what its function is made with, under Dagster's name.
COMPUTE_KIND = "dagster/compute_kind"


def make_op(
    fn: Callable[..., Any],
    shape: FunctionShape,
    name: str,
    input_defs: Sequence[Any],
    output_defs: Sequence[Any],
    **options: Any,
) -> OpDefinition:
    """Return the op of an asset's function."""
    return OpDefinition(fn, name=name, shape=shape, input_defs=input_defs, output_defs=output_defs, **options)


def op_tags_of(op_tags: Any, compute_kind: str | None, kinds: Any, owner: str) -> Mapping[str, str]:
    """Return the tags of an asset's op."""
    tags = dict(checked_tags(op_tags, owner)) if op_tags else {}
    if compute_kind:
        tags[COMPUTE_KIND] = compute_kind
    return tags


def checks_by_output_name(
    check_specs: Collection[Any] | None, keys: AbstractSet[AssetKey], owner: str
) -> dict[str, Any]:
    """Return the specs of the checks that come with an asset, by the output each of them is."""
    found: dict[str, Any] = {}
    for spec in check_specs or ():
        if not hasattr(spec, "blocking"):
            raise CheckError(f"check_specs of {owner} are AssetCheckSpecs; got {spec!r}.")
        name = spec.get_python_identifier()
        if name in found:
            raise InvalidDefinitionError(
                f"Duplicate check specs: {{({spec.asset_key!r}, {spec.name!r}): "
                f"{sum(other.key == spec.key for other in check_specs or ())}}} in {owner}. Names of checks are unique "
                "for an asset."
            )
        if spec.asset_key not in keys:
            raise InvalidDefinitionError(
                f"Invalid asset key {spec.asset_key} in check spec {spec.name!r} of {owner}. Must be one of "
                f"{sorted(keys)}."
            )
        found[name] = spec
    return found


def check_outputs(checks: Mapping[str, Any], *, required: bool = True) -> list[OutputDefinition]:
    """Return the outputs that stand for checks."""
    return [OutputDefinition(None, name, is_required=required) for name in checks]


def assets_of_node(
    node_def: Any,
    *,
    keys_by_input_name: Mapping[str, Any] | None = None,
    keys_by_output_name: Mapping[str, Any] | None = None,
    key_prefix: Any = None,
    internal_asset_deps: Mapping[str, set[AssetKey]] | None = None,
    partitions_def: Any = None,
    partition_mappings: Mapping[str, Any] | None = None,
    resource_defs: Mapping[str, object] | None = None,
    group_name: str | None = None,
    group_names_by_output_name: Mapping[str, str | None] | None = None,
    descriptions_by_output_name: Mapping[str, str] | None = None,
    metadata_by_output_name: Mapping[str, Any] | None = None,
    tags_by_output_name: Mapping[str, Any] | None = None,
    owners_by_output_name: Mapping[str, Any] | None = None,
    code_versions_by_output_name: Mapping[str, str | None] | None = None,
    automation_conditions_by_output_name: Mapping[str, Any] | None = None,
    freshness_policies_by_output_name: Mapping[str, Any] | None = None,
    backfill_policy: Any = None,
    can_subset: bool = False,
    check_specs: Sequence[Any] | None = None,
    hooks: AbstractSet[Any] | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Return the arguments of an `AssetsDefinition` for an op or a graph: each of its outputs is an asset."""
    owner = f"{'graph' if node_def.is_graph else 'op'} '{node_def.name}'"
    prefix = key_prefix_from_coercible(key_prefix or ())
    checks = checks_by_output_name(check_specs, _wanted_keys(node_def, keys_by_output_name, prefix), owner)
    outputs = [one.name for one in node_def.output_defs if one.name not in checks]
    inputs = {one.name: AssetKey(one.name) for one in node_def.input_defs}
    for name, key in (keys_by_input_name or {}).items():
        if name not in inputs:
            raise CheckError(f"{owner} has no input {name!r} for keys_by_input_name; it has {list(inputs)}.")
        inputs[name] = AssetKey.from_coercible(key)
    own: dict[str, AssetKey] = {}
    for name in outputs:
        given = (keys_by_output_name or {}).get(name)
        base = AssetKey.from_coercible(given) if given is not None else _default_key(node_def, name, outputs)
        own[name] = base.with_prefix(prefix) if prefix else base
    for name in keys_by_output_name or ():
        if name not in own:
            raise CheckError(f"{owner} has no output {name!r} for keys_by_output_name; it has {outputs}.")
    specs = []
    for name, key in own.items():
        wanted: Iterable[AssetKey] = inputs.values()
        if internal_asset_deps and name in internal_asset_deps:
            wanted = sorted(internal_asset_deps[name])
        mappings = partition_mappings or {}
        by_key = {inputs[one]: mapping for one, mapping in mappings.items() if one in inputs}
        specs.append(
            AssetSpec(
                key,
                deps=[AssetDep(one, partition_mapping=by_key.get(one)) for one in dict.fromkeys(wanted)],
                group_name=(group_names_by_output_name or {}).get(name, group_name),
                description=(descriptions_by_output_name or {}).get(name, node_def.output_dict[name].description)
                or node_def.description,
                metadata=(metadata_by_output_name or {}).get(name),
                tags=(tags_by_output_name or {}).get(name),
                owners=(owners_by_output_name or {}).get(name),
                code_version=(code_versions_by_output_name or {}).get(name) or getattr(node_def, "code_version", None),
                automation_condition=(automation_conditions_by_output_name or {}).get(name),
                freshness_policy=(freshness_policies_by_output_name or {}).get(name),
                partitions_def=partitions_def,
                skippable=not node_def.output_dict[name].is_required,
            )
        )
    return {
        "keys_by_input_name": inputs,
        "keys_by_output_name": own,
        "node_def": node_def,
        "specs": specs,
        "partitions_def": partitions_def,
        "can_subset": can_subset,
        "resource_defs": checked_resources(resource_defs, owner) if resource_defs else {},
        "check_specs_by_output_name": checks,
        "backfill_policy": backfill_policy,
        "hook_defs": checked_hooks(hooks or ()),
    }


def _default_key(node_def: Any, name: str, outputs: Sequence[str]) -> AssetKey:
    return AssetKey(node_def.name) if len(outputs) == 1 and name == DEFAULT_OUTPUT else AssetKey(name)


def _wanted_keys(node_def: Any, given: Mapping[str, Any] | None, prefix: list[str]) -> set[AssetKey]:
    keys = {AssetKey.from_coercible(key) for key in (given or {}).values()}
    keys |= {AssetKey(one.name) for one in node_def.output_defs} | {AssetKey(node_def.name)}
    return keys | {key.with_prefix(prefix) for key in keys}
