"""Starting the process of a run, and keeping the truth about it when that process cannot.

A launch starts one small supervisor, which forks the worker into a session and process group of its own before
anything heavy is
imported.  The supervisor renews the run's lease (from outside, so a worker that holds the interpreter's lock for
minutes is never
believed dead), passes a request to stop on to the worker in three steps of growing force, writes the final state when
the worker
died without one, and leaves no process of the run behind.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from cellmill import PORTS
from cellmill.execution.notebook.ends import death_of_process
from cellmill.execution.process_group import (
    INTERRUPT_GRACE_S,
    RUN_ID_VARIABLE,
    STOP_SIGNALS,
    TERMINATE_GRACE_S,
    is_frozen,
    process_started_at,
    signal_group,
    sweep,
    wait_for,
)
from cellmill.execution.spare import ForkedProcess, SpareProcess

#: Seconds for which a renewal keeps a run; a run whose lease is over is taken for crashed.
LEASE_S = 30.0
LEASE_VARIABLE = "CELLMILL_LEASE_S"
#: The incarnation that holds the lease of the run, for the worker to write with.
OWNER_VARIABLE = "CELLMILL_RUN_OWNER"
#: The function that works on a run in the forked process.
WORKER = f"cellmill.{PORTS['execution.run_process.Worker']}:main"
#: Seconds between two looks for a request to stop that came through the instance.
_STOP_CHECK_S = 2.0


class Ledger(Protocol):
    """What a supervisor tells the instance, and asks it, about its run."""

    def renew(self, lease_s: float) -> bool:
        """Keep the lease for `lease_s` seconds more; False when another owner has taken the run."""

    def stop_requested(self) -> bool:
        """Return True when somebody asked for the run to stop."""

    def ended(self) -> bool:
        """Return True when the run has its final state."""

    def record_end(self, *, cancelled: bool, reason: str) -> None:
        """Write the final state, unless there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchedRun:
    """A run that was given a process."""

    run_id: str
    #: The supervisor's process id; SIGTERM or SIGINT to it cancels the run.
    pid: int
    owner: str
    process: subprocess.Popen[bytes] | ForkedProcess | None = None

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Return the supervisor's exit status once the run is over; None when it goes on after `timeout_s`."""
        if self.process is None:
            return None
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def cancel(self) -> None:
        """Ask the supervisor to stop the run."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


def make_owner(pid: int | None = None) -> str:
    """Return a name for one incarnation of a process: host, process id, its start and something random."""
    number = os.getpid() if pid is None else pid
    return f"{os.uname().nodename}:{number}:{process_started_at(number)}:{uuid.uuid4().hex[:8]}"


def owner_pid(owner: str) -> int | None:
    """Return the process id of an owner that lives on this host and still is the same process; else None."""
    parts = owner.split(":")
    if len(parts) != 4 or parts[0] != os.uname().nodename or not parts[1].isdigit():
        return None
    pid = int(parts[1])
    return pid if str(process_started_at(pid)) == parts[2] else None


def launch_run(
    run_id: str,
    *,
    home: str | os.PathLike[str],
    attempt: int = 1,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    log_path: str | os.PathLike[str] | None = None,
    worker: str = WORKER,
    arguments: Sequence[str] = (),
    lease_s: float | None = None,
    spare: SpareProcess | None = None,
) -> LaunchedRun:
    """Start the worker of `run_id` in a process group of its own and return without waiting for it.

    `home` is the instance's folder or URL; `worker` names the function (``package.module:name``) that runs in the
    forked worker
    with ``[run_id, "--home", home, "--attempt", attempt, *arguments]`` and returns an exit status. A `spare` process
    is used where there is one, else a new interpreter is started.
    """
    own = {**(env or {}), RUN_ID_VARIABLE: run_id}
    if lease_s is not None:
        own[LEASE_VARIABLE] = str(lease_s)
    argv = [run_id, str(home), str(attempt), worker, *arguments]
    path = os.fspath(log_path) if log_path is not None else None
    ready = spare.start(argv, cwd=cwd, env=own, log_path=path) if spare is not None else None
    process = ready or _started(argv, cwd, {**os.environ, **own}, path)
    return LaunchedRun(run_id=run_id, pid=process.pid, owner=make_owner(process.pid), process=process)


def _started(
    argv: Sequence[str], cwd: str | os.PathLike[str] | None, env: Mapping[str, str], log_path: str | None
) -> subprocess.Popen[bytes]:
    log = open(log_path, "ab", opener=open_private) if log_path is not None else None
    # inherited: a stop that comes while the new interpreter starts waits until its supervisor takes it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "cellmill.execution.run_process", *argv],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log if log is not None else subprocess.DEVNULL,
            stderr=log if log is not None else subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if log is not None:
            log.close()


def supervise(
    run_id: str,
    work: Callable[[], int | None],
    ledger: Callable[[], Ledger],
    *,
    lease_s: float = LEASE_S,
    interrupt_grace_s: float = INTERRUPT_GRACE_S,
) -> int:
    """Fork, run `work` in the child's own process group, and stay with it to the end; return its exit status.

    `ledger` is called (and so the instance opened) only when there is something to write: a short run that ends well
    never pays for
    it.  Call it from a process that has no threads yet.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    stops: list[int] = []
    # until each side has its own handlers: a worker that was forked with the supervisor's would swallow its interrupt
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda received, _: stops.append(received))
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    sys.stdout.flush()
    sys.stderr.flush()
    returned, says_returned = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        for descriptor in (reader, writer, returned):
            os.close(descriptor)
        _work(work, says_returned)
    os.close(says_returned)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    return _Supervisor(run_id, pid, reader, returned, stops, ledger, lease_s, interrupt_grace_s).watch()


