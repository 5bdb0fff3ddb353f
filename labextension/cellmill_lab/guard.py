"""What every route of cellmill has in common: authentication, origin, and one place for its resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import origin_matches_pat
from tornado import web

if TYPE_CHECKING:
    from cellmill_lab.services import Services

SETTING = "cellmill_services"


class CellmillHandler(APIHandler):
    """Refuses requests from foreign pages, whatever credential they carry, before any method runs."""

    @property
    def services(self) -> Services:
        """The workspace and the instance that this server shows."""
        return cast("Services", self.settings[SETTING])

    async def prepare(self) -> None:  # type: ignore[override]
        """Check the Origin header ourselves: Jupyter skips the check for requests that carry a token."""
        self.check_our_origin()
        await ensure_async(APIHandler.prepare(self))  # type: ignore[arg-type]

    def check_our_origin(self) -> None:
        """Raise 403 where the request comes from a page of another origin."""
        if not origin_is_ours(self):
            raise web.HTTPError(403, "A page of another origin may not talk to cellmill.")

    async def require(self, action: str, resource: str) -> None:
        """Raise 403 unless the server's authorizer lets the current user do ``action`` on ``resource``."""
        user = self.current_user
        if not user or not await ensure_async(self.authorizer.is_authorized(self, user, action, resource)):
            raise web.HTTPError(403, f"You are not allowed to {action} on {resource}.")


def origin_is_ours(handler: Any) -> bool:
    """Whether the request comes from this server's own pages, from an allowed origin, or from no page at all."""
    origin = handler.request.headers.get("Origin") or handler.request.headers.get("Sec-Websocket-Origin")
    if origin is None:
        return True
    origin = origin.lower()
    host = (handler.request.headers.get("Host") or "").lower()
    if urlsplit(origin).netloc == host:
        return True
    if handler.allow_origin:
        return bool(handler.allow_origin == origin)
    if handler.allow_origin_pat:
        return bool(origin_matches_pat(handler.allow_origin_pat, origin))
    return False
