"""The executor that carries out each step in one of several worker processes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

from cellmill.errors import CellmillError, UnmetExecutorRequirementsError
from cellmill.execution.executors.in_process import retries_enabled
from cellmill.execution.executors.limits import StepLimits, TagLimit
from cellmill.execution.executors.parallel import ParallelLoop
from cellmill.execution.executors.pool import WorkerPool
from cellmill.execution.executors.step_work import StepWork
from cellmill.execution.in_process import run_loggers
from cellmill.execution.resources import resource_scope
from cellmill.execution.result import ExecutionResult
from cellmill.execution.services import Services
from cellmill.execution.sink import EventSink
from cellmill.execution.step import user_exception
from cellmill.io.default import stored_values
from cellmill.planning.event import ErrorInfo, Event, EventType, JobFailureData, RunFailureReason
from cellmill.planning.plan import Plan
from cellmill.planning.run import Run


class MultiprocessExecutor:
    """Carries out steps in up to `max_concurrent` processes."""

    def __init__(
        self,
        *,
        max_concurrent: int | None = None,
        start_method: str | None = None,
        tag_limits: Sequence[TagLimit] = (),
        retries_enabled: bool = True,
    ) -> None:
        self._most = max_concurrent or os.cpu_count() or 1
        self._start_method = start_method
        self._tag_limits = tuple(tag_limits)
        self._retries_enabled = retries_enabled

    @classmethod
    def from_context(cls, context: Any) -> Self:
        """Return the executor that a configuration describes."""
        config: Mapping[str, Any] = context.executor_config or {}
        method = config.get("start_method")
        return cls(
            max_concurrent=config.get("max_concurrent") or None,
            start_method=next(iter(method)) if isinstance(method, Mapping) else method,
            tag_limits=[TagLimit.from_config(one) for one in config.get("tag_concurrency_limits") or ()],
            retries_enabled=retries_enabled(config),
        )

    def execute(self, job: Any, plan: Plan, run: Run, instance: Any, config: Any, **options: Any) -> Any:
        """Carry out the run in worker processes.

        Args:
            job: The job, which the workers can make again.
            plan: Its steps.
            run: The run.
            instance: The instance that keeps the run, which the workers can open.
            config: The resolved run config.
            options: Further arguments, as the caller needs them.

        Raises:
            UnmetExecutorRequirementsError: where the workers cannot make the job or open the instance.
        """
        return execute_elsewhere(
            job,
            plan,
            run,
            instance,
            config,
            open_workers=lambda work: WorkerPool(
                work, self._most, start_method=self._start_method, what=f"The job {job.name!r}"
            ),
            most=self._most,
            tag_limits=self._tag_limits,
            retries_enabled=self._retries_enabled,
            **options,
        )


def execute_elsewhere(
    job: Any,
    plan: Plan,
    run: Run,
    instance: Any,
    config: Any,
    *,
    open_workers: Callable[[StepWork], AbstractContextManager[Any]],
    most: int,
    tag_limits: Sequence[TagLimit] = (),
    retries_enabled: bool = True,
    shares_process: bool = False,
    raise_on_error: bool = True,
    input_values: Mapping[str, Any] | None = None,
    previous: Any = None,
    result_class: Any = ExecutionResult,
    **_unused: Any,
) -> Any:
    """Carry out a run with workers in other processes; this one keeps the state and writes the events."""
    if instance.is_ephemeral:
        raise UnmetExecutorRequirementsError(
            f"The executor of job {job.name!r} carries out steps in other processes, which cannot see an instance in "
            "memory. Pass an "
            "instance on disk (Instance.get() or Instance.local_temp()), or use in_process_executor."
        )
    sink = EventSink(instance.run_writer(run.run_id, run.attempt))
    work = StepWork(
        job,
        run,
        str(instance.home),
        config,
        # a database that this process was told by URL need not be configured where the workers are
        storage=getattr(instance.db, "url", None),
        python_logs=instance.python_logs,
        input_values=input_values,
        retries_enabled=retries_enabled,
        shares_process=shares_process,
    )
    with resource_scope(job.resource_defs, config.resources, instance=instance, run=run) as scope:
        services = Services(
            run=run,
            job=job,
            config=config,
            scope=scope,
            instance=instance,
            loggers=run_loggers(job, config, instance),
            default_io_manager=lambda: stored_values(instance),
            find_ref=instance.find_value_ref,
            find_versions=instance.data_versions,
            find_partition_versions=instance.partition_data_versions,
            find_state=instance.asset_state,
            input_values=input_values,
        )
        limits = StepLimits(most, tag_limits, leases=instance.leases, run_id=run.run_id)
        with _opened(open_workers, work, sink, run, job.name) as workers:
            loop = ParallelLoop(
                plan,
                services,
                sink,
                workers,
                limits,
                raise_on_error=raise_on_error,
                previous=previous,
                retries_enabled=retries_enabled,
            )
            failed: Exception | None = None
            try:
                loop.run()
            except Exception as error:
                failed = error
            finally:
                sink.close()
            if failed is not None and raise_on_error:
                raise user_exception(failed)
    return result_class(job, services, sink.events, instance, loop.state)


def _opened(
    open_workers: Callable[[StepWork], AbstractContextManager[Any]],
    work: StepWork,
    sink: EventSink,
    run: Run,
    job_name: str,
) -> AbstractContextManager[Any]:
    """Return the workers; where there can be none, that is the recorded end of the run."""
    try:
        return open_workers(work)
    except CellmillError as error:
        message = f'Execution of run for "{job_name}" failed. {type(error).__name__}: {error}'
        data = JobFailureData(ErrorInfo.of(error), RunFailureReason.JOB_INITIALIZATION_FAILURE)
        sink.emit(
            Event(
                EventType.RUN_FAILURE,
                run.run_id,
                time.time(),
                message=message,
                level=logging.ERROR,
                data=data,
                job_name=job_name,
            )
        )
        sink.close()
        raise
