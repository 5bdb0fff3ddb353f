"""Cron expressions: checked where they are declared, evaluated with one rule for the days when clocks change.

Two kinds of expression are told apart by the hour field:

* it covers all 24 hours: the schedule runs in every real hour, so also in the hour that comes twice, and not in a
  missing one;
* anything else names wall-clock times: one that does not exist runs once, right after the gap; one that comes twice
  runs once, the first time.

Instants are whole seconds since 1970.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from cellmill.definitions.local_time import at_epoch, change_between, load_zone, resolve_local
from cellmill.errors import InvalidCronError

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
#: Characters; a list of all sixty minutes still fits.
MAX_LENGTH = 199
_FIELDS = (
    "minute (0-59)",
    "hour (0-23)",
    "day of month (1-31)",
    "month (1-12)",
    "day of week (0-7, 0 and 7 are Sunday)",
)
_PROBE = datetime(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Cron:
    """One checked cron expression."""

    #: As the user wrote it.
    text: str
    #: Five fields, aliases expanded.
    fields: str
    #: Whether it runs in every real hour rather than at wall-clock times.
    every_hour: bool

    def ticks(self, after_s: float, zone: ZoneInfo) -> Iterator[int]:
        """The instants after `after_s`, rising strictly."""
        start = at_epoch(int(after_s // 1), zone)
        if self.every_hour:
            before = start
            for tick in CronSim(self.fields, start):
                yield from self._missed(before, tick, zone)
                yield int(tick.timestamp())
                before = tick
            return
        last = after_s
        for naive in CronSim(self.fields, start.replace(tzinfo=None, fold=0)):
            instant = int(resolve_local(naive, zone).timestamp())
            if instant > last:
                last = instant
                yield instant

    def ticks_back(self, until_s: float, zone: ZoneInfo) -> Iterator[int]:
        """The instants at or before `until_s`, falling strictly."""
        start = at_epoch(int(until_s // 1), zone)
        if self.every_hour:
            first = start.astimezone(UTC) + timedelta(seconds=1)
            behind = first.astimezone(zone)
            for tick in CronSim(self.fields, behind, reverse=True):
                yield from reversed(self._missed(tick, behind, zone))
                yield int(tick.timestamp())
                behind = tick
            return
        naive = start.replace(tzinfo=None, fold=0)
        if start.fold:  # wall-clock times up to the end of the first pass are already over
            naive += (start.replace(fold=0).utcoffset() or timedelta()) - (start.utcoffset() or timedelta())
        last = until_s + 1
        for moment in CronSim(self.fields, naive + timedelta(seconds=1), reverse=True):
            instant = int(resolve_local(moment, zone).timestamp())
            if instant < last:
                last = instant
                yield instant

    def _missed(self, before: datetime, behind: datetime, zone: ZoneInfo) -> list[int]:
        """The ticks between two neighbours that CronSim has no eyes for.

        These are behind a change by a part of an hour, and in the hour before midnight that comes again.
        """
        change = (behind.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
        if not change:
            return []
        first, last = int(before.timestamp()), int(behind.timestamp())
        changed = change_between(first, last, zone)
        if not change.seconds % 3600 and not _back_over_midnight(changed, zone):
            return []
        found = []
        for instant in range(changed, min(changed + max(3600, -int(change.total_seconds())), last), 60):
            wall = at_epoch(instant, zone).replace(tzinfo=None, fold=0)
            if instant > first and next(CronSim(self.fields, wall - timedelta(seconds=1))) == wall:
                found.append(instant)
        return found

    def next(self, after_s: float, zone: ZoneInfo) -> int:
        """The first instant after `after_s`."""
        return next(self.ticks(after_s, zone))

    def previous(self, until_s: float, zone: ZoneInfo) -> int:
        """The last instant at or before `until_s`."""
        return next(self.ticks_back(until_s, zone))

    def matches(self, instant_s: int, zone: ZoneInfo) -> bool:
        """Whether this very instant is one of the ticks."""
        return self.next(instant_s - 1, zone) == instant_s


def _back_over_midnight(changed: int, zone: ZoneInfo) -> bool:
    """Whether the clock, as it changes, goes back from the start of a day to the day before."""
    reached = at_epoch(changed - 1, zone).replace(tzinfo=None) + timedelta(seconds=1)
    return at_epoch(changed, zone).date() < reached.date()


@lru_cache(maxsize=4096)
def parse_cron(text: str) -> Cron:
    """The checked expression.

    Raises: InvalidCronError with what is wrong and what would be right.
    """
    if not isinstance(text, str):
        raise InvalidCronError(f"A cron schedule is text such as '0 6 * * *', not {text!r}")
    if len(text) > MAX_LENGTH:
        raise InvalidCronError(
            f"The cron schedule {text[:40] + '…'!r} has {len(text)} characters; at most {MAX_LENGTH} are allowed. "
            "Use ranges (1-5) and steps (*/15), or give a list of several schedules"
        )
    fields = text.strip()
    if fields.startswith("@"):
        try:
            fields = ALIASES[fields.lower()]
        except KeyError:
            meant = get_close_matches(fields.lower(), ALIASES, n=1)
            raise InvalidCronError(
                f"There is no cron alias {text!r}; "
                + (f"did you mean {meant[0]!r}?" if meant else f"the aliases are {', '.join(sorted(ALIASES))}")
            ) from None
    parts = fields.split()
    if len(parts) != 5:
        raise InvalidCronError(
            f"The cron schedule {text!r} has {len(parts)} fields; write five: minute, hour, day of month, "
            f"month, day of week, "
            "as in '0 6 * * 1-5' (seconds are not supported)"
        )
    if "?" in fields:
        raise InvalidCronError(f"The cron schedule {text!r} contains '?'; write '*' for every day")
    return _checked(text, parts)


def _checked(text: str, parts: list[str]) -> Cron:
    fields = " ".join(parts)
    try:
        sim = CronSim(fields, _PROBE)
        if sim.hours >= set(range(24)):
            parts[1] = "*"
            fields = " ".join(parts)
        next(CronSim(fields, _PROBE))
    except StopIteration:
        raise InvalidCronError(
            f"The cron schedule {text!r} never comes: no date fulfils its day and month fields"
        ) from None
    except CronSimError as error:
        raise InvalidCronError(f"The cron schedule {text!r} is not valid: {_hint(str(error), parts)}") from None
    except (ValueError, OverflowError):
        raise InvalidCronError(f"The cron schedule {text!r} is not valid: a number in it is too large") from None
    return Cron(text, fields, every_hour=parts[1] == "*")


def _hint(message: str, parts: list[str]) -> str:
    names = ("minute", "hour", "day-of-month", "month", "day-of-week")
    for index, name in enumerate(names):
        if message.endswith(name):
            if name == "day-of-month" and _is_number(parts[2]) and 28 < int(parts[2]) <= 31:
                return f"no month it names has a day {parts[2]}; use 'L' for the last day of the month"
            return f"{parts[index]!r} is no {_FIELDS[index]}; use numbers, ranges (1-5), lists (1,15) and steps (*/5)"
    return message


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 4


def is_valid_cron(text: str) -> bool:
    """Whether `parse_cron` accepts the text."""
    try:
        parse_cron(text)
    except InvalidCronError:
        return False
    return True


def union_ticks(crons: Sequence[Cron], after_s: float, zone: ZoneInfo) -> Iterator[int]:
    """The instants of several expressions after `after_s`, each once, rising."""
    if len(crons) == 1:
        yield from crons[0].ticks(after_s, zone)
        return
    last: float = after_s
    for instant in heapq.merge(*(cron.ticks(after_s, zone) for cron in crons)):
        if instant > last:
            last = instant
            yield instant


def cron_string_iterator(
    start_timestamp: float, cron_string: str, execution_timezone: str | None
) -> Iterator[datetime]:
    """The aware times at or after `start_timestamp` at which a cron expression comes."""
    zone = load_zone(execution_timezone or "UTC")
    for instant in parse_cron(cron_string).ticks(
        start_timestamp - 1 if start_timestamp == int(start_timestamp) else start_timestamp, zone
    ):
        yield at_epoch(instant, zone)
