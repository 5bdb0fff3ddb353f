"""The ipykernel of an unattended run: the ordinary one, without debugger support, history file and their start-up
time.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from types import ModuleType
from typing import Any

#: What to run in the kernel, unseen, to end it.
LEAVE = "__import__('cellmill.execution.notebook.cold_kernel', fromlist=['leave']).leave()"


def prepare() -> None:
    """Make what follows start faster: nobody attaches a debugger to an unattended run."""
    modules: dict[str, Any] = sys.modules
    for name in ("debugpy", "rfc3987_syntax"):
        modules.setdefault(name, None)


def reveal() -> None:
    """Let user code import what `prepare` hid."""
    for name in ("debugpy", "rfc3987_syntax"):
        if sys.modules.get(name, ModuleType) is None:
            del sys.modules[name]


def leave() -> None:
    """End this kernel's process: wait for the user's own threads, run the user's exit handlers, then stop without
    ceremony.

    ipykernel's own shutdown waits a tenth of a second for politeness and sometimes for ever for its sockets;
    everything that the
    cells showed has been delivered when this is called.
    """
    with contextlib.suppress(BaseException):
        vars(threading)["_shutdown"]()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    stop_here()


def stop_here() -> None:
    """Flush and end the process, before the exit handlers that were registered earlier than this one."""
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(BaseException):
            if stream is not None:
                stream.flush()
    os._exit(0)


def main(argv: list[str] | None = None) -> None:
    """Run one kernel until it is shut down."""
    prepare()
    # after what slows it down was hidden
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize([*(sys.argv[1:] if argv is None else argv), "--HistoryManager.enabled=False"])
    reveal()
    atexit.register(stop_here)
    app.start()


if __name__ == "__main__":
    if sys.path and sys.path[0] == os.getcwd():
        del sys.path[0]
    main()
