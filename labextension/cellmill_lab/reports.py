"""``POST /cellmill/report_asset_materialization``: outside programs tell what they made."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from cellmill.errors import CellmillError
from cellmill.graphql.reports import report_materialization
from jupyter_server.auth.decorator import authorized
from tornado import web

from cellmill_lab.guard import CellmillHandler

RESOURCE = "cellmill:assets"
#: Bytes of one report; metadata beyond this belongs into the asset.
MAX_BODY = 64 * 1024


class ReportMaterializationHandler(CellmillHandler):
    """Records one materialization of an asset that another program made."""

    @web.authenticated
    @authorized("write", resource=RESOURCE)
    async def post(self, path_key: str) -> None:
        """Take the asset key from the path, the query or the body, and the rest from query and body."""
        report = read_report(self.request.body)
        for name in ("asset_key", "partition", "data_version", "description", "metadata"):
            value = self.get_query_argument(name, None)
            if value is not None:
                report[name] = value
        if path_key:
            report["asset_key"] = path_key
        context = await self.services.graphql_context(self.current_user)
        try:
            await asyncio.to_thread(report_materialization, context.instance, report)
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
