"""Waiting for a state itself, never for time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds after which a test gives up; a loaded machine is many times slower than a quiet one.
PATIENCE_S = 60.0


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
