"""The process of one run: reads the run's record, plans its visits, makes them, and writes how it ended."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import CellmillError, ConcurrencyError, ExecutionInterruptedError
from cellmill.execution.capture import StepCapture, files_of
from cellmill.execution.interrupts import raise_execution_interrupts
from cellmill.execution.notebook.notebook_run import CancelSwitch
from cellmill.execution.notebook.notebook_step import run_notebook_step
from cellmill.first_use import on_first_use
from cellmill.instance.instance import Instance
from cellmill.planning.event import (
    AssetCheckEvaluationPlanned,
    AssetMaterializationPlannedData,
    ErrorInfo,
    Event,
    EventType,
    JobFailureData,
    RunFailureReason,
)
from cellmill.planning.run import PARTITION_TAG, Run
from cellmill.workspace.check_plan import plan_checks, plan_with_checks
from cellmill.workspace.config import find_workspace, read_config, with_locations
from cellmill.workspace.location import ModuleLocation
from cellmill.workspace.manifest import AssetEntry, JobEntry
from cellmill.workspace.notebook_visit import VisitEnd, visit_notebook
from cellmill.workspace.pins import PinnedVersion, pinned_version
from cellmill.workspace.run_names import (
    CHECKS_TAG,
    EXECUTOR_TAG,
    LOCATIONS_TAG,
    NOTEBOOK_JOB,
    NOTEBOOK_TAG,
    PARALLEL_TAG,
    PINNED_TAG,
)
from cellmill.workspace.run_plan import LinkedNotebooks, Visit, plan_visits, whole_notebook
from cellmill.workspace.visit_order import VisitOrder
from cellmill.workspace.visit_services import HeldKernel, VisitServices
from cellmill.workspace.workspace import Workspace, find_home

if TYPE_CHECKING:
    from cellmill.workspace import module_visit, run_executor
else:
    module_visit = on_first_use("cellmill.workspace.module_visit")
    run_executor = on_first_use("cellmill.workspace.run_executor")

#: Visits at the same time unless something else is said: a kernel each.
MAX_CONCURRENT = 2

#: Seconds between two looks for a request to stop while a failed kernel is kept.
_HELD_CHECK_S = 0.2

ENDED_WELL, ENDED_BADLY, CANCELLED = 0, 1, 130


def main(argv: Sequence[str]) -> int:
    """Work off one run and return the exit status of its process."""
    parser = argparse.ArgumentParser(prog="run-worker")
    parser.add_argument("run_id")
    parser.add_argument("--home")
    parser.add_argument("--attempt", type=int, default=1)
    parser.add_argument("--workspace")
    # the only locations, where a command line chose them
    parser.add_argument("--python-file", action="append", default=[])
    parser.add_argument("--module-name", action="append", default=[])
    parser.add_argument("--folder", type=Path, default=Path.cwd())
    arguments = parser.parse_args(list(argv))
    start = arguments.workspace or os.environ.get("CELLMILL_WORKSPACE")
    with Instance.get(arguments.home) as instance:
        run = instance.get_run_by_id(arguments.run_id)
        if run is None:
            print(f"There is no run {arguments.run_id} in {instance.home}.", file=sys.stderr)
            return ENDED_BADLY
        path = Path(start) if start else None
        config = read_config(path) if path is not None and path.is_file() else find_workspace(path)
        config = with_locations(config, arguments.python_file, arguments.module_name, arguments.folder)
        if LOCATIONS_TAG in run.tags:
            chosen = json.loads(run.tags[LOCATIONS_TAG])
            config = with_locations(config, chosen["files"], chosen["modules"], Path(chosen["folder"]))
        with Workspace(config, find_home(config, instance.home)) as workspace:
            return RunWork(instance, workspace, run, arguments.attempt).work()


def _is_made(entry: AssetEntry) -> bool:
    """Return whether a run does anything about an asset: makes it, or looks at data that is made elsewhere."""
    return entry.materializable or (entry.observable and entry.notebook is None)


class RunWork:
    """One attempt at one run; the only writer of its events."""

    def __init__(self, instance: Instance, workspace: Workspace, run: Run, attempt: int) -> None:
        self.instance = instance
        self.workspace = workspace
        self.run = run
        self._writer = instance.run_writer(run.run_id, attempt)
        self._attempt = attempt
        self._lock = threading.Lock()
        self._cancel = CancelSwitch()
        kernels = workspace.config.settings.get("kernels")
        seconds = kernels.get("hold_failed_s", 0) if isinstance(kernels, dict) else 0
        self._hold_failed_s = float(seconds)
        self._held: list[HeldKernel] = []
        self._first_failure: Event | None = None
        self._remote: Any = None

    def work(self) -> int:
        """Make the run's visits and return the exit status; the run has its final state afterwards."""
        with self._stoppable():
            try:
                self.emit([self._event(EventType.RUN_START, f"Started the run in process {os.getpid()}.")])
                visits = self._plan()
                self.emit(self._planned(visits))
                with self._remote_notebooks(visits):
                    ends = self._make(visits)
            except ConcurrencyError as error:
                print(error, file=sys.stderr)
                return ENDED_BADLY
            except Exception as error:  # the run's shell: whatever goes wrong is the run's recorded end
                return self._fail(error)
            except (KeyboardInterrupt, ExecutionInterruptedError):
                return self._cancelled()
        if self._cancel.is_thrown:
            return self._cancelled()
        bad = [end for end in ends if not end.succeeded]
        if not bad:
            self.emit([self._event(EventType.RUN_SUCCESS, "The run succeeded.")])
            return ENDED_WELL
        message = "\n".join(end.message for end in bad)
        data = JobFailureData(None, RunFailureReason.STEP_FAILURE, self._first_failure)
        self.emit([self._event(EventType.RUN_FAILURE, message, data)])
        self._hold()
        return ENDED_BADLY

    def _hold(self) -> None:
        """Keep the kernels of failed cells until their time is over, they end, or somebody asks for a stop."""
        deadline = time.monotonic() + self._hold_failed_s
        with self._stoppable():
            for held in self._held:
                while time.monotonic() < deadline and not self._cancel.is_thrown:
                    if held.kernel.kernel.wait(_HELD_CHECK_S) is not None:
                        break
                held.kernel.end(politely=False)
                held.connection_file.unlink(missing_ok=True)

    # -- what to do --------------------------------------------------------------------------------------------

    def _plan(self) -> tuple[Visit, ...]:
        notebook = self.run.tags.get(NOTEBOOK_TAG)
        if notebook is not None and self.run.job_name == NOTEBOOK_JOB:
            version = self._pinned()
            pinned = None if version is None else version.notebooks[notebook]
            return (whole_notebook(self.workspace, notebook, pinned),)
        if CHECKS_TAG in self.run.tags:
            return plan_checks(self.workspace, self.run.asset_selection or frozenset())
        version = self._pinned()
        if version is not None:
            return self._plan_pinned(version)
        if self.run.asset_selection is not None or self.run.asset_check_selection is not None:
            return self._plan_selected(LinkedNotebooks(self.workspace))
        job = self._job()
        if isinstance(self.workspace.locations.get(job.location), ModuleLocation):
            # The module's own job runs: with its config, hooks and resources.
            return (Visit(key=job.name, location=job.location, assets=()),)
        if job.notebook is not None and job.kind == "op":
            return (Visit(key=job.name, location=job.location, assets=(), name=job.notebook),)
        entries = self.workspace.assets_of(job)
        if not entries:
            raise CellmillError(f"The job {job.name!r} has no ops and selects no asset, so there is nothing to run.")
        return plan_visits(self.workspace, entries)

    def _pinned(self) -> PinnedVersion | None:
        snapshot = self.run.tags.get(PINNED_TAG)
        return None if snapshot is None else pinned_version(self.instance, snapshot)

    def _plan_pinned(self, version: PinnedVersion) -> tuple[Visit, ...]:
        """Return the visits to pinned notebooks: they make what they made then."""
        notebooks = LinkedNotebooks(self.workspace, version.notebooks)
        if self.run.asset_selection is not None:
            return self._plan_selected(notebooks)
        wanted = [AssetKey.from_escaped_user_string(name).parts for name in version.assets]
        return plan_visits(self.workspace, [notebooks.entries[path] for path in wanted], notebooks)

    def _plan_selected(self, notebooks: LinkedNotebooks) -> tuple[Visit, ...]:
        """Return the visits that make the selected assets and run the selected checks."""
        entries = self._selected(notebooks.entries)
        checks = self.run.asset_check_selection
        if checks is None:
            return plan_visits(self.workspace, entries, notebooks)
        return plan_with_checks(self.workspace, entries, checks, notebooks)

    def _selected(self, known: Mapping[tuple[str, ...], AssetEntry]) -> list[AssetEntry]:
        selection = self.run.asset_selection or ()
        missing = [key.to_user_string() for key in selection if key.parts not in known]
        if missing:
            raise CellmillError(
                f"The run selects assets that no location defines (any more): {', '.join(sorted(missing))}. "
                "See 'cellmill check'."
            )
        return [known[key.parts] for key in selection if _is_made(known[key.parts])]

    def _job(self) -> JobEntry:
        for job in self.workspace.manifest.jobs:
            if job.name == self.run.job_name and self.run.location in ("", job.location):
                return job
        raise CellmillError(f"No location defines the job {self.run.job_name!r} (any more). See 'cellmill jobs list'.")

    def _planned(self, visits: Sequence[Visit]) -> list[Event]:
        partition = self.run.tags.get(PARTITION_TAG)
        checks = [key for visit in visits if visit.notebook is not None for key in visit.checks.values()]
        return [
            *self._planned_assets(visits, partition),
            *(
                Event(
                    EventType.ASSET_CHECK_EVALUATION_PLANNED,
                    self.run.run_id,
                    time.time(),
                    step_key=f"{key.asset_key.to_python_identifier()}_{key.name}",
                    message=f"{self.run.job_name} intends to execute asset check {key.name} on asset "
                    f"{key.asset_key.to_string()}",
                    asset_key=key.asset_key,
                    data=AssetCheckEvaluationPlanned(key.asset_key, key.name, partition),
                    job_name=self.run.job_name,
                )
                for key in checks
            ),
        ]

    def _planned_assets(self, visits: Sequence[Visit], partition: str | None) -> list[Event]:
        return [
            Event(
                EventType.ASSET_MATERIALIZATION_PLANNED,
                self.run.run_id,
                time.time(),
                step_key=key.to_python_identifier(),
                message=f"{self.run.job_name} intends to materialize asset {key.to_string()}",
                asset_key=key,
                partition=partition,
                data=AssetMaterializationPlannedData(key, partition),
                job_name=self.run.job_name,
            )
            for visit in visits
            if visit.notebook is not None
            for key in visit.assets
        ]

    # -- doing it ----------------------------------------------------------------------------------------------

    def _make(self, visits: Sequence[Visit]) -> list[VisitEnd]:
        """Make the visits, independent ones at the same time; one that needs a failed one is not begun."""
        order = VisitOrder(
            visits,
            int(self.run.tags.get(PARALLEL_TAG, self._configured_parallel())),
            visit_notebook=lambda visit: visit_notebook(visit, self.services()),
            visit_module=self._visit_module,
            skip=self._skip,
            is_stopped=lambda: self._cancel.is_thrown,
        )
        return order.make()

    @contextmanager
    def _remote_notebooks(self, visits: Sequence[Visit]) -> Iterator[None]:
        """Open the way for notebooks to another machine, where the run is to use one."""
        if EXECUTOR_TAG in self.run.tags or "executor" in self.workspace.config.settings:
            opens = run_executor.remote_notebooks(self.run, self.workspace.config)
            if opens is not None and any(visit.notebook is not None for visit in visits):
                self._remote = opens()
        try:
            yield
        finally:
            if self._remote is not None:
                self._remote.close()

    def _configured_parallel(self) -> int:
        table = self.workspace.config.settings.get("executor")
        if not isinstance(table, dict):
            return MAX_CONCURRENT
        # a notebook has a kernel, so a process, of its own: in this process means one after the other
        value = 1 if table.get("name") == "in_process" else table.get("max_concurrent")
        return int(value) if isinstance(value, int) else MAX_CONCURRENT

    def _visit_module(self, visit: Visit) -> VisitEnd:
        """Make a visit whose steps run in this process: a request to stop is raised in them, so that their resources
        are taken down.
        """
        with raise_execution_interrupts(self._cancel.throw):
            if self._cancel.is_thrown:  # before the signal had its new meaning
                raise ExecutionInterruptedError
            end: VisitEnd = module_visit.visit_module(self, visit)
            return end

    @contextmanager
    def captured(self) -> Iterator[StepCapture]:
        """Keep what steps of this process print."""
        capture = StepCapture(files_of(self.instance.home, self.run.run_id))
        try:
            yield capture
        finally:
            capture.close()

    def services(self) -> VisitServices:
        """Return what a visit needs of the run."""
        record = self.instance.get_run_record_by_id(self.run.run_id)
        return VisitServices(
            scheduled_at=time.time() if record is None else record.scheduled_execution_time.timestamp(),
            run=self.run,
            attempt=self._attempt,
            home=self.instance.home,
            workspace=self.workspace,
            find_ref=self.instance.find_value_ref,
            find_versions=self.instance.data_versions,
            find_partition_versions=self.instance.partition_data_versions,
            find_state=self.instance.asset_state,
            dynamic_partitions=self.instance,
            emit=self.emit,
            cancel=self._cancel,
            run_step=run_notebook_step if self._remote is None else self._remote.run,
            hold_failed_s=self._hold_failed_s,
            held=self._held,
        )

    def _skip(self, visit: Visit) -> VisitEnd:
        names = ", ".join(key.to_user_string() for key in visit.assets)
        now = time.time()
        self.emit(
            [
                Event(
                    EventType.STEP_SKIPPED,
                    self.run.run_id,
                    now,
                    step_key=key.to_python_identifier(),
                    message="Skipped: something it needs failed.",
                    job_name=self.run.job_name,
                )
                for key in visit.assets
            ]
        )
        return VisitEnd(succeeded=False, message=f"{names}: not made, because something it needs failed.")

    # -- how it ended ------------------------------------------------------------------------------------------

    def emit(self, events: Sequence[Event]) -> None:
        """Write events of the run; safe from any thread."""
        if not events:
            return
        with self._lock:
            for event in events:
                if event.type is EventType.STEP_FAILURE and self._first_failure is None:
                    self._first_failure = event
            self._writer.append(events)

    def _event(self, kind: EventType, message: str, data: Any = None) -> Event:
        level = 40 if kind is EventType.RUN_FAILURE else 20
        name = self.run.job_name
        return Event(kind, self.run.run_id, time.time(), message=message, level=level, data=data, job_name=name)

    def _fail(self, error: Exception) -> int:
        info = ErrorInfo.of(error)
        data = JobFailureData(info, RunFailureReason.RUN_EXCEPTION, self._first_failure)
        try:
            self.emit([self._event(EventType.RUN_FAILURE, str(error) or type(error).__name__, data)])
        except ConcurrencyError:
            pass  # another attempt, or a cancellation, has the last word
        print(info.to_string(), file=sys.stderr)
        return ENDED_BADLY

    def _cancelled(self) -> int:
        try:
            self.emit([self._event(EventType.RUN_CANCELED, "The run was cancelled.")])
        except ConcurrencyError:
            pass
        return CANCELLED

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Turn SIGINT and SIGTERM into an orderly stop while the run works."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            signal.signal(number, lambda *_: self._cancel.throw())
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
