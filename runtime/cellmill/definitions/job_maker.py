"""Jobs of graphs and parts of jobs, for graphs and jobs themselves: fills the port `JobMaker`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_in_body import loaded_asset
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.job_subset import job_subset

if TYPE_CHECKING:
    from cellmill.definitions import job_maker
    from cellmill.definitions.engine import JobMaker

    _FILLED: JobMaker = job_maker

__all__ = ["job_of_graph", "job_subset", "loaded_asset"]


def job_of_graph(graph: Any, name: str | None, **options: Any) -> JobDefinition:
    """Return the job that runs a graph."""
    return JobDefinition(graph_def=graph, name=name, **options)
