"""Runs: their records, their steps, their logs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import strawberry
import yaml

from cellmill.execution.notebook.journal import read_journal
from cellmill.execution.notebook.live import cells_of, journals_of
from cellmill.graphql.assets import Info
from cellmill.graphql.context import REPOSITORY
from cellmill.graphql.documented import CursorArg, LimitArg, documented, instant, page_size, said
from cellmill.graphql.events import DagsterRunEvent, MessageEvent, run_event
from cellmill.graphql.metadata import AssetKey
from cellmill.graphql.problems import PythonError, RunNotFoundError
from cellmill.instance.event_record import EventRecord
from cellmill.instance.run_stats import StepStats, run_stats, step_stats
from cellmill.planning import run as records

RunStatus: Any = strawberry.enum(  # type: ignore[call-overload]
    Enum("RunStatus", {status.name: status.value for status in records.RunStatus}),  # type: ignore[misc]
    description="The state of a run.",
)


@strawberry.enum(description="The state of a step.")
class StepEventStatus(Enum):
    """The state of a step."""

    SKIPPED = "SKIPPED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    IN_PROGRESS = "IN_PROGRESS"


@strawberry.type(description="A tag of a run.")
class PipelineTag:
    """A tag of a run."""

    key: str = said("The key.")
    value: str = said("The value.")


@strawberry.input(description="A tag.")
class ExecutionTag:
    """A tag."""

    key: str = said("The key.")
    value: str = said("The value.")


@strawberry.input(description="Which runs to list; an empty filter lists all.")
class RunsFilter:
    """Which runs to list."""

    run_ids: list[str | None] | None = said("Only runs with these ids.", None)
    pipeline_name: str | None = said("Only runs of this job.", None)
    tags: list[ExecutionTag] | None = said("Only runs with all of these tags.", None)
    statuses: list[RunStatus] | None = said("Only runs in one of these states.", None)  # type: ignore[valid-type]
    snapshot_id: str | None = said("Only runs of this snapshot of code.", None)
    updated_after: float | None = said("Only runs changed after, in seconds since the epoch.", None)
    updated_before: float | None = said("Only runs changed before, in seconds since the epoch.", None)
    created_after: float | None = said("Only runs made after, in seconds since the epoch.", None)
    created_before: float | None = said("Only runs made before, in seconds since the epoch.", None)
    mode: str | None = said("The mode; there is only one, `default`.", None)

    def record(self) -> records.RunsFilter:
        """The filter as the instance takes it."""
        tags: dict[str, list[str]] = {}
        for tag in self.tags or ():
            tags.setdefault(tag.key, []).append(tag.value)
        return records.RunsFilter(
            run_ids=[run_id for run_id in self.run_ids if run_id] if self.run_ids is not None else None,
            job_name=self.pipeline_name,
            tags=tags or None,
            statuses=[records.RunStatus(status.value) for status in self.statuses] if self.statuses else None,
            updated_after=_instant(self.updated_after),
            updated_before=_instant(self.updated_before),
            created_after=_instant(self.created_after),
            created_before=_instant(self.created_before),
        )


def _instant(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(instant(seconds), UTC) if seconds is not None else None


@strawberry.type(description="How a step went, in numbers.")
class RunStepStats:
    """How a step went, in numbers."""

    stats: strawberry.Private[StepStats]

    @documented
    def run_id(self) -> str:
        """The run."""
        return self.stats.run_id

    @documented
    def step_key(self) -> str:
        """The step."""
        return self.stats.step_key

    @documented
    def status(self) -> StepEventStatus | None:
        """Its state."""
        return StepEventStatus(self.stats.status.value) if self.stats.status is not None else None

    @documented
    def start_time(self) -> float | None:
        """When it started, in seconds since the epoch."""
        return self.stats.start_time

    @documented
    def end_time(self) -> float | None:
        """When it ended, in seconds since the epoch."""
        return self.stats.end_time

    @documented
    def attempts(self) -> int:
        """How often it was started."""
        return self.stats.attempts


@strawberry.type(description="How a run went, in numbers.")
class RunStatsSnapshot:
    """How a run went, in numbers."""

    id: str = said("The run's id.")
    run_id: str = said("The run's id.")
    steps_succeeded: int = said("Steps that ended well.")
    steps_failed: int = said("Steps that failed.")
    materializations: int = said("Assets that were made.")
    expectations: int = said("Expectations that were evaluated.")
    enqueued_time: float | None = said("When it entered the queue, in seconds since the epoch.")
    launch_time: float | None = said("When its process was asked for, in seconds since the epoch.")
    start_time: float | None = said("When it started, in seconds since the epoch.")
    end_time: float | None = said("When it ended, in seconds since the epoch.")


@strawberry.type(description="A code cell of a notebook of a run, as it stands now.")
class ExecutedCell:
    """A code cell of a notebook of a run, as it stands now."""

    index: int = said("Its position in the notebook, from 0.")
    cell_id: str = said("Its id in the notebook.")
    state: str = said("waiting, running, or how it ended: succeeded, failed, timed out, killed, skipped, …")
    detail: str = said("Why it ended so; empty where there is nothing to say.")
    start_time: float | None = said("When it started, in seconds since the epoch.")
    end_time: float | None = said("When it ended, in seconds since the epoch.")
    execution_count: int | None = said("Its number in the kernel.")
    peak_memory: float | None = said("The most memory that the kernel has held until its end, in bytes.")


@strawberry.type(description="A notebook as a run executed it, or executes it now, with its outputs.")
class ExecutedNotebook:
    """A notebook as a run executed it, or executes it now."""

    name: str = said("Its path below the run's folder.")
    step_key: str = said("The step that executed it.")
    url: str = said("Its address below the server's base URL; while the run goes on, its outputs so far.")
    journal: strawberry.Private[Path | None] = None

    @documented
    def cells(self) -> list[ExecutedCell]:
        """Its code cells, as they stand now."""
        if self.journal is None:
            return []
        return [
            ExecutedCell(
                index=cell.index,
                cell_id=cell.cell_id,
                state=cell.state,
                detail=cell.detail,
                start_time=cell.started_at,
                end_time=cell.ended_at,
                execution_count=cell.execution_count,
                peak_memory=cell.peak_memory,
            )
            for cell in cells_of(read_journal(self.journal))
        ]


@strawberry.type(description="The job of a run.")
class PipelineReference:
    """The job of a run."""

    name: str = said("The job's name.")
    solid_selection: list[str] | None = said("The selected ops.", None)


@strawberry.type(description="Where a run's definitions come from.")
class RepositoryOrigin:
    """Where a run's definitions come from."""

    id: str = said("An id that is unique among repositories.")
    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")


