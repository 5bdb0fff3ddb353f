"""The workspace: code locations, their repositories, jobs and partition sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import strawberry

from cellmill.graphql.assets import AssetGroup, AssetNode, Info
from cellmill.graphql.automation import Schedule, Sensor
from cellmill.graphql.context import ASSET_JOB, REPOSITORY, Context
from cellmill.graphql.documented import CursorArg, LimitArg, documented, page_size, said
from cellmill.graphql.graphs import Mode, Solid, graph_of, solids_of
from cellmill.graphql.metadata import AssetKey
from cellmill.graphql.problems import (
    InvalidSubsetError,
    PartitionSetNotFoundError,
    PipelineNotFoundError,
    PythonError,
    ReloadNotSupported,
    RepositoryLocationNotFound,
    RepositoryNotFoundError,
    UnauthorizedError,
)
from cellmill.graphql.run_filter import RunsFilter
from cellmill.graphql.run_lists import load_runs
from cellmill.graphql.runs import PipelineTag, Run
from cellmill.planning.run import RunRecord
from cellmill.workspace.manifest import JobEntry, ProblemEntry


@strawberry.input(description="Names a repository.")
class RepositorySelector:
    """Names a repository."""

    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")


@strawberry.type(description="A job: a graph of ops, or a selection of assets.")
class Job:
    """A job."""

    entry: strawberry.Private[JobEntry]

    @documented
    def id(self) -> strawberry.ID:
        """An id that is unique among jobs."""
        return strawberry.ID(f"{self.entry.location}.{REPOSITORY}.{self.entry.name}")

    @documented
    def name(self) -> str:
        """The job's name."""
        return self.entry.name

    @documented
    def description(self) -> str | None:
        """What it is for."""
        return self.entry.description

    @documented
    def is_job(self) -> bool:
        """True: every pipeline is a job."""
        return True

    @documented
    def is_asset_job(self) -> bool:
        """Whether it makes assets."""
        return self.entry.kind == "asset"

    @documented
    def tags(self) -> list[PipelineTag]:
        """Its tags."""
        return [PipelineTag(key=key, value=value) for key, value in self.entry.tags.items()]

    @documented
    def solids(self, info: Info) -> list[Solid]:
        """Its ops."""
        return solids_of(graph_of(info.context, self.entry))

    @documented
    def graph_name(self) -> str:
        """The name of its graph."""
        return self.entry.graph or self.entry.name

    @documented
    def asset_keys(self) -> list[AssetKey]:
        """The assets it makes."""
        return [AssetKey(path=list(path)) for path in self.entry.assets]

    @documented
    def modes(self) -> list[Mode]:
        """Its modes; there is only one."""
        return [Mode(id=f"{self.entry.name}.default", name="default")]

    @documented
    def schedules(self, info: Info) -> list[Schedule]:
        """The schedules that run it."""
        return [
            Schedule(entry=one)
            for one in info.context.manifest.schedules
            if one.job == self.entry.name and one.location == self.entry.location
        ]

    @documented
    def sensors(self, info: Info) -> list[Sensor]:
        """The sensors that can start it."""
        return [
            Sensor(entry=one)
            for one in info.context.manifest.sensors
            if self.entry.name in one.jobs and one.location == self.entry.location
        ]

    @documented
    def runs(self, info: Info, cursor: CursorArg = None, limit: LimitArg = None) -> list[Run]:
        """Its runs, newest first."""
        if cursor:
            return load_runs(info, RunsFilter(pipeline_name=self.entry.name), cursor, limit).results
        rows = page_size(limit)

        def load(names: list[str]) -> Mapping[str, list[RunRecord]]:
            return info.context.instance.runs.newest_of_each_job(names, rows)

        found = info.context.bulk.get("job", rows, self.entry.name, load, rows=rows) or []
        info.context.keep_records(found)
        return [Run(record=record) for record in found]


