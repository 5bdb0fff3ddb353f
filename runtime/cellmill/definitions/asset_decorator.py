"""`@asset`: a function that makes one asset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.asset_inputs import asset_inputs
from cellmill.definitions.asset_key import AssetKey, key_prefix_from_coercible
from cellmill.definitions.asset_node import (
    check_outputs,
    checks_by_output_name,
    make_op,
    op_tags_of,
)
from cellmill.definitions.asset_spec import AssetSpec, coerced_deps
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.composition import checked_hooks
from cellmill.definitions.inference import FunctionShape, describe_place, docstring_summary, required_resources
from cellmill.definitions.job_checks import checked_resources
from cellmill.definitions.op_outputs import unwrapped
from cellmill.definitions.output import DEFAULT_OUTPUT, NO_VALUE
from cellmill.definitions.port import DEFAULT_IO_MANAGER_KEY, OutputDefinition
from cellmill.errors import CheckError, InvalidDefinitionError


def asset(
    compute_fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    key_prefix: Any = None,
    ins: Mapping[str, Any] | None = None,
    deps: Iterable[Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    config_schema: Any = None,
    required_resource_keys: AbstractSet[str] | None = None,
    resource_defs: Mapping[str, object] | None = None,
    hooks: AbstractSet[Any] | None = None,
    io_manager_def: object | None = None,
    io_manager_key: str | None = None,
    compute_kind: str | None = None,
    dagster_type: Any = NO_VALUE,
    partitions_def: Any = None,
    op_tags: Mapping[str, Any] | None = None,
    group_name: str | None = None,
    output_required: bool = True,
    automation_condition: Any = None,
    freshness_policy: Any = None,
    backfill_policy: Any = None,
    retry_policy: Any = None,
    code_version: str | None = None,
    key: Any = None,
    check_specs: Sequence[Any] | None = None,
    owners: Sequence[str] | None = None,
    kinds: AbstractSet[str] | None = None,
    pool: str | None = None,
    non_argument_deps: Iterable[Any] | None = None,
    auto_materialize_policy: Any = None,
    legacy_freshness_policy: Any = None,
    is_virtual: bool = False,
    origin: Any = None,
) -> Any:
    """Make the decorated function an asset: its name is the key, its parameters are the upstream assets.

    What the function returns is stored by the asset's IO manager, unless it returns None under the annotation `-> None`
    or a `MaterializeResult`; it may also return an `Output` with metadata and a data version, or yield one. A first
    parameter named `context` is the `AssetExecutionContext`, one named `config` the asset's config, and parameters
    annotated with a resource class or `ResourceParam` are resources: these are no upstream assets.

    >>> @asset(group_name="sales", deps=["prices"])
    ... def total(orders: list[int]) -> int:
    ...     return sum(orders)
    >>> total.keys_by_input_name["orders"]
    AssetKey(['orders'])
    >>> total([1, 2])
    3

    Args:
        compute_fn: The function, where the decorator stands without parentheses.
        name: The last part of the key; None takes the function's name.
        key_prefix: Parts before the name in the key: a text or a list of texts.
        ins: By parameter, what it loads: an `AssetIn`, or an asset key (or its text). Parameters left out load the
            asset of their own name.
        deps: Assets that must be made before this one and are not loaded: keys, texts, specs, definitions or
            `AssetDep`s.
        metadata: What is known of the asset itself, by name; what is known of one materialization belongs in its
            `Output` or `MaterializeResult`.
        tags: Short keys and values to find and select the asset by.
        description: What the asset is; None takes the first paragraph of the function's docstring.
        config_schema: Schema of `context.op_config`, in any form that `Field` takes; excludes a `config` parameter.
        required_resource_keys: Keys of resources that the body reads from `context.resources`; those of annotated
            parameters come by themselves.
        resource_defs: Resources by key for this asset only; they win over those of the `Definitions`.
        hooks: Hooks that are called after each step that makes the asset.
        io_manager_def: The IO manager itself, for this asset only; excludes `io_manager_key`.
        io_manager_key: Key of the resource that stores and loads the value; None is `"io_manager"`, and values go into
            the instance's own store where no resource has that key.
        compute_kind: What the op is made with, as one word that is shown; `kinds` is the newer form, and excludes it.
        dagster_type: Type that the value is checked against; left out, the return annotation counts.
        partitions_def: The partitions that the asset is made in, one by one or by ranges; None for an asset without.
        op_tags: Tags of the op behind the asset, which executors and launchers read.
        group_name: Group under which the asset is shown and selected; None is `default`.
        output_required: Whether the function must give a value; with False a run may leave the asset as it was, and
            what is downstream is skipped.
        automation_condition: When the asset is to be made without being asked.
        freshness_policy: How old the asset may become before it counts as late.
        backfill_policy: How the partitions of a backfill are spread over runs; None makes one run for each partition.
        retry_policy: How often, and after how long, a failed step is run again; None asks the job's.
        code_version: Version of the logic: another one than at the last materialization makes the asset stale.
        key: The whole key, instead of `name` and `key_prefix`.
        check_specs: Checks that the function evaluates itself and whose `AssetCheckResult`s it gives along.
        owners: E-mail addresses and teams (`team:name`).
        kinds: Up to three words for what the asset is made with or kept in, such as `python` or `duckdb`.
        pool: Concurrency pool: over all runs, only as many steps of one pool work at a time as its limit says.
        non_argument_deps: Older name of `deps`.
        auto_materialize_policy: Older form of `automation_condition`.
        legacy_freshness_policy: Older name of `freshness_policy`.
        is_virtual: Whether the asset is not stored by itself but follows from its upstreams at once, as a view of a
            database does: what reads it is stale when those are newer.
        origin: Where the asset is written, as cells of notebooks tell it; code leaves it out.

    Returns:
        The asset, or a decorator where it was called with arguments.

    Raises:
        InvalidDefinitionError: where the declaration contradicts itself or the function.
    """
    if compute_kind is not None and kinds:
        raise InvalidDefinitionError("Cannot specify compute_kind and kinds on the @asset decorator. Use kinds.")
    if deps is not None and non_argument_deps is not None:
        raise InvalidDefinitionError("Cannot specify deps and non_argument_deps on an @asset; use deps.")
    if io_manager_key is not None and io_manager_def is not None:
        raise CheckError(
            "Both io_manager_key and io_manager_def were provided to `@asset` decorator. "
            "Please provide one or the other."
        )
    wanted = deps if deps is not None else non_argument_deps

    def decorate(fn: Callable[..., Any]) -> AssetsDefinition:
        own_key = _key_of(fn, key, key_prefix, name)
        owner = f"@asset '{own_key.to_user_string()}'"
        shape = FunctionShape(fn)
        inputs = asset_inputs(shape, ins, coerced_deps(wanted), owner)
        resources = checked_resources(resource_defs, owner) if resource_defs else {}
        manager_key = io_manager_key or DEFAULT_IO_MANAGER_KEY
        if io_manager_def is not None:
            manager_key = own_key.to_python_identifier("io_manager")
            resources = {**resources, **checked_resources({manager_key: io_manager_def}, owner)}
        bad = [one for one in shape.resource_args if one in inputs]
        if bad:
            raise InvalidDefinitionError(f"{owner}: {bad} are resources and upstream assets at once.")
        spec = AssetSpec(
            own_key,
            deps=[one.as_dep() for one in inputs.values()],
            description=description if description is not None else docstring_summary(fn),
            metadata=metadata,
            skippable=not output_required,
            group_name=group_name,
            code_version=code_version,
            freshness_policy=freshness_policy or legacy_freshness_policy,
            automation_condition=automation_condition,
            auto_materialize_policy=auto_materialize_policy,
            owners=owners,
            tags=tags,
            kinds=kinds,
            partitions_def=partitions_def,
            is_virtual=is_virtual,
            origin=origin,
        )
        checks = checks_by_output_name(check_specs, {own_key}, owner)
        out = OutputDefinition(
            _asset_type(shape, dagster_type),
            DEFAULT_OUTPUT,
            is_required=output_required,
            io_manager_key=manager_key,
            metadata=metadata,
            code_version=code_version,
        )
        op_def = make_op(
            fn,
            shape,
            own_key.to_python_identifier(),
            [one.definition for one in inputs.values()],
            [out, *check_outputs(checks)],
            description=spec.description,
            config_schema=config_schema,
            # what comes with the asset is for it to use
            required_resource_keys=required_resources(shape, required_resource_keys, "@asset") | resources.keys(),
            tags=op_tags_of(op_tags, compute_kind, kinds, owner),
            retry_policy=retry_policy,
            code_version=code_version,
            pool=pool,
        )
        return AssetsDefinition(
            keys_by_input_name={one: given.key for one, given in inputs.items()},
            keys_by_output_name={DEFAULT_OUTPUT: own_key},
            node_def=op_def,
            specs=[spec],
            partitions_def=partitions_def,
            partition_mappings={
                one.key: one.partition_mapping for one in inputs.values() if one.partition_mapping is not None
            },
            resource_defs=resources,
            hook_defs=checked_hooks(hooks or ()),
            check_specs_by_output_name=checks,
            backfill_policy=backfill_policy,
        )

    if compute_fn is None:
        return decorate
    if not callable(compute_fn):
        raise InvalidDefinitionError(f"@asset decorates a function; got {compute_fn!r}. Give arguments by name.")
    return decorate(compute_fn)


def _key_of(fn: Callable[..., Any], key: Any, key_prefix: Any, name: str | None) -> AssetKey:
    if key is not None:
        if key_prefix is not None or name is not None:
            raise InvalidDefinitionError(
                "Cannot specify a name or key prefix for @asset when the key argument is provided "
                f"({describe_place(fn)})."
            )
        return AssetKey.from_coercible(key)
    own = name if name is not None else fn.__name__
    if key_prefix is None:
        return AssetKey(own)
    return AssetKey([*key_prefix_from_coercible(key_prefix), own])


def _asset_type(shape: FunctionShape, declared: Any) -> Any:
    if declared is not NO_VALUE:
        return declared
    if shape.is_generator or shape.is_async_generator:
        return NO_VALUE
    return unwrapped(shape.returns)
