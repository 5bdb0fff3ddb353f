"""Work that no worker can be given: a typed error that says what to do, and the run's record holds it."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from cellmill import Instance, RunStatus, job, op
from cellmill.definitions.run_config import resolve_run_config
from cellmill.execution.executors import dask_pool
from cellmill.execution.executors.dask import DaskExecutor
from cellmill.execution.executors.dask_pool import DaskCluster, DaskClusterGone
from cellmill.execution.executors.multiprocess import MultiprocessExecutor
from cellmill.execution.executors.pool import UnpicklableWork
from cellmill.planning.event import EventType
from cellmill.planning.planner import plan_job

from .jobs import diamond, hungry

# Dask and its event loop warn about themselves.
pytestmark = pytest.mark.filterwarnings("ignore")


def _unpicklable() -> Any:
    lock = threading.Lock()

    @op
    def locked() -> int:
        with lock:
            return 1

    @job
    def locking() -> None:
        locked()

    return locking


def _refused(executor: Any, work: Any, instance: Instance, error: type[Exception], words: str) -> None:
    run = instance.create_run(job_name=work.name)
    with pytest.raises(error, match=words):
        executor.execute(work, plan_job(work), run, instance, resolve_run_config(work, {}))
    found = instance.get_run_by_id(run.run_id)
    assert found is not None and found.status is RunStatus.FAILURE
    assert error.__name__ in (found.reason or "")


def test_an_op_that_cannot_be_pickled_is_refused_with_the_remedy(instance: Instance) -> None:
    """The run fails with what to do about it."""
    executor = MultiprocessExecutor(max_concurrent=2, start_method="spawn")
    _refused(executor, _unpicklable(), instance, UnpicklableWork, "top level of a module")


def test_a_cluster_that_is_not_there_fails_the_run(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run names the address that did not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(dask_pool, "CONNECT_TIMEOUT_S", 1.0)
    executor = DaskExecutor(DaskCluster(address=address, allow_insecure=True))
    _refused(executor, diamond, instance, DaskClusterGone, address)


def test_a_memory_limit_needs_dask_workers_of_one_thread(instance: Instance) -> None:
    """Where several steps share a process, the limit of one would be that of all: the step is refused by name."""
    import distributed

    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        run = instance.create_run(job_name=hungry.name)
        executor = DaskExecutor(DaskCluster(address=cluster.scheduler_address, allow_insecure=True))
        plan, config = plan_job(hungry), resolve_run_config(hungry, {})
        result = executor.execute(hungry, plan, run, instance, config, raise_on_error=False)

    failures = {event.step_key: event for event in result.all_events if event.type is EventType.STEP_FAILURE}
    assert set(failures) == {"greedy"}
    assert "InvalidConfigError" in str(failures["greedy"].data) and "--nthreads 1" in str(failures["greedy"].data)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None and found.status is RunStatus.FAILURE
