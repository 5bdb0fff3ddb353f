"""The processes of a run: found by group and by their environment, asked to stop, then made to.

Every process that a run starts carries `CELLMILL_RUN_ID`, so that even one that left the group with `setsid` is found.
One that was forked before its run was known has the run's log as its output instead.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

#: The environment variable that marks every process of a run.
RUN_ID_VARIABLE = "CELLMILL_RUN_ID"
#: Seconds between SIGINT and SIGTERM, and between SIGTERM and SIGKILL.
INTERRUPT_GRACE_S = 8.0
#: What asks a run's supervisor to stop it. A process that will become one keeps them waiting from its fork until it can
#: take them: before, they would end it with the run's end unwritten.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TERMINATE_GRACE_S = 3.0


def processes_of_run(run_id: str) -> Iterator[int]:
    """Yield the ids of the living processes that carry this run's id, but for the calling process."""
    wanted = f"{RUN_ID_VARIABLE}={run_id}".encode()
    log = f"/runs/{run_id}/worker.log"
    own = os.getpid()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == own:
            continue
        with contextlib.suppress(OSError):
            carries = wanted in (entry / "environ").read_bytes().split(b"\0")
            if (carries or os.readlink(entry / "fd" / "1").endswith(log)) and process_state(int(entry.name)) != "Z":
                yield int(entry.name)


def sweep(run_id: str) -> int:
    """Kill every process that still carries this run's id; return how many there were."""
    killed = 0
    # a process may fork while we look: look again until a round finds none
    for _ in range(20):
        found = list(processes_of_run(run_id))
        if not found:
            break
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        time.sleep(0.01)
    return killed


def process_state(pid: int) -> str | None:
    """Return the letter of the process's state (R, S, D, T, Z …); None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return None


def process_started_at(pid: int) -> int | None:
    """Return when the process started, in clock ticks since boot: with its id it names one process for ever."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def is_frozen(pid: int) -> bool:
    """Return True while the process is stopped (SIGSTOP), when it can neither work nor notice that it lost its
    lease.
    """
    return process_state(pid) in ("T", "t")


def signal_group(leader: int, number: int) -> bool:
    """Send a signal to the group that `leader` leads; False when it is gone."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def wait_for(pidfd: int, timeout_s: float | None) -> bool:
    """Return True once the process behind `pidfd` has ended, False after `timeout_s`."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000))
