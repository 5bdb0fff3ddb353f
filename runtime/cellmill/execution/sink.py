"""Where events go: gathered and written in few transactions."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Sequence
from typing import Protocol

from cellmill.planning.event import Event

#: Seconds that an event may wait for its step to end before it is written on its own, so that long steps are seen.
MAX_WAIT_S = 0.25


class EventWriter(Protocol):
    """What writes events; an instance's run writer does."""

    def append(self, events: Sequence[Event]) -> None:
        """Write the events in this order, all or none."""
        ...


class MemoryWriter:
    """Keeps events in a list, for runs without an instance."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, events: Sequence[Event]) -> None:
        """Keep the events."""
        self.events.extend(events)


class EventSink:
    """Takes events one by one and writes them in batches: at the end of a step, or after a short while.

    The writing thread holds the lock, so that events are written in the order they came.
    """

    def __init__(self, writer: EventWriter, *, keep: bool = True) -> None:
        self._writer = writer
        self._pending: list[Event] = []
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._failure: BaseException | None = None
        #: Every event, where somebody wants to read them afterwards.
        self.events: list[Event] = []
        self._keep = keep

    def emit(self, event: Event) -> None:
        """Take one event."""
        self._pending.append(event)
        if self._keep:
            self.events.append(event)

    def flush(self) -> None:
        """Write what was taken."""
        with self._lock:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if self._pending:
                batch, self._pending = self._pending, []
                self._writer.append(batch)

    def watch(self) -> None:
        """Start to write in the background what waits too long."""
        # Starting and joining a `Thread` hands the interpreter over four times, which cost a run of one small step as
        # much as its transactions; nothing waits for this one.
        _thread.start_new_thread(self._write_late, ())

    def _write_late(self) -> None:
        while not self._wake.wait(MAX_WAIT_S):
            first = self._pending[:1]
            if not first or self._wake.wait(MAX_WAIT_S):
                continue
            # Only what has waited since the last look is late; a fast run writes all by itself.
            if self._pending[:1] and self._pending[0] is first[0]:
                try:
                    self.flush()
                except BaseException as error:
                    self._failure = error

    def close(self) -> None:
        """Stop the background and write the rest."""
        self._wake.set()
        # Waits for a flush of the background, which holds the lock; after this one it has nothing left to write.
        self.flush()
