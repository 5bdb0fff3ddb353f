"""Removing versions of values that nothing can still need, and what killed writers left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from cellmill.io.files import TEMPORARY_MARK
from cellmill.io.value_store import ValueStore, version_parts, version_time

#: Seconds for which nothing new is removed: a writer may be between its file and its event.
GRACE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Garbage:
    """What `collect` removed (or would remove)."""

    versions: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()


def collect(
    store: ValueStore,
    *,
    live: Collection[str],
    keep: int | Callable[[str], int],
    open_since: float | None = None,
    now: float | None = None,
    grace_s: float = GRACE_S,
    dry_run: bool = False,
) -> Garbage:
    """Removes old versions and abandoned temporary files.

    In each place the newest `keep` versions stay, and besides them: every path in `live` (what the catalog refers
    to), whatever is younger than `grace_s`, and every version that was current at some time since `open_since`, when
    the oldest run that has not ended was made: such a run may hold a reference to it.
    """
    limit = (time.time() if now is None else now) - grace_s
    places: dict[str, list[str]] = {}
    temporary = []
    for path, changed_at in store.files.walk():
        folder, _, name = path.rpartition("/")
        if TEMPORARY_MARK in name:
            if changed_at < limit:
                temporary.append(path)
        elif parts := version_parts(name):
            place = f"{folder}/{parts[0]}" if folder else parts[0]
            places.setdefault(place, []).append("".join(parts[1:]))
    doomed = []
    for place, names in places.items():
        count = keep if isinstance(keep, int) else keep(place)
        doomed += _superseded(place, sorted(names), max(1, count), live, limit, open_since)
    if not dry_run:
        for path in (*doomed, *temporary):
            store.files.delete(path)
    return Garbage(tuple(doomed), tuple(temporary))


def _superseded(
    place: str, names: list[str], keep: int, live: Collection[str], limit: float, open_since: float | None
) -> list[str]:
    # A version stops being current when the next one is made.
    horizon = limit if open_since is None else min(limit, open_since)
    doomed = []
    for name, successor in zip(names[:-keep], names[1:], strict=False):
        path = f"{place}@{name}"
        if path not in live and version_time(successor.partition(".")[0]) < horizon:
            doomed.append(path)
    return doomed
