"""Worker processes that carry out tasks one at a time, each watched by itself.

Every worker has its own pair of sockets, so one that is killed in the middle of a message harms nobody else, and the
task that it
had is known.  The parent waits on sockets and processes and never polls.  Workers are forked from this process where
that is safe:
what was imported and defined is there at once and nothing has to be pickled; else they are started anew by loky.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import random
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from cellmill.errors import ExecutionError, InvalidDefinitionError

#: What a worker does with a task; what it passes to its second argument arrives at the parent while it works.
Work = Callable[[Any, Callable[[Any], None]], Any]

_HEADER = struct.Struct("<Q")
_PR_SET_PDEATHSIG = 1
#: Seconds that workers get to end by themselves when the pool closes.
_CLOSE_GRACE_S = 10.0


class UnpicklableWork(InvalidDefinitionError):
    """What the worker processes need cannot be pickled; define it in a module, or use start_method "fork" or another
    executor.
    """

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(
            f"{what} cannot be sent to a worker process ({reason}). Define it at the top level of a module, or set "
            "the executor's "
            "start_method to 'fork', or use in_process_executor."
        )

    def __reduce__(self) -> tuple[type[UnpicklableWork], tuple[str, str]]:
        return type(self), (self.what, self.reason)


class UnpicklableResult(ExecutionError):
    """The result of a task cannot be pickled."""


@dataclass(frozen=True, slots=True)
class Said:
    """A task passed something on while it goes on."""

    task: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Done:
    """A task is finished."""

    task: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """A task raised; the engine's own code failed, since user code's errors are results."""

    task: Any
    error: BaseException


@dataclass(frozen=True, slots=True)
class Lost:
    """A task's worker is gone; `status` is its exit status (negative: the signal), `timed_out` that we killed it for
    its time.
    """

    task: Any
    status: int | None
    timed_out: bool = False


Message = Said | Done | Raised | Lost


@dataclass(slots=True)
class _Worker:
    pid: int
    pidfd: int
    link: socket.socket
    process: Any = None
    task: Any = None
    busy: bool = False
    deadline: float | None = None
    timed_out: bool = False
    received: bytearray = field(default_factory=bytearray)


class WorkerPool:
    """Up to `size` workers that perform `work`; the parent hands out tasks and takes messages, all from one thread."""

    def __init__(self, work: Work, size: int, *, start_method: str | None = None, what: str = "The job") -> None:
        self._work = work
        self._size = max(1, size)
        self._method = start_method or default_start_method()
        self._what = what
        self._workers: dict[int, _Worker] = {}
        self._messages: deque[Message] = deque()
        self._payload: bytes | None = None
        if self._method != "fork":
            self._payload = _pickled(work, what)

    @property
    def free(self) -> int:
        """How many more tasks can start now."""
        return self._size - sum(worker.busy for worker in self._workers.values())

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the living workers."""
        return tuple(worker.pid for worker in self._workers.values())

    def start(self, task: Any, timeout_s: float | None = None) -> int:
        """Give a task to a free worker and return the worker's process id.

        Args:
            task: What the worker's function gets.
            timeout_s: Seconds after which the worker is ended; None lets it work.

        Raises:
            RuntimeError: where no worker is free.
        """
        worker = next((one for one in self._workers.values() if not one.busy), None)
        if worker is None:
            if len(self._workers) >= self._size:
                raise RuntimeError("no worker is free")
            worker = self._add()
        worker.task = task
        worker.busy = True
        worker.timed_out = False
        worker.deadline = time.monotonic() + timeout_s if timeout_s else None
        data = pickle.dumps(task) if self._method == "fork" else _pickled(task, self._what)
        try:
            _send(worker.link, data)
        except OSError:
            self._lost(worker)
        return worker.pid

    def receive(self, timeout_s: float | None = None, extra_fd: int | None = None) -> list[Message]:
        """Return what workers say; empty when `timeout_s` is over or `extra_fd` became readable."""
        if not self._messages:
            self._wait(timeout_s, extra_fd)
        found = list(self._messages)
        self._messages.clear()
        return found

    def interrupt(self, task: Any = None) -> None:
        """Raise KeyboardInterrupt in one task, or in all."""
        for worker in self._workers.values():
            if worker.busy and (task is None or worker.task == task):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGINT)

    def close(self, *, in_error: bool = False) -> None:
        """End the workers: idle ones by themselves, with what they opened; busy ones at once, with what they started.

        `in_error` ends what idle ones started, too: an interrupted step has not seen to it.
        """
        for worker in self._workers.values():
            worker.link.close()
            if worker.busy:
                _kill_group(worker.pid)
        deadline = time.monotonic() + _CLOSE_GRACE_S
        for worker in self._workers.values():
            if not _ended(worker.pidfd, deadline - time.monotonic()) or in_error:
                _kill_group(worker.pid)
            self._reaped(worker)
        self._workers.clear()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(in_error=kind is not None)

    def _wait(self, timeout_s: float | None, extra_fd: int | None) -> None:
        poller = select.poll()
        places: dict[int, _Worker] = {}
        for worker in self._workers.values():
            for descriptor in (worker.link.fileno(), worker.pidfd):
                poller.register(descriptor, select.POLLIN)
                places[descriptor] = worker
        if extra_fd is not None:
            poller.register(extra_fd, select.POLLIN)
        deadlines = [worker.deadline for worker in self._workers.values() if worker.deadline is not None]
        waits = [timeout_s] if timeout_s is not None else []
        waits += [max(0.0, min(deadlines) - time.monotonic())] if deadlines else []
        events = poller.poll(min(waits) * 1000 + 1 if waits else None)
        touched = {places[descriptor].pid: places[descriptor] for descriptor, _ in events if descriptor in places}
        for worker in touched.values():
            self._read(worker)
        now = time.monotonic()
        for worker in list(self._workers.values()):
            if worker.deadline is not None and now >= worker.deadline and not worker.timed_out:
                worker.timed_out = True
                worker.deadline = None
                _kill_group(worker.pid)

    def _read(self, worker: _Worker) -> None:
        gone = _ended(worker.pidfd, 0)
        while True:
            try:
                part = worker.link.recv(1 << 20, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError:
                part = b""
            if not part:
                gone = True
                break
            worker.received += part
        self._parse(worker)
        if gone:
            self._lost(worker)

    def _parse(self, worker: _Worker) -> None:
        received, start = worker.received, 0
        while len(received) - start >= _HEADER.size:
            (length,) = _HEADER.unpack_from(received, start)
            if len(received) - start - _HEADER.size < length:
                break
            start += _HEADER.size
            kind, value = pickle.loads(bytes(received[start : start + length]))
            start += length
            self._messages.append(kind(worker.task, value))
            if kind is not Said:
                worker.busy = False
                worker.deadline = None
        del received[:start]

    def _lost(self, worker: _Worker) -> None:
        _ended(worker.pidfd, 1.0)
        _kill_group(worker.pid)
        status = self._reaped(worker)
        self._workers.pop(worker.pid, None)
        if worker.busy:
            worker.busy = False
            self._messages.append(Lost(worker.task, status, worker.timed_out))

    def _reaped(self, worker: _Worker) -> int | None:
        worker.link.close()
        os.close(worker.pidfd)
        if worker.process is not None:
            worker.process.join()
            return int(worker.process.exitcode)
        try:
            return os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        except ChildProcessError:
            return None

    def _add(self) -> _Worker:
        ours, theirs = socket.socketpair()
        worker = self._forked(ours, theirs) if self._method == "fork" else self._spawned(ours, theirs)
        theirs.close()
        self._workers[worker.pid] = worker
        return worker

    def _forked(self, ours: socket.socket, theirs: socket.socket) -> _Worker:
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            ours.close()
            for other in self._workers.values():
                other.link.close()
                os.close(other.pidfd)
            _serve(self._work, theirs)
        return _Worker(pid, os.pidfd_open(pid), ours)

    def _spawned(self, ours: socket.socket, theirs: socket.socket) -> _Worker:
        # 60 ms, where forking is not safe
        from loky.backend import get_context

        method = {"spawn": "loky", "forkserver": "loky"}.get(self._method, self._method)
        process = get_context(method).Process(target=_serve_pickled, args=(self._payload, theirs))
        process.start()
        return _Worker(process.pid, os.pidfd_open(process.pid), ours, process)


def default_start_method() -> str:
    """Return "fork" where forking is safe now (Linux, no other thread of Python), else "loky"."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "loky"


def _serve_pickled(payload: bytes, link: Any) -> None:
    _serve(pickle.loads(payload), link)


def _serve(work: Work, link: socket.socket) -> NoReturn:
    """Be a worker: perform tasks until the parent closes its end."""
    status = 1
    try:
        _settle()
        while True:
            data = _receive(link)
            if data is None:
                break
            _perform(work, pickle.loads(data), link)
        status = 0
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            getattr(work, "close", lambda: None)()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        # the parent's exit handlers, threads and connections are not this process's to end
        os._exit(status)


def _settle() -> None:
    os.setpgid(0, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _perform(work: Work, task: Any, link: socket.socket) -> None:
    try:
        result: tuple[type[Message], Any] = (Done, work(task, lambda value: _send(link, pickle.dumps((Said, value)))))
    except BrokenPipeError:
        raise
    except BaseException as error:
        result = (Raised, error)
    try:
        data = pickle.dumps(result)
        pickle.loads(data)
    except Exception as error:
        data = pickle.dumps((Raised, UnpicklableResult(f"{type(result[1]).__name__}: {result[1]!r}; {error}"[:2000])))
    _send(link, data)


def _send(link: socket.socket, data: bytes) -> None:
    link.sendall(_HEADER.pack(len(data)) + data)


def _receive(link: socket.socket) -> bytes | None:
    header = _exactly(link, _HEADER.size)
    return None if header is None else _exactly(link, _HEADER.unpack(header)[0])


def _exactly(link: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = link.recv(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


def _pickled(value: Any, what: str) -> bytes:
    # 20 ms, and most workers are forked and get nothing pickled
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as error:
        raise UnpicklableWork(what, f"{type(error).__name__}: {error}") from error


def _kill_group(leader: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(leader, signal.SIGKILL)


def _ended(pidfd: int, timeout_s: float) -> bool:
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(max(0.0, timeout_s) * 1000))


__all__: Sequence[str] = [
    "Done", "Lost", "Message", "Raised", "Said", "UnpicklableResult", "UnpicklableWork", "WorkerPool",
    "default_start_method",
]  # fmt: skip
