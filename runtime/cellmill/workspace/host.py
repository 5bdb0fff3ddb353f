"""The host of a code location: a Jupyter kernel that runs user code, on demand, for a limited time.

A daemon, a server or the CLI asks it questions and gets plain data back; user code never enters their process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager

from cellmill.errors import ExecutionError
from cellmill.workspace.host_mime import ANSWER_MIME

#: Seconds a host may take to start: a kernel on a loaded machine needs several.
START_TIMEOUT_S = 60.0
#: Seconds one evaluation of a schedule or a sensor may take, as in Dagster.
EVALUATION_TIMEOUT_S = 60.0
#: Seconds without a question after which a host is stopped.
IDLE_S = 300.0
#: Seconds between looks at whether the kernel is still alive while it works.
_POLL_S = 0.5
#: Function of the host that imports a module of ours.
_READY = "cellmill.workspace.host_side:ready"
#: Characters of a host's own output that an error shows.
_OUTPUT_TAIL = 2000


class HostError(ExecutionError):
    """A code location's host could not do what it was asked."""

    def __init__(self, message: str, *, location: str = "", traceback: str = "") -> None:
        self.location, self.traceback = location, traceback
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self.location, self.traceback)


class HostStartError(HostError):
    """A code location's host did not start."""


class HostTimeoutError(HostError):
    """User code did not end in its time; the host was stopped."""


class HostDiedError(HostError):
    """A host's process ended while it worked."""


class UserCodeError(HostError):
    """User code raised in its host."""


def _rebuild(kind: type[HostError], message: str, location: str, traceback: str) -> HostError:
    return kind(message, location=location, traceback=traceback)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """How a host is started: where, with which Python or kernelspec, and for how long it may idle."""

    location: str
    working_directory: Path
    python: str | None = None
    kernel: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    idle_s: float = IDLE_S
    start_timeout_s: float = START_TIMEOUT_S


class _HostKernelManager(AsyncKernelManager):
    """A kernel manager whose kernelspec is either named, or the given Python with ipykernel."""

    python: str | None = None

    @property
    def kernel_spec(self) -> KernelSpec | None:
        if self.python is None:
            return super().kernel_spec
        argv = [self.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="cellmill host", language="python")


