"""Every executor behind one face, and an instance on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import distributed
import pytest
from cellmill.definitions.run_config import resolve_run_config
from cellmill.execution.executors.in_process import InProcessExecutor
from cellmill.execution.executors.multiprocess import MultiprocessExecutor
from cellmill.instance.instance import Instance
from cellmill.planning.planner import plan_job

Carry = Callable[..., Any]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """An instance on disk."""
    with Instance.get(tmp_path / "home") as found:
        yield found


@pytest.fixture(scope="session")
def dask_address() -> Iterator[str]:
    """A local cluster with two workers that every Dask test shares."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # None would take 8787 on every interface
            silence_logs=50,
        ) as cluster,
    ):
        yield cluster.scheduler_address


def executor_named(name: str, request: pytest.FixtureRequest, *, max_concurrent: int | None = None) -> Any:
    """Return the executor that a parameter names."""
    if name == "in_process":
        return InProcessExecutor()
    if name == "dask":
        from cellmill.execution.executors.dask import DaskExecutor
        from cellmill.execution.executors.dask_pool import DaskCluster

        address = request.getfixturevalue("dask_address")
        return DaskExecutor(DaskCluster(address=address, allow_insecure=True), max_concurrent=max_concurrent)
    return MultiprocessExecutor(max_concurrent=max_concurrent or 2, start_method=name)


@pytest.fixture
def carry_out(instance: Instance) -> Carry:
    """Return a function that carries out a job with an executor and returns the result."""

    def carry(executor: Any, job: Any, run_config: Any = None, **options: Any) -> Any:
        run = instance.create_run(job_name=job.name, run_config=run_config)
        config = resolve_run_config(job, run_config or {})
        return executor.execute(job, plan_job(job), run, instance, config, raise_on_error=False, **options)

    return carry
