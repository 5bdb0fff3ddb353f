"""The state of assets as this kernel sees it: stored states against the definitions that ran."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellmill.definitions.asset_key import AssetKey

if TYPE_CHECKING:
    from .session import Session


@dataclass(frozen=True, slots=True)
class Seen:
    """The state of one asset and why."""

    state: str
    reasons: tuple[str, ...] = ()
    timestamp: float | None = None
    run_id: str | None = None


def code_versions(session: Session) -> dict[AssetKey, str | None]:
    """The code version of every asset: of what ran here, else of what the workspace read."""
    found = {AssetKey(entry.key): entry.code_version for entry in session.workspace.manifest.assets}
    for key, cell in session.registry.assets().items():
        found[key] = cell.code_version
    return found


def states_of(session: Session, keys: Iterable[AssetKey] | None = None) -> dict[AssetKey, Seen]:
    """The states of `keys` (default: all assets of the workspace), reasons included."""
    graph = session.graph()
    versions = code_versions(session)
    wanted = list(graph) if keys is None else list(keys)
    stored = session.instance.asset_states()
    found: dict[AssetKey, Seen] = {}
    for key in _upstreams_first(graph):
        state = stored.get(key)
        if state is None or not state.is_materialized:
            found[key] = Seen("missing", ("never materialized",))
            continue
        reasons: list[str] = []
        now = versions.get(key)
        if now and state.code_version and now != state.code_version:
            reasons.append("its code changed")
        for upstream in graph.get(key, ()):
            text = upstream.to_user_string()
            above = found.get(upstream)
            current = stored.get(upstream)
            used = state.inputs.get(text)
            if above is not None and above.state == "stale":
                reasons.append(f"{text} is stale")
            elif above is not None and above.state == "missing":
                continue
            elif used is not None and current is not None and current.current_version != used:
                reasons.append(f"{text} has a newer value")
            elif used is None and current is not None and (current.timestamp or 0) > (state.timestamp or 0):
                reasons.append(f"{text} has a newer value")
        found[key] = Seen("stale" if reasons else "fresh", tuple(reasons), state.timestamp, state.run_id)
    return {key: found.get(key, Seen("external")) for key in wanted}


def _upstreams_first(graph: dict[AssetKey, tuple[AssetKey, ...]] | object) -> list[AssetKey]:
    from .commands import topological

    return topological(graph)
