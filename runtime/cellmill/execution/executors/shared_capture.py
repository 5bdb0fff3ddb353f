"""What steps print in a process that is not theirs alone: several at once, maybe where no folder of the run is.

The text travels to the run as the step's events do, and the run's own process keeps it.  In a worker with one thread
all that its descriptors get is the step's; with several threads what a step's own thread (or coroutine) writes by
Python's streams: what child processes and C libraries write there nobody can tell apart, so it goes where it went.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TextIO

from cellmill.execution.capture import Bounded, Opener, StepCapture
from cellmill.redaction import redacted_bytes

#: Seconds for which text waits for more before it is sent.
_WAIT_S = 0.25
#: Bytes that are sent without waiting.
_ENOUGH = 64_000


@dataclass(frozen=True, slots=True)
class Printed:
    """Some of what a stream of a step has printed, on its way to the run."""

    step_key: str
    stream: str
    data: bytes


class _Sent:
    """Sends what a stream of a step prints, a little at a time."""

    def __init__(self, say: Callable[[Any], None], step_key: str, stream: str) -> None:
        self._say = say
        self._step_key = step_key
        self._stream = stream
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._timer: threading.Timer | None = None
        self._closed = False

    def write(self, data: bytes) -> None:
        """Send the bytes, together with what comes in the next moment."""
        with self._lock:
            self._waiting += data
            if len(self._waiting) >= _ENOUGH:
                self._send()
            elif self._timer is None and not self._closed:
                self._timer = threading.Timer(_WAIT_S, self._flush)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Send the rest; what a thread that outlives its step writes later is nobody's."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._send()
            self._closed = True

    def _flush(self) -> None:
        with self._lock:
            self._timer = None
            self._send()

    def _send(self) -> None:
        if self._waiting and not self._closed:
            self._say(Printed(self._step_key, self._stream, bytes(self._waiting)))
        self._waiting.clear()


def sender(say: Callable[[Any], None]) -> Opener:
    """Return what opens streams of steps that are sent to the run."""
    return lambda step_key, stream: _Sent(say, step_key, stream)


@contextmanager
def captured(step_key: str, opener: Opener, threads: int) -> Iterator[Callable[[], bool]]:
    """Keep what a step prints; gives a function that ends it and says whether anything was printed.

    Args:
        step_key: The step.
        opener: Opens where its streams are kept.
        threads: How many steps this process carries out at once.
    """
    if threads > 1:
        with _heard.step(step_key, opener) as end:
            yield end
        return
    capture = StepCapture(opener)
    capture.begin(step_key)
    try:
        yield lambda: any(capture.end().values())
    finally:
        capture.close()


class _Heard:
    """Python's streams in a process with several steps: `sys.stdout` and `sys.stderr` while one runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps = 0
        self._ours: dict[str, _Stream] = {}
        self.current: ContextVar[Mapping[str, Bounded] | None] = ContextVar("cellmill_step_streams", default=None)

    @contextmanager
    def step(self, step_key: str, opener: Opener) -> Iterator[Callable[[], bool]]:
        """Keep what this thread writes by Python's streams."""
        streams = {name: Bounded(opener(step_key, name)) for name in ("out", "err")}
        self._enter()
        token = self.current.set(streams)

        def end() -> bool:
            for one in streams.values():
                one.close()
            return any(one.size for one in streams.values())

        try:
            yield end
        finally:
            self.current.reset(token)
            end()
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            self._steps += 1
            for name in ("out", "err"):
                now = getattr(sys, f"std{name}")
                if not isinstance(now, _Stream):
                    self._ours[name] = _Stream(name, now)
                    setattr(sys, f"std{name}", self._ours[name])

    def _leave(self) -> None:
        with self._lock:
            self._steps -= 1
            if self._steps:
                return
            for name, ours in self._ours.items():
                if getattr(sys, f"std{name}") is ours:
                    setattr(sys, f"std{name}", ours.before)


class _Stream:
    """A stream that keeps what is written for the step of the thread that writes; all else is the one before's."""

    def __init__(self, name: str, before: TextIO) -> None:
        self._name = name
        self.before = before

    def write(self, text: str) -> int:
        """Write on, and keep it for the step."""
        streams = _heard.current.get()
        if streams is not None:
            streams[self._name].write(redacted_bytes(text.encode("utf-8", "backslashreplace")))
        return self.before.write(text)

    def writelines(self, lines: Any) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.before, name)


_heard = _Heard()
