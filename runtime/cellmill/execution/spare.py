"""A process that is ready before it is known which run it will supervise.

A command line forks it once its modules are imported and before it opens a database; while the command reads the
workspace and records the run, the spare imports what a run's worker needs besides. So the run's processes share the
imports of the command, and start beside it. It must be forked without threads and without an open connection: SQLite's
locks do not survive a fork.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from cellmill.execution.process_group import STOP_SIGNALS, wait_for

#: Bytes read at a time of the order that a spare is waiting for.
_CHUNK = 65_536


class ForkedProcess:
    """A child that was forked here; waits like `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)
        self._status: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status.

        Args:
            timeout: Seconds to wait at most; None waits until the end.

        Raises:
            subprocess.TimeoutExpired: where the process still runs.
        """
        if self._status is None:
            if not wait_for(self._pidfd, timeout):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            _, status = os.waitpid(self.pid, 0)
            self._status = os.waitstatus_to_exitcode(status)
            os.close(self._pidfd)
        return self._status


class SpareProcess:
    """A forked child that waits for a command; used once."""

    def __init__(self, pid: int, orders: int) -> None:
        self._process = ForkedProcess(pid)
        self._orders = orders

    def start(
        self, argv: Sequence[str], *, cwd: str | os.PathLike[str] | None, env: Mapping[str, str], log_path: str | None
    ) -> ForkedProcess | None:
        """Let the child carry out `argv`, as `run_process.main` does; None where it is gone."""
        order = {"argv": list(argv), "cwd": os.fspath(cwd or os.getcwd()), "env": dict(env), "log": log_path}
        try:
            with open(self._orders, "wb") as pipe:
                pipe.write(json.dumps(order).encode())
        except OSError:
            return None
        return self._process

    def discard(self) -> None:
        """Let the child go without a run."""
        with contextlib.suppress(OSError):
            os.close(self._orders)
        self._process.wait()


def fork_spare(prepare: Callable[[], object], carry_out: Callable[[Sequence[str]], int]) -> SpareProcess | None:
    """Return a spare process; None where a fork is not safe.

    Args:
        prepare: What the child does before it has an order: imports what it will need.
        carry_out: What the child does with the arguments that it is ordered to take; returns its exit status.
    """
    if threading.active_count() > 1 or sys.platform != "linux":
        return None
    reader, writer = os.pipe2(os.O_CLOEXEC)
    sys.stdout.flush()
    sys.stderr.flush()
    # the child leaves them blocked until it supervises: neither the command's handlers nor its frames are the child's
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            _wait_for_order(reader, prepare, carry_out)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.close(reader)
    return SpareProcess(pid, writer)


def _wait_for_order(reader: int, prepare: Callable[[], object], carry_out: Callable[[Sequence[str]], int]) -> NoReturn:
    """Import what a worker needs, take the order, and carry it out; an end of the pipe without one is the end."""
    status = 1
    try:
        os.setsid()
        # beside the command that reads the workspace meanwhile; a broken installation shows when the run begins
        with contextlib.suppress(Exception):
            prepare()
        received = b"".join(iter(lambda: os.read(reader, _CHUNK), b""))
        if received:
            order = json.loads(received)
            _settle(order)
            status = carry_out(order["argv"])
        else:
            status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        # never unwind into the command's frames
        os._exit(status if status >= 0 else 128 - status)


def _settle(order: Mapping[str, object]) -> None:
    """Make the process what a started one would be: its folder, its environment, its output."""
    nothing = os.open(os.devnull, os.O_RDWR)
    log = nothing
    if order["log"] is not None:
        log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    for descriptor in {nothing, log}:
        os.close(descriptor)
    folder = str(order["cwd"])
    os.chdir(folder)
    sys.path.insert(0, folder)
    env = order["env"]
    assert isinstance(env, dict)
    os.environ.update(env)
