"""The graphs of jobs: their ops, the graphs inside them, and what configures each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import strawberry

from cellmill.graphql.context import REPOSITORY, Context
from cellmill.graphql.documented import documented, said
from cellmill.graphql.problems import Error, PythonError
from cellmill.workspace.manifest import JobEntry, OpEntry


@strawberry.type(description="A mode of a job; there is only one.")
class Mode:
    """A mode of a job."""

    id: str = said("An id that is unique among modes.")
    name: str = said("The mode's name.")
    description: str | None = said("What it is for.", None)


@strawberry.type(description="An op in a job or a graph in it, and the ones it waits for.")
class Solid:
    """An op in a job, or a graph in it."""

    name: str = said("The op's name.")
    upstream: list[str] = said("The ops it waits for.")
    description: str | None = said("What it does.", None)
    is_graph: bool = said("Whether it is a graph of its own.", False)
    config_schema: strawberry.scalars.JSON | None = said(
        "What configures it, as a JSON Schema; null where nothing does, or where only a run of its notebook knows it.",
        None,
    )


@strawberry.type(description="Where an op stands in a job.")
class SolidHandle:
    """Where an op stands in a job."""

    handle_id: str = strawberry.field(name="handleID", description="Names of the graphs around it, and its own.")
    solid: Solid = said("The op.")
    parent: SolidHandle | None = said("The graph around it; null at the top.", None)


@strawberry.type(description="The graph of a job.")
class Graph:
    """The graph of a job."""

    name: str = said("The graph's name.")
    description: str | None = said("What it is for.")
    location_name: strawberry.Private[str]
    nodes: strawberry.Private[Sequence[Mapping[str, Any]]]
    schema: strawberry.Private[Mapping[str, Any]]

    @documented
    def id(self) -> strawberry.ID:
        """An id that is unique among graphs."""
        return strawberry.ID(f"graph:{self.location_name}.{REPOSITORY}.{self.name}")

    def handles(self) -> Iterator[SolidHandle]:
        """Every node, those of graphs behind the graph."""
        return _handles(self.nodes, self.schema, None)

    @documented
    def modes(self) -> list[Mode]:
        """Its modes; there is only one."""
        return [Mode(id=f"{self.name}.default", name="default")]

    @documented
    def solid_handles(
        self,
        parent_handle_id: Annotated[
            str | None,
            strawberry.argument(name="parentHandleID", description="Only what is right in this graph; empty: the top."),
        ] = None,
    ) -> list[SolidHandle]:
        """Its ops, those of graphs in it too."""
        found = list(self.handles())
        if parent_handle_id is None:
            return found
        return [one for one in found if (one.parent.handle_id if one.parent else "") == parent_handle_id]

    @documented
    def solid_handle(
        self, handle_id: Annotated[str, strawberry.argument(name="handleID", description="Where the op stands.")]
    ) -> SolidHandle | None:
        """One of its ops."""
        return next((one for one in self.handles() if one.handle_id == handle_id), None)

    @documented
    def solids(self) -> list[Solid]:
        """Its ops, and the graphs in it."""
        return solids_of(self)


def solids_of(graph: Graph) -> list[Solid]:
    """The ops and graphs at the top of a graph."""
    return [handle.solid for handle in graph.handles() if handle.parent is None]


def _handles(
    nodes: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], parent: SolidHandle | None
) -> Iterator[SolidHandle]:
    known = schema.get("properties", {}).get("ops", {}).get("properties", {})
    for node in nodes:
        entry = OpEntry.from_json(node)
        own = known.get(entry.name) or {}
        config = own.get("properties", {}).get("config")
        solid = Solid(
            name=entry.name,
            upstream=list(entry.upstream),
            description=entry.description,
            is_graph=bool(entry.ops),
            config_schema=strawberry.scalars.JSON(config) if config else None,
        )
        name = f"{parent.handle_id}.{entry.name}" if parent else entry.name
        handle = SolidHandle(handle_id=name, solid=solid, parent=parent)
        yield handle
        yield from _handles(entry.ops, own, handle)


def graph_of(context: Context, job: JobEntry) -> Graph:
    """The graph of a job; that of a job of assets has an op for each function or cell that makes some."""
    return Graph(
        name=job.graph or job.name,
        description=job.description,
        location_name=job.location,
        nodes=job.ops or _asset_ops(context, job),
        schema=job.config,
    )


def _asset_ops(context: Context, job: JobEntry) -> list[dict[str, Any]]:
    entries = [entry for path in job.assets if (entry := context.known.by_path.get(path)) is not None]
    names = {entry.key: entry.op or "__".join(entry.key) for entry in entries}
    upstream: dict[str, dict[str, None]] = {}
    for entry in entries:
        name = names[entry.key]
        above = upstream.setdefault(name, {})
        above.update(dict.fromkeys(names[path] for path in entry.upstream if names.get(path, name) != name))
    said_of = {names[entry.key]: entry.description for entry in reversed(entries)}
    return [
        OpEntry(name=name, upstream=tuple(above), description=said_of[name]).to_json()
        for name, above in upstream.items()
    ]


@strawberry.input(description="Names a graph.")
class GraphSelector:
    """Names a graph."""

    graph_name: str = said("The graph.")
    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")


@strawberry.type(description="No graph has this name.")
class GraphNotFoundError(Error):
    """No graph has this name."""

    graph_name: str = said("The name that was asked for.")
    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")


GraphOrError = Annotated[
    Graph | GraphNotFoundError | PythonError, strawberry.union("GraphOrError", description="A graph.")
]


def find_graph(context: Context, jobs: Sequence[JobEntry], selector: GraphSelector) -> Graph | GraphNotFoundError:
    """The graph of the first of the jobs that runs one of this name."""
    for job in jobs:
        if (job.graph or job.name) == selector.graph_name:
            return graph_of(context, job)
    return GraphNotFoundError(
        message=f"No graph is named {selector.graph_name} in location {selector.repository_location_name}.",
        graph_name=selector.graph_name,
        repository_name=selector.repository_name,
        repository_location_name=selector.repository_location_name,
    )
