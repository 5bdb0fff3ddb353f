"""``/cellmill/graphql``: queries and mutations by POST, subscriptions by WebSocket."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from cellmill.graphql.permissions import required_permissions
from cellmill.graphql.schema import execute
from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from cellmill_lab.guard import CellmillHandler, origin_is_ours
from cellmill_lab.transport_ws import SUBPROTOCOL, TransportWs

RESOURCE = "cellmill:graphql"
#: Bytes of one request body. The largest documented query with its variables is under 20 kB.
MAX_BODY = 256 * 1024
#: Looks at whether a subscriber reads, in the time after which it is dropped: a late look alone must not decide.
LOOKS = 5


class GraphQLHandler(WebSocketMixin, WebSocketHandler, CellmillHandler):  # type: ignore[misc]
    """Runs one GraphQL operation for the current user, off the server's event loop."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Do what every route of cellmill does; the mixin's own preparation is for sockets that are not APIs."""
        await CellmillHandler.prepare(self)

    @web.authenticated
    @authorized("read", resource=RESOURCE)
    async def post(self) -> None:
        """Execute the posted operation; a mutation also needs the permission of each of its fields."""
        if len(self.request.body) > MAX_BODY:
            raise web.HTTPError(413, f"A GraphQL request may have at most {MAX_BODY} bytes.")
        if not self.request.headers.get("Content-Type", "").startswith("application/json"):
            raise web.HTTPError(415, "Send GraphQL requests as application/json.")
        query, variables, operation = read_request(self.request.body)
        for action, resource in required_permissions(query, operation):
            await self.require(action, resource)
        context = await self.services.graphql_context(self.current_user)
        result = await asyncio.to_thread(execute, query, variables, operation, context)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(result, separators=(",", ":")))

    @ws_authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:  # type: ignore[override]
        """Open the WebSocket; a plain GET is refused."""
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise web.HTTPError(405, "GraphQL is served by POST, subscriptions by WebSocket.")
        result = WebSocketHandler.get(self)
        if asyncio.iscoroutine(result):
            await result

    def check_origin(self, origin: str | None = None) -> bool:  # type: ignore[override]
        """Whether the page that opens the socket is one of ours, token or not."""
        return origin_is_ours(self)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """The one protocol spoken here, if the client offers it."""
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    async def open(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Start speaking graphql-transport-ws."""
        super().open(*args, **kwargs)
        if self.selected_subprotocol != SUBPROTOCOL:
            self.close(4406, "Subprotocol not acceptable")
            return
        context = await self.services.graphql_context(self.current_user)
        self._protocol = TransportWs(self._send, self.close, context, self.services.watcher, self.require)

    async def on_message(self, message: str | bytes) -> None:  # type: ignore[override]
        """Hand one frame to the protocol."""
        protocol: TransportWs | None = getattr(self, "_protocol", None)
        if protocol is not None:
            await protocol.receive(message)

    def on_close(self) -> None:
        """End every operation of this socket."""
        protocol: TransportWs | None = getattr(self, "_protocol", None)
        if protocol is not None:
            protocol.stop()
        super().on_close()

    async def _send(self, message: dict[str, object]) -> None:
        """Send one frame and wait until it is out; who reads nothing of it for a while is dropped.

        One frame waits for each operation, so a slow subscriber costs no memory, and holds up nobody else.
        """
        try:
            sent = asyncio.ensure_future(self.write_message(json.dumps(message, separators=(",", ":"))))
        except WebSocketClosedError:
            return
        sent.add_done_callback(lambda task: task.cancelled() or task.exception())  # also where nobody waits any more
        left, idle = self._unsent(), 0
        while not (await asyncio.wait({sent}, timeout=self.services.unread_s / LOOKS))[0]:
            before, left = left, self._unsent()
            idle = idle + 1 if left >= before else 0
            if idle == LOOKS:
                self.log.warning("A subscriber has read nothing for %g s and is dropped.", self.services.unread_s)
                self.close(1013, "The subscriber does not read")
                self._protocol.stop()
        with suppress(WebSocketClosedError):
            sent.result()

    def _unsent(self) -> int:
        """Return how many bytes wait to be sent."""
        stream = self.ws_connection.stream if self.ws_connection is not None else None
        return len(stream._write_buffer) if stream is not None else 0


def read_request(body: bytes) -> tuple[str, dict[str, Any], str | None]:
    """The query, variables and operation name of a request body; HTTP 400 for anything else."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise web.HTTPError(400, "The body is not JSON.") from None
    if not isinstance(data, dict) or not isinstance(data.get("query"), str):
        raise web.HTTPError(400, 'Send one JSON object with a string "query"; batches are refused.')
    variables, operation = data.get("variables") or {}, data.get("operationName")
    if not isinstance(variables, dict) or not isinstance(operation, str | None):
        raise web.HTTPError(400, '"variables" must be an object and "operationName" a string.')
    return data["query"], variables, operation
