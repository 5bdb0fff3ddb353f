"""The server extension, and ``jupyter cellmill``, which starts it alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Float, Unicode

from cellmill_lab.graphql_handler import GraphQLHandler
from cellmill_lab.guard import SETTING
from cellmill_lab.page import AssetFileHandler, PageHandler
from cellmill_lab.previews import CellOutputHandler, RunNotebookHandler, StepOutputHandler
from cellmill_lab.reports import ReportHandler
from cellmill_lab.services import Services

STATIC = Path(__file__).parent / "static"


#: Every route: its pattern, its handler, and the handler's arguments.
ROUTES: tuple[tuple[Any, ...], ...] = (
    (r"/cellmill/?", PageHandler),
    (r"/cellmill/static/(.*)", AssetFileHandler, {"root": STATIC}),
    (r"/cellmill/graphql", GraphQLHandler),
    (r"/cellmill/report_asset_(materialization|observation|check)/?(.*)", ReportHandler),
    (r"/cellmill/runs/([^/]+)/notebook/(.*)", RunNotebookHandler),
    (r"/cellmill/runs/([^/]+)/printed/(out|err)/(.+)", StepOutputHandler),
    (r"/cellmill/runs/([^/]+)/cells/([^/]+)/(.*)", CellOutputHandler),
)


class CellmillApp(ExtensionApp):
    """Serves cellmill's GraphQL, previews and page under Jupyter Server's authentication."""

    name = "cellmill"
    extension_url = "/cellmill"
    load_other_extensions = False
    description = "Start cellmill's own page, without JupyterLab."

    workspace_dir = Unicode("", config=True, help="The folder of the workspace; the server's root folder if empty.")
    unread_limit_s = Float(20.0, config=True, help="Seconds after which a subscriber that does not read is dropped.")

    def initialize_settings(self) -> None:
        """Give every handler the one object that opens the workspace and the instance when first asked."""
        assert self.serverapp is not None, "an extension is initialised by its server"
        root = Path(self.workspace_dir or self.serverapp.root_dir)
        self.settings[SETTING] = Services(root.resolve(), unread_s=self.unread_limit_s)

    def initialize_handlers(self) -> None:
        """Register every route; each handler declares its own resource and action."""
        self.handlers.extend(ROUTES)

    async def stop_extension(self) -> None:
        """Close the instance and stop watching it."""
        services: Services = self.settings[SETTING]
        await services.close()


def main() -> None:
    """Start the server with cellmill's page as its landing page."""
    CellmillApp.launch_instance(sys.argv[1:])
