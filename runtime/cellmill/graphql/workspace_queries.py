"""What can be asked of code locations, their jobs, and what configures these."""

from __future__ import annotations

from typing import Annotated

import strawberry

from cellmill.graphql.assets import Info
from cellmill.graphql.config_check import PipelineConfigValidationResult, check_config, config_schema
from cellmill.graphql.documented import RunConfigData, arg, documented
from cellmill.graphql.graphs import GraphOrError, GraphSelector, find_graph
from cellmill.graphql.launching import PipelineSelector
from cellmill.graphql.problems import RepositoryNotFoundError
from cellmill.graphql.repository import (
    Job,
    PipelineOrError,
    RepositoriesOrError,
    Repository,
    RepositoryConnection,
    RepositoryOrError,
    RepositorySelector,
    RunConfigSchemaOrError,
    Workspace,
    WorkspaceLocationEntry,
    WorkspaceLocationEntryOrError,
    WorkspaceOrError,
    find_job,
    jobs_of,
    no_such_job,
)

SelectorArg = Annotated[RepositorySelector, arg("The repository.")]


def _no_repository(selector: RepositorySelector) -> RepositoryNotFoundError:
    return RepositoryNotFoundError(
        message=f"No code location is named {selector.repository_location_name}.",
        repository_name=selector.repository_name,
        repository_location_name=selector.repository_location_name,
    )


@strawberry.type
class WorkspaceQueries:
    """What can be asked of code locations and jobs."""

    @documented
    def repositories_or_error(
        self, info: Info, repository_selector: Annotated[RepositorySelector | None, arg("Only this repository.")] = None
    ) -> RepositoriesOrError:
        """The repositories of all code locations."""
        names = info.context.location_names
        if repository_selector is not None:
            if repository_selector.repository_location_name not in names:
                return _no_repository(repository_selector)
            names = [repository_selector.repository_location_name]
        return RepositoryConnection(nodes=[Repository(location_name=name) for name in names])

    @documented
    def repository_or_error(self, info: Info, repository_selector: SelectorArg) -> RepositoryOrError:
        """One repository."""
        name = repository_selector.repository_location_name
        return (
            Repository(location_name=name)
            if name in info.context.location_names
            else _no_repository(repository_selector)
        )

    @documented
    def workspace_or_error(self) -> WorkspaceOrError:
        """All code locations, broken ones included."""
        return Workspace()

    @documented
    def workspace_location_entry_or_error(
        self, info: Info, name: Annotated[str, arg("The location's name.")]
    ) -> WorkspaceLocationEntryOrError | None:
        """One code location."""
        return WorkspaceLocationEntry(location_name=name) if name in info.context.location_names else None

    @documented
    def pipeline_or_error(self, info: Info, params: Annotated[PipelineSelector, arg("The job.")]) -> PipelineOrError:
        """One job."""
        entry = find_job(info.context, params.name, params.repository_location_name)
        if entry is None:
            return no_such_job(params.name, params.repository_name, params.repository_location_name)
        return Job(entry=entry)

    @documented
    def graph_or_error(self, info: Info, selector: Annotated[GraphSelector, arg("The graph.")]) -> GraphOrError:
        """The graph of a job: its ops, those of graphs in it, and what configures each."""
        return find_graph(info.context, jobs_of(info.context, selector.repository_location_name), selector)

    @documented
    def is_pipeline_config_valid(
        self,
        info: Info,
        pipeline: Annotated[PipelineSelector, arg("The job.")],
        mode: Annotated[str, arg("The mode; there is only one.")] = "default",
        run_config_data: Annotated[RunConfigData | None, arg("An object, or YAML text.")] = None,
    ) -> PipelineConfigValidationResult:
        """Whether a job takes a run configuration, or every mistake in it."""
        return check_config(info.context, pipeline, run_config_data)

    @documented
    def run_config_schema_or_error(
        self,
        info: Info,
        selector: Annotated[PipelineSelector, arg("The job.")],
        mode: Annotated[str | None, arg("The mode; there is only one.")] = None,
    ) -> RunConfigSchemaOrError:
        """The run configuration that a job takes."""
        return config_schema(info.context, selector)
