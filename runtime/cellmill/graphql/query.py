"""Everything that can be asked, a class for each concept."""

from __future__ import annotations

import strawberry

from cellmill import __version__
from cellmill.graphql.asset_queries import AssetQueries
from cellmill.graphql.automation_queries import AutomationQueries
from cellmill.graphql.captured import CapturedQueries
from cellmill.graphql.deployment import Instance
from cellmill.graphql.documented import documented
from cellmill.graphql.partition_queries import PartitionQueries
from cellmill.graphql.run_queries import RunQueries
from cellmill.graphql.workspace_queries import WorkspaceQueries


@strawberry.type(description="Everything that can be asked.")
class Query(WorkspaceQueries, AssetQueries, RunQueries, AutomationQueries, PartitionQueries, CapturedQueries):
    """Everything that can be asked."""

    @documented
    def version(self) -> str:
        """The version of cellmill."""
        return __version__

    @documented
    def instance(self) -> Instance:
        """The instance: where everything is stored, and what runs for it."""
        return Instance()
