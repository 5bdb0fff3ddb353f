"""``POST /cellmill/report_asset_materialization``, ``…_observation`` and ``…_check``: outside programs tell."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from cellmill.errors import CellmillError
from cellmill.graphql.reports import FIELDS, record_report
from jupyter_server.auth.decorator import authorized
from tornado import web

from cellmill_lab.guard import CellmillHandler

RESOURCE = "cellmill:assets"
#: Bytes of one report; metadata beyond this belongs into the asset.
MAX_BODY = 64 * 1024


class ReportHandler(CellmillHandler):
    """Records that another program made, saw or checked an asset."""

    @web.authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self, kind: str, path_key: str) -> None:
        """Take the asset key from the path, the body or the query, and the rest from body and query."""
        report = {
            name: value for name in FIELDS[kind] if (value := self.get_query_argument(name, None)) is not None
        } | read_report(self.request.body)
        if path_key:
            report["asset_key"] = path_key
        context = await self.services.graphql_context(self.current_user)
        try:
            await asyncio.to_thread(record_report, context.instance, kind, report)
        except (CellmillError, ValueError) as problem:
            self.set_status(400)
            self.finish({"error": str(problem)})
            return
        self.finish({})


def read_report(body: bytes) -> dict[str, Any]:
    """The body of a report as a dictionary; HTTP 400 or 413 for anything else."""
    if len(body) > MAX_BODY:
        raise web.HTTPError(413, f"A report may have at most {MAX_BODY} bytes.")
    if not body.strip():
        return {}
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise web.HTTPError(400, "The body is not JSON.") from None
    if not isinstance(data, dict):
        raise web.HTTPError(400, "The body is not a JSON object.")
    return data
