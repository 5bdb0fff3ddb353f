"""The stored state of assets as the command line shows it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cellmill.cli.asset_state import AssetState
from cellmill.definitions.asset_key import AssetKey
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.cli import stored_state
    from cellmill.cli.app import App
else:
    stored_state = on_first_use("cellmill.cli.stored_state")


def detailed_states(app: App, keys: Sequence[AssetKey]) -> Mapping[AssetKey, AssetState]:
    """Return the states of `keys` with rows and metadata of their latest materializations."""
    states = asset_states(app)
    if not states:
        return states
    found: Mapping[AssetKey, AssetState] = stored_state.with_details(app, keys, states)
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
    found: Mapping[AssetKey, AssetState] = stored_state.read_states(app)
    return found
