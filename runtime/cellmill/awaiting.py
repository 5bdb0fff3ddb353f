"""What a coroutine answers, for callers that cannot await."""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


def awaited(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return what it answers, with the caller's context variables.

    Within a running loop (a notebook's cell) it gets a loop of its own in another thread.
    """
    # Importing asyncio takes as long as twenty small steps, and hardly any step needs it.
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    # for coroutines of code that runs within a loop already
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, coroutine).result()
