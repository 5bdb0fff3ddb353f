"""Pages of runs, of their ids and of their tags."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from cellmill.graphql.assets import Info
from cellmill.graphql.documented import documented, page_size, said
from cellmill.graphql.problems import PythonError, RunNotFoundError
from cellmill.graphql.run_filter import RunsFilter
from cellmill.graphql.run_log import EventConnection
from cellmill.graphql.runs import Run


@strawberry.type(description="A page of runs.")
class Runs:
    """A page of runs."""

    results: list[Run] = said("The runs, newest first.")
    filter_: strawberry.Private[RunsFilter | None] = None

    @documented
    def count(self, info: Info) -> int | None:
        """How many runs pass the filter."""
        return info.context.instance.get_runs_count(self.filter_.record() if self.filter_ else None)


@strawberry.type(description="A page of run ids.")
class RunIds:
    """A page of run ids."""

    results: list[str] = said("The ids, newest first.")


@strawberry.type(description="A run and its re-executions.")
class RunGroup:
    """A run and its re-executions."""

    root_run_id: str = said("The first run.")
    runs: list[Run] = said("All runs, oldest first.")


@strawberry.type(description="The keys of tags in use.")
class RunTagKeys:
    """The keys of tags in use."""

    keys: list[str] = said("The keys.")


@strawberry.type(description="A key of tags, and its values in use.")
class PipelineTagAndValues:
    """A key of tags, and its values in use."""

    key: str = said("The key.")
    values: list[str] = said("The values.")


@strawberry.type(description="Tags in use.")
class RunTags:
    """Tags in use."""

    tags: list[PipelineTagAndValues] = said("The tags.")


RunsOrError = Annotated[Runs | PythonError, strawberry.union("RunsOrError", description="A page of runs.")]
RunOrError = Annotated[Run | RunNotFoundError | PythonError, strawberry.union("RunOrError", description="A run.")]
RunIdsOrError = Annotated[RunIds | PythonError, strawberry.union("RunIdsOrError", description="Run ids.")]
RunGroupOrError = Annotated[
    RunGroup | RunNotFoundError | PythonError, strawberry.union("RunGroupOrError", description="A run's family.")
]
RunTagKeysOrError = Annotated[RunTagKeys | PythonError, strawberry.union("RunTagKeysOrError", description="Tag keys.")]
RunTagsOrError = Annotated[RunTags | PythonError, strawberry.union("RunTagsOrError", description="Tags.")]
EventConnectionOrError = Annotated[
    EventConnection | RunNotFoundError | PythonError,
    strawberry.union("EventConnectionOrError", description="A page of a run's log."),
]


def no_such_run(run_id: str) -> RunNotFoundError:
    """The answer where no run has this id."""
    return RunNotFoundError(message=f"No run has the id {run_id}.", run_id=run_id)


def load_runs(info: Any, filter_: RunsFilter | None, cursor: str | None, limit: int | None) -> Runs:
    """A page of runs in one statement."""
    found = info.context.instance.get_run_records(
        filters=filter_.record() if filter_ else None, limit=page_size(limit), cursor=cursor
    )
    info.context.keep_records(found)
    info.context.bulk.expect("run", [record.run.run_id for record in found])
    return Runs(results=[Run(record=record) for record in found], filter_=filter_)


def load_run(info: Any, run_id: str) -> Run | None:
    """The run with this id."""
    record = info.context.run_record(run_id)
    return Run(record=record) if record is not None else None
