"""The side of a host that runs inside its kernel: takes questions, calls a function, publishes the answers."""

from __future__ import annotations

import contextvars
import json
import os
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from cellmill.workspace.host_mime import ANSWER_MIME

#: Frames of these files are ours, not the user's, and are left out of tracebacks.
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


#: Seconds for which answers are gathered: a message of its own for each costs more than most functions.
GATHER_S = 0.02


class Outbox:
    """Publishes answers in their order, many at a time; none waits for a function that takes long."""

    def __init__(self, publish: Callable[[list[dict[str, Any]]], None]) -> None:
        self._publish = publish
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        # what is published belongs to the request, which IPython knows by the context
        work = contextvars.copy_context().run
        self._thread = threading.Thread(target=work, args=(self._send_again_and_again,), daemon=True)
        self._thread.start()

    def put(self, reply: dict[str, Any]) -> None:
        """Take an answer, which is on its way soon."""
        with self._lock:
            self._waiting.append(reply)

    def close(self) -> None:
        """Publish what is left."""
        self._closed.set()
        self._thread.join()
        self._send()

    def _send_again_and_again(self) -> None:
        while not self._closed.wait(GATHER_S):
            self._send()

    def _send(self) -> None:
        with self._lock:
            if self._waiting:
                self._publish(self._waiting)
                self._waiting = []


def answer(question: str) -> None:
    """Publish the answer to each payload of `question` soon after it is there; a function's error is its answer."""
    request = json.loads(question)
    module, _, name = request["function"].partition(":")
    publish = InteractiveShell.instance().display_pub.publish
    outbox = Outbox(lambda replies: publish(data={ANSWER_MIME: replies}))
    try:
        for payload in request["payloads"]:
            try:
                reply: dict[str, Any] = {"answer": getattr(import_module(module), name)(payload)}
                json.dumps(reply)
            except BaseException as error:
                reply = {"error": describe_error(error)}
            outbox.put(reply)
    finally:
        outbox.close()


def ready(module: str) -> None:
    """Import a module of ours, so that the first question does not wait for it."""
    import_module(module)


def describe_error(error: BaseException) -> dict[str, str]:
    """Return an error as plain data: its type, message and a traceback that shows the user's frames."""
    frames = traceback.extract_tb(error.__traceback__)
    kept = [frame for frame in frames if not frame.filename.startswith((_OURS, "<frozen"))]
    lines = traceback.format_list(kept or frames[-1:]) + traceback.format_exception_only(error)
    place = f" ({kept[-1].filename}, line {kept[-1].lineno})" if kept else ""
    message = f"{error}{place}" if str(error) else place.strip(" ()")
    return {"type": type(error).__name__, "message": message, "traceback": "".join(lines)}