def _work(work: Callable[[], int | None], says_returned: int) -> NoReturn:
    """Run the worker in this forked process, alone in a new session; say so when it came back by itself."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status: int | None = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        status = work()
        os.write(says_returned, b"1")
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        # daemon threads and half-open libraries shall not keep or spoil the end of a run whose state is written
        os._exit(status or 0)


class _Supervisor:
    """Stays with one worker process until nothing of its run is left."""

    def __init__(
        self,
        run_id: str,
        pid: int,
        wake: int,
        returned: int,
        stops: list[int],
        ledger: Callable[[], Ledger],
        lease_s: float,
        interrupt_grace_s: float,
    ) -> None:
        self._run_id = run_id
        self._pid = pid
        self._pidfd = os.pidfd_open(pid)
        self._wake = wake
        self._returned = returned
        self._stops = stops
        self._open_ledger = ledger
        self._ledger: Ledger | None = None
        self._lease_s = lease_s
        self._grace_s = interrupt_grace_s
        self._cancelled = False
        self._lost = False

    def watch(self) -> int:
        """Wait for the worker, renewing and listening; then clean up and return its status."""
        next_beat = time.monotonic() + self._lease_s / 3
        while not self._rest_until(next_beat):
            if self._stops and not self._cancelled:
                self._cancel()
                break
            if time.monotonic() >= next_beat:
                if not self._beat():
                    break
                next_beat = time.monotonic() + min(self._lease_s / 3, _STOP_CHECK_S if self._ledger else self._lease_s)
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        signal_group(self._pid, signal.SIGKILL)
        sweep(self._run_id)
        if not self._lost and not self._came_back():
            self._settle(code)
        return code

    def _came_back(self) -> bool:
        """Return True when the worker's function returned, which it does only after it wrote the final state."""
        try:
            return os.read(self._returned, 1) == b"1"
        except BlockingIOError:
            return False

    def _rest_until(self, instant: float) -> bool:
        """Return True when the worker ended, False when it is time to look around."""
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        poller.register(self._wake, select.POLLIN)
        events = dict(poller.poll(max(0.0, instant - time.monotonic()) * 1000))
        if self._wake in events:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 512)
        return self._pidfd in events

    def _book(self) -> Ledger:
        if self._ledger is None:
            self._ledger = self._open_ledger()
        return self._ledger

    def _beat(self) -> bool:
        """Renew the lease; False when the worker must be ended."""
        if is_frozen(self._pid):
            return True
        book = self._book()
        if not book.renew(self._lease_s):
            self._lost = True
            print(f"run {self._run_id}: another worker has taken this run; this one ends", flush=True)
            signal_group(self._pid, signal.SIGKILL)
            return False
        if book.stop_requested():
            self._cancel()
            return False
        return True

    def _cancel(self) -> None:
        """Interrupt, then terminate, then kill; each step waits for the one before."""
        self._cancelled = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGINT)
        if wait_for(self._pidfd, self._grace_s):
            return
        signal_group(self._pid, signal.SIGTERM)
        if wait_for(self._pidfd, TERMINATE_GRACE_S):
            return
        signal_group(self._pid, signal.SIGKILL)
        wait_for(self._pidfd, None)

    def _settle(self, code: int) -> None:
        book = self._book()
        if book.ended():
            return
        if self._cancelled:
            book.record_end(cancelled=True, reason="The run was cancelled.")
            return
        book.record_end(
            cancelled=False, reason=f"The run's worker ended before the run did: {death_of_process(code)[1]}."
        )


def open_private(path: str, flags: int) -> int:
    """Open a file that, where it is made, only its owner can read, whatever the umask."""
    return os.open(path, flags, 0o600)


def log_path_of(home: str | os.PathLike[str], run_id: str) -> Path:
    """Return where the raw output of a run's processes goes."""
    return Path(home) / "runs" / run_id / "worker.log"
