"""Whether the partition mappings that assets declare can join their partitions with those of their upstreams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.loadable import raise_together
from cellmill.errors import CheckError, InvalidDefinitionError


def check_partition_mappings(
    definitions: Iterable[AssetsDefinition], by_key: Mapping[AssetKey, AssetsDefinition]
) -> None:
    """Look at each declared mapping of `definitions`, whose upstreams are found in `by_key`.

    Raises: InvalidDefinitionError where some cannot be, with both assets of each.
    """
    raise_together([found for one in definitions for found in _problems(one, by_key)])


def _problems(one: AssetsDefinition, by_key: Mapping[AssetKey, AssetsDefinition]) -> Iterator[InvalidDefinitionError]:
    mappings = one.partition_mappings
    if not mappings or one.is_checks:
        return
    for key, deps in one.asset_deps.items():
        own = one.specs_by_key[key].partitions_def or one.partitions_def
        for upstream in sorted(deps & mappings.keys()):
            above = by_key.get(upstream)
            theirs = None if above is None else above.specs_by_key[upstream].partitions_def or above.partitions_def
            if theirs is None:
                continue
            try:
                mappings[upstream].validate_partition_mapping(theirs, own)
            except (CheckError, InvalidDefinitionError, ValueError) as error:
                between = f"{key.to_user_string()} to {upstream.to_user_string()}"
                yield InvalidDefinitionError(f"Invalid partition mapping from {between}: {error}")
