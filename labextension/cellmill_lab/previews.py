"""Executed notebooks and single cell outputs, as files of an origin that can do nothing."""

from __future__ import annotations

import asyncio
import base64
from html import escape
from pathlib import Path
from typing import Any

from cellmill.errors import SecurityError
from cellmill.execution.capture import captured_path
from cellmill.execution.notebook.document import normalized, render_notebook
from cellmill.execution.notebook.live import notebook_now
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
            "sandbox allow-scripts; default-src 'none'; base-uri 'none'; form-action 'none'; "
            "style-src 'unsafe-inline'; img-src data:; script-src 'unsafe-inline'",
        )
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        if mime not in SHOWN:
            self.set_header("Content-Disposition", f'attachment; filename="{filename}"')
        self.finish(content, set_content_type=f"{mime}; charset=UTF-8" if mime.startswith("text/") else mime)

    async def runs_folder(self) -> Path:
        """The folder that holds a folder for each run."""
        context = await self.services.graphql_context(self.current_user)
        return Path(context.notebooks_folder())

    async def notebook_path(self, run_id: str, name: str) -> Path:
        """Where the executed notebook ``name`` of a run is, inside the run's folder; 404 for what is no notebook."""
        path = inside(inside(await self.runs_folder(), run_id), name)
        if path.suffix != ".ipynb":
            raise web.HTTPError(404)
        return path

    async def notebook(self, run_id: str, name: str) -> dict[str, Any]:
        """The executed notebook ``name`` of a run, with its outputs so far where the run goes on; 404 without one."""
        found = await asyncio.to_thread(notebook_now, await self.notebook_path(run_id, name))
        if found is None:
            raise web.HTTPError(404)
        return found


def inside(folder: Path, name: str) -> Path:
    """The path of ``name`` in a folder; 404 for whatever leads out of it."""
    try:
        return contained(folder, name)
    except SecurityError:
        raise web.HTTPError(404) from None


class RunNotebookHandler(SandboxHandler):
    """Serves one executed notebook of a run."""

    @web.authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, run_id: str, name: str) -> None:
        """Answer with the notebook rendered as HTML, or as its own JSON with ``?download=1``."""
        found = await self.notebook(run_id, name)
        if self.get_query_argument("download", None):
            self.send(render_notebook(found).encode(), "application/x-ipynb+json", "notebook.ipynb")
            return
        dark = self.get_query_argument("theme", "light") == "dark"
        title = name.rpartition("/")[2]
        self.send(await asyncio.to_thread(render_html, found, title, dark), "text/html", "notebook.html")


class CellOutputHandler(SandboxHandler):
    """Serves the richest output of one executed cell."""

    @web.authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, run_id: str, cell_id: str, name: str) -> None:
        """Answer with the output in its own type, or 404."""
        found = cell_output(await self.notebook(run_id, name), cell_id)
        if found is None:
            raise web.HTTPError(404)
        mime, content = found
        if mime == "text/html":
            content = styled(content, self.get_query_argument("theme", "light") == "dark")
        self.send(content, mime, "output")


class StepOutputHandler(SandboxHandler):
    """Serves what a step of a run printed."""

    @web.authenticated
    @authorized("read", resource=RESOURCE)
    async def get(self, run_id: str, stream: str, step_key: str) -> None:
        """Answer with the end of what the step wrote to ``out`` or ``err``; empty where it wrote nothing."""
        runs = await self.runs_folder()
        if not inside(runs, run_id).is_dir():
            raise web.HTTPError(404)
        path = captured_path(runs.parent, run_id, step_key, stream)
        text = await asyncio.to_thread(file_end, path) if path.is_file() else b""
        self.send(text, "text/plain", f"{stream}.txt")


#: Bytes of a step's output that the screens show; more is in the file.
PRINTED_LIMIT = 200_000


def file_end(path: Path, limit: int = PRINTED_LIMIT) -> bytes:
    """The last bytes of a file, from the begin of a line where some were left out."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - limit))
        text = file.read()
    return text if size <= limit else text[text.find(b"\n") + 1 :]


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


#: How an executed notebook looks where JupyterLab's own style is not: quiet cells, failures marked.
STYLE = """
:root { color-scheme: light; --text: #212121; --quiet: #616161; --back: #fff; --code: #f6f7f9; --line: #ddd;
  --bad: #b3261e; --word: #7b1fa2; --string: #8f2f1b; }
:root.dark { color-scheme: dark; --text: #e6e6e6; --quiet: #a8a8a8; --back: #111; --code: #1c1d20; --line: #3a3a3a;
  --bad: #ff8a80; --word: #ce93d8; --string: #ffab91; }
body { margin: 12px; font: 13px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); }
.cell { margin: 0 0 12px; scroll-margin-top: 12px; }
.cell:target { box-shadow: -4px 0 var(--quiet); }
.prompt { font: 11px monospace; color: var(--quiet); }
.anchor-link { display: none; }
pre { margin: 0; font: 12px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.input_area pre { padding: 8px 10px; border: 1px solid var(--line); border-radius: 4px; background: var(--code); }
.output_area { padding: 4px 10px; overflow-x: auto; }
.output_stderr, .output_error { padding-left: 8px; border-left: 3px solid var(--bad); }
.ansi-red-fg { color: var(--bad); } .ansi-bold { font-weight: 600; }
.k, .kn, .kc, .ow { color: var(--word); } .s1, .s2, .sd { color: var(--string); } .c1 { color: var(--quiet); }
table { border: 0; border-collapse: collapse; }
th, td { padding: 2px 8px; border: 0; border-bottom: 1px solid var(--line); text-align: right; }
img, svg { max-width: 100%; }
"""


def styled(body: bytes, dark: bool) -> bytes:
    """A piece of HTML as a page that looks as the screens around it."""
    head = f"<!DOCTYPE html><html lang='en' class='{'dark' if dark else 'light'}'><meta charset='utf-8'>"
    return f"{head}<style>{STYLE}</style><body>".encode() + body


def render_html(notebook: dict[str, Any], title: str, dark: bool = False) -> bytes:
    """The notebook as one HTML page, without any script of another host."""
    # half a second with nbconvert, for the first preview
    import nbformat
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="basic", embed_images=True)
    body, _ = exporter.from_notebook_node(nbformat.from_dict(normalized(notebook)))  # type: ignore[no-untyped-call]
    head = f"<meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style>"
    theme = "dark" if dark else "light"
    return f"<!DOCTYPE html><html lang='en' class='{theme}'><head>{head}</head><body>{body}</body></html>".encode()
