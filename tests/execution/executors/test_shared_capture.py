"""What several steps of one process print is told apart, and travels to the run."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from cellmill import Instance, OpExecutionContext, job, op
from cellmill.definitions.run_config import resolve_run_config
from cellmill.execution.capture import LIMIT, captured_path
from cellmill.execution.executors.dask import DaskExecutor
from cellmill.execution.executors.dask_pool import DaskCluster
from cellmill.execution.executors.shared_capture import Printed, captured, sender
from cellmill.planning.event import EventType
from cellmill.planning.planner import plan_job

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def _texts(said: list[Any]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], bytes] = defaultdict(bytes)
    for one in said:
        assert isinstance(one, Printed)
        found[one.step_key, one.stream] += one.data
    return {key: data.decode() for key, data in found.items()}


def test_threads_have_their_own_words() -> None:
    """Two steps that print in turns are told apart; a silent one has nothing, and the streams are given back."""
    said: list[Any] = []
    before, together, loud = (sys.stdout, sys.stderr), threading.Barrier(2, timeout=60), {}

    def step(name: str) -> None:
        with captured(name, sender(said.append), threads=2) as end:
            together.wait()
            for number in range(20):
                print(name, number)
                print("no", name, file=sys.stderr)
                together.wait()
            loud[name] = end()

    def silent() -> None:
        with captured("silent", sender(said.append), threads=2) as end:
            loud["silent"] = end()

    threads = [threading.Thread(target=step, args=(name,)) for name in ("one", "two")]
    threads.append(threading.Thread(target=silent))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for name in ("one", "two"):
        assert _texts(said)[name, "out"] == "".join(f"{name} {number}\n" for number in range(20))
        assert _texts(said)[name, "err"] == f"no {name}\n" * 20
    assert loud == {"one": True, "two": True, "silent": False}
    assert (sys.stdout, sys.stderr) == before


def test_a_flood_is_cut_at_the_limit() -> None:
    """No step sends more than is kept of it."""
    said: list[Any] = []
    with captured("loud", sender(said.append), threads=2):
        for _ in range(LIMIT // 10_000 + 50):
            print("x" * 9_999)

    text = _texts(said)["loud", "out"]
    size, end = len(text), text[-60:]
    assert LIMIT < size < LIMIT + 100
    assert "cut here" in end


@op(config_schema=str)
def turns(context: OpExecutionContext) -> None:
    """Print in turns with another step of the same worker."""
    folder, name = Path(context.op_config), context.op_handle.name
    for number in range(5):
        print(name, number)
        print("no", name, file=sys.stderr)
        (folder / f"{name}-{number}").touch()
        other = folder / f"{'two' if name == 'one' else 'one'}-{number}"
        until = threading.Event()
        while not other.exists():
            until.wait(0.01)


@job
def two_at_once() -> None:
    """Two steps that need each other to be there."""
    turns.alias("one")()
    turns.alias("two")()


@pytest.mark.slow
def test_a_dask_worker_with_two_threads_sends_each_steps_words_to_the_run(tmp_path: Path) -> None:
    """The run's process keeps them: the worker needs no folder of the run."""
    import distributed

    with (
        Instance.get(tmp_path / "home") as instance,
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
    ):
        run = instance.create_run(job_name="two_at_once")
        config = resolve_run_config(two_at_once, {"ops": {name: {"config": str(tmp_path)} for name in ("one", "two")}})
        executor = DaskExecutor(DaskCluster(address=cluster.scheduler_address, allow_insecure=True))
        result = executor.execute(two_at_once, plan_job(two_at_once), run, instance, config)

        assert result.success
        for name in ("one", "two"):
            out, err = (captured_path(instance.home, run.run_id, name, stream) for stream in ("out", "err"))
            assert out.read_text() == "".join(f"{name} {number}\n" for number in range(5))
            assert err.read_text() == f"no {name}\n" * 5
        kept = [event.step_key for event in result.all_events if event.type is EventType.LOGS_CAPTURED]
        assert sorted(key or "" for key in kept) == ["one", "two"]
