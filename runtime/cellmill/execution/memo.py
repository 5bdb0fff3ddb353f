"""Leaving out the steps of a run whose assets turn out to be fresh when their turn comes."""

from __future__ import annotations

from typing import Any

from cellmill.planning.staleness import AssetFacts, decide_staleness

#: Tag of a run that makes only what is not fresh; Dagster's.
MEMOIZED_TAG = "dagster/is_memoized_run"


def code_version_of(output: Any) -> str | None:
    """The code version of the asset that an output of a step is."""
    spec = None if output.assets is None else output.assets.specs_by_key.get(output.asset_key)
    version: str | None = (spec.code_version if spec is not None else None) or output.definition.code_version
    return version


def is_fresh(step: Any, instance: Any) -> bool:
    """Return whether making the assets of a step again would change nothing, by what is stored at this moment.

    What cannot be known is not fresh: an op, a partition, a check, an asset without a code version.
    """
    assets = step.assets
    if assets is None or not assets.is_materializable or assets.partitions_def is not None:
        return False
    facts = []
    for output in step.outputs:
        code = None if output.asset_key is None else code_version_of(output)
        if code is None:
            return False
        facts.append(AssetFacts(output.asset_key, sorted(assets.asset_deps[output.asset_key]), code))
    states = instance.asset_states({key for fact in facts for key in (fact.key, *fact.parents)})
    return bool(facts) and all(found.is_fresh for found in decide_staleness(facts, states).values())
