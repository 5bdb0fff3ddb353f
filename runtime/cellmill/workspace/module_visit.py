"""One visit to a module's location, or to a job of ops in a notebook: made in the worker's own process."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from cellmill.definitions.code_repository import IMPLICIT_JOB_NAME
from cellmill.definitions.executor import in_process_executor
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.run_config import resolve_run_config
from cellmill.errors import CellmillError
from cellmill.execution.capture import StepCapture
from cellmill.execution.earlier_steps import Previous, previous_steps, steps_before_failure
from cellmill.execution.executors.executor import make_executor
from cellmill.execution.in_process import prepared, run_job, with_partition
from cellmill.instance.instance import Instance
from cellmill.planning.event import RUN_EVENTS, Event, EventType, steps_planned
from cellmill.planning.plan import Plan
from cellmill.planning.planner import plan_job
from cellmill.planning.run import PARTITION_TAG, Run
from cellmill.workspace import declared as declared_in_notebook
from cellmill.workspace.config import LocationConfig
from cellmill.workspace.loading import load_location_definitions
from cellmill.workspace.location import location_request
from cellmill.workspace.notebook_visit import VisitEnd
from cellmill.workspace.run_executor import chosen_executor, declared_executor, executor_definition
from cellmill.workspace.run_plan import Visit
from cellmill.workspace.workspace import Workspace


class RunOfVisits(Protocol):
    """What the visit of a module needs of its run's worker."""

    run: Run
    instance: Instance
    workspace: Workspace

    def emit(self, events: Sequence[Event]) -> None:
        """Write events of the run."""
        ...

    def captured(self) -> AbstractContextManager[StepCapture]:
        """Return the block in which what steps write is kept by step."""
        ...


class _Writer:
    """Passes a visit's events on to the run's one writer."""

    def __init__(self, work: RunOfVisits) -> None:
        self._work = work
        self.failures: list[Event] = []

    def append(self, events: Sequence[Event]) -> None:
        """Write the events, but for those of the run as a whole, which are the worker's to write."""
        self.failures += [e for e in events if e.type in (EventType.STEP_FAILURE, EventType.RUN_FAILURE)]
        self._work.emit([event for event in events if event.type not in RUN_EVENTS])


class _VisitInstance:
    """The instance as a visit sees it: everything is the instance's own, but for the writer."""

    def __init__(self, instance: Instance, writer: _Writer) -> None:
        self._instance = instance
        self._writer = writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._instance, name)

    def run_writer(self, run_id: str, attempt: int = 1) -> _Writer:
        """Return the writer of the visit."""
        return self._writer


def visit_module(work: RunOfVisits, visit: Visit) -> VisitEnd:
    """Make the visit's assets, or run the job, with the engine's own loop."""
    writer = _Writer(work)
    try:
        config = work.workspace.locations[visit.location].config
        refuse_other_python(config)
        os.environ.update(config.env)
        if visit.name:
            definitions = declared_in_notebook.declared_job(str(work.workspace.config.root), visit.name, visit.key)
        else:
            definitions = load_location_definitions(location_request(config))
        job = _job(definitions, work.run, visit)
        success = _run(job, work, visit, _VisitInstance(work.instance, writer))
    except (CellmillError, ImportError, AttributeError, SyntaxError, ValueError, TypeError, KeyError) as error:
        return VisitEnd(succeeded=False, message=f"{visit.location}: {type(error).__name__}: {error}")
    message = "" if success else _message(visit, writer.failures)
    return VisitEnd(succeeded=success, message=message)


def refuse_other_python(config: LocationConfig) -> None:
    """Raise CellmillError where a location asks for a Python that is not the one of the run's worker."""
    if config.python is not None and os.path.abspath(config.python) != os.path.abspath(sys.executable):
        raise CellmillError(
            f"Location {config.name!r} asks for the Python {config.python}, and runs of modules use that of cellmill, "
            f"{sys.executable}. Start cellmill with that Python ({config.python} -m cellmill), or take 'python' away."
        )
    if config.kernel is not None:
        raise CellmillError(
            f"Location {config.name!r} asks for the kernelspec {config.kernel!r}, and runs of modules use no kernel. "
            "Take 'kernel' away, and start cellmill with the Python that the module needs."
        )


def _job(definitions: Any, run: Run, visit: Visit) -> JobDefinition:
    repository = definitions.bound_repository()
    named = not run.job_name.startswith("__") and repository.has_job(run.job_name)
    job: JobDefinition = repository.get_job(run.job_name if named else IMPLICIT_JOB_NAME)
    return prepared(job, run.op_selection, sorted(visit.assets) or None, None, visit.check_selection)


def _run(job: JobDefinition, work: RunOfVisits, visit: Visit, instance: Any) -> bool:
    run = work.run
    tags: dict[str, str] = dict(run.tags)
    config: Any = dict(run.run_config) or None
    partition = tags.get(PARTITION_TAG)
    if partition is not None and job.partitions_def is not None:
        tags, config = with_partition(job, partition, tags, config, work.instance)
    job.given_executor_def, execution = _executor(work, job.given_executor_def)
    resolved = resolve_run_config(job, config)
    plan = plan_job(job)
    previous = _previous(plan, run, visit, work.instance)
    ops = _steps_without_assets(plan, previous)
    if ops:
        work.emit([steps_planned(run.run_id, run.job_name, ops, time.time())])
    if job.given_executor_def is None or job.given_executor_def is in_process_executor:
        with work.captured() as capture:
            result = run_job(
                job, plan, run, instance, resolved, raise_on_error=False, keep_outputs=False, capture=capture,
                previous=previous,
            )  # fmt: skip
    else:
        executor = make_executor(job, instance, resolved.execution if execution is None else execution)
        result = executor.execute(job, plan, run, instance, resolved, raise_on_error=False, previous=previous)
    return bool(result.success)


def _steps_without_assets(plan: Plan, previous: Previous) -> list[str]:
    """The steps that the run is sure to come to and that plan no asset; what is mapped is not known yet."""
    steps = plan.steps.items()
    return [key for key, step in steps if step.assets is None and step.axis is None and key not in previous]


def _previous(plan: Plan, run: Run, visit: Visit, instance: Instance) -> Previous:
    """Return what earlier runs made of the steps that a run of some steps again does not carry out.

    A run of assets from failure is one of a selection of them; a run of ops finds here what was done.
    """
    parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    if parent is not None and run.is_resume_retry and not run.step_keys_to_execute and not visit.assets:
        return steps_before_failure(plan, parent, instance)
    return previous_steps(plan, parent, run.step_keys_to_execute or (), instance)


def _executor(work: RunOfVisits, declared: Any) -> tuple[Any, Mapping[str, Any] | None]:
    """Return the executor of the run's tag, else the one that the code declares, else that of the workspace's file."""
    config = work.workspace.config
    chosen = chosen_executor(work.run, config) or (declared_executor(config) if declared is None else None)
    return (declared, None) if chosen is None else executor_definition(chosen)


def _message(visit: Visit, failures: Sequence[Event]) -> str:
    if not failures:
        return f"{visit.location}: a step failed."
    first = failures[0]
    info = first.error_info
    while info is not None and info.cause is not None:
        info = info.cause
    text = info.message.strip() if info is not None else first.message
    return f"{visit.location}: {first.step_key or visit.key}: {text}"
