"""The server behind warm kernels: imports modules once, then forks one fresh kernel for each request."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any, NoReturn

from cellmill.execution.notebook import cold_kernel

#: Seconds without a kernel or a request after which the server leaves.
IDLE_S = 300.0
#: Kernels of one server that may live at once.
MOST_KERNELS = 8
#: Part of the machine's memory that must be free for another kernel.
_FREE_MEMORY = 0.05
#: What a kernel imports while it starts and runs its first cell; importing it before the fork saves half of the start.
_KERNEL_MODULES = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.displayhook", "ipykernel.iostream",
    "ipykernel.debugger", "ipykernel.comm", "ipykernel.comm.comm", "ipykernel.comm.manager",
    "ipykernel.subshell_manager",
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.debugger_backport", "IPython.core.oinspect",
    "IPython.core.ultratb", "IPython.core.tbtools", "IPython.core.magics", "IPython.core.historyapp", "IPython.display",
    "IPython.extensions.storemagic", "IPython.utils.wildcard", "IPython.utils.PyColorize", "pygments.lexers.python",
    "pygments.formatters.terminal256", "stack_data", "executing", "asttokens", "pdb", "code", "cmd", "bdb",
    "faulthandler",
    "sqlite3", "tornado.gen", "tornado.locks", "tornado.queues", "tornado.platform.asyncio", "unicodedata",
    "concurrent.futures.thread", "asyncio.base_events", "encodings.idna",
)  # fmt: skip
#: What the kernel imports besides, once the notebook imports a package.
_COMPANIONS = {"matplotlib": ("matplotlib_inline.backend_inline",)}


class ForkServer:
    """Answers requests on a Unix socket and watches over the kernels that it forked."""

    def __init__(self, address: Path, idle_s: float) -> None:
        self._address = address
        self._idle_s = idle_s
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._kernels: dict[int, socket.socket] = {}
        self._pending: dict[int, tuple[socket.socket, bytearray]] = {}
        self._wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._stopping = self._retired = False

    def serve(self, ready_fd: int) -> None:
        """Serve until idle, stopped or retired; tells `ready_fd` once requests can come."""
        old = os.umask(0o077)
        self._address.unlink(missing_ok=True)
        self._listener.bind(str(self._address))
        os.umask(old)
        self._listener.listen(16)
        inode = self._address.stat().st_ino
        os.write(ready_fd, b"1")
        os.close(ready_fd)
        used_at = time.monotonic()
        while not self._stopping and (self._kernels or not self._retired):
            poller = select.poll()
            sockets = {one.fileno(): one for one in self._kernels.values()}
            listening = () if self._retired else (self._listener.fileno(),)
            for descriptor in (*listening, self._wake, *self._pending, *sockets):
                poller.register(descriptor, select.POLLIN)
            idle_left = None if self._kernels else max(0.0, used_at + self._idle_s - time.monotonic())
            events = poller.poll(None if idle_left is None else idle_left * 1000 + 1)
            self._reap()
            for descriptor, _ in events:
                used_at = time.monotonic()
                self._handle(descriptor)
            if not events and not self._kernels and time.monotonic() - used_at >= self._idle_s:
                break
        self.end(inode)

    def _handle(self, descriptor: int) -> None:
        if descriptor == self._wake:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 4096)
        elif descriptor == self._listener.fileno():
            link, _ = self._listener.accept()
            self._pending[link.fileno()] = (link, bytearray())
        elif descriptor in self._pending:
            self._read_request(descriptor)
        else:
            self._client_spoke(descriptor)

    def _read_request(self, descriptor: int) -> None:
        link, received = self._pending[descriptor]
        part = link.recv(1 << 20)
        received += part
        if part and not received.endswith(b"\n"):
            return
        del self._pending[descriptor]
        if not part:
            link.close()
            return
        request = json.loads(received)
        if request.get("stop"):
            self._stopping = True
            link.close()
        elif request.get("retire"):
            self._retire()
            link.close()
        elif len(self._kernels) >= MOST_KERNELS or not memory_is_free():
            link.sendall(b"refused 0\n")
            link.close()
        else:
            self._kernels[self.give(link, request)] = link

    def _retire(self) -> None:
        """Take no more requests, and leave behind the last kernel."""
        self._retired = True
        self._address.unlink(missing_ok=True)
        self._listener.close()

    def give(self, link: socket.socket, request: dict[str, Any]) -> int:
        """Have a kernel answer on `link`, and return its process id."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            self._become_kernel(link, request)
        return pid

    def _become_kernel(self, link: socket.socket, request: dict[str, Any]) -> NoReturn:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in [self._listener, *self._kernels.values(), *(pending for pending, _ in self._pending.values())]:
            one.close()
        os.close(self._wake)
        run_kernel(link, request)

    def _client_spoke(self, descriptor: int) -> None:
        """A client that closes its end wants its kernel gone; it says nothing else."""
        for pid, link in self._kernels.items():
            if link.fileno() == descriptor:
                with contextlib.suppress(OSError):
                    if link.recv(64):
                        return
                kill_group(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
                link.close()
                del self._kernels[pid]
                return

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.gone(pid)
            link = self._kernels.pop(pid, None)
            kill_group(pid)
            if link is not None:
                with contextlib.suppress(OSError):
                    link.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
                link.close()

    def gone(self, pid: int) -> None:
        """Note that a process of this server has ended."""

    def end(self, inode: int) -> None:
        """Kill what is left, and give the address back where it is still ours."""
        for pid in self._kernels:
            kill_group(pid)
        with contextlib.suppress(OSError):
            if self._address.stat().st_ino == inode:
                self._address.unlink()


def run_kernel(link: socket.socket, request: dict[str, Any]) -> NoReturn:
    """Run one kernel in this forked process, until it is shut down."""
    try:
        _settle(request)
        # in the forked kernel: the environment that it reads is settled now
        from ipykernel.kernelapp import IPKernelApp

        folder = Path(request["folder"])
        file = folder / "connection.json"
        file.write_text(json.dumps(request["connection"]))
        app = IPKernelApp.instance()
        app.initialize(
            ["-f", str(file), "--HistoryManager.enabled=False", f"--IPKernelApp.parent_handle={os.getppid()}"]
        )
        cold_kernel.reveal()
        atexit.register(cold_kernel.stop_here)
        link.sendall(b"ready %d\n" % os.getpid())
        link.close()
        app.start()
    finally:
        # never unwind into the server's frames
        cold_kernel.leave()
    raise AssertionError


def _settle(request: dict[str, Any]) -> None:
    """Make the forked process the notebook's own: its folder, its environment, its output, its own randomness."""
    log = os.open(Path(request["folder"]) / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    if request["cwd"]:
        os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.argv = [sys.argv[0]]
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    gc.unfreeze()


def kill_group(leader: int) -> None:
    """Kill the process group that `leader` leads; nothing when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def memory_is_free() -> bool:
    """Return False where another kernel would take the machine's last memory."""
    try:
        facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        available, total = (int(facts[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
    except (OSError, KeyError, ValueError):
        return True
    return available > total * _FREE_MEMORY


def prepare(modules: list[str]) -> None:
    """Import what the notebook's kernels will import."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cold_kernel.prepare()
    tops = {name.partition(".")[0] for name in modules}
    companions = [name for top in sorted(tops) for name in _COMPANIONS.get(top, ())]
    for name in (*_KERNEL_MODULES, *modules, *companions):
        # a module that cannot be imported is the notebook's own affair: its cell shows the error
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main(argv: list[str]) -> int:
    """Import what the command line names, then serve; as a pool of started kernels where forking is not safe."""
    address, ready_fd, *modules = argv
    if os.fork():
        os._exit(0)
    if sys.path and sys.path[0] == os.getcwd():
        del sys.path[0]
    forking = sys.platform != "darwin"
    if forking:
        prepare(modules)
    if not forking or threading.active_count() > 1:
        print("kernels cannot be forked safely:", sys.platform, threading.enumerate(), flush=True)
        os.execv(sys.executable, [sys.executable, "-m", "cellmill.execution.notebook.standby", *argv])
    server = ForkServer(Path(address), float(os.environ.get("CELLMILL_WARM_IDLE_S", IDLE_S)))
    gc.collect()
    gc.freeze()
    server.serve(int(ready_fd))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
