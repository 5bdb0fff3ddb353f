"""The partitions of one visit: those that a run of a range makes, and those of an upstream that go into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.partitions.key import PartitionKeyRange
from cellmill.definitions.partitions.loading import partition_loading_context
from cellmill.definitions.partitions.upstream import upstream_partition_keys
from cellmill.planning.run import PARTITION_RANGE_END_TAG, PARTITION_RANGE_START_TAG
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.partitions import partitions_from_json
from cellmill.workspace.stale import parents_of_entry, partitions_of_entry

Partition = str | None


def partitions_of_range(declared: Mapping[str, Any], tags: Mapping[str, str], store: Any) -> Sequence[str]:
    """Return the partitions between the two that the run's tags name.

    Args:
        declared: The partitions of what is made, as the manifest has them.
        tags: The run's tags.
        store: Where dynamic partitions are looked up.
    """
    ends = PartitionKeyRange(tags[PARTITION_RANGE_START_TAG], tags[PARTITION_RANGE_END_TAG])
    return list(partitions_from_json(declared).get_partition_keys_in_range(ends, dynamic_partitions_store=store))


def read_partitions(
    readers: Sequence[AssetEntry], upstream: AssetEntry, store: Any, own: Sequence[Partition]
) -> Sequence[Partition]:
    """Return the partitions of an upstream that go into the partitions `own` of its readers.

    Raises:
        CellmillError: where only the notebook knows the partitions.
    """
    found: dict[Partition, None] = {}
    with partition_loading_context(None, store):
        above = partitions_of_entry(upstream)
        assert above is not None
        for entry in readers:
            definition, mapping = partitions_of_entry(entry), parents_of_entry(entry).get(upstream.asset_key)
            for one in own if definition is not None else (None,):
                keys = upstream_partition_keys(one, definition, above, mapping) if one or definition is None else None
                found.update(dict.fromkeys(above.get_partition_keys() if keys is None else keys))
    return list(found) or own
