"""The stored state of assets, read from the instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cellmill.cli.app import App
from cellmill.cli.asset_state import AssetState, LastMaterialization
from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.asset_state import AssetState as Stored
from cellmill.workspace.stale import WorkspaceStaleness, workspace_staleness


def read_states(app: App) -> dict[AssetKey, AssetState]:
    """Return the state of every asset of the workspace, partitions included: two queries at most, one walk."""
    found = read_staleness(app)
    return {
        key: AssetState(
            state=decision.status.value.lower(),
            reasons=tuple(decision.reasons),
            last=last_materialization(found.states[key]) if key in found.states else None,
        )
        for key, decision in found.decisions.assets.items()
    }


def read_staleness(app: App) -> WorkspaceStaleness:
    """Return the decision about every asset of the workspace and every partition."""
    return workspace_staleness(app.workspace.manifest.assets, app.instance)


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


def with_details(
    app: App, keys: Sequence[AssetKey], states: Mapping[AssetKey, AssetState]
) -> dict[AssetKey, AssetState]:
    """Return the states of `keys` with rows and metadata of their latest materializations."""
    known = [key for key in keys if key in states and states[key].last is not None]
    events = app.instance.get_latest_materialization_events(known) if known else {}
    found = dict(states)
    for key in known:
        event = events.get(key)
        last = states[key].last
        if event is None or event.asset_materialization is None or last is None:
            continue
        metadata = {name: getattr(v, "value", v) for name, v in event.asset_materialization.metadata.items()}
        rows = metadata.get("dagster/row_count")
        details = replace(last, metadata=metadata, rows=rows if isinstance(rows, int) else None)
        found[key] = replace(states[key], last=details)
    return found
