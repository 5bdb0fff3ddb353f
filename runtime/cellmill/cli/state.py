"""The stored state of assets as the command line shows it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey

if TYPE_CHECKING:
    from cellmill.cli.app import App


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMaterialization:
    """The latest materialization of an asset."""

    run_id: str
    timestamp: float
    rows: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    stored_at: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetState:
    """Whether an asset is fresh, stale or missing, why, and when it was made."""

    state: str
    reasons: tuple[str, ...] = ()
    last: LastMaterialization | None = None


def detailed_states(app: App, keys: Sequence[AssetKey]) -> Mapping[AssetKey, AssetState]:
    """Return the states of `keys` with rows and metadata of their latest materializations."""
    states = asset_states(app)
    if not states:
        return states
    found: Mapping[AssetKey, AssetState] = import_module("cellmill.cli.stored_state").with_details(app, keys, states)
    return found


def has_instance(app: App) -> bool:
    """Return whether anything was ever stored: a list must not create an instance to say that it is empty."""
    return bool(os.environ.get("CELLMILL_STORAGE")) or (app.home / "instance.db").exists() or _configured(app)


def _configured(app: App) -> bool:
    settings = app.config.settings.get("instance")
    return isinstance(settings, dict) and bool(settings.get("storage"))


def asset_states(app: App) -> Mapping[AssetKey, AssetState]:
    """Return the state of every asset that has one; nothing is opened or made where nothing was stored."""
    if not has_instance(app):
        return {}
    found: Mapping[AssetKey, AssetState] = import_module("cellmill.cli.stored_state").read_states(app)
    return found
