"""Runs: their records, their steps, their logs."""

from __future__ import annotations

from typing import Any

import strawberry
import yaml

from cellmill.execution.notebook.live import journals_of
from cellmill.graphql.assets import Info
from cellmill.graphql.context import REPOSITORY
from cellmill.graphql.documented import CursorArg, LimitArg, documented, said
from cellmill.graphql.executed import ExecutedNotebook
from cellmill.graphql.metadata import AssetKey
from cellmill.graphql.run_filter import RunStatus
from cellmill.graphql.run_log import EventConnection, event_page, first_page
from cellmill.graphql.run_steps import RunStatsSnapshot, RunStepStats
from cellmill.instance.run_stats import run_stats, step_stats
from cellmill.planning import run as records

#: Events of a run among several whose steps are counted, as a guess: some hundred runs are loaded at a time.
_EVENTS_OF_A_RUN = 100


@strawberry.type(description="A tag of a run.")
class PipelineTag:
    """A tag of a run."""

    key: str = said("The key.")
    value: str = said("The value.")


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
    def status(self) -> RunStatus:
        """The run's state."""
        return self.record.run.status

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
    def run_status(self) -> RunStatus:
        """The run's state (the older name)."""
        return self.record.run.status

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
