"""Warm kernels: a server that has imported a notebook's third-party modules forks a fresh kernel in milliseconds.

One server serves one environment and one set of modules; it has created no ZeroMQ context, event loop or thread
before it forks.  Where forking is not safe it keeps a few started kernels instead (`standby`).
Each kernel is used once.  The server goes when it was idle for a while, or behind its last kernel when the environment
has changed: that has another key, and so another server.
This module is the client's side; `cellmill.execution.notebook.forkserver_main` is the server's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cellmill.execution.notebook.cold_kernel import LEAVE
from cellmill.execution.notebook.kernel import private_connection, signal_group, wait_readable
from cellmill.execution.notebook.kernel_folder import KernelFolder
from cellmill.execution.notebook.wire import Connection

#: Set to 0 to have every kernel start cold.
SWITCH = "CELLMILL_WARM_KERNELS"
#: Servers that may live at once for one user; beyond it the one unused for longest is dropped.
MOST_SERVERS = 4
#: Seconds a new server gets to import its modules.
_START_TIMEOUT_S = 120.0
#: Seconds a forked kernel gets to bind its sockets.
_FORK_TIMEOUT_S = 20.0
#: Variables that decide what an import does; kernels that differ in one of them need another server.
_DECIDING = (
    "PYTHON",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "NUMEXPR_",
    "LD_",
    "CUDA",
    "MPL",
    "LANG",
    "LC_",
    "TZ",
    "ARROW_",
    "IPYTHON",
)


class WarmKernel:
    """A kernel forked from a server, which reports how it ended; it dies with the connection to us."""

    def __init__(self, link: socket.socket, connection: Connection, folder: KernelFolder, pid: int) -> None:
        self.name = "python3"
        self.connection = connection
        self.pid: int | None = pid
        self.leave_code: str | None = LEAVE
        self._link = link
        self._folder = folder
        self._status: int | None = None
        self.watch_fd: int | None = link.fileno()

    def poll(self) -> int | None:
        """Return the exit status once the server reported it."""
        if self._status is None and wait_readable(self._link.fileno(), 0):
            self._read_status()
        return self._status

    def interrupt(self) -> None:
        """Send SIGINT to the kernel's group."""
        if self.pid is not None:
            signal_group(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill the kernel's whole group."""
        if self.pid is not None:
            signal_group(self.pid, signal.SIGKILL)

    def wait(self, timeout_s: float) -> int | None:
        """Wait for the server's report."""
        if self._status is None and wait_readable(self._link.fileno(), timeout_s):
            self._read_status()
        return self._status

    def last_words(self) -> str:
        """Return the end of what the process wrote to its real stdout and stderr."""
        with contextlib.suppress(OSError):
            return (self._folder.path / "log").read_text(errors="replace")[-2000:].strip()
        return ""

    def close(self) -> None:
        """Kill what still runs and forget the kernel."""
        if self._status is None:
            self.kill()
        self._link.close()
        self._folder.close()

    def _read_status(self) -> None:
        try:
            answer = self._link.recv(64)
        except OSError:
            answer = b""
        # a server that is gone has taken its kernels with it
        self._status = int(answer) if answer.strip() else -signal.SIGKILL


def fork_kernel(
    modules: tuple[str, ...],
    *,
    cwd: str | None,
    env: Mapping[str, str],
    connection: Connection | None = None,
) -> WarmKernel | None:
    """Return a kernel forked from the server for `modules`, which is started if need be.

    None where no warm kernel is to be had.  Without a `connection` it listens on Unix sockets in a private folder.
    """
    if os.environ.get(SWITCH, "1") == "0" or not hasattr(os, "fork"):
        return None
    address = _folder() / f"{server_key(modules, env)}.sock"
    link = _connected(address) or _start_server(address, modules, env)
    if link is None:
        return None
    folder = KernelFolder()
    connection = connection or private_connection(folder.path)
    request = {"connection": connection.as_info("python3"), "folder": str(folder.path), "cwd": cwd, "env": dict(env)}
    try:
        link.sendall(json.dumps(request).encode() + b"\n")
        answer = _answer(link)
    except OSError:
        answer = None
    if answer is None:
        link.close()
        folder.close()
        return None
    return WarmKernel(link, connection, folder, answer)


def server_key(modules: tuple[str, ...], env: Mapping[str, str]) -> str:
    """Return the name of the server that fits: what was asked for, and the state of what is installed, a hash each."""
    deciding = sorted((name, value) for name, value in env.items() if name.startswith(_DECIDING))
    stamps = [(path, _stamp(path)) for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    own = Path(__file__).parents[2]
    asked: Any = [sys.executable, deciding, sorted(modules), str(own)]
    state: Any = [sys.version, stamps, _newest(own)]
    return "-".join(hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16] for facts in (asked, state))


def stop_servers(address: Path | None = None) -> None:
    """Ask one server, or all of this user, to leave at once; running kernels of theirs end too."""
    addresses = [address] if address is not None else list(_folder().glob("*.sock"))
    for one in addresses:
        link = _connected(one)
        if link is not None:
            with link, contextlib.suppress(OSError):
                link.sendall(b'{"stop": true}\n')
                wait_readable(link.fileno(), 2.0)


def retire_server(address: Path) -> None:
    """Let a server take no more requests; it leaves behind the last of its kernels."""
    link = _connected(address)
    if link is not None:
        with link, contextlib.suppress(OSError):
            link.sendall(b'{"retire": true}\n')
            wait_readable(link.fileno(), 2.0)


def _answer(link: socket.socket) -> int | None:
    """Return the process id of the forked kernel once it listens; None when the server refused or the kernel did not
    come up.
    """
    deadline = time.monotonic() + _FORK_TIMEOUT_S
    received = b""
    while not received.endswith(b"\n"):
        if not wait_readable(link.fileno(), deadline - time.monotonic()):
            return None
        part = link.recv(1)
        if not part:
            return None
        received += part
    word, _, number = received.decode().partition(" ")
    return int(number) if word == "ready" else None


def _start_server(address: Path, modules: tuple[str, ...], env: Mapping[str, str]) -> socket.socket | None:
    with _lock(address.with_suffix(".lock")):
        link = _connected(address)
        if link is not None:
            return link
        _drop_servers(address)
        reader, writer = os.pipe()
        command = [
            sys.executable,
            "-m",
            "cellmill.execution.notebook.forkserver_main",
            str(address),
            str(writer),
            *modules,
        ]
        clean = {
            name: value
            for name, value in env.items()
            if not name.startswith(("CELLMILL_RUN", "CELLMILL_SECRET", "JPY_"))
        }
        clean["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(Path(__file__).parents[3]), clean.get("PYTHONPATH", "")])
        )
        try:
            with open(address.with_suffix(".log"), "wb") as log:
                # the process that is started forks the server and ends at once, so that nobody inherits a zombie
                subprocess.run(
                    command,
                    check=False,
                    env=clean,
                    cwd=address.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(writer,),
                    start_new_session=True,
                )
            os.close(writer)
            if wait_readable(reader, _START_TIMEOUT_S) and os.read(reader, 1) == b"1":
                return _connected(address)
            return None
        finally:
            os.close(reader)


def _drop_servers(instead: Path) -> None:
    """Retire the servers of an environment that is no more, and those unused for longest where there are too many."""
    asked = instead.stem.partition("-")[0]
    addresses = sorted(instead.parent.glob("*.sock"), key=_stamp)
    outdated = [address for address in addresses if address.stem.partition("-")[0] == asked]
    others = [address for address in addresses if address not in outdated]
    for address in outdated + others[: max(0, len(others) - MOST_SERVERS + 1)]:
        retire_server(address)


def _connected(address: Path) -> socket.socket | None:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(str(address))
    except OSError:
        link.close()
        return None
    with contextlib.suppress(OSError):
        os.utime(address)
    return link


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _folder() -> Path:
    """Return this user's private folder for servers' sockets.

    Raises:
        PermissionError: when somebody else owns it.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base) / "cellmill" if base else Path(tempfile.gettempdir()) / f"cellmill-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} must belong to you alone (mode 0700); remove it and try again.")
    return folder


def _stamp(path: str | Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _newest(package: Path) -> int:
    """Return the time of the last change to our own code, where it is worked on; an installed package changes with
    its folder.
    """
    if package.parent.name in ("site-packages", "dist-packages"):
        return 0
    roots = [package, *(one for one in package.parent.parent.glob("*/cellmill_kernel") if one.is_dir())]
    return max((_stamp(file) for root in roots for file in root.rglob("*.py")), default=0)
