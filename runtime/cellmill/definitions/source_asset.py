"""Assets that are not made here: they are loaded, or watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from cellmill.definitions.asset_key import AssetKey, key_prefix_from_coercible
from cellmill.definitions.asset_spec import AssetDep, AssetSpec, coerced_deps
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.inference import FunctionShape, docstring_summary
from cellmill.definitions.job import checked_resources
from cellmill.definitions.op import OpDefinition
from cellmill.definitions.output import DEFAULT_OUTPUT
from cellmill.definitions.port import DEFAULT_IO_MANAGER_KEY, OutputDefinition
from cellmill.errors import CheckError


class SourceAsset(AssetsDefinition):
    """An asset that something else makes; assets here load it, and a function may watch it.

    Args:
        key: The asset's key, in any form.
        metadata: What is known of it, by name; what its IO manager needs to load it.
        io_manager_key: Key of the resource that loads it; None is `"io_manager"`.
        io_manager_def: The IO manager itself, for this asset only.
        description: What the asset is.
        partitions_def: Its partitions; None for an asset without.
        group_name: Group under which it is shown and selected; None is `default`.
        resource_defs: Resources by key for this asset only.
        observe_fn: Function that returns the `DataVersion` it sees (or one for each partition); None for an asset that
            is not watched.
        op_tags: Tags of the op that watches it.
        automation_condition: When it is to be observed without being asked.
        auto_observe_interval_minutes: Kept for code that reads it; `automation_condition` says when to observe.
        freshness_policy: How old it may become before it counts as late.
        tags: Short keys and values to find and select it by.
        required_resource_keys: Keys of resources that `observe_fn` reads from `context.resources`.
        deps: The assets that it depends on.
        kinds: Up to three words for what it is made with or kept in.
        owners: E-mail addresses and teams (`team:name`).
    """

    def __init__(
        self,
        key: Any,
        metadata: Mapping[str, Any] | None = None,
        io_manager_key: str | None = None,
        io_manager_def: object | None = None,
        description: str | None = None,
        partitions_def: Any = None,
        group_name: str | None = None,
        resource_defs: Mapping[str, object] | None = None,
        observe_fn: Callable[..., Any] | None = None,
        op_tags: Mapping[str, Any] | None = None,
        automation_condition: Any = None,
        auto_observe_interval_minutes: float | None = None,
        freshness_policy: Any = None,
        tags: Mapping[str, str] | None = None,
        required_resource_keys: AbstractSet[str] | None = None,
        deps: Iterable[Any] | None = None,
        kinds: AbstractSet[str] | None = None,
        owners: Sequence[str] | None = None,
        **_: Any,
    ) -> None:
        own = AssetKey.from_coercible(key)
        owner = f"source asset '{own.to_user_string()}'"
        resources = checked_resources(resource_defs, owner) if resource_defs else {}
        if io_manager_def is not None:
            io_manager_key = io_manager_key or own.to_python_identifier("io_manager")
            resources = {**resources, **checked_resources({io_manager_key: io_manager_def}, owner)}
        spec = AssetSpec(
            own,
            deps=deps,
            description=description,
            metadata=metadata,
            group_name=group_name,
            automation_condition=automation_condition,
            freshness_policy=freshness_policy,
            tags=tags,
            kinds=kinds,
            owners=owners,
            partitions_def=partitions_def,
        )
        node_def = None
        if observe_fn is not None:
            node_def = _observing_op(own, observe_fn, required_resource_keys, op_tags)
        super().__init__(
            keys_by_input_name={},
            keys_by_output_name={DEFAULT_OUTPUT: own} if node_def is not None else {},
            node_def=node_def,
            specs=[spec],
            partitions_def=partitions_def,
            resource_defs=resources,
            execution_type="OBSERVATION" if node_def is not None else "UNEXECUTABLE",
            auto_observe_interval_minutes=auto_observe_interval_minutes,
        )
        self.io_manager_key = io_manager_key
        self.io_manager_def = resources.get(io_manager_key) if io_manager_key else None
        self.observe_fn = observe_fn
        self.description = description
        self.group_name = group_name or "default"

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata with every value as a metadata value."""
        return self.specs[0].normalized_metadata

    @property
    def raw_metadata(self) -> Mapping[str, Any]:
        """The metadata as given."""
        return self.specs[0].metadata

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags."""
        return self.specs[0].tags

    def get_io_manager_key(self) -> str:
        """Return the key of the IO manager that loads the asset."""
        return self.io_manager_key or DEFAULT_IO_MANAGER_KEY

    def with_resources(self, resource_defs: Mapping[str, Any]) -> SourceAsset:
        """Return a copy with resources that it uses where it has none of its own.

        Args:
            resource_defs: Resources by key.
        """
        made = super().with_resources(resource_defs)
        assert isinstance(made, SourceAsset)
        return made

    def with_attributes(self, *, group_name: str | None = None, key: Any = None, **changed: Any) -> Any:
        """Return a copy in a group, or with another key.

        Args:
            group_name: The group; None keeps it.
            key: The new key; None keeps it.
            changed: Further arguments of `AssetsDefinition.with_attributes`.
        """
        own = next(iter(self._specs))
        if group_name is not None:
            changed["group_names_by_key"] = {own: group_name}
        if key is not None:
            changed["asset_key_replacements"] = {own: key}
        made = super().with_attributes(**changed)
        if group_name is not None:
            made.__dict__["group_name"] = group_name
        return made

    def __repr__(self) -> str:
        return f"SourceAsset({next(iter(self._specs)).to_user_string()!r})"


def _observing_op(
    key: AssetKey,
    fn: Callable[..., Any],
    required_resource_keys: AbstractSet[str] | None,
    op_tags: Mapping[str, Any] | None,
) -> OpDefinition:
    shape = FunctionShape(fn)
    if shape.input_names:
        raise CheckError(
            f"The observing function of {key.to_user_string()!r} takes a context and resources only; it has the "
            f"parameters {list(shape.input_names)}."
        )
    return OpDefinition(
        fn,
        name=key.to_python_identifier(),
        shape=shape,
        input_defs=[],
        output_defs=[OutputDefinition(None, DEFAULT_OUTPUT)],
        required_resource_keys=frozenset(required_resource_keys or ()),
        tags=op_tags,
    )


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
        auto_observe_interval_minutes: Kept for code that reads it; `automation_condition` says when to observe.
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
    from cellmill.definitions.multi_asset import multi_asset

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


def external_asset(spec: AssetSpec) -> AssetsDefinition:
    """Return the definition of an asset that is only known by its spec."""
    return AssetsDefinition(
        keys_by_input_name={},
        keys_by_output_name={},
        node_def=None,
        specs=[spec],
        partitions_def=spec.partitions_def,
        execution_type="UNEXECUTABLE",
    )


def external_assets_from_specs(specs: Sequence[AssetSpec]) -> list[AssetsDefinition]:
    """Return the definitions of assets that are only known by their specs.

    Args:
        specs: What describes them.
    """
    return [external_asset(spec) for spec in specs]


def external_asset_from_spec(spec: AssetSpec) -> AssetsDefinition:
    """Return the definition of an asset that is only known by its spec.

    Args:
        spec: What describes it.
    """
    return external_asset(spec)


__all__ = ["AssetDep", "SourceAsset", "coerced_deps", "external_asset", "observable_source_asset"]
