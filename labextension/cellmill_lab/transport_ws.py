"""The graphql-transport-ws protocol for one socket: https://github.com/enisdenjo/graphql-ws (PROTOCOL.md)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from cellmill.graphql.context import Context
from cellmill.graphql.document import operation_kind
from cellmill.graphql.permissions import required_permissions
from cellmill.graphql.schema import execute, subscribe
from tornado import web

from cellmill_lab.watcher import Watcher

SUBPROTOCOL = "graphql-transport-ws"
#: Operations that one socket may have open.
MAX_OPERATIONS = 20
#: Seconds a client has to say connection_init.
INIT_WAIT_S = 20.0

Send = Callable[[dict[str, object]], Awaitable[None]]


class TransportWs:
    """Answers the frames of one client; owns one task for each open operation."""

    def __init__(
        self,
        send: Send,
        close: Callable[[int, str], None],
        context: Context,
        watcher: Watcher,
        require: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._send = send
        self._close = close
        self._context = context
        self._watcher = watcher
        self._require = require
        self._acknowledged = False
        self._tasks: dict[str, asyncio.Task[None]] = {}
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(INIT_WAIT_S, self._too_late)

    async def receive(self, message: str | bytes) -> None:
        """Act on one frame; a frame that breaks the protocol closes the socket with the protocol's code."""
        try:
            frame = json.loads(message)
            kind = frame["type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            self._close(4400, "Invalid message")
            return
        match kind:
            case "connection_init" if not self._acknowledged:
                self._acknowledged = True
                self._deadline.cancel()
                await self._send({"type": "connection_ack"})
            case "connection_init":
                self._close(4429, "Too many initialisation requests")
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(frame)
            case "complete":
                task = self._tasks.pop(str(frame.get("id")), None)
                if task is not None:
                    task.cancel()
            case _:
                self._close(4400, "Unknown message type")

    def stop(self) -> None:
        """Cancel everything that still runs for this client."""
        self._deadline.cancel()
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _subscribe(self, frame: dict[str, Any]) -> None:
        id_, payload = frame.get("id"), frame.get("payload")
        if not self._acknowledged:
            self._close(4401, "Unauthorized")
        elif not isinstance(id_, str) or not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
            self._close(4400, "Invalid subscribe message")
        elif id_ in self._tasks:
            self._close(4409, f"Subscriber for {id_} already exists")
        elif len(self._tasks) >= MAX_OPERATIONS:
            await self._error(id_, f"One socket may have {MAX_OPERATIONS} operations open.")
        else:
            self._tasks[id_] = asyncio.create_task(self._run(id_, payload))

    async def _run(self, id_: str, payload: dict[str, Any]) -> None:
        query, variables = payload["query"], payload.get("variables") or {}
        operation = payload.get("operationName")
        try:
            for action, resource in required_permissions(query, operation):
                await self._require(action, resource)
            if operation_kind(query, operation) == "subscription":
                await self._stream(id_, subscribe(query, variables, operation, self._context, self._watcher))
            else:
                result = await asyncio.to_thread(execute, query, variables, operation, self._context)
                await self._send({"id": id_, "type": "next", "payload": result})
                await self._send({"id": id_, "type": "complete"})
        except web.HTTPError as refused:
            await self._error(id_, refused.log_message or "Forbidden")
        finally:
            self._tasks.pop(id_, None)

    async def _stream(self, id_: str, results: AsyncIterator[dict[str, Any]]) -> None:
        async for result in results:
            if "data" not in result:
                await self._send({"id": id_, "type": "error", "payload": result["errors"]})
                return
            await self._send({"id": id_, "type": "next", "payload": result})
        await self._send({"id": id_, "type": "complete"})

    async def _error(self, id_: str, message: str) -> None:
        await self._send({"id": id_, "type": "error", "payload": [{"message": message}]})

    def _too_late(self) -> None:
        self._close(4408, "Connection initialisation timeout")
