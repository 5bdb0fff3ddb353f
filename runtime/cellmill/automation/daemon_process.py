"""Starting the daemon in a process of its own, and telling those on this machine to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from cellmill.automation.daemon import daemon_status
from cellmill.errors import InvariantViolationError
from cellmill.instance.instance import Instance

#: What the daemon says is kept here, in the instance's folder.
LOG_NAME = "daemon.log"
#: Seconds until a daemon that was started must have given a sign of life, and until one that was told to stop is gone.
PATIENCE_S = 30.0
#: Seconds between two looks.
_LOOK_S = 0.1
_TOLD_BYTES = 2000


def running_daemons(instance: Instance) -> dict[str, int]:
    """The process id of each daemon that lives, by its owner's name, as `host:pid:id`."""
    return {loop.owner: int(loop.owner.split(":")[1]) for loop in daemon_status(instance) if loop.healthy}


def start_daemon(instance: Instance, *, workspace: Path, home: Path, patience_s: float = PATIENCE_S) -> int:
    """Start a daemon that outlives this process, and return its process id once it gives a sign of life.

    Args:
        instance: The instance that it works on.
        workspace: Folder or file of the workspace that it watches.
        home: The instance's folder; what the daemon says goes into `daemon.log` there.
        patience_s: Seconds within which it must give a sign of life.

    Raises:
        InvariantViolationError: where one runs already, or where it ends at once, with what it said.
    """
    if running_daemons(instance):
        raise InvariantViolationError("A daemon is running already.")
    command = [sys.executable, "-m", "cellmill", "--workspace", str(workspace), "--home", str(home), "daemon"]
    log_path = home / LOG_NAME
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, close_fds=True
        )
    # Somebody must take note of its end, or its number stays in the table of processes.
    threading.Thread(target=process.wait, name="cellmill-daemon-end", daemon=True).start()
    deadline = time.monotonic() + patience_s
    while process.pid not in running_daemons(instance).values():
        if process.poll() is not None or time.monotonic() > deadline:
            said = log_path.read_bytes()[-_TOLD_BYTES:].decode(errors="replace").strip()
            raise InvariantViolationError(f"The daemon did not start; {log_path} ends with:\n{said}")
        time.sleep(_LOOK_S)
    return process.pid


def stop_daemons(instance: Instance, *, patience_s: float = PATIENCE_S) -> int:
    """Tell every daemon of this machine to stop, wait until each has, and return how many there were.

    Runs that go on are not stopped.

    Args:
        instance: The instance that they work on.
        patience_s: Seconds within which each must have ended.

    Raises:
        InvariantViolationError: where one runs on another machine, or will not end.
    """
    found = running_daemons(instance)
    here = os.uname().nodename
    away = sorted({owner.split(":")[0] for owner in found} - {here})
    if away:
        raise InvariantViolationError(f"A daemon runs on {', '.join(away)}: stop it there.")
    for pid in set(found.values()):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue  # it was killed; its heartbeat is not over yet
    deadline = time.monotonic() + patience_s
    while any(_lives(pid) for pid in found.values()):
        if time.monotonic() > deadline:
            raise InvariantViolationError("The daemon was told to stop and has not ended yet.")
        time.sleep(_LOOK_S)
    return len(set(found.values()))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
