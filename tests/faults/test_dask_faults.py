"""A Dask cluster that loses workers or its scheduler, or that is open to the network: the run's record stays true."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cellmill import Instance, JobDefinition, OpExecutionContext, RunStatus, job, op
from cellmill.definitions.run_config import resolve_run_config
from cellmill.execution.executors.dask import DaskExecutor, cluster_from_config
from cellmill.execution.executors.dask_pool import DaskCluster, DaskPool, OpenDaskScheduler
from cellmill.planning.event import EventType
from cellmill.planning.planner import plan_job

pytestmark = [
    pytest.mark.fault,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@op(config_schema={"pid": int, "signal": int})
def kills(context: OpExecutionContext) -> None:
    """End the process that its configuration names, then wait to be believed gone."""
    config = context.op_config
    os.kill(config["pid"], config["signal"])
    time.sleep(20)


@job
def killing() -> None:
    """One step that ends something."""
    kills()


@pytest.mark.security
def test_an_open_scheduler_is_refused_unless_it_is_allowed() -> None:
    """An address without TLS needs a word from the user."""
    with pytest.raises(OpenDaskScheduler, match="tls://"):
        DaskExecutor(DaskCluster(address="tcp://10.0.0.1:8786"))
    with pytest.raises(OpenDaskScheduler):
        DaskExecutor(cluster_from_config({"cluster": {"existing": {"address": "tcp://10.0.0.1:8786"}}}))

    allowed = cluster_from_config({"cluster": {"existing": {"address": "tcp://h:1", "allow_insecure": True}}})
    assert DaskExecutor(allowed) is not None


@pytest.mark.security
def test_a_local_cluster_listens_on_this_machine_only() -> None:
    """Scheduler and workers listen on 127.0.0.1, and no dashboard is up; what listened before does not count."""
    before = _listening()
    with DaskPool(print, DaskCluster(workers=1)) as pool:
        assert pool.address.startswith("tcp://127.0.0.1:")
        opened = _listening() - before
        assert {ip for ip, _ in opened} == {"127.0.0.1"}
        assert 8787 not in {port for _, port in opened}


def _listening() -> set[tuple[str, int]]:
    """Where this process and those below it listen."""
    import psutil

    own = psutil.Process()
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in [own, *own.children(recursive=True)]
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


@op(config_schema=str)
def notes(context: OpExecutionContext) -> int:
    """Note that it ran, and in which process."""
    with open(context.op_config, "a") as file:
        file.write(f"{os.getpid()}\n")
    return 7


@op
def reads(value: int) -> int:
    """Read the value."""
    return value + 1


@job
def noting() -> None:
    """Two steps."""
    reads(notes())


@job
def noting_only() -> None:
    """One step: what comes next is not given to the worker that dies."""
    notes()


@contextmanager
def _cluster_of_one() -> Iterator[str]:
    """A cluster whose only worker is started again when it dies; what was given to a dead one is given to the next."""
    import dask
    import distributed

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 10}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
    ):
        yield cluster.scheduler_address


@pytest.mark.slow
@pytest.mark.parametrize(("told", "work", "times"), [(True, noting_only, 1), (False, noting, 2)])
def test_a_result_that_is_lost_after_success_is_published_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool, work: JobDefinition, times: int
) -> None:
    """The worker dies with the result in its memory.

    Where its last word came before, nothing is lost; else Dask carries the step out again, and the record tells of one.
    """
    ran = tmp_path / "ran"
    put = DaskPool._put

    def lose_it(pool: Any, name: str, kind: str, value: Any) -> None:
        last_word = kind == "said" and "end" in value
        if (last_word or kind == "ended") and ran.exists() and not (tmp_path / "killed").exists():
            if told or kind == "ended":
                os.kill(int(ran.read_text()), signal.SIGKILL)
                (tmp_path / "killed").touch()
            if not told and last_word:
                return
        put(pool, name, kind, value)

    monkeypatch.setattr(DaskPool, "_put", lose_it)
    with Instance.get(tmp_path / "home") as instance, _cluster_of_one() as address:
        run = instance.create_run(job_name=work.name)
        config = resolve_run_config(work, {"ops": {"notes": {"config": str(ran)}}})
        executor = DaskExecutor(DaskCluster(address=address, allow_insecure=True))
        result = executor.execute(work, plan_job(work), run, instance, config)

        assert result.success and result.output_for_node("notes") == 7
        processes = ran.read_text().split()
        assert len(processes) == len(set(processes)) == times
        stored = instance.all_logs(run.run_id)
        for kind in (EventType.STEP_START, EventType.HANDLED_OUTPUT, EventType.STEP_SUCCESS):
            keys = [e.step_key for e in stored if e.type is kind]
            assert sorted(key or "" for key in keys) == sorted(plan_job(work).steps), kind


@pytest.mark.slow
def test_a_scheduler_that_is_lost_fails_the_run_and_leaves_the_engine_alive(tmp_path: Path) -> None:
    """The run ends with the typed reason; the instance takes the next run."""
    import subprocess
    import sys

    code = (
        "import time, distributed\n"
        "c = distributed.LocalCluster(n_workers=1, threads_per_worker=1, host='127.0.0.1',\n"
        "                             dashboard_address='127.0.0.1:0')\n"
        "print(c.scheduler_address, flush=True)\ntime.sleep(120)\n"
    )
    guard = "if __name__ == '__main__':\n" + "".join(f"    {line}\n" for line in code.splitlines())
    script = tmp_path / "cluster.py"
    script.write_text(guard)
    cluster = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert cluster.stdout is not None
    address = cluster.stdout.readline().strip()
    try:
        with Instance.get(tmp_path / "home") as instance:
            run = instance.create_run(job_name="killing")
            config = {"ops": {"kills": {"config": {"pid": cluster.pid, "signal": int(signal.SIGKILL)}}}}
            DaskExecutor(DaskCluster(address=address, allow_insecure=True)).execute(
                killing, plan_job(killing), run, instance, resolve_run_config(killing, config), raise_on_error=False
            )

            found = instance.get_run_by_id(run.run_id)
            assert found is not None and found.status is RunStatus.FAILURE
            ends = [event for event in instance.all_logs(run.run_id) if event.type is EventType.RUN_FAILURE]
            assert len(ends) == 1 and "Dask scheduler" in (ends[0].message or "")
            assert instance.create_run(job_name="next").run_id
    finally:
        cluster.stdout.close()
        try:
            os.killpg(cluster.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        cluster.wait()


@op(config_schema=str)
def first_dies(context: OpExecutionContext) -> str:
    """Die as the first of several, or note that it ran."""
    folder = Path(context.op_config)
    (folder / f"began-{context.op_handle.name}-{os.getpid()}").touch()
    try:
        (folder / "died").touch(exist_ok=False)
    except FileExistsError:
        return str(context.op_handle.name)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("It was killed.")


@job
def two_given() -> None:
    """Two steps for a worker that has room for one."""
    first_dies.alias("one")()
    first_dies.alias("two")()


@pytest.mark.slow
@pytest.mark.parametrize("allowed_failures", [0, 3])
def test_a_step_that_its_dead_worker_had_not_begun_is_given_to_another(tmp_path: Path, allowed_failures: int) -> None:
    """Both steps were given to the worker that dies; without any retry policy the one that had begun fails alone.

    Dask's own readiness to try again does not matter where it is 0; else it carries out again what had begun, too.
    """
    import dask
    import distributed

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": allowed_failures}),
        Instance.get(tmp_path / "home") as instance,
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, resources={"ROOM": 1}, host="127.0.0.1",
            dashboard_address="127.0.0.1:0", silence_logs=50,
        ) as cluster,
    ):  # fmt: skip
        run = instance.create_run(job_name="two_given")
        config = resolve_run_config(two_given, {"ops": {name: {"config": str(tmp_path)} for name in ("one", "two")}})
        room = DaskCluster(address=cluster.scheduler_address, allow_insecure=True, resources={"ROOM": 1})
        result = DaskExecutor(room).execute(two_given, plan_job(two_given), run, instance, config, raise_on_error=False)
        stored = instance.all_logs(run.run_id)

    ends = sorted(event.type.name for event in stored if event.type in (EventType.STEP_SUCCESS, EventType.STEP_FAILURE))
    begun = [path.name.split("-")[1] for path in tmp_path.glob("began-*")]
    if allowed_failures:
        assert result.success and ends == ["STEP_SUCCESS"] * 2 and len(begun) == 3
    else:
        assert ends == ["STEP_FAILURE", "STEP_SUCCESS"]
        assert sorted(begun) == ["one", "two"], "each step began once"
    starts = [event.step_key for event in stored if event.type is EventType.STEP_START]
    assert sorted(key or "" for key in starts) == ["one", "two"]


@pytest.mark.slow
def test_a_task_that_was_taken_away_is_not_begun(tmp_path: Path) -> None:
    """A worker that was given up and lives on finds that its task is another's by now, and does nothing."""
    import cloudpickle
    import distributed
    from cellmill.execution.executors import dask_pool

    ran = tmp_path / "ran"

    def work(task: str, say: object) -> None:
        Path(task).touch()

    with _cluster_of_one() as address, distributed.Client(address, set_as_default=False) as client:
        distributed.Event("cellmill-taken-late", client=client).set()
        for name, done in (("late", False), ("own", True)):
            task = (cloudpickle.dumps(work), cloudpickle.dumps(str(ran)), "topic", name)
            _, said, raised, ended = client.submit(dask_pool.perform, *task, pure=False).result(timeout=60)

            assert (said, raised) == ([], not done)
            assert ran.exists() is done
            assert isinstance(cloudpickle.loads(ended), dask_pool.TaskTaken) is not done
