"""What an instance offers about runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.instance.run_stats import RunStats, StepStats, run_stats, step_stats
from cellmill.instance.run_writer import RunWriter, append_outside_runs
from cellmill.instance.stores import Stores
from cellmill.planning.event import (
    EngineEventData,
    Event,
    EventType,
    JobCanceledData,
    JobFailureData,
)
from cellmill.planning.run import Run, RunRecord, RunsFilter, RunStatus, make_run_id

INFO, ERROR = 20, 40


class InstanceRuns(Stores):
    """Runs, under Dagster's method names."""

    def create_run(
        self,
        *,
        job_name: str = "",
        run_id: str | None = None,
        run_config: Mapping[str, Any] | None = None,
        status: RunStatus | None = None,
        tags: Mapping[str, Any] | None = None,
        root_run_id: str | None = None,
        parent_run_id: str | None = None,
        step_keys_to_execute: Sequence[str] | None = None,
        asset_selection: frozenset[AssetKey] | set[AssetKey] | None = None,
        asset_check_selection: frozenset[Any] | set[Any] | None = None,
        op_selection: Sequence[str] | None = None,
        resolved_op_selection: frozenset[str] | set[str] | None = None,
        location: str = "",
        code_snapshot: str | None = None,
        **unused: Any,
    ) -> Run:
        """Records a new run and returns it; nothing is started.

        Args:
            job_name: Name of the job.
            run_id: Its id; None makes a new one.
            run_config: Its run config, as a dictionary.
            status: Its state; None means `NOT_STARTED`.
            tags: Its tags; values become text.
            root_run_id: The first run of the chain of re-executions.
            parent_run_id: The run that it re-executes.
            step_keys_to_execute: The steps that are to run; None means all.
            asset_selection: The selected assets; None means all of the job.
            asset_check_selection: Keys of the selected checks; None means all of the selected assets.
            op_selection: What was asked for with a selection of ops; None means all.
            resolved_op_selection: The ops that this selects, by their handles.
            location: Name of the code location that has the job.
            code_snapshot: Content hash under which the code that runs is stored.
            unused: Parameters that Dagster has beside these; ignored.

        Raises:
            DuplicateRunError: where the id is taken.
        """
        return self.add_run(
            Run(
                job_name=job_name,
                run_id=run_id or make_run_id(),
                run_config=run_config or {},
                status=RunStatus(status or RunStatus.NOT_STARTED),
                tags={key: str(value) for key, value in (tags or {}).items()},
                root_run_id=root_run_id,
                parent_run_id=parent_run_id,
                step_keys_to_execute=None if step_keys_to_execute is None else tuple(step_keys_to_execute),
                asset_selection=None if asset_selection is None else frozenset(asset_selection),
                asset_check_selection=None if asset_check_selection is None else frozenset(asset_check_selection),
                op_selection=None if op_selection is None else tuple(op_selection),
                resolved_op_selection=None if resolved_op_selection is None else frozenset(resolved_op_selection),
                location=location,
                code_snapshot=code_snapshot,
            )
        )

    def create_run_for_job(self, job_def: Any, **arguments: Any) -> Run:
        """Records a new run of a job.

        Args:
            job_def: The job.
            arguments: Parameters of `create_run`.
        """
        arguments.pop("execution_plan", None)
        return self.create_run(job_name=job_def.name, **arguments)

    def add_run(self, run: Run, *, origin: str | None = None, run_key: str | None = None) -> Run:
        """Records a run as it is given.

        Args:
            run: The run.
            origin: The schedule or sensor that asks for it.
            run_key: What the run is about: one origin's key is recorded once.
        """
        return self.runs.add(run, origin=origin, run_key=run_key)

    def run_writer(self, run_id: str, attempt: int = 1) -> RunWriter:
        """The way to append events to a run, for one attempt at it.

        Args:
            run_id: The run's id.
            attempt: The attempt; what an earlier one writes after a later one began is refused.
        """
        return RunWriter(self.db, run_id, attempt, self._notify)

    def new_run_writer(self, run: Run) -> RunWriter:
        """The way to append events to a run that is not recorded yet: it is, in one transaction with its first events.

        Args:
            run: The new run, which starts at once in this process.
        """
        return RunWriter(self.db, run.run_id, run.attempt, self._notify, new=run)

    def get_runs(
        self,
        filters: RunsFilter | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        ascending: bool = False,
    ) -> list[Run]:
        """The runs that pass a filter.

        Args:
            filters: Which runs; None means all.
            cursor: Id of the run behind which to begin, as of the last run of the page before.
            limit: How many at most; None means all.
            ascending: Whether the oldest come first; else the newest do.
        """
        return [
            record.dagster_run for record in self.runs.search(filters, cursor=cursor, limit=limit, ascending=ascending)
        ]

    def get_run_records(
        self,
        filters: RunsFilter | None = None,
        limit: int | None = None,
        order_by: str | None = None,
        ascending: bool = False,
        cursor: str | None = None,
    ) -> list[RunRecord]:
        """Like `get_runs`, with storage ids and times.

        Args:
            filters: Which runs; None means all.
            limit: How many at most; None means all.
            order_by: "id", "created_at", "updated_at", "started_at" or "ended_at"; None means "id".
            ascending: Whether the oldest come first; else the newest do.
            cursor: Id of the run behind which to begin.
        """
        order = {None: "id", "create_timestamp": "created_at", "update_timestamp": "updated_at",
                 "start_time": "started_at", "end_time": "ended_at"}.get(order_by, order_by or "id")  # fmt: skip
        return self.runs.search(filters, cursor=cursor, limit=limit, ascending=ascending, order_by=order)

    def get_run_by_id(self, run_id: str) -> Run | None:
        """The run with this id, or None.

        Args:
            run_id: The id.
        """
        record = self.runs.get(run_id)
        return None if record is None else record.dagster_run

    def get_run_record_by_id(self, run_id: str) -> RunRecord | None:
        """The run with this id, with its storage id and times, or None.

        Args:
            run_id: The id.
        """
        return self.runs.get(run_id)

    def has_run(self, run_id: str) -> bool:
        """Whether there is a run with this id.

        Args:
            run_id: The id.
        """
        return self.db.row("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)) is not None

    def get_runs_count(self, filters: RunsFilter | None = None) -> int:
        """How many runs pass a filter.

        Args:
            filters: Which runs; None means all.
        """
        return self.runs.count(filters)

    def get_run_ids(
        self, filters: RunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[str]:
        """The ids of the runs that pass a filter, newest first.

        Args:
            filters: Which runs; None means all.
            cursor: Id of the run behind which to begin.
            limit: How many at most; None means all.
        """
        return self.runs.ids(filters, cursor=cursor, limit=limit)

    def get_run_tags(
        self, tag_keys: Sequence[str] | None = None, value_prefix: str | None = None, limit: int | None = None
    ) -> list[tuple[str, set[str]]]:
        """The values in use of each tag key.

        Args:
            tag_keys: Only these keys; None means all.
            value_prefix: Only values that begin with this text.
            limit: How many pairs of key and value at most; None means all.
        """
        return self.runs.tags(tag_keys, value_prefix=value_prefix, limit=limit)

    def get_run_tag_keys(self) -> list[str]:
        """The tag keys in use."""
        return self.runs.tag_keys()

    def get_run_group(self, run_id: str) -> tuple[str, list[Run]]:
        """The id of the first of a chain of re-executions, and all its runs, oldest first.

        Args:
            run_id: The id of any run of the chain.

        Raises:
            RunNotFoundError: for an id that no run has.
        """
        run = self.runs.require(run_id).dagster_run
        root = run.root_run_id or run_id
        rows = self.db.rows("SELECT run_id FROM runs WHERE run_id = ? OR root_run_id = ? ORDER BY id", (root, root))
        return root, self.get_runs(RunsFilter(run_ids=[row[0] for row in rows]), ascending=True)

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        """Adds tags to a run.

        Args:
            run_id: The run's id.
            new_tags: The tags, text to text; they win over tags of the same key.

        Raises:
            RunNotFoundError: for an id that no run has.
        """
        self.runs.add_tags(run_id, new_tags)

    def delete_run(self, run_id: str) -> None:
        """Forgets a run and its events.

        Args:
            run_id: The run's id.
        """
        self.runs.delete([run_id])

    def get_run_stats(self, run_id: str) -> RunStats:
        """Counts and times of a run.

        Args:
            run_id: The run's id.
        """
        return run_stats(self.db, [run_id])[run_id]

    def get_run_step_stats(self, run_id: str, step_keys: Sequence[str] | None = None) -> list[StepStats]:
        """State, times and attempts of each step of a run.

        Args:
            run_id: The run's id.
            step_keys: Only these steps; None means all.
        """
        return step_stats(self.events.of_run(run_id), step_keys)

    # -- events about a run, by others than its worker -----------------------------------------------------------

    def handle_new_event(self, event: Event) -> None:
        """Appends one event to its run, whatever the run's attempt.

        Args:
            event: The event; one without a run id goes into the log outside of any run.
        """
        if not event.run_id:
            append_outside_runs(self.db, [event], self._notify)
            return
        self.run_writer(event.run_id, self.runs.require(event.run_id).dagster_run.attempt).append([event])

    store_event = handle_new_event

    def report_dagster_event(
        self, dagster_event: Event, run_id: str | None = None, log_level: int | None = None
    ) -> None:
        """Appends one event to its run.

        Args:
            dagster_event: The event, which says its run and level itself.
            run_id: Accepted for Dagster's sake and ignored.
            log_level: Accepted for Dagster's sake and ignored.
        """
        self.handle_new_event(dagster_event)

    def _report(self, run: Run, kind: EventType, message: str, level: int, data: Any = None) -> Event:
        event = Event(
            type=kind,
            run_id=run.run_id,
            timestamp=time.time(),
            message=message,
            level=level,
            data=data,
            job_name=run.job_name,
        )
        self.handle_new_event(event)
        return event

    def report_engine_event(
        self,
        message: str,
        dagster_run: Run | None = None,
        engine_event_data: EngineEventData | None = None,
        *,
        run_id: str | None = None,
        job_name: str | None = None,
        step_key: str | None = None,
    ) -> Event:
        """Says something about a run that is not a change of its state.

        Args:
            message: What is said, in words.
            dagster_run: The run; or give `run_id` and `job_name`.
            engine_event_data: An error, or metadata, that belongs to it; an error makes the level ERROR.
            run_id: The run's id; None: outside of any run.
            job_name: The run's job.
            step_key: The step that it is about.
        """
        event = Event(
            type=EventType.ENGINE_EVENT,
            run_id=dagster_run.run_id if dagster_run else (run_id or ""),
            timestamp=time.time(),
            step_key=step_key,
            message=message,
            level=ERROR if engine_event_data is not None and engine_event_data.error else INFO,
            data=engine_event_data or EngineEventData(),
            job_name=dagster_run.job_name if dagster_run else (job_name or ""),
        )
        self.handle_new_event(event)
        return event

    def report_run_canceling(self, run: Run, message: str | None = None) -> Event:
        """Says that a run shall end.

        Args:
            run: The run.
            message: What is said, in words; None says that it is asked to end.
        """
        return self._report(run, EventType.RUN_CANCELING, message or "Sending run termination request.", INFO)

    def report_run_canceled(self, dagster_run: Run, message: str | None = None) -> Event:
        """Ends a run as cancelled.

        Args:
            dagster_run: The run.
            message: What is said, in words; None says that it was done from outside.
        """
        text = message or "This run has been marked as canceled from outside the execution context."
        return self._report(dagster_run, EventType.RUN_CANCELED, text, ERROR, JobCanceledData())

    def report_run_failed(
        self, dagster_run: Run, message: str | None = None, job_failure_data: JobFailureData | None = None
    ) -> Event:
        """Ends a run as failed.

        Args:
            dagster_run: The run.
            message: What is said, in words; None says that it was done from outside.
            job_failure_data: The error, where there is one.
        """
        text = message or "This run has been marked as failed from outside the execution context."
        data = job_failure_data or JobFailureData(error=None)
        return self._report(dagster_run, EventType.RUN_FAILURE, text, ERROR, data)
