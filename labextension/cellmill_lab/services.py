"""The workspace and the instance that one server shows, opened when first asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cellmill.graphql.context import Context, open_context

from cellmill_lab.watcher import Watcher


class Services:
    """Holds one GraphQL context for the server's lifetime; opens it off the event loop."""

    def __init__(self, root: Path, *, unread_s: float) -> None:
        self.root = root
        #: Seconds that a subscriber may leave a frame unread before it is dropped.
        self.unread_s = unread_s
        self._context: Context | None = None
        self._opening = asyncio.Lock()
        self._watcher: Watcher | None = None
        self._warming: asyncio.Task[None] | None = None

    @property
    def watcher(self) -> Watcher:
        """The one task that notices new events for all subscribers."""
        assert self._context is not None, "graphql_context() comes first"
        if self._watcher is None:
            self._watcher = Watcher(self._context.instance)
        return self._watcher

    async def graphql_context(self, user: object) -> Context:
        """The context of one request by ``user``."""
        async with self._opening:
            if self._context is None:
                self._context = await asyncio.to_thread(open_context, self.root)
        return self._context.for_request(str(getattr(user, "username", user)))

    def warm(self, user: object) -> None:
        """Begin to read the workspace, so that it is there when the page that was just sent asks for it."""
        if self._context is None and self._warming is None:
            self._warming = asyncio.create_task(self._warm(user))

    async def _warm(self, user: object) -> None:
        context = await self.graphql_context(user)
        await asyncio.to_thread(lambda: context.known.shape)

    async def close(self) -> None:
        """Stop watching, stop the hosts of code locations, close the instance."""
        if self._watcher is not None:
            self._watcher.stop()
        if self._context is not None:
            await asyncio.to_thread(self._context.close)
            self._context = None
