"""Events that wait are written in the background, in their order, for every run of the process by one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest
from cellmill.execution.sink import EventSink
from cellmill.planning.event import Event, EventType


class Writer:
    """Keeps what is written and says when something was."""

    def __init__(self, error: Exception | None = None) -> None:
        self.events: list[Event] = []
        self.written = threading.Event()
        self.error = error

    def append(self, events: Sequence[Event]) -> None:
        """Keep the events, or fail."""
        self.events.extend(events)
        self.written.set()
        if self.error is not None:
            raise self.error


def event(text: str) -> Event:
    """A line of a log."""
    return Event(EventType.LOG, "run", time.time(), None, text, 20)


def test_what_waits_is_written_without_a_flush() -> None:
    """A long step's events reach the writer while it runs, for two runs at a time and one after the other."""
    for _ in range(2):
        writers = [Writer(), Writer()]
        sinks = [EventSink(writer) for writer in writers]
        for sink in sinks:
            sink.watch()
            sink.emit(event("one"))
            sink.emit(event("two"))

        assert all(writer.written.wait(30) for writer in writers)
        for sink in sinks:
            sink.close()
        assert [[one.message for one in writer.events] for writer in writers] == [["one", "two"]] * 2


def test_a_failure_of_the_background_is_raised_at_the_next_flush() -> None:
    """What could not be written late stops the run, not just the thread."""
    writer = Writer(OSError("disk full"))
    sink = EventSink(writer)
    sink.watch()
    sink.emit(event("one"))
    assert writer.written.wait(30)

    with pytest.raises(OSError, match="disk full"):
        sink.close()
