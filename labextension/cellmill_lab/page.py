"""The page at ``/cellmill``: the panels of JupyterLab, without JupyterLab."""

from __future__ import annotations

import json
import mimetypes
from html import escape
from pathlib import Path

from cellmill.errors import SecurityError
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from cellmill_lab.contained import contained
from cellmill_lab.guard import CellmillHandler

RESOURCE = "cellmill:page"

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cellmill</title>
<link rel="stylesheet" href="{static}/standalone.css">
</head>
<body>
<div id="cellmill-root"></div>
<script id="jupyter-config-data" type="application/json">{config}</script>
<script src="{static}/standalone.js"></script>
</body>
</html>
"""


class PageHandler(CellmillHandler):
    """Serves the page's frame; everything in it comes from GraphQL."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Check the origin as every route does; who is not logged in goes to the login page."""
        self.check_our_origin()
        await ensure_async(JupyterHandler.prepare(self))  # type: ignore[arg-type]

    def get_login_url(self) -> str:
        """The login page: a person asks for this page, not a program."""
        return JupyterHandler.get_login_url(self)

    @web.authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self) -> None:
        """Answer with the page for the current user; its scripts come from this server only."""
        self.services.warm(self.current_user)
        self.xsrf_token  # noqa: B018  (sets the cookie that the page's POST requests must repeat)
        config = json.dumps({"baseUrl": self.base_url}).replace("<", "\\u003c")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header(
            "Content-Security-Policy",
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
        )
        static = escape(url_path_join(self.base_url, "cellmill", "static"), quote=True)
        self.finish(PAGE.format(static=static, config=config), set_content_type="text/html; charset=UTF-8")


class AssetFileHandler(CellmillHandler):
    """Serves the built script and style of the page."""

    def initialize(self, root: Path) -> None:  # type: ignore[override]
        """Remember the folder of the built files."""
        self._root = root

    @web.authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, name: str) -> None:
        """Answer with one built file, or 404."""
        try:
            path = contained(self._root, name)
        except SecurityError:
            raise web.HTTPError(404) from None
        if not path.is_file():
            raise web.HTTPError(404)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-cache")
        self.finish(
            path.read_bytes(), set_content_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        )
