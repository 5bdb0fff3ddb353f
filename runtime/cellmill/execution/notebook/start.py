"""Opening a kernel for a run of a notebook: a warm one where that is possible, else a cold one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cellmill.execution.notebook import forkserver
from cellmill.execution.notebook.kernel import ColdKernel, Kernel, KernelDidNotStart, ProvisionedKernel, end_kernel
from cellmill.execution.notebook.kernelspec import Kernelspec, find_kernelspec
from cellmill.execution.notebook.wire import Channels

#: Seconds a kernel gets to answer its first request.
START_TIMEOUT_S = 60.0


@dataclass(slots=True)
class OpenKernel:
    """A kernel that answered, with the channels to it and what it said about itself."""

    kernel: Kernel
    channels: Channels
    language_info: dict[str, Any]
    warm: bool
    started_in_s: float

    def end(self, *, politely: bool) -> None:
        """End the kernel; `politely` lets its exit handlers run."""
        end_kernel(self.kernel, self.channels, politely=politely)


def open_kernel(
    kernel_name: str | None,
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    preload: Iterable[str] | None = None,
    start_timeout_s: float = START_TIMEOUT_S,
) -> OpenKernel:
    """Return a kernel that is ready.

    Args:
        kernel_name: The kernelspec, or a path of a Python; None is this interpreter's own.
        cwd: Working directory of the kernel (this process keeps its own).
        env: Environment variables beside those of this process.
        preload: The third-party modules that the notebook imports first; None asks for a cold kernel.
        start_timeout_s: Seconds that the kernel may take to answer.

    Raises:
        NoSuchKernel: where no kernelspec has the name.
        KernelDidNotStart: where it ended, or did not answer in time.
    """
    spec = find_kernelspec(kernel_name)
    environment = {**os.environ, **(env or {})}
    began = time.monotonic()
    kernel = _started(spec, cwd, environment, preload)
    channels = Channels(kernel.connection)
    info = _until_ready(kernel, channels, start_timeout_s)
    if info is None:
        status = kernel.poll()
        words = kernel.last_words() if hasattr(kernel, "last_words") else ""
        reason = (
            f"it ended with status {status}"
            if status is not None
            else f"it did not answer within {start_timeout_s:g} s"
        )
        end_kernel(kernel, channels, politely=False, grace_s=1.0)
        raise KernelDidNotStart(spec.name, reason, words)
    warm = isinstance(kernel, forkserver.WarmKernel)
    return OpenKernel(kernel, channels, info["content"].get("language_info", {}), warm, time.monotonic() - began)


def _started(spec: Kernelspec, cwd: str | None, env: Mapping[str, str], preload: Iterable[str] | None) -> Kernel:
    if not spec.is_own_python:
        if spec.provisioner not in (None, "local-provisioner"):
            return ProvisionedKernel(spec, cwd=cwd, env=env)
        return ColdKernel(spec, cwd=cwd, env=env)
    if preload is not None:
        kernel = forkserver.fork_kernel(tuple(preload), cwd=cwd, env=env)
        if kernel is not None:
            return kernel
    return ColdKernel(spec, cwd=cwd, env=env)


def _until_ready(kernel: Kernel, channels: Channels, timeout_s: float) -> dict[str, Any] | None:
    if kernel.watch_fd is not None:
        channels.watch(kernel.watch_fd)
    try:
        return channels.wait_until_ready(timeout_s, gone=lambda: kernel.poll() is not None)
    finally:
        if kernel.watch_fd is not None:
            channels.unwatch(kernel.watch_fd)
