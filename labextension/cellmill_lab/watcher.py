"""Notices new events in the instance once, for any number of subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from cellmill.instance.instance import Instance

#: Seconds between two looks at the instance while somebody listens. A look is one indexed read.
INTERVAL_S = 0.2
#: Seconds after which subscribers are woken without an event: edited notebooks leave none.
FILES_S = 0.4


class Watcher:
    """Wakes its subscribers when the newest event id has grown, and now and then; idle without subscribers."""

    def __init__(self, instance: Instance) -> None:
        self._events = instance.events
        self._listeners: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None

    async def changes(self) -> AsyncIterator[None]:
        """Yields at once, and then each time something was recorded or may have been edited."""
        wake = asyncio.Event()
        self._listeners.add(wake)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield None
            while True:
                await wake.wait()
                wake.clear()
                yield None
        finally:
            self._listeners.discard(wake)

    def stop(self) -> None:
        """End the task."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        seen, woken_at = await asyncio.to_thread(self._events.last_id), loop.time()
        while self._listeners:
            await asyncio.sleep(INTERVAL_S)
            newest = await asyncio.to_thread(self._events.last_id)
            if newest != seen or loop.time() - woken_at > FILES_S:
                seen, woken_at = newest, loop.time()
                for listener in self._listeners:
                    listener.set()
