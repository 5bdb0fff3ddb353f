"""The side of a host that runs inside its kernel: takes questions, calls a function, publishes the answers."""

from __future__ import annotations

import json
import os
import traceback
from importlib import import_module
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from cellmill.workspace.host_mime import ANSWER_MIME

#: Frames of these files are ours, not the user's, and are left out of tracebacks.
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def answer(question: str) -> None:
    """Publish the answer to each payload of `question` as soon as it is there; a function's error is its answer."""
    request = json.loads(question)
    module, _, name = request["function"].partition(":")
    publish = InteractiveShell.instance().display_pub.publish
    for payload in request["payloads"]:
        try:
            reply: dict[str, Any] = {"answer": getattr(import_module(module), name)(payload)}
            json.dumps(reply)
        except BaseException as error:
            reply = {"error": describe_error(error)}
        publish(data={ANSWER_MIME: reply})


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
