"""The state of assets as this kernel sees it: what is stored against the definitions that ran."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.staleness import AssetFacts, decide_staleness

if TYPE_CHECKING:
    from .session import Session


@dataclass(frozen=True, slots=True)
class Seen:
    """The state of one asset and why."""

    state: str
    reasons: tuple[str, ...] = ()
    timestamp: float | None = None
    run_id: str | None = None


def states_of(session: Session, keys: Iterable[AssetKey] | None = None) -> dict[AssetKey, Seen]:
    """The states of `keys` (default: all assets of the workspace), reasons included."""
    facts = _facts(session)
    stored = session.instance.asset_states()
    decided = decide_staleness(facts.values(), stored)
    found: dict[AssetKey, Seen] = {}
    for key in facts if keys is None else keys:
        if key not in decided or (key in facts and facts[key].is_external):
            found[key] = Seen("external")
            continue
        state = stored.get(key)
        verdict = decided[key]
        found[key] = Seen(
            verdict.status.value.lower(),
            tuple(verdict.reasons) or (("never materialized",) if state is None or not state.is_materialized else ()),
            state.timestamp if state is not None else None,
            state.run_id if state is not None else None,
        )
    return found


def _facts(session: Session) -> dict[AssetKey, AssetFacts]:
    """What the definitions say: of cells that ran here what ran, of the rest what the workspace read."""
    facts: dict[AssetKey, AssetFacts] = {}
    for entry in session.workspace.manifest.assets:
        key = AssetKey(entry.key)
        facts[key] = AssetFacts(
            key=key,
            parents=tuple(AssetKey(up) for up in entry.upstream),
            code_version=entry.code_version,
            is_external=not entry.materializable and not entry.observable,
            is_partitioned=entry.partitions is not None,
        )
    for key, cell in session.registry.assets().items():
        facts[key] = AssetFacts(
            key=key,
            parents=tuple(up.key for up in cell.upstreams if up.key not in cell.keys),
            code_version=cell.code_version,
            is_partitioned="partitions_def" in cell.header.options,
        )
    return facts
