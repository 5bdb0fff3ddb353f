"""Which ticks of a schedule are to run now, which were missed, and whether a run that still goes on is in the way.

Responsibilities: pure decisions about instants; knows no database, no clock and no user code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cellmill.definitions.tick_policy import GRACE_S, CatchUp, CatchUpKind, OverlapPolicy

#: Missed ticks that are recorded one by one; of more, only the last.
MAX_MISSED_RECORDS = 1000
#: Seconds; older instants are not even looked at, whatever the window, so that a year of minutes costs nothing.
HORIZON_S = 7 * 86_400
#: Seconds until a tick that failed is tried again, by attempt; after the last it stays failed.
RETRY_BACKOFF_S = (5, 30, 120)


class TickStatus(StrEnum):
    """How a tick ended, under Dagster's words where it has one."""

    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    SKIPPED = "SKIPPED"
    FAILURE = "FAILURE"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True)
class MissedTick:
    """An instant that does not run, and why."""

    at_epoch_s: int
    reason: str


@dataclass(frozen=True, slots=True)
class DueTicks:
    """What to do now: instants to run in order, and instants to record as missed."""

    run: tuple[int, ...] = ()
    missed: tuple[MissedTick, ...] = ()

    @property
    def last(self) -> int | None:
        """The latest instant that was decided about."""
        instants = [*self.run, *(tick.at_epoch_s for tick in self.missed)]
        return max(instants, default=None)


def due_ticks(
    ticks_after: Callable[[float], Iterator[int]], after_s: float, now_s: float, catch_up: CatchUp
) -> DueTicks:
    """The ticks in (`after_s`, `now_s`], told apart by the catch-up policy.

    A tick at most a minute late is on time and runs under every policy.  An older one is late: within the window the
    policy says whether it runs; what does not run is missed.
    """
    horizon = max(catch_up.window_s, HORIZON_S)
    found: deque[int] = deque(maxlen=MAX_MISSED_RECORDS + catch_up.limit)
    for instant in ticks_after(max(after_s, now_s - horizon)):
        if instant > now_s:
            break
        found.append(instant)
    outside = [instant for instant in found if instant < now_s - catch_up.window_s]
    inside = [instant for instant in found if instant >= now_s - catch_up.window_s]
    on_time = [instant for instant in inside if instant >= now_s - GRACE_S]
    late = inside[: len(inside) - len(on_time)]
    chosen, reason = _chosen(late, on_time, catch_up)
    missed = [MissedTick(instant, f"more than {catch_up.window_s} s late") for instant in outside]
    wanted = set(chosen)
    missed += [MissedTick(instant, reason) for instant in late if instant not in wanted]
    return DueTicks(tuple(chosen), tuple(missed))


def _chosen(late: Sequence[int], on_time: Sequence[int], catch_up: CatchUp) -> tuple[list[int], str]:
    match catch_up.kind:
        case CatchUpKind.SKIP:
            return list(on_time), "no daemon was running (catch-up policy: skip)"
        case CatchUpKind.LATEST:
            last = list(on_time) or list(late[-1:])
            return last, "no daemon was running; a later tick ran instead (catch-up policy: latest)"
        case CatchUpKind.ALL:
            room = max(catch_up.limit - len(on_time), 0)
            reason = f"no daemon was running; only the last {catch_up.limit} run (catch-up policy: all)"
            return [*(late[-room:] if room else []), *on_time], reason


def overlap_reason(policy: OverlapPolicy, unfinished: int) -> str | None:
    """Why a tick does not run while `unfinished` runs of earlier ones go on; None when it does."""
    match policy:
        case OverlapPolicy.ALLOW:
            return None
        case OverlapPolicy.SKIP:
            limit = 1
        case OverlapPolicy.QUEUE_ONE:
            limit = 2
    if unfinished < limit:
        return None
    return f"{unfinished} run(s) of earlier ticks are not finished (overlap policy: {policy.value})"


def retry_after_s(attempt: int) -> int | None:
    """Seconds until a failed tick is tried again after this attempt (from 1), or None when it is given up."""
    return RETRY_BACKOFF_S[attempt - 1] if attempt <= len(RETRY_BACKOFF_S) else None


def sensor_backoff_s(interval_s: float, failures: int) -> float:
    """Seconds until a sensor that failed so often in a row is evaluated again: doubled each time, at most an hour."""
    return min(interval_s * float(1 << min(failures, 16)), max(3600.0, interval_s))


def tick_id(instigator_id: str, at_epoch_s: int) -> str:
    """The run key of a tick's only run: integers and names, so that no formatting can ever change it."""
    return f"{instigator_id}@{at_epoch_s}"
