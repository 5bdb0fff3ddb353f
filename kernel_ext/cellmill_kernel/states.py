"""The state of assets as this kernel sees it: what is stored against the definitions that ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.asset_state import AssetState
from cellmill.planning.run import IN_PROGRESS_STATUSES, RunsFilter, RunStatus
from cellmill.planning.staleness_facts import AssetFacts
from cellmill.workspace import stale

from .partitions import partition_facts

if TYPE_CHECKING:
    from cellmill.instance.instance import Instance
    from cellmill.workspace.stale import WorkspaceStaleness

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
    staleness = staleness_of(session, facts)
    stored, decided = staleness.states, staleness.decisions.assets
    unfinished = unfinished_runs(session.instance, stored.values())
    found: dict[AssetKey, Seen] = {}
    for key in facts if keys is None else keys:
        if key not in decided or (key in facts and facts[key].is_external):
            found[key] = Seen("external")
            continue
        state = stored.get(key)
        verdict = decided[key]
        run = unfinished.get(key)
        if run is not None and run[0] == "failed" and verdict.is_fresh:
            run = None  # what is stored is up to date all the same
        reasons = verdict.reasons or (["never materialized"] if state is None or not state.is_materialized else [])
        found[key] = Seen(
            verdict.status.value.lower() if run is None else run[0],
            (*(() if run is None else (_OF_RUN[run[0]].format(run[1]),)), *reasons),
            state.timestamp if state is not None else None,
            state.run_id if state is not None else None,
        )
    return found


def staleness_of(session: Session, facts: Mapping[AssetKey, AssetFacts] | None = None) -> WorkspaceStaleness:
    """The decision about every asset of the workspace and every partition."""
    known = _facts(session) if facts is None else facts
    partitions = partition_facts(session, known)
    decided: WorkspaceStaleness = stale.decide_with(known, partitions, session.instance)
    return decided


_OF_RUN = {"running": "run {:.8} is making it", "failed": "run {:.8} failed before it was made"}


def unfinished_runs(instance: Instance, states: Iterable[AssetState]) -> dict[AssetKey, tuple[str, str]]:
    """Assets that a run planned after their latest materialization: ``running`` or ``failed``, and the run's id."""
    planned = {
        state.asset_key: state.planned_run_id
        for state in states
        if state.planned_run_id and (state.planned_id or 0) > (state.event_id or 0)
    }
    if not planned:
        return {}
    statuses = {run.run_id: run.status for run in instance.get_runs(RunsFilter(run_ids=sorted(set(planned.values()))))}
    found: dict[AssetKey, tuple[str, str]] = {}
    for key, run_id in planned.items():
        status = statuses.get(run_id)
        if status in (RunStatus.FAILURE, RunStatus.CANCELED):
            found[key] = "failed", run_id
        elif status in IN_PROGRESS_STATUSES:
            found[key] = "running", run_id
    return found


def _facts(session: Session) -> dict[AssetKey, AssetFacts]:
    """What the definitions say: of cells that ran here what ran, of the rest what the workspace read."""
    facts: dict[AssetKey, AssetFacts] = {}
    for entry in session.other_entries():
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
