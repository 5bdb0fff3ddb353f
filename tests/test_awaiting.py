"""Coroutines run to their end by callers that cannot await."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from cellmill.awaiting import awaited

who: ContextVar[str] = ContextVar("who", default="nobody")


async def told() -> str:
    """Who it is, told by a coroutine that gives way once."""
    await asyncio.sleep(0)
    return who.get()


def test_a_coroutine_answers_with_and_without_a_running_loop() -> None:
    """It sees the caller's context variables in both."""

    async def within() -> str:
        return awaited(told())

    token = who.set("me")
    try:
        assert awaited(told()) == "me"
        assert asyncio.run(within()) == "me"
    finally:
        who.reset(token)
