"""Wall-clock times and the instants they stand for, with one rule for the two days a year when clocks change.

A wall-clock time that does not exist stands for the first instant after the gap.  A wall-clock time that comes twice
stands for its first occurrence.
"""

from __future__ import annotations

import difflib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cellmill.errors import InvalidDefinitionError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


@lru_cache(maxsize=512)
def load_zone(name: str) -> ZoneInfo:
    """The time zone of this name of the tz database.

    Raises: InvalidDefinitionError with the nearest name that exists.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        near = difflib.get_close_matches(str(name), available_timezones(), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "; use a name such as 'UTC' or 'Europe/Berlin'"
        raise InvalidDefinitionError(f"There is no time zone {name!r} in the tz database{hint}") from None


def at_epoch(epoch_s: float, zone: ZoneInfo) -> datetime:
    """The aware wall-clock time in `zone` of an instant."""
    return datetime.fromtimestamp(epoch_s, zone)


def exists(local: datetime) -> bool:
    """Whether an aware wall-clock time occurs at all, that is, does not fall into a gap."""
    return local.replace(fold=0) == local.astimezone(UTC).astimezone(local.tzinfo).replace(fold=0)


def resolve_local(naive: datetime, zone: ZoneInfo) -> datetime:
    """The aware time that a naive wall-clock time stands for: first occurrence, or the first instant after a gap."""
    local = naive.replace(tzinfo=zone, fold=0)
    back = local.astimezone(UTC).astimezone(zone)
    if back.replace(tzinfo=None, fold=0) == naive.replace(fold=0):
        return local
    # In a gap: the offset before it reads the time too late by the gap's length, the offset after it too early.
    early = local.replace(fold=1).astimezone(UTC)
    late = local.astimezone(UTC)
    low, high = int(min(early, late).timestamp()), int(max(early, late).timestamp())
    return at_epoch(change_between(low, high, zone), zone)


def change_between(low: int, high: int, zone: ZoneInfo) -> int:
    """The instant, after `low` and not after `high`, from which a zone's offset is another than at `low`."""
    before = at_epoch(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if at_epoch(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def local_epoch(naive: datetime, zone: ZoneInfo) -> int:
    """Seconds since 1970 of the instant that a naive wall-clock time stands for."""
    return int(resolve_local(naive, zone).timestamp())
