"""The pool behind warm kernels where forking is not safe: processes that have imported the modules wait to be a kernel.

A thread does not survive a fork, so a module that starts one when it is imported (and every module on macOS) cannot be
imported ahead of one.  Here each kernel is a process of its own from the start; the pool keeps a few ahead of demand.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from cellmill.execution.notebook.forkserver_main import (
    IDLE_S,
    ForkServer,
    kill_group,
    memory_is_free,
    prepare,
    run_kernel,
)

#: Kernels kept ready.
SPARES = 2
#: Bytes of the longest request.
_LARGEST_REQUEST = 1 << 20


class StandbyServer(ForkServer):
    """Answers as the fork server does, and gives each request a process that was started for it before."""

    def __init__(self, address: Path, idle_s: float, modules: list[str]) -> None:
        super().__init__(address, idle_s)
        self._modules = modules
        self._spares: dict[int, socket.socket] = {}
        self._fill()

    def give(self, link: socket.socket, request: dict[str, Any]) -> int:
        """Hand the request and its link to the spare that was started first."""
        if not self._spares:
            self._start()
        pid = next(iter(self._spares))
        with self._spares.pop(pid) as channel, contextlib.suppress(OSError):
            socket.send_fds(channel, [json.dumps(request).encode()], [link.fileno()])
        self._fill()
        return pid

    def gone(self, pid: int) -> None:
        """Forget a spare that has ended; the next request starts another."""
        channel = self._spares.pop(pid, None)
        if channel is not None:
            channel.close()

    def end(self, inode: int) -> None:
        """Kill the spares as well."""
        for pid in self._spares:
            kill_group(pid)
        super().end(inode)

    def _fill(self) -> None:
        while len(self._spares) < SPARES and memory_is_free():
            self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.set_inheritable(True)
        pid = os.fork()  # this process has no threads, and the child becomes another program at once
        if pid == 0:
            with contextlib.suppress(OSError):
                os.setsid()
                me = "cellmill.execution.notebook.standby"
                os.execv(sys.executable, [sys.executable, "-m", me, "--spare", str(theirs.fileno()), *self._modules])
            os._exit(1)
        theirs.close()
        self._spares[pid] = ours


def wait_to_be_a_kernel(descriptor: int, modules: list[str]) -> NoReturn:
    """Import the modules, then be the kernel that is asked for; leave when the pool does."""
    prepare(modules)
    with socket.socket(fileno=descriptor) as channel:
        data, links, _, _ = socket.recv_fds(channel, _LARGEST_REQUEST, 1)
    if not data:
        os._exit(0)
    run_kernel(socket.socket(fileno=links[0]), json.loads(data))


def main(argv: list[str]) -> int:
    """Serve; or, as `--spare`, wait to be a kernel."""
    if sys.path and sys.path[0] == os.getcwd():
        del sys.path[0]
    if argv[0] == "--spare":
        wait_to_be_a_kernel(int(argv[1]), argv[2:])
    address, ready_fd, *modules = argv
    os.set_inheritable(int(ready_fd), False)
    server = StandbyServer(Path(address), float(os.environ.get("CELLMILL_WARM_IDLE_S", IDLE_S)), modules)
    server.serve(int(ready_fd))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
