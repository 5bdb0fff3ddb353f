"""Workers that die, freeze, hang or refuse to stop: what a run's supervisor must cope with."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cellmill.errors import LeaseLostError
from cellmill.instance.instance import Instance
from cellmill.planning.event import Event, EventType


def _arguments(argv: list[str]) -> tuple[str, str, int, str]:
    run_id, _, home, _, attempt, *rest = argv
    return run_id, home, int(attempt), rest[0] if rest else ""


def _started(argv: list[str]) -> tuple[Instance, str, int]:
    run_id, home, attempt, _ = _arguments(argv)
    instance = Instance.get(home)
    instance.run_writer(run_id, attempt).append([Event(EventType.RUN_START, run_id, time.time())])
    return instance, run_id, attempt


def die(argv: list[str]) -> int:
    """Ends in the middle of its work, in the way its argument says."""
    _started(argv)
    how = _arguments(argv)[3]
    if how == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "segfault":
        ctypes.string_at(0)
    os._exit(int(how))


def succeed_after_freeze(argv: list[str]) -> int:
    """Announces that it is ready to be frozen, then writes its success."""
    instance, run_id, attempt = _started(argv)
    folder = Path(_arguments(argv)[3])
    (folder / "pid").write_text(str(os.getpid()))
    while not (folder / "go").exists():
        time.sleep(0.01)
    try:
        instance.run_writer(run_id, attempt).append([Event(EventType.RUN_SUCCESS, run_id, time.time())])
    except LeaseLostError:
        (folder / "refused").write_text("yes")
        return 4
    return 0


def hold_the_interpreter(argv: list[str]) -> int:
    """Keeps the interpreter's lock for longer than a lease, then succeeds."""
    instance, run_id, attempt = _started(argv)
    # a function of the process itself, called without giving the lock away
    ctypes.PyDLL(None).usleep(int(_arguments(argv)[3]))
    instance.run_writer(run_id, attempt).append([Event(EventType.RUN_SUCCESS, run_id, time.time())])
    return 0


def refuse_to_stop(argv: list[str]) -> int:
    """Ignores every polite signal and has a child that left the process group."""
    _started(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    Path(_arguments(argv)[3], "pid").write_text(str(os.getpid()))
    while True:
        time.sleep(1)


def execute_notebook(argv: list[str]) -> int:
    """Executes the notebook that its argument names, with artifacts beside it."""
    from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step

    _started(argv)
    path = Path(_arguments(argv)[3])
    (path.parent / "worker.pid").write_text(str(os.getpid()))
    run_notebook_step(NotebookStepRequest(path=path, artifacts=path.parent / "artifacts", warm=False))
    return 0


def die_in_a_notebook(argv: list[str]) -> int:
    """Executes the notebook that its argument names, with the run's own folder for what it leaves."""
    from cellmill.execution.launcher import log_path_of
    from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step

    instance, run_id, _ = _started(argv)
    artifacts = log_path_of(instance.home, run_id).parent
    run_notebook_step(NotebookStepRequest(path=Path(_arguments(argv)[3]), artifacts=artifacts, warm=False))
    return 0
