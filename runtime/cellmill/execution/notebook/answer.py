"""What a kernel has said about one request: its reply, and that it is idle again; either may be lost on its way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from cellmill.execution.notebook.ends import CellError
from cellmill.execution.notebook.wire import Message

#: Seconds of silence after which a kernel that has told one half of the end is asked for something else.
SILENCE_S = 5.0
#: The reply of a kernel that sent one, which did not arrive.
_LOST: Mapping[str, Any] = {"status": "lost"}


class Answer:
    """Collects the answer to one request.

    A kernel publishes its outputs without waiting for anybody: where it floods them, ZeroMQ may drop some, also the
    one that says that it is idle.  A kernel that fell silent between its two words is therefore asked for its name;
    each channel keeps the order, so what has not come before the second request's word on it never will.
    """

    def __init__(self, request: str, ask: Callable[[], str]) -> None:
        self.request = request
        self.reply: Mapping[str, Any] | None = None
        self.idle = False
        self.error: CellError | None = None
        self._ask = ask
        self._second: str | None = None
        self._heard_at = time.monotonic()

    @property
    def is_whole(self) -> bool:
        """True once nothing more is to come."""
        return self.idle and self.reply is not None

    @property
    def is_lost(self) -> bool:
        """True where the kernel went on without its reply having arrived."""
        return self.reply is _LOST

    def take(self, channel: str, message: Message) -> None:
        """Note what a message says of the request."""
        self._heard_at = time.monotonic()
        parent = message["parent_header"].get("msg_id")
        if parent not in (self.request, self._second):
            return
        if channel == "shell" and message["msg_type"].endswith("_reply"):
            if parent == self.request:
                self.reply = message["content"]
            elif self.reply is None:
                self.reply = _LOST
        elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            self.idle = True

    def patience_s(self) -> float | None:
        """Return for how long to wait for a message before `look`; None for as long as anybody likes."""
        if self._second is not None or self.idle == (self.reply is not None):
            return None
        return max(0.0, self._heard_at + SILENCE_S - time.monotonic())

    def look(self) -> None:
        """Ask the kernel for something else where it has told one half of the end and then nothing."""
        if self.patience_s() == 0.0:
            self._second = self._ask()
