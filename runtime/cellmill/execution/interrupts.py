"""Turning the signal that stops a run into the error that user code sees."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from cellmill.errors import ExecutionInterruptedError


@contextmanager
def raise_execution_interrupts(tell: Callable[[], None] | None = None) -> Generator[None, None, None]:
    """Within a `with` block, let an interrupt raise `ExecutionInterruptedError`, which passes handlers of
    `Exception`.

    It does nothing outside of the main thread, where signals do not arrive.

    Args:
        tell: What is called first, at the moment of the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def raise_it(number: int, frame: Any) -> None:
        if tell is not None:
            tell()
        raise ExecutionInterruptedError()

    before = signal.signal(signal.SIGINT, raise_it)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
