"""Keeping an instance small: old events and old versions of values, by policy."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.errors import DefinitionError
from cellmill.instance.instance import Instance
from cellmill.instance.retention import Purged, purge_events
from cellmill.instance.run_store import FINISHED
from cellmill.io.garbage import GRACE_S, Garbage, collect
from cellmill.io.naming import value_path
from cellmill.io.value_store import ValueStore

#: Metadata of an asset that says how many versions of its values stay.
KEEP_METADATA = "cellmill/keep"
#: Versions of each value that stay where nothing else is said.
KEEP = 3
DAY_S = 86_400.0
_ENDED_TICKS = ("SUCCESS", "SKIPPED", "FAILURE", "MISSED")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """What is let go: the table `[retention]` of cellmill.toml, and `cellmill/keep` in the metadata of assets."""

    #: Versions of each value, of each partition, that stay.
    keep: int = KEEP
    #: The same for single assets.
    keep_of: Mapping[AssetKey, int] = field(default_factory=dict)
    #: Days for which events and ticks stay; None is for ever.
    events_days: float | None = None
    ticks_days: float | None = None

    @classmethod
    def of(cls, table: Mapping[str, Any], metadata: Mapping[AssetKey, Mapping[str, Any]]) -> RetentionPolicy:
        """The policy of a settings table and the metadata of the workspace's assets; the table has the last word."""
        keep_of = {key: _count(entry[KEEP_METADATA], key) for key, entry in metadata.items() if KEEP_METADATA in entry}
        for name, number in dict(table.get("assets", {})).items():
            keep_of[AssetKey.from_user_string(name)] = _count(number, name)
        days = {name: _days(table[name], name) for name in ("events_days", "ticks_days") if name in table}
        return cls(keep=_count(table.get("keep", KEEP), "keep"), keep_of=keep_of, **days)

    def keep_in(self) -> Callable[[str], int]:
        """How many versions stay in a place of the value store."""
        places = {"assets/" + value_path(key.parts): number for key, number in self.keep_of.items()}
        return lambda place: places.get(place.partition("/=")[0], self.keep)


def _count(value: Any, of: object) -> int:
    plain = getattr(value, "value", value)
    if isinstance(plain, str) and plain.isdecimal():
        plain = int(plain)  # an option of a magic is text
    if isinstance(plain, bool) or not isinstance(plain, int) or plain < 1:
        name = of.to_user_string() if isinstance(of, AssetKey) else of
        raise DefinitionError(f"The number of versions to keep of {name} must be 1 or more; got {plain!r}.")
    return plain


def _days(value: float, name: str) -> float:
    if value < 0:
        raise DefinitionError(f"[retention] {name} is a number of days, 0 or more; got {value!r}.")
    return float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What was let go, or would be."""

    garbage: Garbage
    purged: Purged = Purged()
    ticks: int = 0


def release(
    instance: Instance, policy: RetentionPolicy, *, now: float | None = None, dry_run: bool = False
) -> Released:
    """Lets go of what the policy does not keep; with `dry_run`, only says which values those are."""
    garbage = collect_values(instance, keep=policy.keep_in(), dry_run=dry_run)
    if dry_run:
        return Released(garbage=garbage)
    moment = time.time() if now is None else now
    purged, ticks = Purged(), 0
    if policy.events_days is not None:
        purged = purge_events(instance.db, before=moment - policy.events_days * DAY_S)
    if policy.ticks_days is not None:
        ticks = instance.automation.purge_ticks(before=moment - policy.ticks_days * DAY_S, statuses=_ENDED_TICKS)
    return Released(garbage=garbage, purged=purged, ticks=ticks)


def collect_values(
    instance: Instance, *, keep: int | Callable[[str], int] = KEEP, grace_s: float = GRACE_S, dry_run: bool = False
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


def _path(ref_text: str) -> str:
    return ValueRef.from_dict(json.loads(ref_text)).path
