"""Contexts for calling an IO manager by hand, as tests do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.io_context import EPHEMERAL_RUN_ID, InputContext, OutputContext
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
    """An `InputContext` with just what is given; reading anything else raises `InvariantViolationError`."""
    return InputContext(
        name=name,
        config=config,
        definition_metadata=definition_metadata,
        upstream_output=upstream_output,
        dagster_type=dagster_type,
        resource_config=resource_config,
        resources=resources,
        op_def=op_def,
        step_context=step_context,
        asset_key=None if asset_key is None else AssetKey.from_coercible(asset_key),
        partition_key=partition_key,
        asset_partitions_subset=_subset(partition_key, asset_partition_key_range, asset_partitions_def, instance),
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
    """An `OutputContext` with just what is given; reading anything else raises `InvariantViolationError`."""
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
        resources=resources,
        op_def=op_def,
        asset_key=None if asset_key is None else AssetKey.from_coercible(asset_key),
        partition_key=partition_key,
        output_metadata=output_metadata,
        asset_partitions_def=asset_partitions_def,
        asset_partitions_subset=_subset(partition_key, asset_partition_key_range, asset_partitions_def, instance),
        asset_spec=asset_spec,
        metadata=metadata,
        instance=instance,
    )


def _subset(partition_key: str | None, key_range: Any, partitions_def: Any, instance: Any) -> Any:
    if partitions_def is None:
        return None
    if key_range is not None:
        keys = partitions_def.get_partition_keys_in_range(key_range, dynamic_partitions_store=instance)
        return partitions_def.subset_with_partition_keys(keys)
    return None if partition_key is None else (partition_key,)