@strawberry.interface(description="A run (the older name).")
class PipelineRun:
    """The older name of `Run`."""

    record: strawberry.Private[records.RunRecord]

    @documented
    def id(self) -> strawberry.ID:
        """The run's id."""
        return strawberry.ID(self.record.run_id)

    @documented
    def run_id(self) -> str:
        """The run's id."""
        return self.record.run_id

    @documented
    def status(self) -> RunStatus:  # type: ignore[valid-type]
        """The run's state."""
        return RunStatus(self.record.run.status.value)

    @documented
    def pipeline_name(self) -> str:
        """The job's name."""
        return self.record.run.job_name

    @documented
    def job_name(self) -> str:
        """The job's name."""
        return self.record.run.job_name

    @documented
    def pipeline(self) -> PipelineReference:
        """The job."""
        return PipelineReference(name=self.record.run.job_name, solid_selection=_list(self.record.run.op_selection))

    @documented
    def mode(self) -> str:
        """The mode; there is only one."""
        return "default"

    @documented
    def tags(self) -> list[PipelineTag]:
        """The run's tags."""
        return [PipelineTag(key=key, value=str(value)) for key, value in sorted(self.record.run.tags.items())]

    @documented
    def run_config_yaml(self, info: Info) -> str:
        """The run's configuration as YAML, without the values of secret fields."""
        config = info.context.workspace.shown_config(self.record.run.run_config)
        return yaml.safe_dump(dict(config), sort_keys=False) if config else "{}\n"

    @documented
    def solid_selection(self) -> list[str] | None:
        """The selected ops."""
        return _list(self.record.run.op_selection)

    @documented
    def resolved_op_selection(self) -> list[str] | None:
        """The ops that the selection means."""
        chosen = self.record.run.resolved_op_selection
        return sorted(chosen) if chosen is not None else None

    @documented
    def step_keys_to_execute(self) -> list[str] | None:
        """The steps that this run executes, if not all."""
        return _list(self.record.run.step_keys_to_execute)

    @documented
    def root_run_id(self) -> str | None:
        """The first run of the chain of re-executions."""
        return self.record.run.root_run_id

    @documented
    def parent_run_id(self) -> str | None:
        """The run that this one repeats."""
        return self.record.run.parent_run_id

    @documented
    def asset_selection(self) -> list[AssetKey] | None:
        """The selected assets."""
        chosen = self.record.run.asset_selection
        return [AssetKey.of(key) for key in sorted(chosen)] if chosen is not None else None

    @documented
    def can_terminate(self) -> bool:
        """Whether the run can still be stopped."""
        return self.record.run.is_cancelable

    @documented
    def has_reexecute_permission(self) -> bool:
        """Whether the user may run it again; the server decides when asked."""
        return True


