"""The stored state of assets, read from the instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellmill.cli.app import App
from cellmill.cli.state import AssetState, LastMaterialization
from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.asset_state import AssetState as Stored
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.workspace import sort_assets


def read_states(app: App) -> dict[AssetKey, AssetState]:
    """Return the state of every asset of the workspace that was ever stored: one query, one walk."""
    stored = app.instance.asset_states()
    entries = sort_assets([entry for entry in app.workspace.manifest.assets])
    states: dict[AssetKey, AssetState] = {}
    for entry in entries:
        found = stored.get(entry.asset_key)
        if found is not None and (found.is_materialized or found.observed_version is not None):
            states[entry.asset_key] = _state(entry, found, stored, states)
    return states


def _state(
    entry: AssetEntry, found: Stored, stored: Mapping[AssetKey, Stored], states: Mapping[AssetKey, AssetState]
) -> AssetState:
    reasons = []
    if entry.code_version and found.code_version and entry.code_version != found.code_version:
        reasons.append("its code changed")
    for path in entry.upstream:
        up = AssetKey(path)
        name = up.to_user_string()
        above = stored.get(up)
        used = found.inputs.get(name)
        if used is None and found.inputs:
            reasons.append(f"{name} is a new upstream")
        elif above is not None and above.current_version is not None and used not in (None, above.current_version):
            reasons.append(f"{name} has newer data")
        elif up in states and states[up].state == "stale":
            reasons.append(f"{name} is stale")
    return AssetState(state="stale" if reasons else "fresh", reasons=tuple(reasons), last=last_materialization(found))


def last_materialization(found: Stored) -> LastMaterialization | None:
    """Return what the catalog knows of the latest materialization."""
    if found.run_id is None or found.timestamp is None:
        return None
    ref = found.value_ref
    return LastMaterialization(
        run_id=found.run_id,
        timestamp=found.timestamp,
        bytes=ref.size if ref else None,
        stored_at=ref.path if ref else None,
    )


def materialization_metadata(app: App, key: AssetKey) -> Mapping[str, Any]:
    """Return the metadata of an asset's latest materialization as plain values."""
    event = app.instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        return {}
    metadata = event.asset_materialization.metadata
    return {name: getattr(value, "value", value) for name, value in metadata.items()}
