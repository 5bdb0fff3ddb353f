"""Children that a fault test forks, kills and counts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from cellmill import faults


def fork_child(
    work: Callable[[], object], *, crash_at: str | None = None, action: str = "kill9", start_at: float | None = None
) -> int:
    """Fork a child that does `work`, dying at a fault point when asked to; return its process id.

    The parent must hold no open connection.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        faults.disarm()
        if crash_at is not None:
            faults.arm(crash_at, action)
        while start_at is not None and time.time() < start_at:
            pass
        work()
        status = 0
    except faults.InjectedFault:
        status = 3
    finally:
        os._exit(status)


def join(pid: int) -> int:
    """Wait for a child; its exit code, or the negative number of the signal that ended it."""
    _, status = os.waitpid(pid, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


KILLED = -signal.SIGKILL
