"""Partition mappings and backfill policies as plain data and back, so that hosts can send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellmill.definitions.partitions.backfill_policy import BackfillPolicy
from cellmill.definitions.partitions.mapping import (
    AllPartitionMapping,
    IdentityPartitionMapping,
    LastPartitionMapping,
    PartitionMapping,
    SpecificPartitionsPartitionMapping,
    StaticPartitionMapping,
)
from cellmill.definitions.partitions.multi_mapping import (
    DimensionPartitionMapping,
    MultiPartitionMapping,
    MultiToSingleDimensionPartitionMapping,
)
from cellmill.definitions.partitions.time_window_mapping import TimeWindowPartitionMapping
from cellmill.errors import InvalidDefinitionError

_WORDS: Mapping[str, type[PartitionMapping]] = {
    "identity": IdentityPartitionMapping,
    "all": AllPartitionMapping,
    "last": LastPartitionMapping,
}
#: The mappings that a cell's line names in one word.
MAPPING_WORDS = frozenset(_WORDS)

_OURS = "cellmill.definitions."
_KINDS: tuple[type[PartitionMapping], ...] = (
    *_WORDS.values(),
    SpecificPartitionsPartitionMapping,
    StaticPartitionMapping,
    TimeWindowPartitionMapping,
    MultiToSingleDimensionPartitionMapping,
    MultiPartitionMapping,
)
_NAMES = sorted(kind.__name__ for kind in _KINDS)


def mapping_to_json(mapping: PartitionMapping) -> dict[str, Any]:
    """Return a mapping as plain data.

    Raises: InvalidDefinitionError for a class that is not cellmill's own.
    """
    for word, kind in _WORDS.items():
        if type(mapping) is kind:
            return {"kind": word}
    if not type(mapping).__module__.startswith(_OURS):
        # A class derived from ours may decide otherwise than what it is derived from.
        raise _refusal(mapping)
    match mapping:
        case SpecificPartitionsPartitionMapping():
            return {"kind": "specific", "keys": list(mapping.partition_keys)}
        case StaticPartitionMapping():
            given = mapping.downstream_partition_keys_by_upstream_partition_key
            down = {up: [keys] if isinstance(keys, str) else sorted(keys) for up, keys in given.items()}
            return {"kind": "static", "downstream": down}
        case TimeWindowPartitionMapping():
            return {
                "kind": "time_window",
                "start_offset": mapping.start_offset,
                "end_offset": mapping.end_offset,
                "allow_nonexistent": mapping.allow_nonexistent_upstream_partitions,
            }
        case MultiToSingleDimensionPartitionMapping():
            return {"kind": "multi_to_single", "dimension": mapping.partition_dimension_name}
        case MultiPartitionMapping():
            by_dimension = {
                name: [one.dimension_name, mapping_to_json(one.partition_mapping)]
                for name, one in mapping.downstream_mappings_by_upstream_dimension.items()
            }
            return {"kind": "multi", "dimensions": by_dimension}
    raise _refusal(mapping)


def _refusal(mapping: PartitionMapping) -> InvalidDefinitionError:
    return InvalidDefinitionError(
        f"The partition mapping {type(mapping).__name__} is not one of cellmill's, so the daemon "
        f"cannot follow it without running its code. Say the same with one of {', '.join(_NAMES)}."
    )


def mapping_from_json(data: Mapping[str, Any]) -> PartitionMapping:
    """Return the mapping of `mapping_to_json`."""
    kind = data["kind"]
    if kind in _WORDS:
        return _WORDS[kind]()
    match kind:
        case "specific":
            return SpecificPartitionsPartitionMapping(data["keys"])
        case "static":
            return StaticPartitionMapping({up: set(keys) for up, keys in data["downstream"].items()})
        case "time_window":
            return TimeWindowPartitionMapping(data["start_offset"], data["end_offset"], data["allow_nonexistent"])
        case "multi_to_single":
            return MultiToSingleDimensionPartitionMapping(data["dimension"])
        case "multi":
            return MultiPartitionMapping(
                {
                    name: DimensionPartitionMapping(other, mapping_from_json(inner))
                    for name, (other, inner) in data["dimensions"].items()
                }
            )
    raise InvalidDefinitionError(f"There is no partition mapping of the kind {kind!r}.")


def policy_to_json(policy: BackfillPolicy | None) -> int | None:
    """Return how many partitions a run makes, 0 standing for all; None where no policy is declared."""
    return None if policy is None else policy.max_partitions_per_run or 0


def policy_from_json(limit: int | None) -> BackfillPolicy | None:
    """Return the policy of `policy_to_json`."""
    return None if limit is None else BackfillPolicy(max_partitions_per_run=limit or None)
