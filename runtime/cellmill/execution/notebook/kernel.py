"""One kernel for one notebook step: started, watched, interrupted and ended without polling.

Three ways to come by one, with the same face: a cold process (`ColdKernel`), a fork of a warm server
(`cellmill.execution.notebook.forkserver.WarmKernel`), and another provisioner of jupyter_client (`ProvisionedKernel`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from cellmill.errors import ExecutionError
from cellmill.execution.notebook.cold_kernel import LEAVE
from cellmill.execution.notebook.document import write_atomically
from cellmill.execution.notebook.imports import without_slow_grammars
from cellmill.execution.notebook.kernel_folder import KernelFolder
from cellmill.execution.notebook.kernelspec import Kernelspec
from cellmill.execution.notebook.wire import Channels, Connection

#: Seconds a kernel gets to leave after it was asked to, before its process group is killed.
SHUTDOWN_GRACE_S = 5.0
_CHANNELS = ("shell", "iopub", "control", "stdin", "hb")


class KernelDidNotStart(ExecutionError):
    """The kernel ended or stayed silent before it answered; start it by hand with the command named to see why."""

    def __init__(self, kernel_name: str, reason: str, log: str = "") -> None:
        self.kernel_name = kernel_name
        self.reason = reason
        self.log = log
        tail = f"\nIts last words:\n{log}" if log else ""
        super().__init__(f"Kernel {kernel_name!r} did not start: {reason}.{tail}")

    def __reduce__(self) -> tuple[type[KernelDidNotStart], tuple[str, str, str]]:
        return type(self), (self.kernel_name, self.reason, self.log)


class Kernel(Protocol):
    """A running kernel process and the way to it."""

    name: str
    connection: Connection
    pid: int | None
    #: Code that ends the kernel from inside; None where the protocol's own request must do.
    leave_code: str | None
    #: A descriptor that becomes readable when the process ends; None where only `poll` tells.
    watch_fd: int | None

    def poll(self) -> int | None:
        """Return the exit status (negative: the signal) once the process has ended, else None."""

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt (or the language's like) in the running cell."""

    def kill(self) -> None:
        """End the process and its whole group at once."""

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit status once the process ended; None when it still runs after `timeout_s`."""

    def close(self) -> None:
        """Release files and descriptors; kills what still runs."""


class ColdKernel:
    """A kernel started as a new process, in a session of its own, talking over sockets in a private folder."""

    def __init__(self, spec: Kernelspec, *, cwd: str | None, env: Mapping[str, str], key: str | None = None) -> None:
        self.name = spec.name
        self._spec = spec
        self._folder = KernelFolder()
        folder = self._folder.path
        self.connection = private_connection(folder, key) if spec.is_own_python else local_connection(key)
        file = folder / "connection.json"
        write_connection(file, self.connection, spec.name)
        argv = [
            part.replace("{connection_file}", str(file)).replace("{resource_dir}", spec.directory) for part in spec.argv
        ]
        if spec.is_own_python:
            argv[2] = "cellmill.execution.notebook.cold_kernel"
        self._log = open(folder / "log", "w+b")
        try:
            self._process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**env, **spec.env, "JPY_PARENT_PID": str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        except OSError as error:
            self._log.close()
            self._folder.close()
            raise KernelDidNotStart(spec.name, f"{argv[0]}: {error.strerror}") from error
        self.pid: int | None = self._process.pid
        self.leave_code: str | None = LEAVE if spec.is_own_python else None
        self.watch_fd: int | None = os.pidfd_open(self._process.pid)

    def poll(self) -> int | None:
        """Return the exit status once the process has ended."""
        return self._process.poll()

    def interrupt(self) -> None:
        """Send SIGINT to the kernel's group."""
        signal_group(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill the kernel's whole group."""
        signal_group(self._process.pid, signal.SIGKILL)

    def wait(self, timeout_s: float) -> int | None:
        """Wait on the process itself, without polling."""
        if self._process.poll() is None and self.watch_fd is not None:
            wait_readable(self.watch_fd, timeout_s)
        return self._process.poll()

    def last_words(self) -> str:
        """Return the end of what the process wrote to its real stdout and stderr."""
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace").strip()

    def close(self) -> None:
        """Kill what still runs and remove the private folder."""
        if self._process.poll() is None:
            self.kill()
        else:
            signal_group(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self.watch_fd is not None:
            os.close(self.watch_fd)
            self.watch_fd = None
        self._log.close()
        self._folder.close()


class ProvisionedKernel:
    """A kernel that jupyter_client starts through another provisioner, wherever that may be."""

    def __init__(self, spec: Kernelspec, *, cwd: str | None, env: Mapping[str, str]) -> None:
        with without_slow_grammars():
            # 200 ms, for cold kernels alone
            from jupyter_client.manager import KernelManager
        self.name = spec.name
        self._manager: Any = KernelManager(kernel_name=spec.name)
        self._manager.start_kernel(cwd=cwd, env=dict(env))
        self.connection = Connection.from_info(self._manager.get_connection_info())
        self.pid: int | None = getattr(self._manager.provisioner, "pid", None)
        self.watch_fd: int | None = None
        self.leave_code: str | None = None

    def poll(self) -> int | None:
        """Return 0 once the provisioner says the kernel is gone; provisioners do not tell how it ended."""
        return None if self._manager.is_alive() else 0

    def interrupt(self) -> None:
        """Ask the provisioner to interrupt."""
        self._manager.interrupt_kernel()

    def kill(self) -> None:
        """Ask the provisioner to kill."""
        self._manager.shutdown_kernel(now=True)

    def wait(self, timeout_s: float) -> int | None:
        """Ask again until the time is over."""
        deadline = time.monotonic() + timeout_s
        while self._manager.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.poll()

    def last_words(self) -> str:
        """Return nothing: a provisioner keeps the kernel's own output to itself."""
        return ""

    def close(self) -> None:
        """Shut the kernel down and release its ports."""
        if self._manager.is_alive():
            self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()


def private_connection(folder: Path, key: str | None = None) -> Connection:
    """Return a connection over Unix sockets in `folder`: no port is taken, so none can be raced for, and no other
    user may connect.
    """
    ports = {name: number for number, name in enumerate(_CHANNELS, 1)}
    return Connection("ipc", str(folder / "k"), key or secrets.token_hex(32), ports)


def local_connection(key: str | None = None) -> Connection:
    """Return a connection over free TCP ports of 127.0.0.1, for kernels of other languages, not all of which know
    Unix sockets.
    """
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in _CHANNELS]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = {name: one.getsockname()[1] for name, one in zip(_CHANNELS, sockets, strict=True)}
    return Connection("tcp", "127.0.0.1", key or secrets.token_hex(32), ports)


def write_connection(file: Path, connection: Connection, kernel_name: str) -> None:
    """Write a connection file that only this user can read."""
    write_atomically(file, json.dumps(connection.as_info(kernel_name)).encode())
    file.chmod(0o600)


def signal_group(leader: int, number: int) -> None:
    """Send a signal to the process group that `leader` leads; nothing when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def wait_readable(descriptor: int, timeout_s: float) -> bool:
    """Return True as soon as `descriptor` can be read, False after `timeout_s`."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLHUP)
    return bool(poller.poll(max(0, int(timeout_s * 1000))))


def end_kernel(kernel: Kernel, channels: Channels, *, politely: bool, grace_s: float = SHUTDOWN_GRACE_S) -> None:
    """End `kernel`: by its own shutdown, so that exit handlers run, when `politely`; at once otherwise or when it
    does not go.
    """
    if politely and kernel.poll() is None:
        if kernel.leave_code is not None:
            channels.execute(kernel.leave_code, store_history=False, silent=True)
        else:
            channels.send("control", "shutdown_request", {"restart": False})
        kernel.wait(grace_s)
    if kernel.poll() is None:
        kernel.kill()
        kernel.wait(grace_s)
    channels.close()
    kernel.close()
