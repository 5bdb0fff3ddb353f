"""The boundaries of time windows as whole numbers: window `n` starts at `instant(n)` and ends at `end(n)`.

Days, weeks and months, and hours of zones that never change, are arithmetic; other cron expressions are kept as a
growing sorted array.  So ten thousand windows are a pair of numbers.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from cellmill.definitions.cron import Cron, parse_cron
from cellmill.definitions.local_time import at_epoch, load_zone, local_epoch

_DAY_S = 86400
_HOUR_S = 3600
_DAILY = re.compile(r"(\d+) (\d+) \* \* \*")
_WEEKLY = re.compile(r"(\d+) (\d+) \* \* ([0-7])")
_MONTHLY = re.compile(r"(\d+) (\d+) (\d+) \* \*")
_HOURLY = re.compile(r"(\d+) \* \* \* \*")


class Cadence(ABC):
    """A strictly rising sequence of instants, numbered without gaps in both directions."""

    @abstractmethod
    def instant(self, number: int) -> int:
        """The start of window `number`, in seconds since 1970."""

    @abstractmethod
    def floor(self, epoch_s: float) -> int:
        """The number of the last window that starts at or before this instant."""

    def end(self, number: int) -> int:
        """The end of window `number`."""
        return self.instant(number + 1)

    def ceil(self, epoch_s: float) -> int:
        """The number of the first window that starts at or after this instant."""
        number = self.floor(epoch_s)
        return number if self.instant(number) >= epoch_s else number + 1

    def closed_before(self, epoch_s: float) -> int:
        """One more than the number of the last window that has ended by this instant."""
        number = self.floor(epoch_s)
        return number + 1 if self.end(number) <= epoch_s else number


class _UtcSteps(Cadence):
    def __init__(self, step_s: int, offset_s: int) -> None:
        self._step_s = step_s
        self._offset_s = offset_s

    def instant(self, number: int) -> int:
        return number * self._step_s + self._offset_s

    def floor(self, epoch_s: float) -> int:
        return int((epoch_s - self._offset_s) // self._step_s)


class _Calendar(Cadence):
    """Days, weeks or months at a wall-clock time of a zone."""

    def __init__(self, zone: ZoneInfo, hour: int, minute: int) -> None:
        self._zone = zone
        self._hour = hour
        self._minute = minute
        self._instants: dict[int, int] = {}

    @abstractmethod
    def _date(self, number: int) -> tuple[int, int, int]: ...

    @abstractmethod
    def _number(self, local: datetime) -> int: ...

    def instant(self, number: int) -> int:
        found = self._instants.get(number)
        if found is None:
            year, month, day = self._date(number)
            found = local_epoch(datetime(year, month, day, self._hour, self._minute), self._zone)
            if len(self._instants) > 50_000:
                self._instants.clear()
            self._instants[number] = found
        return found

    def floor(self, epoch_s: float) -> int:
        number = self._number(at_epoch(epoch_s, self._zone))
        while self.instant(number) > epoch_s:
            number -= 1
        while self.instant(number + 1) <= epoch_s:
            number += 1
        return number


class _Days(_Calendar):
    def __init__(self, zone: ZoneInfo, hour: int, minute: int, every: int = 1, first: int = 0) -> None:
        super().__init__(zone, hour, minute)
        self._every = every
        self._first = first

    def _date(self, number: int) -> tuple[int, int, int]:
        day = datetime.fromordinal(number * self._every + self._first)
        return day.year, day.month, day.day

    def _number(self, local: datetime) -> int:
        return (local.toordinal() - self._first) // self._every


class _Months(_Calendar):
    def __init__(self, zone: ZoneInfo, hour: int, minute: int, day: int) -> None:
        super().__init__(zone, hour, minute)
        self._day = day

    def _date(self, number: int) -> tuple[int, int, int]:
        return number // 12, number % 12 + 1, self._day

    def _number(self, local: datetime) -> int:
        return local.year * 12 + local.month - 1


class _Listed(Cadence):
    """Instants that are made one after another and remembered; number 0 is the first at or after `anchor_s`."""

    def __init__(
        self, anchor_s: float, forward: Callable[[float], Iterator[int]], back: Callable[[float], Iterator[int]]
    ) -> None:
        self._forward = forward(anchor_s - 1 if anchor_s == int(anchor_s) else anchor_s)
        self._after = array("q", [next(self._forward)])
        self._back_from = back
        self._back: Iterator[int] | None = None
        #: Negated, so that it rises: entry `i` is the instant of window `-1 - i`.
        self._before = array("q")

    def instant(self, number: int) -> int:
        if number >= 0:
            while len(self._after) <= number:
                self._after.append(next(self._forward))
            return self._after[number]
        while len(self._before) < -number:
            self._grow_back()
        return -self._before[-1 - number]

    def floor(self, epoch_s: float) -> int:
        if epoch_s >= self._after[0]:
            while self._after[-1] <= epoch_s:
                self._after.append(next(self._forward))
            return bisect_right(self._after, int(epoch_s // 1)) - 1
        while not self._before or -self._before[-1] > epoch_s:
            self._grow_back()
        number = -1
        while -self._before[-1 - number] > epoch_s:
            number -= 1
        return number

    def _grow_back(self) -> None:
        if self._back is None:
            self._back = self._back_from(self._after[0] - 1)
        self._before.append(-next(self._back))


class _Excluding(_Listed):
    """A cadence without the windows whose start an exclusion names; a window ends where its neighbour would begin."""

    def __init__(self, cadence: Cadence, excluded: Callable[[int], bool], anchor_s: float) -> None:
        self._all = cadence

        def forward(after_s: float) -> Iterator[int]:
            number = cadence.floor(after_s) + 1
            while True:
                if not excluded(instant := cadence.instant(number)):
                    yield instant
                number += 1

        def back(until_s: float) -> Iterator[int]:
            number = cadence.floor(until_s)
            while True:
                if not excluded(instant := cadence.instant(number)):
                    yield instant
                number -= 1

        super().__init__(anchor_s, forward, back)

    def end(self, number: int) -> int:
        return self._all.instant(self._all.floor(self.instant(number)) + 1)


def _hour_steps(cron: Cron, minute: int, zone: ZoneInfo, after_s: float) -> Iterator[int]:
    current = cron.next(after_s, zone)
    while True:
        yield current
        following = current + _HOUR_S
        current = following if at_epoch(following, zone).minute == minute else cron.next(current, zone)


@lru_cache(maxsize=512)
def cadence_of(cron_text: str, timezone: str, anchor_s: float) -> Cadence:
    """The cadence of a cron expression in a zone; `anchor_s` is where counting starts if it has to be listed."""
    cron = parse_cron(cron_text)
    zone = load_zone(timezone)
    if timezone == "UTC" and (found := _utc_cadence(cron)):
        return found
    if match := _DAILY.fullmatch(cron.fields):
        return _Days(zone, int(match[2]), int(match[1]))
    if match := _WEEKLY.fullmatch(cron.fields):
        # Ordinal 7 is a Sunday: 1 January of year 1 was a Monday.
        return _Days(zone, int(match[2]), int(match[1]), every=7, first=int(match[3]) % 7)
    if (match := _MONTHLY.fullmatch(cron.fields)) and int(match[3]) <= 28:
        return _Months(zone, int(match[2]), int(match[1]), int(match[3]))
    if match := _HOURLY.fullmatch(cron.fields):
        minute = int(match[1])
        return _Listed(
            anchor_s,
            lambda after_s: _hour_steps(cron, minute, zone, after_s),
            lambda until_s: cron.ticks_back(until_s, zone),
        )
    return _Listed(anchor_s, lambda after_s: cron.ticks(after_s, zone), lambda until_s: cron.ticks_back(until_s, zone))


def _utc_cadence(cron: Cron) -> Cadence | None:
    if match := _HOURLY.fullmatch(cron.fields):
        return _UtcSteps(_HOUR_S, int(match[1]) * 60)
    if match := _DAILY.fullmatch(cron.fields):
        return _UtcSteps(_DAY_S, int(match[2]) * _HOUR_S + int(match[1]) * 60)
    if match := _WEEKLY.fullmatch(cron.fields):
        # 4 January 1970 was a Sunday.
        return _UtcSteps(7 * _DAY_S, (3 + int(match[3]) % 7) * _DAY_S + int(match[2]) * _HOUR_S + int(match[1]) * 60)
    return None


def excluding(
    cadence: Cadence, timezone: str, anchor_s: float, crons: tuple[str, ...], instants: frozenset[int]
) -> Cadence:
    """The cadence without the windows that start at one of the instants or at a tick of one of the expressions."""
    zone = load_zone(timezone)
    parsed = [parse_cron(text) for text in crons]

    def excluded(instant: int) -> bool:
        return instant in instants or any(cron.matches(instant, zone) for cron in parsed)

    return _Excluding(cadence, excluded, anchor_s)
