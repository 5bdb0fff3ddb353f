"""Contexts for calling an IO manager by hand, as tests do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.input_context import InputContext
from cellmill.definitions.io_context import EPHEMERAL_RUN_ID, HeldResources
from cellmill.definitions.output_context import OutputContext
from cellmill.definitions.resource import wrap_resources_for_execution
from cellmill.definitions.resource_scope import ResourceScope, resolve_resource_configs
from cellmill.definitions.value_ref import ValueRefFinder

CoercibleToAssetKey = AssetKey | str | Sequence[str]


def build_input_context(
    name: str | None = None,
    config: Any = None,
    definition_metadata: Mapping[str, Any] | None = None,
    upstream_output: OutputContext | None = None,
    dagster_type: Any = None,
    resource_config: Mapping[str, Any] | None = None,
    resources: Any = None,
    op_def: Any = None,
    step_context: Any = None,
    asset_key: CoercibleToAssetKey | None = None,
    partition_key: str | None = None,
    asset_partition_key_range: Any = None,
    asset_partitions_def: Any = None,
    instance: Any = None,
    metadata: Mapping[str, Any] | None = None,
    find_ref: ValueRefFinder | None = None,
) -> InputContext:
    """Return an `InputContext` with just what is given, for calling `load_input` by hand.

    Reading anything else raises `InvariantViolationError`.

    Args:
        name: The input's name.
        config: What run config would give this input.
        definition_metadata: Metadata of the input's definition.
        upstream_output: The context of the output to load, from `build_output_context`.
        dagster_type: Type of the value.
        resource_config: Config of the IO manager itself.
        resources: Resources by key, definitions of them too, or an object that has them as attributes; generator
            resources need ``with``.
        op_def: The op.
        step_context: The context of a step.
        asset_key: The asset to load, in any form.
        partition_key: The partition to load.
        asset_partition_key_range: The range of partitions to load, as a `PartitionKeyRange`.
        asset_partitions_def: The asset's partitions.
        instance: The instance; dynamic partitions are looked up in it.
        metadata: Older name of `definition_metadata`.
        find_ref: Finds where the current value of an asset's partition is stored.
    """
    return InputContext(
        name=name,
        config=config,
        definition_metadata=definition_metadata,
        upstream_output=upstream_output,
        dagster_type=dagster_type,
        resource_config=resource_config,
        resources=_held(resources, instance, "build_input_context"),
        op_def=op_def,
        step_context=step_context,
        asset_key=None if asset_key is None else AssetKey.from_coercible(asset_key),
        partition_key=partition_key,
        asset_partitions_subset=_subset(
            asset_key, partition_key, asset_partition_key_range, asset_partitions_def, instance
        ),
        asset_partitions_def=asset_partitions_def,
        instance=instance,
        metadata=metadata,
        find_ref=find_ref,
    )


def build_output_context(
    step_key: str | None = None,
    name: str | None = None,
    definition_metadata: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    mapping_key: str | None = None,
    config: Any = None,
    dagster_type: Any = None,
    version: str | None = None,
    resource_config: Mapping[str, Any] | None = None,
    resources: Any = None,
    op_def: Any = None,
    asset_key: CoercibleToAssetKey | None = None,
    partition_key: str | None = None,
    asset_partitions_def: Any = None,
    asset_partition_key_range: Any = None,
    instance: Any = None,
    asset_spec: Any = None,
    metadata: Mapping[str, Any] | None = None,
    output_metadata: Mapping[str, Any] | None = None,
) -> OutputContext:
    """Return an `OutputContext` with just what is given, for calling `handle_output` by hand.

    Reading anything else raises `InvariantViolationError`.

    Args:
        step_key: The step that made the output.
        name: The output's name.
        definition_metadata: Metadata of the output's definition, or of the asset.
        run_id: The run; None is a name that stands for none.
        mapping_key: Key of a dynamic output.
        config: What run config would give this output.
        dagster_type: Type of the value.
        version: Version of the output.
        resource_config: Config of the IO manager itself.
        resources: Resources by key, definitions of them too, or an object that has them as attributes; generator
            resources need ``with``.
        op_def: The op.
        asset_key: The asset that the output is, in any form.
        partition_key: The partition that is stored.
        asset_partitions_def: The asset's partitions.
        asset_partition_key_range: The range of partitions that is stored, as a `PartitionKeyRange`.
        instance: The instance; dynamic partitions are looked up in it.
        asset_spec: The asset's spec.
        metadata: Older name of `definition_metadata`.
        output_metadata: Metadata of the `Output` itself.
    """
    return OutputContext(
        step_key=step_key,
        name=name,
        run_id=EPHEMERAL_RUN_ID if run_id is None else run_id,
        definition_metadata=definition_metadata,
        mapping_key=mapping_key,
        config=config,
        dagster_type=dagster_type,
        version=version,
        resource_config=resource_config,
        resources=_held(resources, instance, "build_output_context"),
        op_def=op_def,
        asset_key=None if asset_key is None else AssetKey.from_coercible(asset_key),
        partition_key=partition_key,
        output_metadata=output_metadata,
        asset_partitions_def=asset_partitions_def,
        asset_partitions_subset=_subset(
            asset_key, partition_key, asset_partition_key_range, asset_partitions_def, instance
        ),
        asset_spec=asset_spec,
        metadata=metadata,
        instance=instance,
    )


def _held(resources: Any, instance: Any, builder: str) -> Any:
    if not resources or not isinstance(resources, Mapping):
        return resources
    defs = wrap_resources_for_execution(resources)
    scope = ResourceScope(defs, resolve_resource_configs(defs, None), instance=instance)
    try:
        return HeldResources(scope, scope.resources(defs), builder)
    except BaseException:
        scope.close()
        raise


def _subset(asset_key: Any, partition_key: str | None, key_range: Any, partitions_def: Any, instance: Any) -> Any:
    if partitions_def is None and asset_key is None:
        return None
    if key_range is not None and partitions_def is not None:
        keys = partitions_def.get_partition_keys_in_range(key_range, dynamic_partitions_store=instance)
        return partitions_def.subset_with_partition_keys(keys)
    return None if partition_key is None else (partition_key,)
