"""The clock as an argument: the system's, or one that a test moves."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> float:
        """Seconds since 1970."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Waits until the event is set or the time has passed; True when it is set."""
        ...


class SystemClock:
    """The time of the machine."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Waits until the event is set or the time has passed; True when it is set."""
        return event.wait(seconds)


class ManualClock:
    """A time that only moves when told to, for tests.

    Args:
        now: Where it stands: seconds since 1970, or a datetime.
    """

    def __init__(self, now: datetime | float) -> None:
        self._now = now.timestamp() if isinstance(now, datetime) else float(now)

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves forward.

        Args:
            seconds: By how much.
        """
        self._now += seconds

    def step_back(self, seconds: float) -> None:
        """Moves backward, as a correction of the machine's clock does.

        Args:
            seconds: By how much.
        """
        self._now -= seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Moves forward by the time that would be waited, without waiting.

        Args:
            event: What would be waited for.
            seconds: How long at most.

        Returns:
            Whether the event is set.
        """
        self._now += seconds
        return event.is_set()
