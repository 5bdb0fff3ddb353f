"""Keeping an instance small: old events and old versions of values, by policy."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from cellmill.definitions.value_ref import ValueRef
from cellmill.instance.instance import Instance
from cellmill.instance.retention import Purged, purge_events
from cellmill.instance.run_store import FINISHED
from cellmill.io.garbage import GRACE_S, Garbage, collect
from cellmill.io.value_store import ValueStore


def collect_values(
    instance: Instance, *, keep: int | Callable[[str], int] = 3, grace_s: float = GRACE_S, dry_run: bool = False
) -> Garbage:
    """Removes versions of values that are neither among the newest `keep`, nor current, nor within reach of a run that
    has not ended."""
    row = instance.db.row("SELECT min(created_at) FROM runs WHERE status NOT IN (?, ?, ?)", FINISHED)
    refs = (
        *instance.db.rows("SELECT value_ref FROM assets WHERE value_ref IS NOT NULL"),
        *instance.db.rows("SELECT value_ref FROM asset_partitions WHERE value_ref IS NOT NULL"),
    )
    live = {_path(text) for (text,) in refs}
    store = ValueStore(instance.storage_directory(), key_folder=Path(instance.root_directory))
    since = None if row is None else row[0]
    return collect(store, live=live, keep=keep, open_since=since, grace_s=grace_s, dry_run=dry_run)


def purge(instance: Instance, *, days: float) -> Purged:
    """Deletes events older than so many days, but for what state is computed from."""
    return purge_events(instance.db, before=time.time() - days * 86400)


def _path(ref_text: str) -> str:
    return ValueRef.from_dict(json.loads(ref_text)).path