class Host:
    """A host that is started by its first question and stopped when idle; safe to ask from many threads."""

    def __init__(self, config: HostConfig) -> None:
        self.config = config
        self._lock = threading.RLock()
        self._manager: _HostKernelManager | None = None
        self._client: Any = None
        self._idle: threading.Timer | None = None
        # Its own event loop, closed with the kernel: jupyter_client's blocking client would leave one open a thread.
        self._runner: asyncio.Runner | None = None

    def _run(self, work: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await work

        assert self._runner is not None
        return self._runner.run(wait())

    @property
    def running(self) -> bool:
        """Whether the kernel is up."""
        return self._manager is not None

    def call(self, function: str, payload: Any = None, *, timeout_s: float = EVALUATION_TIMEOUT_S) -> Any:
        """Return what `function` (``package.module:name``) answers to `payload`; both sides are plain JSON data.

        Raises: HostStartError, HostTimeoutError, HostDiedError, or UserCodeError with the traceback.
        """
        (answer,) = self.call_many(function, [payload], timeout_s=timeout_s)
        if isinstance(answer, HostError):
            raise answer
        return answer

    def call_many(
        self, function: str, payloads: Sequence[Any], *, timeout_s: float = EVALUATION_TIMEOUT_S
    ) -> Iterator[Any]:
        """Yield what `function` answers to each payload, as soon as it is there; what went wrong is its HostError.

        All are one request to the kernel. `timeout_s` is for each: one that does not end, or takes the kernel with
        it, is answered by the error, and those behind it are asked of a new kernel. A kernel that does not start at
        all answers them all.
        """
        left = list(payloads)
        # A kernel that dies takes its last answers with it: from then on one at a time, until it is clear who did it.
        one_by_one = False
        with self._lock:
            while left:
                batch = left[:1] if one_by_one else left[:]
                for answer in self._call(function, batch, timeout_s):
                    if isinstance(answer, HostDiedError):
                        one_by_one = not one_by_one and len(batch) > 1
                        if one_by_one:
                            break
                    del left[0]
                    yield answer
                    if isinstance(answer, HostStartError):
                        yield from [answer] * len(left)
                        return

    def _call(self, function: str, payloads: Sequence[Any], timeout_s: float) -> Iterator[Any]:
        """Yield answers until all are there, or until an error ends the kernel."""
        if self._idle is not None:
            self._idle.cancel()
        try:
            if self._ensure_started() and function.startswith("cellmill."):
                # importing what is ours takes seconds on a loaded machine, and is not the user's time
                list(self._ask(_READY, [function.partition(":")[0]], self.config.start_timeout_s))
            yield from self._ask(function, payloads, timeout_s)
        except HostError as error:
            yield error
        finally:
            self._watch_idle()

    def restart(self) -> None:
        """Stop the kernel; the next question starts a new one with the code as it is then."""
        self.stop()

    def stop(self) -> None:
        """Stop the kernel and everything it started; harmless where none runs."""
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
            manager, client = self._manager, self._client
            self._manager = self._client = None
            if client is not None:
                client.stop_channels()
            if manager is not None:
                with contextlib.suppress(OSError, RuntimeError):
                    self._run(manager.shutdown_kernel(now=True))
                self._run(manager.cleanup_resources())
                manager.context.destroy(linger=0)
            if self._runner is not None:
                self._runner.close()
                self._runner = None

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # -- inside ------------------------------------------------------------------------------------------------

    def _watch_idle(self) -> None:
        if self._manager is None:
            return
        self._idle = threading.Timer(self.config.idle_s, self.stop)
        self._idle.daemon = True
        self._idle.start()

    def _ensure_started(self) -> bool:
        """Start the kernel, unless it is there; return whether it was started."""
        if self._manager is not None and self._run(self._manager.is_alive()):
            return False
        self.stop()
        self._runner = asyncio.Runner()
        manager = _HostKernelManager(kernel_name=self.config.kernel or "python3")
        if self.config.kernel is None:
            manager.python = self.config.python or sys.executable
        try:
            self._start(manager)
        except NoSuchKernel:
            manager.context.destroy(linger=0)
            self.stop()
            raise HostStartError(
                f"Location {self.config.location!r} names kernelspec {self.config.kernel!r}, which is not installed. "
                "See 'jupyter kernelspec list'.",
                location=self.config.location,
            ) from None
        except (OSError, RuntimeError) as error:
            self.stop()
            raise HostStartError(
                f"The host of location {self.config.location!r} did not start ({error}). "
                "Its Python needs cellmill and ipykernel: python -m pip install cellmill.",
                location=self.config.location,
            ) from None

        return True

    def _start(self, manager: _HostKernelManager) -> None:
        folder = str(self.config.working_directory)
        path = os.pathsep.join(filter(None, [folder, self.config.env.get("PYTHONPATH", os.environ.get("PYTHONPATH"))]))
        env = {**os.environ, **self.config.env, "PYTHONPATH": path, "CELLMILL_HOST": self.config.location}
        env.pop("MPLBACKEND", None)
        self._run(manager.start_kernel(cwd=folder, env=env, stdout=_devnull(), stderr=_devnull()))
        self._manager = manager
        self._client = manager.client()
        self._client.start_channels(hb=False, stdin=False)
        self._run(self._client.wait_for_ready(timeout=self.config.start_timeout_s))

    def _ask(self, function: str, payloads: Sequence[Any], timeout_s: float) -> Iterator[Any]:
        question = json.dumps({"function": function, "payloads": list(payloads)})
        code = f"from cellmill.workspace.host_side import answer as _answer; _answer({question!r})"
        message_id = self._client.execute(code, store_history=False, allow_stdin=False)
        output: list[str] = []
        answered, deadline = 0, time.monotonic() + timeout_s
        while True:
            message = self._next_message(deadline, function, timeout_s, output)
            if message is None or message["parent_header"].get("msg_id") != message_id:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    output.append(content["text"])
                case "display_data" if ANSWER_MIME in content["data"]:
                    for found in content["data"][ANSWER_MIME]:
                        answered, deadline = answered + 1, time.monotonic() + timeout_s
                        yield self._answer(found)
                case "error":
                    raise self._user_error(content["ename"], content["evalue"], "\n".join(content["traceback"]))
                case "status" if content["execution_state"] == "idle":
                    break
        if answered < len(payloads):
            raise HostError(
                f"The host of location {self.config.location!r} gave no answer. {''.join(output)[-_OUTPUT_TAIL:]}",
                location=self.config.location,
            )

    def _answer(self, found: Mapping[str, Any]) -> Any:
        if "error" not in found:
            return found["answer"]
        error = found["error"]
        return self._user_error(error["type"], error["message"], error["traceback"])

    def _next_message(self, deadline: float, what: str, timeout_s: float, output: list[str]) -> Any:
        left = deadline - time.monotonic()
        if left <= 0:
            self.stop()
            raise HostTimeoutError(
                f"Location {self.config.location!r}: {what.rpartition(':')[2]} did not end within {timeout_s:g} s; "
                "its host was stopped. Move slow work out of module level, or raise the limit under [host].",
                location=self.config.location,
            )
        try:
            return self._run(self._client.get_iopub_msg(timeout=min(left, _POLL_S)))
        except queue.Empty:
            if self._manager is not None and not self._run(self._manager.is_alive()):
                self.stop()
                raise HostDiedError(
                    f"The host of location {self.config.location!r} ended while it worked "
                    f"(a crash, exit() or out of memory). {''.join(output)[-_OUTPUT_TAIL:]}".strip(),
                    location=self.config.location,
                ) from None
            return None

    def _user_error(self, kind: str, message: str, traceback: str) -> UserCodeError:
        text = f"Location {self.config.location!r}: {kind}: {message}"
        return UserCodeError(text, location=self.config.location, traceback=traceback)


def _devnull() -> int:
    """Return a descriptor that a kernel's raw output goes to; the process has one for all its hosts."""
    global _DEVNULL
    if _DEVNULL < 0:
        _DEVNULL = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    return _DEVNULL


_DEVNULL = -1
