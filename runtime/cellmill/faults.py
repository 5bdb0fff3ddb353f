"""Named points where a test may kill, fail or pause this process; inert unless a test arms one.

A fault test arms a point in the process that shall suffer (`arm`, or `CELLMILL_FAULT=point:action` in the environment
of a process that is started), then runs the real code.  In production `hit` is one look-up in an empty dictionary.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable

#: Where the product calls `hit`, in the order in which a scheduled run passes them.
POINTS = frozenset(
    {
        "tick.claimed",
        "tick.recorded",
        "sensor.evaluated",
        "sensor.committed",
        "backfill.chunk",
        "run.recorded",
        "run.launched",
        "lease.renewed",
        "step.started",
        "output.written",
        "output.committed",
        "event.appended",
    }
)


class InjectedFault(Exception):
    """A test asked this point to fail."""


def kill9() -> None:
    """Die as by the out-of-memory killer: no handler, no `finally`, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


def raise_fault() -> None:
    """Fail as user code or a library would."""
    raise InjectedFault


def disk_full() -> None:
    """Fail as a write to a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


ACTIONS: dict[str, Callable[[], None]] = {"kill9": kill9, "raise": raise_fault, "disk_full": disk_full}

_armed: dict[str, Callable[[], None]] = {}


def arm(point: str, action: str | Callable[[], None]) -> None:
    """Make `point` perform `action` (a name of `ACTIONS` or any callable) each time it is reached."""
    if point not in POINTS:
        raise ValueError(f"{point!r} is no fault point; choose one of {sorted(POINTS)}")
    _armed[point] = ACTIONS[action] if isinstance(action, str) else action


def disarm() -> None:
    """Make every point inert again."""
    _armed.clear()


def hit(point: str) -> None:
    """Perform what a test armed at `point`; nothing otherwise."""
    action = _armed.get(point)
    if action is not None:
        action()


def _arm_from_environment() -> None:
    spec = os.environ.get("CELLMILL_FAULT")
    if spec:
        point, _, action = spec.partition(":")
        arm(point, action)


_arm_from_environment()
