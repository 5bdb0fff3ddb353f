"""Assets made elsewhere that a function watches: it says which version of them it sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.asset_key import AssetKey, key_prefix_from_coercible
from cellmill.definitions.asset_spec import AssetSpec
from cellmill.definitions.assets import AssetsDefinition, SourceAsset
from cellmill.definitions.inference import docstring_summary
from cellmill.definitions.multi_asset import multi_asset
from cellmill.errors import InvalidDefinitionError


def observable_source_asset(
    observe_fn: Callable[..., Any] | None = None,
    *,
    key: Any = None,
    name: str | None = None,
    key_prefix: Any = None,
    metadata: Mapping[str, Any] | None = None,
    io_manager_key: str | None = None,
    io_manager_def: object | None = None,
    description: str | None = None,
    group_name: str | None = None,
    required_resource_keys: AbstractSet[str] | None = None,
    resource_defs: Mapping[str, object] | None = None,
    partitions_def: Any = None,
    auto_observe_interval_minutes: float | None = None,
    op_tags: Mapping[str, Any] | None = None,
    automation_condition: Any = None,
    freshness_policy: Any = None,
    tags: Mapping[str, str] | None = None,
    **_: Any,
) -> Any:
    """Make the decorated function the watcher of an asset made elsewhere: it returns the `DataVersion` that it sees.

    A new version makes what is downstream stale. For a partitioned asset it returns `DataVersionsByPartition`.

    >>> @observable_source_asset
    ... def price_list():
    ...     return DataVersion("2026-07")
    >>> observe([price_list]).asset_observations_for_node("price_list")[0].data_version
    '2026-07'

    Args:
        observe_fn: The function, where the decorator stands without parentheses; it takes a context and resources only.
        key: The whole key, instead of `name` and `key_prefix`.
        name: The last part of the key; None takes the function's name.
        key_prefix: Parts before the name in the key: a text or a list of texts.
        metadata: What is known of the asset, by name.
        io_manager_key: Key of the resource that loads it; None is `"io_manager"`.
        io_manager_def: The IO manager itself, for this asset only.
        description: What the asset is; None takes the first paragraph of the docstring.
        group_name: Group under which it is shown and selected; None is `default`.
        required_resource_keys: Keys of resources that the body reads from `context.resources`.
        resource_defs: Resources by key for this asset only.
        partitions_def: Its partitions; None for an asset without.
        auto_observe_interval_minutes: Minutes from one observation by the daemon to the next; None leaves observing to
            others.
        op_tags: Tags of the op that watches it.
        automation_condition: When it is to be observed without being asked.
        freshness_policy: How old it may become before it counts as late.
        tags: Short keys and values to find and select it by.

    Returns:
        The `SourceAsset`, or a decorator where it was called with arguments.

    Raises:
        CheckError: where the function has parameters that are upstream assets.
    """

    def decorate(fn: Callable[..., Any]) -> SourceAsset:
        prefix = key_prefix_from_coercible(key_prefix or ())
        if key is not None and (name is not None or key_prefix is not None):
            raise InvalidDefinitionError(
                "Cannot specify a name or key prefix for @observable_source_asset when the key argument is provided."
            )
        own = AssetKey.from_coercible(key) if key is not None else AssetKey([*prefix, name or fn.__name__])
        return SourceAsset(
            own,
            metadata=metadata,
            io_manager_key=io_manager_key,
            io_manager_def=io_manager_def,
            description=description if description is not None else docstring_summary(fn),
            partitions_def=partitions_def,
            group_name=group_name,
            resource_defs=resource_defs,
            observe_fn=fn,
            op_tags=op_tags,
            automation_condition=automation_condition,
            auto_observe_interval_minutes=auto_observe_interval_minutes,
            freshness_policy=freshness_policy,
            tags=tags,
            required_resource_keys=required_resource_keys,
        )

    return decorate if observe_fn is None else decorate(observe_fn)


def multi_observable_source_asset(
    *,
    specs: Sequence[AssetSpec],
    name: str | None = None,
    description: str | None = None,
    partitions_def: Any = None,
    can_subset: bool = False,
    required_resource_keys: AbstractSet[str] | None = None,
    resource_defs: Mapping[str, object] | None = None,
    group_name: str | None = None,
    check_specs: Sequence[Any] | None = None,
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """Make the decorated function the watcher of several assets made elsewhere: it yields an `ObserveResult` for
    each.

    Args:
        specs: The assets.
        name: Name of the op; None takes the function's.
        description: What it does; None takes the first paragraph of the docstring.
        partitions_def: The partitions of all the assets; None for assets without.
        can_subset: Whether a run may observe some of the assets only.
        required_resource_keys: Keys of resources that the body reads from `context.resources`.
        resource_defs: Resources by key for these assets only.
        group_name: Group of all the assets; None leaves each to its own.
        check_specs: Checks that the function evaluates itself.

    Returns:
        A decorator that makes an `AssetsDefinition` of a function.
    """
    return multi_asset(
        specs=specs,
        name=name,
        description=description,
        partitions_def=partitions_def,
        can_subset=can_subset,
        required_resource_keys=required_resource_keys,
        resource_defs=resource_defs,
        group_name=group_name,
        check_specs=check_specs,
        execution_type="OBSERVATION",
    )