@strawberry.type(description="A run.")
class Run(PipelineRun):
    """A run."""

    @documented
    def creation_time(self) -> float:
        """When it was recorded, in seconds since the epoch."""
        return self.record.create_timestamp.timestamp()

    @documented
    def update_time(self) -> float | None:
        """When it last changed, in seconds since the epoch."""
        return self.record.update_timestamp.timestamp()

    @documented
    def start_time(self) -> float | None:
        """When it started, in seconds since the epoch."""
        return self.record.start_time

    @documented
    def end_time(self) -> float | None:
        """When it ended, in seconds since the epoch."""
        return self.record.end_time

    @documented
    def run_status(self) -> RunStatus:  # type: ignore[valid-type]
        """The run's state (the older name)."""
        return RunStatus(self.record.run.status.value)

    @documented
    def run_config(self, info: Info) -> strawberry.scalars.JSON:
        """The run's configuration, without the values of secret fields."""
        return strawberry.scalars.JSON(info.context.workspace.shown_config(self.record.run.run_config))

    @documented
    def reason(self) -> str | None:
        """Why it ended as it did, in words."""
        return self.record.run.reason

    @documented
    def repository_origin(self) -> RepositoryOrigin:
        """Where its definitions come from."""
        location = self.record.run.location
        return RepositoryOrigin(
            id=f"{location}.{REPOSITORY}", repository_name=REPOSITORY, repository_location_name=location
        )

    @documented
    def stats(self, info: Info) -> RunStatsSnapshot:
        """How it went, in numbers."""
        stats = info.context.bulk.get(
            "run", "stats", self.record.run_id, lambda ids: run_stats(info.context.instance.db, ids)
        )
        assert stats is not None  # of a run without events too
        return RunStatsSnapshot(
            id=stats.run_id,
            run_id=stats.run_id,
            steps_succeeded=stats.steps_succeeded,
            steps_failed=stats.steps_failed,
            materializations=stats.materializations,
            expectations=stats.expectations,
            enqueued_time=stats.enqueued_time,
            launch_time=stats.launch_time,
            start_time=stats.start_time,
            end_time=stats.end_time,
        )

    @documented
    def step_stats(self, info: Info) -> list[RunStepStats]:
        """How each of its steps went, in numbers."""
        events = info.context.instance.events
        found = info.context.bulk.get(
            "run", "events", self.record.run_id, events.first_of_each_run, rows=_EVENTS_OF_A_RUN
        )
        return [RunStepStats(stats=one) for one in step_stats(found or [])]

    @documented
    def executed_notebooks(self, info: Info) -> list[ExecutedNotebook]:
        """The notebooks it executed or executes now, with their outputs."""
        run_id = self.record.run_id
        folder = info.context.notebooks_folder() / run_id
        journals = journals_of(folder)
        written = (str(path.relative_to(folder)) for path in folder.rglob("*.ipynb")) if folder.is_dir() else ()
        return [
            ExecutedNotebook(
                name=name,
                step_key=name.removesuffix(".ipynb"),
                url=f"cellmill/runs/{run_id}/notebook/{name}",
                journal=journals.get(name),
            )
            for name in sorted({*journals, *written})
        ]

    @documented
    def event_connection(self, info: Info, after_cursor: CursorArg = None, limit: LimitArg = None) -> EventConnection:
        """Its log, a page at a time."""
        if after_cursor:
            return event_page(info, self.record.run_id, after_cursor, limit)
        return first_page(info, self.record.run_id, limit)


def _list(values: Any) -> list[str] | None:
    return [str(value) for value in values] if values is not None else None


@strawberry.type(description="A page of a run's log.")
class EventConnection:
    """A page of a run's log."""

    events: list[MessageEvent] = strawberry.field(
        description="The events, in order.", graphql_type=list[DagsterRunEvent]
    )
    cursor: str = said("Where the next page begins.")
    has_more: bool = said("Whether there is more now.")


#: Events of a run among several whose steps are counted, as a guess: some hundred runs are loaded at a time.
_EVENTS_OF_A_RUN = 100


def event_page(info: Any, run_id: str, cursor: str | None, limit: int | None) -> EventConnection:
    """A page of a run's log; its cost depends on its own length only."""
    found = info.context.instance.get_records_for_run(
        run_id, cursor=cursor or None, limit=page_size(limit or 1000, MAX_EVENTS), ascending=True
    )
    events = [run_event(record.event) for record in found.records]
    return EventConnection(events=events, cursor=found.cursor, has_more=found.has_more)


def first_page(info: Any, run_id: str, limit: int | None) -> EventConnection:
    """The first page of the log of a run that may be one of a list."""
    rows = page_size(limit or 1000, MAX_EVENTS)

    def load(run_ids: list[str]) -> Mapping[str, list[EventRecord]]:
        found: Mapping[str, list[EventRecord]] = info.context.instance.events.first_of_each_run(run_ids, rows + 1)
        return found

    found = info.context.bulk.get("run", ("page", rows), run_id, load, rows=rows) or []
    page = found[:rows]
    return EventConnection(
        events=[run_event(record.event) for record in page],
        cursor=str(page[-1].seq if page else 0),
        has_more=len(found) > rows,
    )


#: Events of one page of a log.
MAX_EVENTS = 1000


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
