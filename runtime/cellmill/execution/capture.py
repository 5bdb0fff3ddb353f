"""What a step prints, kept with its run: live while the step goes on, bounded in size, whatever writes to the
descriptors.

In a process of a run file descriptors 1 and 2 are led through pipes, so output of C libraries and of child processes is
kept too.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cellmill.redaction import redacted_bytes

#: Bytes kept of each stream of one step.
LIMIT = 5_000_000
_STREAMS = {"out": 1, "err": 2}


def captured_path(home: Path, run_id: str, step_key: str, stream: str) -> Path:
    """Return where the output of a step is kept; `stream` is "out" or "err"."""
    name = urllib.parse.quote(step_key, safe="")[:150]
    return home / "runs" / run_id / "steps" / f"{name}.{stream}"


class Kept(Protocol):
    """Where what one stream of one step has printed is kept."""

    def write(self, data: bytes) -> None:
        """Keep these bytes behind the others."""

    def close(self) -> None:
        """Keep no more."""


#: Opens where a stream ("out" or "err") of a step is kept.
Opener = Callable[[str, str], Kept]


class OutputFile:
    """Keeps what a stream of a step has printed in a file, which is there once anything was printed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def write(self, data: bytes) -> None:
        """Append the bytes; a disk that is full loses them, and the step goes on."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):
            os.write(self._file, data)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def files_of(home: Path, run_id: str) -> Opener:
    """Return what opens the files of a run's steps."""
    return lambda step_key, stream: OutputFile(captured_path(home, run_id, step_key, stream))


class Bounded:
    """Counts what a stream of a step prints, and keeps it up to the limit."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self.size = 0

    def write(self, data: bytes) -> None:
        """Keep what is not over the limit; what is cut is said once."""
        room = LIMIT - self.size
        self.size += len(data)
        if room >= 0:
            self._kept.write(data[:room])
            if len(data) > room:
                self._kept.write(f"\n[cellmill: cut here, at {LIMIT:,} bytes]\n".encode())

    def close(self) -> None:
        """Keep no more."""
        self._kept.close()


class StepCapture:
    """Leads this process's stdout and stderr to where they are kept for one step after the other."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        # a parent may have put something else in their place, which would keep the text to itself
        _flush()
        self._before = sys.stdout, sys.stderr
        sys.stdout = open(1, "w", buffering=1, closefd=False, errors="backslashreplace")
        sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")
        self._pumps = {stream: _Pump(descriptor) for stream, descriptor in _STREAMS.items()}

    def begin(self, step_key: str) -> None:
        """Keep from now on what is written, for this step."""
        _flush()
        for stream, pump in self._pumps.items():
            pump.switch(Bounded(self._opener(step_key, stream)))

    def end(self) -> dict[str, int]:
        """Return how many bytes each stream of the step had; what comes later is nobody's."""
        _flush()
        return {stream: pump.switch(None) for stream, pump in self._pumps.items()}

    def close(self) -> None:
        """Give stdout and stderr back; what children still write goes where it went before."""
        _flush()
        sys.stdout, sys.stderr = self._before
        for pump in self._pumps.values():
            pump.close()


class _Pump:
    """Copies what is written to one descriptor to where it is kept now, and to where it went before."""

    def __init__(self, descriptor: int) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC)
        self._marker = os.urandom(16)
        self._switched = threading.Event()
        self._kept: Bounded | None = None
        self._next: Bounded | None = None
        self._descriptor = descriptor
        self._shown = os.dup(descriptor)
        os.dup2(self._write, descriptor)
        threading.Thread(target=self._copy, name=f"cellmill-capture-{descriptor}", daemon=True).start()

    def switch(self, kept: Bounded | None) -> int:
        """Copy there from now on, behind all that was written before; return the size of what was kept until now."""
        self._next = kept
        self._switched.clear()
        os.write(self._write, self._marker)
        self._switched.wait(5.0)
        return self._last_size

    def close(self) -> None:
        """Give the descriptor back; the copying ends when the last child has closed its own."""
        self.switch(None)
        os.dup2(self._shown, self._descriptor)
        os.close(self._write)

    _last_size = 0

    def _copy(self) -> None:
        held = b""
        while True:
            part = os.read(self._read, 1 << 16)
            if not part:
                os.close(self._read)
                os.close(self._shown)
                return
            held += part
            before, found, after = held.partition(self._marker)
            if found:
                self._keep(before)
                self._change()
                held = after
            # the end may be the beginning of a marker that is not whole yet
            keep = _overlap(held, self._marker)
            self._keep(held[: len(held) - keep])
            held = held[len(held) - keep :]

    def _change(self) -> None:
        if self._kept is not None:
            self._kept.close()
        self._last_size = 0 if self._kept is None else self._kept.size
        self._kept = self._next
        self._switched.set()

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        data = redacted_bytes(data)
        room = LIMIT if self._kept is None else LIMIT - self._kept.size
        with contextlib.suppress(OSError):
            os.write(self._shown, data[: max(0, room)])
        if self._kept is not None:
            self._kept.write(data)


def _overlap(data: bytes, marker: bytes) -> int:
    """Return how many bytes at the end of `data` are the beginning of `marker`."""
    for length in range(min(len(data), len(marker) - 1), 0, -1):
        if data.endswith(marker[:length]):
            return length
    return 0


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
