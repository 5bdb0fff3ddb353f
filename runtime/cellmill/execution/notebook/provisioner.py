"""The kernel provisioner `cellmill-warm`: warm kernels for JupyterLab, papermill, nbclient and all that use
jupyter_client.

A kernelspec asks for it with `"metadata": {"kernel_provisioner": {"provisioner_name": "cellmill-warm", "config":
{"modules":
["pandas"]}}}`.  Where no kernel can be forked it starts a cold one, as the local provisioner does.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import List, Unicode

from cellmill.execution.notebook.forkserver import WarmKernel, fork_kernel
from cellmill.execution.notebook.kernel import signal_group
from cellmill.execution.notebook.wire import Connection


class _ForkedProcess:
    """What the local provisioner needs of a process, for one that is another process's child."""

    stdin = stdout = stderr = None

    def __init__(self, kernel: WarmKernel) -> None:
        self._kernel = kernel
        self.pid = kernel.pid

    def poll(self) -> int | None:
        """Return the exit status once the kernel has ended."""
        return self._kernel.poll()

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit status, and release what belonged to the kernel."""
        status = self._kernel.wait(timeout if timeout is not None else 3600.0)
        if status is not None:
            self._kernel.close()
        return status

    def send_signal(self, number: int) -> None:
        """Signal the kernel's group."""
        if self.pid is not None:
            signal_group(self.pid, number)

    def kill(self) -> None:
        """Kill the kernel's group."""
        self._kernel.kill()

    def terminate(self) -> None:
        """Kill the kernel's group; a forked kernel has nothing to say to SIGTERM."""
        self._kernel.kill()


class WarmProvisioner(LocalProvisioner):
    """Forks kernels from a server that has imported the configured modules."""

    modules: Any = List(Unicode(), help="Third-party modules to import before kernels are forked.").tag(config=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Return the connection of a forked kernel, or of a cold one where forking is not possible."""
        file = _connection_file(cmd)
        if file is not None:
            connection = Connection.from_info(json.loads(file.read_text()))
            environment = dict(kwargs.get("env") or os.environ)
            cwd = kwargs.get("cwd") or os.getcwd()
            kernel = fork_kernel(tuple(self.modules), cwd=str(cwd), env=environment, connection=connection)
            if kernel is not None:
                # declared as a Popen, of which these methods are used
                process: Any = _ForkedProcess(kernel)
                self.process = process
                self.pid = self.pgid = kernel.pid
                self.cwd = cwd
                return self.connection_info
        return await super().launch_kernel(cmd, **kwargs)


def _connection_file(cmd: list[str]) -> Path | None:
    for flag, value in zip(cmd, cmd[1:], strict=False):
        if flag == "-f":
            return Path(value)
    return None
