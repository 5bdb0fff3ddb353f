"""Leaving out the steps of a run whose assets turn out to be fresh when their turn comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cellmill.execution.data_versions import code_version_of, input_versions
from cellmill.planning.asset_state import AssetState
from cellmill.planning.staleness import decide_staleness
from cellmill.planning.staleness_facts import AssetFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cellmill.execution.services import Services


def is_fresh(step: Any, services: Services) -> bool:
    """Return whether making the assets of a step again would change nothing, by what is stored at this moment.

    What cannot be known is not fresh: an op, a check, an asset without a code version.
    """
    assets = step.assets
    if assets is None or not assets.is_materializable or services.find_state is None:
        return False
    partitions: Sequence[str | None] | None = (None,)
    if assets.partitions_def is not None:
        partitions = services.partition_keys_of(assets.partitions_def)
    outputs = list(step.outputs)
    if not partitions or any(output.asset_key is None for output in outputs):
        return False
    return all(_is_fresh(step, services, output, partition) for output in outputs for partition in partitions)


def _is_fresh(step: Any, services: Services, output: Any, partition: str | None) -> bool:
    assert services.find_state is not None
    code = code_version_of(output)
    stored = services.find_state(output.asset_key, partition)
    if code is None or stored is None:
        return False
    inputs = dict(input_versions(step, services, output, partition))
    # What went in, as it is now: whether that is itself fresh was decided when its own turn came.
    states = {key: AssetState(key, data_version=version) for key, version in inputs.items() if version is not None}
    facts = AssetFacts(output.asset_key, sorted(inputs), code)
    return decide_staleness([facts], {**states, output.asset_key: stored})[output.asset_key].is_fresh
