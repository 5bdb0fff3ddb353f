"""Which partitions of an upstream asset go into one partition of an asset."""

from __future__ import annotations

from collections.abc import Sequence

from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.mapping import AllPartitionMapping, IdentityPartitionMapping, PartitionMapping
from cellmill.definitions.partitions.multi_mapping import infer_partition_mapping
from cellmill.definitions.partitions.time_window_mapping import TimeWindowPartitionMapping

_SAME_KEYS = (IdentityPartitionMapping(), TimeWindowPartitionMapping())


def upstream_partition_keys(
    partition: str | None,
    definition: PartitionsDefinition | None,
    upstream_definition: PartitionsDefinition,
    declared: PartitionMapping | None = None,
) -> Sequence[str] | None:
    """The upstream partitions that go into `partition` (into the whole asset for None); None for all there are.

    Keys of dynamic partitions are those of the surrounding `partition_loading_context`.
    """
    mapping = infer_partition_mapping(declared, definition, upstream_definition)
    if isinstance(mapping, AllPartitionMapping):
        return None
    if partition is not None and mapping in _SAME_KEYS and definition == upstream_definition:
        return (partition,)
    subset = None if definition is None or partition is None else definition.subset_with_partition_keys([partition])
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, definition, upstream_definition)
    return list(found.partitions_subset.get_partition_keys())
