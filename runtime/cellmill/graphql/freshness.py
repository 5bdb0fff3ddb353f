"""The state of assets as the screens show it, for all assets at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import strawberry

from cellmill.definitions.asset_key import AssetKey
from cellmill.planning import asset_state
from cellmill.planning.run import FINISHED_STATUSES, Run, RunStatus
from cellmill.planning.staleness import Staleness, StaleStatus
from cellmill.planning.staleness_facts import AssetFacts


@strawberry.enum(description="The state of an asset against its definition, its upstreams and its runs.")
class AssetState(Enum):
    """The state of an asset."""

    FRESH = "FRESH"
    STALE = "STALE"
    MISSING = "MISSING"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    EXTERNAL = "EXTERNAL"


@dataclass(frozen=True, slots=True)
class Freshness:
    """The state of one asset, why, and since when its value is there."""

    state: AssetState
    reason: str = ""
    materialized_at: float | None = None
    #: Upstreams that make it stale.
    causes: tuple[tuple[AssetKey, str], ...] = ()


def freshness_of(
    facts: Iterable[AssetFacts],
    decided: Mapping[AssetKey, Staleness],
    states: Mapping[AssetKey, asset_state.AssetState],
    planned_runs: Mapping[str, Run],
) -> dict[AssetKey, Freshness]:
    """The state of every asset of these definitions: what was decided about it, and what its runs add."""
    return {fact.key: _with_runs(fact, decided[fact.key], states.get(fact.key), planned_runs) for fact in facts}


def _with_runs(
    fact: AssetFacts, decided: Staleness, state: asset_state.AssetState | None, planned_runs: Mapping[str, Run]
) -> Freshness:
    """The decision, unless a run that means to make the asset says more."""
    made_at = state.timestamp if state is not None else None
    causes = tuple((cause.dependency or cause.key, cause.reason) for cause in decided.causes)
    if fact.is_external:
        return Freshness(AssetState.EXTERNAL, "It is made elsewhere.", made_at)
    planned = planned_runs.get(state.planned_run_id or "") if state is not None else None
    if state is not None and planned is not None and (state.planned_id or 0) > (state.event_id or 0):
        if planned.status not in FINISHED_STATUSES:
            word = "waits in the queue" if planned.status is RunStatus.QUEUED else "is being made"
            return Freshness(AssetState.RUNNING, f"It {word} in run {planned.run_id[:8]}.", made_at, causes)
        if planned.status in (RunStatus.FAILURE, RunStatus.CANCELED):
            return Freshness(AssetState.FAILED, f"Run {planned.run_id[:8]} did not make it.", made_at, causes)
    if decided.status is StaleStatus.MISSING:
        return Freshness(AssetState.MISSING, "It was never made.", made_at)
    reason = "; ".join(decided.reasons)
    return Freshness(AssetState(decided.status.value), reason, made_at, causes)
