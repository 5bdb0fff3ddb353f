"""A user's function in a child process with a time limit: it may hang, die or flood without harm to anyone else."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any, NoReturn

from cellmill.errors import ExecutionError

#: Bytes of an answer; 5,000 run requests with their config stay below.
MAX_ANSWER = 64 * 1024 * 1024


class EvaluationError(ExecutionError):
    """A user's function failed in its process."""


def call_in_process(work: Callable[[], Any], timeout_s: float, who: str) -> Any:
    """What a function returns, as JSON data, computed in a forked child.

    Args:
        work: The function, without parameters.
        timeout_s: Seconds after which the child is killed.
        who: Whose function it is, for messages.

    Raises:
        EvaluationError: with the child's error, its exit status or the time limit.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _answer(work, writer)
    os.close(writer)
    try:
        text = _read(reader, time.monotonic() + timeout_s)
    except TimeoutError:
        raise EvaluationError(f"The function of {who} did not end within {timeout_s:g} s and was stopped") from None
    finally:
        os.close(reader)
        _end(pid)
    if not text:
        raise EvaluationError(f"The process that evaluated {who} died without an answer")
    reply = json.loads(text)
    if "error" in reply:
        raise EvaluationError(reply["error"])
    return reply["answer"]


def _answer(work: Callable[[], Any], writer: int) -> NoReturn:
    status = 0
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            reply: dict[str, Any] = {"answer": work()}
            data = json.dumps(reply)
        except BaseException as error:
            data = json.dumps({"error": f"{type(error).__name__}: {error}"})
        with os.fdopen(writer, "w") as stream:
            stream.write(data)
    except BaseException:
        status = 1
    os._exit(status)


def _read(reader: int, deadline: float) -> str:
    parts: list[bytes] = []
    size = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            raise TimeoutError
        part = os.read(reader, 1 << 16)
        if not part:
            return b"".join(parts).decode()
        size += len(part)
        if size > MAX_ANSWER:
            raise EvaluationError(f"The answer has more than {MAX_ANSWER} bytes")
        parts.append(part)


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
