"""Leaving out the steps of a run whose assets turn out to be fresh when their turn comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cellmill.execution.data_versions import code_version_of
from cellmill.planning.staleness import AssetFacts, decide_staleness

if TYPE_CHECKING:
    from cellmill.execution.services import Services

#: Tag of a run that makes only what is not fresh; Dagster's.
MEMOIZED_TAG = "dagster/is_memoized_run"


def is_fresh(step: Any, services: Services) -> bool:
    """Return whether making the assets of a step again would change nothing, by what is stored at this moment.

    What cannot be known is not fresh: an op, a check, an asset without a code version.
    """
    assets, instance = step.assets, services.instance
    if assets is None or not assets.is_materializable or instance is None:
        return False
    facts = []
    for output in step.outputs:
        code = None if output.asset_key is None else code_version_of(output)
        if code is None:
            return False
        parents = sorted(assets.asset_deps[output.asset_key])
        facts.append(AssetFacts(output.asset_key, parents, code, is_partitioned=assets.partitions_def is not None))
    if not facts:
        return False
    states = instance.asset_states({key for fact in facts for key in (fact.key, *fact.parents)})
    partitioned = {one.asset_key: one.partitions_def for one in step.inputs if one.partitions_def is not None}
    if assets.partitions_def is None and not partitioned:
        return all(found.is_fresh for found in decide_staleness(facts, states).values())
    return _partitions_are_fresh(facts, assets, partitioned, states, services)


def _partitions_are_fresh(
    facts: list[AssetFacts], assets: Any, partitioned: dict[Any, Any], states: Any, services: Services
) -> bool:
    # Only runs over partitions pay for the import of what partitions need.
    from cellmill.definitions.partitions.loading import partition_loading_context
    from cellmill.planning.partition_staleness import PartitionFacts, decide_partitions

    with partition_loading_context(None, services.instance):
        known = {
            key: PartitionFacts(definition, definition.get_partition_keys()) for key, definition in partitioned.items()
        }
        # An upstream counts by what is stored of it: whether that is fresh was decided when its own turn came.
        above = [AssetFacts(key, is_external=True, is_partitioned=True) for key in known]
        keys: Sequence[str] | None = ()
        if assets.partitions_def is not None:
            keys = services.partition_keys_of(assets.partitions_def)
        if keys is None:
            return False
        own = PartitionFacts(assets.partitions_def, keys, assets.partition_mappings)
        known |= {fact.key: own for fact in facts}
        decided = decide_partitions([*above, *facts], known, states, services.instance.partition_states(known))
    return all(decided.assets[fact.key].is_fresh and not decided.to_make(fact.key) for fact in facts)
