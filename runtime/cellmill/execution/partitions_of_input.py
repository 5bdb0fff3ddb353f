"""Which partitions of an upstream asset a step reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cellmill.definitions.partitions.multi_mapping import infer_partition_mapping
from cellmill.errors import CheckError


def input_subset(one: Any, step: Any, services: Any) -> Any:
    """Return the subset of the input's asset that the step reads; None where that asset is not partitioned."""
    source = one.source_assets
    if source is None or source.partitions_def is None:
        return None
    upstream_def = source.partitions_def
    assets = step.assets
    own_def = None if assets is None else assets.partitions_def
    keys = services.partition_keys_of(own_def) if own_def is not None else None
    if own_def is not None and keys is None:
        return None
    own = own_def.subset_with_partition_keys(keys) if keys is not None and own_def is not None else None
    declared = assets.get_partition_mapping(one.asset_key) if assets is not None else None
    if own_def is None and declared is None and services.partition_key is not None and assets is None:
        return upstream_def.subset_with_partition_keys(services.partition_keys_of(upstream_def))
    mapping = infer_partition_mapping(declared, own_def, upstream_def)
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        own, own_def, upstream_def, datetime.now(UTC), services.instance
    )
    if found.required_but_nonexistent_partition_keys:
        raise CheckError(
            f"Step {step.key!r} needs partitions {list(found.required_but_nonexistent_partition_keys)} of "
            f"{one.asset_key.to_user_string()} that do not exist."
        )
    return found.partitions_subset
