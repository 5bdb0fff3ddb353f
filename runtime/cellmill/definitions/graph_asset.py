"""Assets made by a graph of ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.asset_key import AssetKey, key_prefix_from_coercible
from cellmill.definitions.asset_node import checks_by_output_name
from cellmill.definitions.asset_out import AssetOut
from cellmill.definitions.asset_spec import AssetDep, AssetIn, AssetSpec
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.composition import checked_hooks
from cellmill.definitions.graph import compose
from cellmill.definitions.inference import FunctionShape, docstring_summary
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.output import DEFAULT_OUTPUT
from cellmill.definitions.port import GraphIn, GraphOut
from cellmill.errors import InvalidDefinitionError


def _inputs(fn: Callable[..., Any], ins: Mapping[str, Any] | None, owner: str) -> dict[str, AssetIn]:
    shape = FunctionShape(fn)
    names = shape.positional
    given = {name: AssetIn.from_coercible(one) for name, one in (ins or {}).items()}
    for name in given:
        if name not in names and not shape.has_var_keyword:
            raise InvalidDefinitionError(
                f"{owner}: key '{name}' in provided ins dict does not correspond to any of the names of the arguments "
                f"to the decorated function: '{fn.__name__}' decorated function does not have argument(s) '{name}'. It "
                f"has {list(names)}."
            )
    return {name: given.get(name, AssetIn()) for name in (*names, *(one for one in given if one not in names))}


def _keys(inputs: Mapping[str, AssetIn]) -> dict[str, AssetKey]:
    return {
        name: one.key if one.key is not None else AssetKey([*(one.key_prefix or ()), name])
        for name, one in inputs.items()
    }


def graph_asset(
    compose_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    ins: Mapping[str, Any] | None = None,
    config: Any = None,
    key_prefix: Any = None,
    group_name: str | None = None,
    partitions_def: Any = None,
    hooks: AbstractSet[Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    owners: Sequence[str] | None = None,
    kinds: AbstractSet[str] | None = None,
    automation_condition: Any = None,
    backfill_policy: Any = None,
    resource_defs: Mapping[str, object] | None = None,
    check_specs: Sequence[Any] | None = None,
    code_version: str | None = None,
    key: Any = None,
    freshness_policy: Any = None,
    auto_materialize_policy: Any = None,
    legacy_freshness_policy: Any = None,
) -> Any:
    """Make the decorated function an asset that a graph of ops makes: the output it returns is the asset's value.

    Each op is a step of its own, so that a failed one is run again without the others.

    >>> @op
    ... def fetched() -> list[int]:
    ...     return [3, 1]
    >>> @op
    ... def in_order(rows: list[int]) -> list[int]:
    ...     return sorted(rows)
    >>> @graph_asset
    ... def orders():
    ...     return in_order(fetched())
    >>> materialize([orders]).asset_value("orders")
    [1, 3]

    Args:
        compose_fn: The function, where the decorator stands without parentheses.
        name: The last part of the key; None takes the function's name.
        description: What the asset is; None takes the first paragraph of the docstring.
        ins: By parameter, what it loads: an `AssetIn`, or an asset key (or its text).
        config: A `ConfigMapping` that makes the ops' config from the asset's own; or the nodes' config itself, as a
            dict.
        key_prefix: Parts before the name in the key: a text or a list of texts.
        group_name: Group under which it is shown and selected; None is `default`.
        partitions_def: Its partitions; None for an asset without.
        hooks: Hooks that are called after each of the steps.
        metadata: What is known of the asset, by name.
        tags: Short keys and values to find and select it by.
        owners: E-mail addresses and teams (`team:name`).
        kinds: Up to three words for what it is made with or kept in.
        automation_condition: When it is to be made without being asked.
        backfill_policy: How the partitions of a backfill are spread over runs; None makes one run for each.
        resource_defs: Resources by key for this asset only.
        check_specs: Checks that ops of the graph evaluate; the body then returns a dict with `result` and an output for
            each check.
        code_version: Version of the logic: another one than at the last materialization makes the asset stale.
        key: The whole key, instead of `name` and `key_prefix`.
        freshness_policy: How old it may become before it counts as late.
        auto_materialize_policy: Older form of `automation_condition`.
        legacy_freshness_policy: Older name of `freshness_policy`.

    Returns:
        The asset, or a decorator where it was called with arguments.

    Raises:
        InvalidDefinitionError: where the body does not return the output of one op, or the key is given twice.
    """

    def decorate(fn: Callable[..., Any]) -> AssetsDefinition:
        if key is not None and (key_prefix is not None or name is not None):
            raise InvalidDefinitionError(
                "Cannot specify a name or key prefix for @graph_asset when the key argument is provided."
            )
        own = (
            AssetKey.from_coercible(key)
            if key is not None
            else AssetKey([*key_prefix_from_coercible(key_prefix or ()), name or fn.__name__])
        )
        owner = f"@graph_asset '{own.to_user_string()}'"
        inputs = _inputs(fn, ins, owner)
        keys = _keys(inputs)
        checks = checks_by_output_name(check_specs, {own}, owner)
        outs = {DEFAULT_OUTPUT: GraphOut(), **{check: GraphOut() for check in checks}} if checks else None
        graph_def = compose(
            fn,
            name=own.to_python_identifier(),
            kind="graph_asset",
            ins={one: GraphIn() for one in inputs},
            outs=outs,
            description=description,
            config=config,
        )
        if not checks and len(graph_def.output_defs) != 1:
            raise InvalidDefinitionError(
                f"{owner} must return the output of one op; it returns {len(graph_def.output_defs)} outputs."
            )
        spec = AssetSpec(
            own,
            deps=[AssetDep(keys[one], partition_mapping=given.partition_mapping) for one, given in inputs.items()],
            description=description if description is not None else docstring_summary(fn),
            metadata=metadata,
            group_name=group_name,
            code_version=code_version,
            automation_condition=automation_condition,
            auto_materialize_policy=auto_materialize_policy,
            freshness_policy=freshness_policy or legacy_freshness_policy,
            owners=owners,
            tags=tags,
            kinds=kinds,
            partitions_def=partitions_def,
        )
        name_of_output = next(one.name for one in graph_def.output_defs if one.name not in checks)
        return AssetsDefinition(
            keys_by_input_name=keys,
            keys_by_output_name={name_of_output: own},
            node_def=graph_def,
            specs=[spec],
            partitions_def=partitions_def,
            resource_defs=checked_resources(resource_defs, owner) if resource_defs else {},
            hook_defs=checked_hooks(hooks or ()),
            check_specs_by_output_name=checks,
            backfill_policy=backfill_policy,
        )

    return decorate if compose_fn is None else decorate(compose_fn)


def graph_multi_asset(
    *,
    outs: Mapping[str, AssetOut],
    name: str | None = None,
    ins: Mapping[str, Any] | None = None,
    partitions_def: Any = None,
    hooks: AbstractSet[Any] | None = None,
    backfill_policy: Any = None,
    group_name: str | None = None,
    can_subset: bool = False,
    resource_defs: Mapping[str, object] | None = None,
    check_specs: Sequence[Any] | None = None,
    config: Any = None,
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """Make the decorated function a graph that makes several assets: it returns a dict with an output for each of
    `outs`.

    Args:
        outs: The assets by the name of the graph's output that each of them is.
        name: The graph's name; None takes the function's.
        ins: By parameter, what it loads: an `AssetIn`, or an asset key (or its text).
        partitions_def: The partitions of all the assets; None for assets without.
        hooks: Hooks that are called after each of the steps.
        backfill_policy: How the partitions of a backfill are spread over runs; None makes one run for each.
        group_name: Group of all the assets; None leaves each to its own.
        can_subset: Whether a run may make some of the assets only.
        resource_defs: Resources by key for these assets only.
        check_specs: Checks that ops of the graph evaluate, each an output of the graph.
        config: A `ConfigMapping` that makes the ops' config from the assets' own; or the nodes' config itself, as a
            dict.

    Returns:
        A decorator that makes an `AssetsDefinition` of a function.
    """

    def decorate(fn: Callable[..., Any]) -> AssetsDefinition:
        own_name = name or fn.__name__
        owner = f"@graph_multi_asset '{own_name}'"
        inputs = _inputs(fn, ins, owner)
        keys = _keys(inputs)
        own = {one: out.key or AssetKey([*(out.key_prefix or ()), one]) for one, out in outs.items()}
        checks = checks_by_output_name(check_specs, set(own.values()), owner)
        declared = {one: GraphOut() for one in (*outs, *checks)}
        graph_ins = {one: GraphIn() for one in inputs}
        graph_def = compose(fn, name=own_name, kind="graph_multi_asset", ins=graph_ins, outs=declared, config=config)
        above = [AssetDep(keys[one], partition_mapping=given.partition_mapping) for one, given in inputs.items()]
        return AssetsDefinition(
            keys_by_input_name=keys,
            keys_by_output_name=own,
            node_def=graph_def,
            specs=[out.to_spec(own[one], above, group_name=group_name) for one, out in outs.items()],
            partitions_def=partitions_def,
            can_subset=can_subset,
            resource_defs=checked_resources(resource_defs, owner) if resource_defs else {},
            hook_defs=checked_hooks(hooks or ()),
            check_specs_by_output_name=checks,
            backfill_policy=backfill_policy,
        )

    return decorate
