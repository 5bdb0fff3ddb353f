"""`@multi_asset`: one function that makes several assets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.asset_inputs import AssetInput, asset_inputs, order_input
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.asset_node import (
    check_outputs,
    checks_by_output_name,
    make_op,
    op_tags_of,
)
from cellmill.definitions.asset_out import AssetOut
from cellmill.definitions.asset_spec import AssetDep, AssetIn, AssetSpec, coerced_deps
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.composition import checked_hooks
from cellmill.definitions.inference import FunctionShape, describe_place, docstring_summary, required_resources
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.op_outputs import unwrapped
from cellmill.definitions.output import NO_VALUE
from cellmill.definitions.port import OutputDefinition
from cellmill.definitions.types import Nothing
from cellmill.errors import CheckError, InvalidDefinitionError, InvariantViolationError


def multi_asset(
    *,
    outs: Mapping[str, AssetOut] | None = None,
    name: str | None = None,
    ins: Mapping[str, Any] | None = None,
    deps: Iterable[Any] | None = None,
    description: str | None = None,
    config_schema: Any = None,
    required_resource_keys: AbstractSet[str] | None = None,
    internal_asset_deps: Mapping[str, set[AssetKey]] | None = None,
    partitions_def: Any = None,
    hooks: AbstractSet[Any] | None = None,
    backfill_policy: Any = None,
    op_tags: Mapping[str, Any] | None = None,
    can_subset: bool = False,
    resource_defs: Mapping[str, object] | None = None,
    group_name: str | None = None,
    retry_policy: Any = None,
    code_version: str | None = None,
    specs: Sequence[AssetSpec] | None = None,
    check_specs: Sequence[Any] | None = None,
    pool: str | None = None,
    compute_kind: str | None = None,
    non_argument_deps: Iterable[Any] | None = None,
    execution_type: str = "MATERIALIZATION",
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """Make the decorated function the maker of several assets, those that `outs` or `specs` name.

    With `outs` the function returns a tuple of values in their order, or yields an `Output` for each; the values are
    stored. With `specs` it does the storing itself and returns or yields a `MaterializeResult` for each asset.

    >>> @multi_asset(outs={"small": AssetOut(), "large": AssetOut(group_name="big")})
    ... def parts():
    ...     return 1, 100
    >>> materialize([parts]).asset_value("large")
    100

    Args:
        outs: The assets by the name of the output that each of them is; the name is the key's last part unless the
            `AssetOut` has a key.
        name: Name of the op behind the assets; None takes the function's name.
        ins: By parameter, what it loads: an `AssetIn`, or an asset key (or its text).
        deps: Assets that must be made before these and are not loaded; only with `outs` (a spec has deps of its own).
        description: What the op does; None takes the first paragraph of the docstring.
        config_schema: Schema of `context.op_config`; excludes a `config` parameter.
        required_resource_keys: Keys of resources that the body reads from `context.resources`.
        internal_asset_deps: By output, the keys that this asset depends on, of the inputs and of the other outputs;
            outputs left out depend on all inputs. Only with `outs`.
        partitions_def: The partitions of all the assets; None for assets without.
        hooks: Hooks that are called after each step that makes the assets.
        backfill_policy: How the partitions of a backfill are spread over runs; None takes that of the `outs`, else
            makes one run for each.
        op_tags: Tags of the op, which executors and launchers read.
        can_subset: Whether a run may make some of the assets only: the function then asks
            `context.selected_output_names` or `context.selected_asset_keys` what to make.
        resource_defs: Resources by key for these assets only.
        group_name: Group of all the assets; None leaves each to its own, or to `default`.
        retry_policy: How a failed step is run again; None asks the job's.
        code_version: Version of the logic, for assets that have none of their own.
        specs: The assets; excludes `outs`.
        check_specs: Checks that the function evaluates itself, on assets that it makes.
        pool: Concurrency pool whose limit holds for these steps, over all runs.
        compute_kind: What the op is made with, as a word that is shown; kinds of assets belong in their specs or outs.
        non_argument_deps: Older name of `deps`.
        execution_type: `MATERIALIZATION`, or `OBSERVATION` for a function that only looks at assets made elsewhere.

    Returns:
        A decorator that makes an `AssetsDefinition` of a function.

    Raises:
        InvalidDefinitionError: where the declaration contradicts itself or the function.
    """
    if outs and specs is not None:
        raise InvalidDefinitionError("@multi_asset: specify only outs or specs, not both.")
    if specs is not None and internal_asset_deps:
        raise InvalidDefinitionError("@multi_asset: internal_asset_deps go with outs; with specs use their deps.")
    if specs is not None and deps is not None:
        raise InvalidDefinitionError(
            "Can not pass deps and specs to @multi_asset: specify deps on the AssetSpecs directly."
        )

    def decorate(fn: Callable[..., Any]) -> AssetsDefinition:
        own_name = name or fn.__name__
        owner = f"@multi_asset '{own_name}'"
        shape = FunctionShape(fn)
        if outs is not None:
            made = _from_outs(shape, owner, outs, ins, deps or non_argument_deps, internal_asset_deps, group_name)
        else:
            made = _from_specs(shape, owner, specs or (), ins, group_name, can_subset, code_version)
        inputs, output_defs, keys, own_specs = made
        for spec in own_specs:
            if compute_kind is not None and specs is not None and spec.kinds:
                raise InvalidDefinitionError(
                    f"{owner}: Can not specify compute_kind on both the @multi_asset and kinds on AssetSpecs."
                )
            if partitions_def is not None and spec.partitions_def not in (None, partitions_def):
                raise CheckError(
                    f"{owner}: AssetSpec for {spec.key.to_user_string()} has the partitions_def {spec.partitions_def}, "
                    f"which is different than the partitions_def provided to AssetsDefinition: {partitions_def}."
                )
        checks = checks_by_output_name(check_specs, set(keys.values()), owner)
        resources = checked_resources(resource_defs, owner) if resource_defs else {}
        op_def = make_op(
            fn,
            shape,
            own_name,
            [one.definition for one in inputs.values()],
            [*output_defs, *check_outputs(checks, required=not can_subset)],
            description=description if description is not None else docstring_summary(fn),
            config_schema=config_schema,
            # what comes with the assets is for them to use
            required_resource_keys=required_resources(shape, required_resource_keys, "@multi_asset") | resources.keys(),
            tags=op_tags_of(op_tags, compute_kind, None, owner),
            retry_policy=retry_policy,
            code_version=code_version,
            pool=pool,
        )
        return AssetsDefinition(
            keys_by_input_name={one: given.key for one, given in inputs.items()},
            keys_by_output_name=keys,
            node_def=op_def,
            specs=own_specs,
            partitions_def=partitions_def,
            partition_mappings={
                one.key: one.partition_mapping for one in inputs.values() if one.partition_mapping is not None
            },
            can_subset=can_subset,
            resource_defs=resources,
            hook_defs=checked_hooks(hooks or ()),
            check_specs_by_output_name=checks,
            backfill_policy=_common_policy(owner, backfill_policy, outs or {}),
            execution_type=execution_type,
        )

    return decorate


_Made = tuple[dict[str, AssetInput], list[OutputDefinition], dict[str, AssetKey], list[AssetSpec]]


def _common_policy(owner: str, given: Any, outs: Mapping[str, AssetOut]) -> Any:
    """Return the policy that the function and its outputs agree upon."""
    found: dict[str, Any] = {} if given is None else {"the function": given}
    found |= {f"output {name!r}": out.backfill_policy for name, out in outs.items() if out.backfill_policy is not None}
    for who, policy in found.items():
        first, expected = next(iter(found.items()))
        if policy != expected:
            raise InvalidDefinitionError(
                f"{owner}: {first} has the backfill policy {expected}, and {who} has {policy}. One function makes all "
                "of its assets in the same runs: give backfill_policy=… to the @multi_asset only."
            )
    return next(iter(found.values()), None)


def _from_outs(
    shape: FunctionShape,
    owner: str,
    outs: Mapping[str, AssetOut],
    ins: Mapping[str, Any] | None,
    deps: Iterable[Any] | None,
    internal: Mapping[str, set[AssetKey]] | None,
    group_name: str | None,
) -> _Made:
    inputs = asset_inputs(shape, ins, coerced_deps(deps), owner)
    keys: dict[str, AssetKey] = {}
    for name, out in outs.items():
        if not isinstance(out, AssetOut):
            raise CheckError(f"{owner}: outs are AssetOuts; {name!r} is {out!r}.")
        keys[name] = out.key or AssetKey([*(out.key_prefix or ()), name])
    above = [one.as_dep() for one in inputs.values()]
    mapping_of = {dep.asset_key: dep.partition_mapping for dep in above}
    known = set(mapping_of) | set(keys.values())
    specs: list[AssetSpec] = []
    for name in internal or ():
        if name not in outs:
            raise CheckError(
                f"Invalid out key '{name}' supplied to `internal_asset_deps` argument for multi-asset {owner}. Must be "
                f"one of the outs for this multi-asset {list(outs)}."
            )
    used: set[AssetKey] = set()
    single = len(outs) == 1 and not (shape.is_generator or shape.is_async_generator)
    output_defs = []
    for name, out in outs.items():
        own = above
        if internal and name in internal:
            wrong = set(internal[name]) - known
            if wrong:
                raise CheckError(
                    f"Invalid asset dependencies: {sorted(wrong)} specified in `internal_asset_deps` argument for "
                    f"multi-asset {owner} on key '{name}'. Each specified asset key must be associated with an input "
                    f"to the asset or produced by this asset. Valid keys: {sorted(known)}."
                )
            own = [AssetDep(key, partition_mapping=mapping_of.get(key)) for key in sorted(internal[name])]
            used.update(internal[name])
        if out.spec_parts["group_name"] is not None and group_name is not None:
            raise InvalidDefinitionError(
                f"{owner}: cannot set group_name parameter on multi_asset when it is also set on its outs: {name!r}."
            )
        specs.append(out.to_spec(keys[name], own, group_name=group_name))
        declared = out.dagster_type
        if declared is NO_VALUE and single:
            declared = unwrapped(shape.returns)
        output_defs.append(
            OutputDefinition(
                declared,
                name,
                out.spec_parts["description"],
                out.is_required,
                out.io_manager_key,
                out.spec_parts["metadata"],
                out.spec_parts["code_version"],
            )
        )
    unused = set(mapping_of) - used
    if internal and unused and not set(outs) - set(internal):
        raise CheckError(
            f"All inputs must be associated with an output: {owner} reads {sorted(unused)}, which "
            "`internal_asset_deps` gives to none of its assets."
        )
    return inputs, output_defs, keys, specs


def _from_specs(
    shape: FunctionShape,
    owner: str,
    specs: Sequence[AssetSpec],
    ins: Mapping[str, Any] | None,
    group_name: str | None,
    can_subset: bool,
    code_version: str | None,
) -> _Made:
    keys: dict[str, AssetKey] = {}
    for spec in specs:
        if not isinstance(spec, AssetSpec):
            raise CheckError(f"{owner}: specs are AssetSpecs; got {spec!r}.")
        name = spec.key.to_python_identifier()
        if name in keys:
            raise InvalidDefinitionError(f"{owner}: {spec.key} is specified twice ({describe_place(shape.fn)}).")
        keys[name] = spec.key
        if spec.group_name is not None and group_name is not None and spec.group_name != group_name:
            raise CheckError(
                f"{owner}: cannot set group_name parameter on multi_asset if one or more of the AssetSpecs supplied "
                f"have a group_name defined: {spec.key.to_user_string()}."
            )
    own = set(keys.values())
    inputs = asset_inputs(shape, ins, (), owner)
    for name, given in (ins or {}).items():
        _check_only_key(AssetIn.from_coercible(given), name, owner)
    input_keys = {one.key for one in inputs.values()}
    missing = input_keys - {dep.asset_key for spec in specs for dep in spec.deps}
    if missing:
        raise InvalidDefinitionError(
            f"{owner}: {sorted(missing)} are specified as AssetIns or parameters and are in no AssetSpec's deps; add "
            "them to the deps of the assets that use them."
        )
    final = []
    for spec in specs:
        final.append(spec if group_name is None or spec.group_name else spec.replace_attributes(group_name=group_name))
    for spec in final:
        for dep in spec.deps:
            if dep.asset_key in own and dep.partition_mapping is None:
                continue
            if dep.asset_key not in input_keys and dep.asset_key not in own:
                order = order_input(dep.asset_key, [*inputs, *shape.positional])
                inputs[order.name] = AssetInput(dep.asset_key, order, dep.partition_mapping)
                input_keys.add(dep.asset_key)
            elif dep.partition_mapping is not None:
                _set_mapping(inputs, dep, owner, own)
    output_defs = [
        OutputDefinition(
            NO_VALUE if spec.metadata.get("dagster/io_manager_key") else Nothing,
            name,
            spec.description,
            not (spec.skippable or can_subset),
            spec.metadata.get("dagster/io_manager_key") or "io_manager",
            spec.metadata,
            spec.code_version or code_version,
        )
        for name, spec in zip(keys, final, strict=True)
    ]
    return inputs, output_defs, keys, final


def _check_only_key(given: AssetIn, name: str, owner: str) -> None:
    """Raise where an AssetIn beside specs says more than which asset a parameter is."""
    more = [
        part
        for part, said in (
            ("metadata", bool(given.metadata)),
            ("key_prefix", bool(given.key_prefix)),
            ("dagster_type", given.dagster_type is not NO_VALUE),
            ("partition_mapping", given.partition_mapping is not None),
        )
        if said
    ]
    if more:
        raise InvalidDefinitionError(
            f"{owner}: the AssetIn of {name!r} gives {', '.join(more)}, which belongs in an AssetDep of the specs: "
            "beside specs, ins only say which asset a parameter is."
        )


def _set_mapping(inputs: dict[str, AssetInput], dep: AssetDep, owner: str, own: set[AssetKey]) -> None:
    for one in inputs.values():
        if one.key == dep.asset_key:
            if one.partition_mapping is not None and one.partition_mapping != dep.partition_mapping:
                raise InvalidDefinitionError(
                    f"Two different PartitionMappings for {dep.asset_key} in {owner}. Use one of them for all assets."
                )
            one.partition_mapping = dep.partition_mapping
            return
    if dep.asset_key in own:
        order = order_input(dep.asset_key, inputs)
        inputs[order.name] = AssetInput(dep.asset_key, order, dep.partition_mapping)
        return
    raise InvariantViolationError(f"{owner}: no input for the dependency {dep.asset_key}.")