@strawberry.type(description="The repository of a code location.")
class Repository:
    """The repository of a code location."""

    location_name: strawberry.Private[str]

    @documented
    def id(self) -> strawberry.ID:
        """An id that is unique among repositories."""
        return strawberry.ID(f"{self.location_name}.{REPOSITORY}")

    @documented
    def name(self) -> str:
        """The repository's name."""
        return REPOSITORY

    @documented
    def location(self) -> RepositoryLocation:
        """The code location it is in."""
        return RepositoryLocation(location_name=self.location_name)

    @documented
    def pipelines(self, info: Info) -> list[Job]:
        """Its jobs."""
        return [Job(entry=entry) for entry in jobs_of(info.context, self.location_name)]

    @documented
    def jobs(self, info: Info) -> list[Job]:
        """Its jobs."""
        return [Job(entry=entry) for entry in jobs_of(info.context, self.location_name)]

    @documented
    def schedules(self, info: Info) -> list[Schedule]:
        """Its schedules."""
        return [Schedule(entry=one) for one in info.context.manifest.schedules if one.location == self.location_name]

    @documented
    def sensors(self, info: Info) -> list[Sensor]:
        """Its sensors."""
        return [Sensor(entry=one) for one in info.context.manifest.sensors if one.location == self.location_name]

    @documented
    def asset_nodes(self, info: Info) -> list[AssetNode]:
        """Its assets."""
        entries = [one for one in info.context.manifest.assets if one.location == self.location_name]
        info.context.bulk.expect("asset", [entry.asset_key for entry in entries])
        return [AssetNode(entry=entry) for entry in entries]

    @documented
    def asset_groups(self, info: Info) -> list[AssetGroup]:
        """Its groups of assets."""
        groups: dict[str, list[AssetKey]] = {}
        for entry in info.context.manifest.assets:
            if entry.location == self.location_name:
                groups.setdefault(entry.group, []).append(AssetKey(path=list(entry.key)))
        return [AssetGroup(group_name=name, asset_keys=keys) for name, keys in sorted(groups.items())]


@strawberry.type(description="A place that definitions come from: notebooks, or a Python module.")
class RepositoryLocation:
    """A place that definitions come from."""

    location_name: strawberry.Private[str]

    @documented
    def id(self) -> strawberry.ID:
        """The location's name."""
        return strawberry.ID(self.location_name)

    @documented
    def name(self) -> str:
        """The location's name."""
        return self.location_name

    @documented
    def is_reload_supported(self) -> bool:
        """True: every location can be read again."""
        return True

    @documented
    def repositories(self) -> list[Repository]:
        """Its one repository."""
        return [Repository(location_name=self.location_name)]


RepositoryLocationOrLoadError = Annotated[
    RepositoryLocation | PythonError,
    strawberry.union("RepositoryLocationOrLoadError", description="A code location, or why it could not be loaded."),
]


@strawberry.type(description="Something wrong with a definition, which harms nothing else.")
class DefinitionProblem:
    """Something wrong with a definition."""

    message: str = said("What is wrong.")
    remedy: str = said("What to do.")
    severity: str = said("`error` or `warning`.")
    place: str = said("The notebook, cell and line.")


@strawberry.type(description="A code location in the workspace, loaded or not.")
class WorkspaceLocationEntry:
    """A code location in the workspace, loaded or not."""

    location_name: strawberry.Private[str]

    @documented
    def id(self) -> strawberry.ID:
        """The location's name."""
        return strawberry.ID(self.location_name)

    @documented
    def name(self) -> str:
        """The location's name."""
        return self.location_name

    @documented
    def load_status(self) -> str:
        """`LOADED`: locations are read when they are asked for."""
        return "LOADED"

    @documented
    def location_or_load_error(self, info: Info) -> RepositoryLocationOrLoadError | None:
        """The location, or why it could not be loaded."""
        for problem in problems_of(info.context, self.location_name):
            if problem.kind == "location" and problem.severity == "error":
                return PythonError.told(problem_text(problem), problem.kind, problem.traceback.splitlines())
        return RepositoryLocation(location_name=self.location_name)

    @documented
    def problems(self, info: Info) -> list[DefinitionProblem]:
        """What is wrong with its definitions."""
        return [
            DefinitionProblem(
                message=problem.message, remedy=problem.remedy, severity=problem.severity, place=str(problem.place)
            )
            for problem in problems_of(info.context, self.location_name)
        ]


@strawberry.type(description="All code locations.")
class Workspace:
    """All code locations."""

    @documented
    def id(self) -> strawberry.ID:
        """The workspace's id; there is only one."""
        return strawberry.ID("workspace")

    @documented
    def location_entries(self, info: Info) -> list[WorkspaceLocationEntry]:
        """The code locations."""
        return [WorkspaceLocationEntry(location_name=name) for name in info.context.location_names]


@strawberry.type(description="A list of repositories.")
class RepositoryConnection:
    """A list of repositories."""

    nodes: list[Repository] = said("The repositories.")


@strawberry.type(description="A named set of partitions of a job.")
class PartitionSet:
    """A named set of partitions of a job."""

    entry: strawberry.Private[JobEntry]

    @documented
    def id(self) -> strawberry.ID:
        """An id that is unique among partition sets."""
        return strawberry.ID(f"{self.entry.location}.{self.entry.name}_partition_set")

    @documented
    def name(self) -> str:
        """The set's name."""
        return f"{self.entry.name}_partition_set"

    @documented
    def pipeline_name(self) -> str:
        """The job."""
        return self.entry.name

    @documented
    def mode(self) -> str:
        """The mode; there is only one."""
        return "default"

    @documented
    def partition_names(self, info: Info, limit: LimitArg = None) -> list[str]:
        """The keys of its partitions."""
        keys = info.context.partition_keys(self.entry)
        return keys[: page_size(limit)] if limit is not None else keys


