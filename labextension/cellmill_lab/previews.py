"""Executed notebooks and single cell outputs, as files of an origin that can do nothing."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from cellmill.errors import SecurityError
from jupyter_server.auth.decorator import authorized
from tornado import web

from cellmill_lab.contained import contained
from cellmill_lab.guard import CellmillHandler

RESOURCE = "cellmill:runs"
#: Types that a browser may show inside the sandbox; everything else is a download.
SHOWN = frozenset(
    {"text/html", "text/plain", "image/png", "image/jpeg", "image/gif", "image/svg+xml", "application/json"}
)


class SandboxHandler(CellmillHandler):
    """Answers with content that users' code made, which must never act in the server's own origin."""

    def send(self, content: bytes, mime: str, filename: str) -> None:
        """Finish the request with ``content`` in an opaque origin, as a download unless the type is shown."""
        self.set_header(
            "Content-Security-Policy",
            "sandbox allow-scripts; default-src 'none'; "
            "style-src 'unsafe-inline'; img-src data:; script-src 'unsafe-inline'",
        )
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        if mime not in SHOWN:
            self.set_header("Content-Disposition", f'attachment; filename="{filename}"')
        self.finish(content, set_content_type=f"{mime}; charset=UTF-8" if mime.startswith("text/") else mime)

    async def notebook_path(self, run_id: str, name: str) -> Path:
        """The executed notebook ``name`` of a run, inside the run's own folder; 404 otherwise."""
        context = await self.services.graphql_context(self.current_user)
        folder = Path(context.notebooks_folder())
        try:
            run_folder = contained(folder, run_id)
            path = contained(run_folder, name)
        except SecurityError:
            raise web.HTTPError(404) from None
        if path.suffix != ".ipynb" or not path.is_file():
            raise web.HTTPError(404)
        return path


class RunNotebookHandler(SandboxHandler):
    """Serves one executed notebook of a run."""

    @web.authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, run_id: str, name: str) -> None:
        """Answer with the notebook rendered as HTML, or as its own JSON with ``?download=1``."""
        path = await self.notebook_path(run_id, name)
        if self.get_query_argument("download", None):
            self.send(await asyncio.to_thread(path.read_bytes), "application/x-ipynb+json", "notebook.ipynb")
            return
        self.send(await asyncio.to_thread(render_html, path), "text/html", "notebook.html")


class CellOutputHandler(SandboxHandler):
    """Serves the richest output of one executed cell."""

    @web.authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, run_id: str, cell_id: str, name: str) -> None:
        """Answer with the output in its own type, or 404."""
        path = await self.notebook_path(run_id, name)
        found = cell_output(json.loads(await asyncio.to_thread(path.read_bytes)), cell_id)
        if found is None:
            raise web.HTTPError(404)
        self.send(found[1], found[0], "output")


def cell_output(notebook: dict[str, Any], cell_id: str) -> tuple[str, bytes] | None:
    """The MIME type and bytes of the last rich output of a cell, if it has one."""
    for cell in notebook.get("cells", ()):
        if cell.get("id") != cell_id:
            continue
        for output in reversed(cell.get("outputs", ())):
            data = output.get("data") or {}
            for mime in ("image/png", "image/svg+xml", "text/html", "text/plain"):
                if mime in data:
                    text = data[mime] if isinstance(data[mime], str) else "".join(data[mime])
                    return mime, base64.b64decode(text) if mime == "image/png" else text.encode()
    return None


def render_html(path: Path) -> bytes:
    """The notebook as one HTML page, without any script of another host."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="basic", embed_images=True)
    body, _ = exporter.from_filename(str(path))
    return f"<!DOCTYPE html><html><head><meta charset='utf-8'></head><body>{body}</body></html>".encode()
