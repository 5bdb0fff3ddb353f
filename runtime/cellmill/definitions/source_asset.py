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
    """An asset that something else makes; assets here load it, and a function may watch it."""

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
        """Return a copy with resources that it uses where it has none of its own."""
        made = super().with_resources(resource_defs)
        assert isinstance(made, SourceAsset)
        return made

    def with_attributes(self, *, group_name: str | None = None, key: Any = None, **changed: Any) -> Any:
        """Return a copy in a group, or with another key."""
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
    """Return the decorated function as an asset that is watched: it returns the data version it sees."""

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
    """Return a decorator: the function watches several assets and yields an `ObserveResult` for each."""
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
    """Return the definitions of assets that are only known by their specs."""
    return [external_asset(spec) for spec in specs]


def external_asset_from_spec(spec: AssetSpec) -> AssetsDefinition:
    """Return the definition of an asset that is only known by its spec."""
    return external_asset(spec)


__all__ = ["AssetDep", "SourceAsset", "coerced_deps", "external_asset", "observable_source_asset"]
