"""Where events go: gathered and written in few transactions."""

from __future__ import annotations

import _thread
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Protocol

from cellmill.planning.event import Event

#: Seconds that an event may wait for its step to end before it is written on its own, so that long steps are seen.
MAX_WAIT_S = 0.25
#: Looks without any run after which the thread that writes late events ends: a minute.
IDLE_LOOKS = 240


class EventWriter(Protocol):
    """What writes events; an instance's run writer does."""

    def append(self, events: Sequence[Event]) -> None:
        """Write the events in this order, all or none."""
        ...


class EventSink:
    """Takes events one by one and writes them in batches: at the end of a step, or after a short while.

    Who writes holds the lock, so that events are written in the order they came.
    """

    def __init__(self, writer: EventWriter, *, keep: bool = True) -> None:
        #: Is told of every event as it comes, where somebody wants to.
        self.follower: Callable[[Event], None] | None = None
        self._writer = writer
        self._pending: list[Event] = []
        self._lock = threading.RLock()
        self._failure: BaseException | None = None
        #: the event that waited first when the late writer last looked
        self._waited: Event | None = None
        #: Every event, where somebody wants to read them afterwards.
        self.events: list[Event] = []
        self._keep = keep

    def emit(self, event: Event) -> None:
        """Take one event."""
        self._pending.append(event)
        if self._keep:
            self.events.append(event)
        if self.follower is not None:
            self.follower(event)

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
        """Let the background write what waits too long."""
        _LATE.add(self)

    def write_late(self) -> None:
        """Write what has waited since the last look; a fast run writes all by itself."""
        first = next(iter(self._pending), None)
        if first is not None and first is self._waited:
            with self._lock:  # whoever flushes next sees the failure
                try:
                    self.flush()
                except BaseException as error:
                    self._failure = error
        self._waited = first

    def close(self) -> None:
        """Leave the background and write the rest."""
        _LATE.discard(self)
        self.flush()


class _LateWriter:
    """One thread for all sinks of a process: starting and ending one for each run cost more than a small step."""

    def __init__(self) -> None:
        self._sinks: weakref.WeakSet[EventSink] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._running = False

    def add(self, sink: EventSink) -> None:
        """Look at a sink from now on."""
        with self._lock:
            self._sinks.add(sink)
            if not self._running:
                self._running = True
                # starting a `Thread` hands the interpreter over to it and back; nothing waits for this one
                _thread.start_new_thread(self._look, ())

    def discard(self, sink: EventSink) -> None:
        """Look at a sink no longer."""
        with self._lock:
            self._sinks.discard(sink)

    def _look(self) -> None:
        pause = threading.Event()
        idle = 0
        while True:
            pause.wait(MAX_WAIT_S)
            with self._lock:
                sinks = list(self._sinks)
                idle = 0 if sinks else idle + 1
                if idle > IDLE_LOOKS:
                    self._running = False
                    return
            for sink in sinks:
                sink.write_late()


_LATE = _LateWriter()


def _begin_anew() -> None:
    """A forked process has none of its parent's threads, and none of its runs."""
    global _LATE
    _LATE = _LateWriter()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