@strawberry.type(description="A list of partition sets.")
class PartitionSets:
    """A list of partition sets."""

    results: list[PartitionSet] = said("The partition sets.")


@strawberry.type(description="The run configuration that a job takes.")
class RunConfigSchema:
    """The run configuration that a job takes."""

    json_schema: strawberry.scalars.JSON = said("It as a JSON Schema.")
    root_default_yaml: str = said("A configuration to begin with, as YAML.")


@strawberry.type(description="A code location could not be shut down.")
class ShutdownRepositoryLocationSuccess:
    """A code location was shut down."""

    repository_location_name: str = said("The code location.")


RepositoriesOrError = Annotated[
    RepositoryConnection | RepositoryNotFoundError | PythonError,
    strawberry.union("RepositoriesOrError", description="Repositories."),
]
RepositoryOrError = Annotated[
    Repository | RepositoryNotFoundError | PythonError,
    strawberry.union("RepositoryOrError", description="A repository."),
]
WorkspaceOrError = Annotated[
    Workspace | PythonError, strawberry.union("WorkspaceOrError", description="The workspace.")
]
WorkspaceLocationEntryOrError = Annotated[
    WorkspaceLocationEntry | PythonError,
    strawberry.union("WorkspaceLocationEntryOrError", description="A code location."),
]
PipelineOrError = Annotated[
    Job | PipelineNotFoundError | InvalidSubsetError | PythonError,
    strawberry.union("PipelineOrError", description="A job."),
]
PartitionSetsOrError = Annotated[
    PartitionSets | PipelineNotFoundError | PythonError,
    strawberry.union("PartitionSetsOrError", description="Partition sets."),
]
PartitionSetOrError = Annotated[
    PartitionSet | PartitionSetNotFoundError | PythonError,
    strawberry.union("PartitionSetOrError", description="A partition set."),
]
RunConfigSchemaOrError = Annotated[
    RunConfigSchema | PipelineNotFoundError | InvalidSubsetError | PythonError,
    strawberry.union("RunConfigSchemaOrError", description="The run configuration that a job takes."),
]
ReloadRepositoryLocationMutationResult = Annotated[
    WorkspaceLocationEntry | ReloadNotSupported | RepositoryLocationNotFound | UnauthorizedError | PythonError,
    strawberry.union("ReloadRepositoryLocationMutationResult", description="The location as it is now."),
]
ReloadWorkspaceMutationResult = Annotated[
    Workspace | UnauthorizedError | PythonError,
    strawberry.union("ReloadWorkspaceMutationResult", description="The workspace as it is now."),
]
ShutdownRepositoryLocationMutationResult = Annotated[
    ShutdownRepositoryLocationSuccess | RepositoryLocationNotFound | UnauthorizedError | PythonError,
    strawberry.union("ShutdownRepositoryLocationMutationResult", description="Whether the location was shut down."),
]


def jobs_of(context: Context, location: str) -> list[JobEntry]:
    """The jobs of a location: those it declares, and the one in which any of its assets can be made."""
    declared = [job for job in context.manifest.jobs if job.location == location]
    assets = tuple(e.key for e in context.manifest.assets if e.location == location and e.materializable)
    context.bulk.expect("job", [ASSET_JOB, *(job.name for job in declared)])
    if not assets:
        return declared
    return [JobEntry(name=ASSET_JOB, assets=assets, location=location), *declared]


def find_job(context: Context, name: str, location: str | None) -> JobEntry | None:
    """The job of that name, the job of all assets included."""
    for where in [location] if location else context.location_names:
        for entry in jobs_of(context, where):
            if entry.name == name:
                return entry
    return None


def no_such_job(name: str, repository: str | None, location: str | None) -> PipelineNotFoundError:
    """The answer where no job has this name."""
    where = f" in location {location}" if location else ""
    return PipelineNotFoundError(
        message=f"No job is named {name}{where}.",
        pipeline_name=name,
        repository_name=repository or REPOSITORY,
        repository_location_name=location or "",
    )


def problems_of(context: Context, location: str) -> list[ProblemEntry]:
    """What is wrong with a location."""
    return [problem for problem in context.manifest.problems if problem.location == location]


def problem_text(problem: ProblemEntry) -> str:
    """A problem in words: where, what, and what to do."""
    return "\n".join(filter(None, [f"{problem.place}: {problem.message}".lstrip(": "), problem.remedy]))
