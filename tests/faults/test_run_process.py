"""A run's process is killed, frozen, kept busy or told to stop: the instance always ends up with the truth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cellmill.execution.process_group import processes_of_run
from cellmill.execution.run_ledger import launch_recorded_run, request_stop
from cellmill.instance.instance import Instance
from cellmill.planning.run import RunStatus

pytestmark = pytest.mark.fault

_HERE = str(Path(__file__).parent)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """An instance on disk."""
    with Instance.get(tmp_path / "home") as found:
        yield found


def _until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def _launch(instance: Instance, worker: str, argument: str, lease_s: float = 1.0) -> tuple[str, object]:
    run = instance.create_run(job_name="job")
    launched = launch_recorded_run(
        instance,
        run.run_id,
        env={"PYTHONPATH": _HERE},
        worker=f"run_workers:{worker}",
        arguments=[argument],
        lease_s=lease_s,
    )
    return run.run_id, launched


@pytest.mark.parametrize(
    ("how", "word"), [("sigkill", "SIGKILL"), ("segfault", "SIGSEGV"), ("0", "status 0"), ("137", "SIGKILL")]
)
def test_a_worker_that_dies_fails_its_run_once_and_says_how(instance: Instance, how: str, word: str) -> None:
    """A killed, crashed or silently exiting worker leaves one final event with the reason."""
    run_id, launched = _launch(instance, "die", how)
    launched.wait(10)  # type: ignore[attr-defined]

    run = instance.get_run_by_id(run_id)
    assert run is not None and run.status is RunStatus.FAILURE
    assert word in (run.reason or "")
    ends = [
        event for event in instance.all_logs(run_id) if event.type.value in ("PIPELINE_FAILURE", "PIPELINE_SUCCESS")
    ]
    assert len(ends) == 1


def test_a_frozen_worker_that_was_replaced_is_refused_when_it_wakes(instance: Instance, tmp_path: Path) -> None:
    """A worker stopped past its lease cannot publish once another attempt has the run."""
    run_id, launched = _launch(instance, "succeed_after_freeze", str(tmp_path), lease_s=0.6)
    _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    worker = int((tmp_path / "pid").read_text())
    os.kill(worker, signal.SIGSTOP)
    _until(lambda: [lost.run_id for lost in instance.leases.expired_runs()] == [run_id])

    taken = instance.runs.new_attempt(run_id, expected=1, status=RunStatus.STARTING)
    (tmp_path / "go").write_text("")
    os.kill(worker, signal.SIGCONT)
    launched.wait(10)  # type: ignore[attr-defined]

    assert taken is not None and taken.attempt == 2
    run = instance.get_run_by_id(run_id)
    assert run is not None and run.status is RunStatus.STARTING


def test_a_worker_that_holds_the_interpreter_is_not_taken_for_dead(instance: Instance) -> None:
    """The lease is renewed from outside the worker, however busy it is."""
    run_id, launched = _launch(instance, "hold_the_interpreter", "4500000", lease_s=4.0)
    lost: list[object] = []
    while launched.wait(0.05) is None:  # type: ignore[attr-defined]
        lost += instance.leases.expired_runs()

    assert lost == []
    run = instance.get_run_by_id(run_id)
    assert run is not None and run.status is RunStatus.SUCCESS


def test_cancelling_ends_even_what_ignores_signals_and_left_the_group(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stubborn worker and its detached child are both gone, and the run is cancelled."""
    monkeypatch.setenv("CELLMILL_INTERRUPT_GRACE_S", "0.3")
    run_id, launched = _launch(instance, "refuse_to_stop", str(tmp_path))
    _until(lambda: (tmp_path / "pid").exists())

    assert request_stop(instance, run_id)
    launched.wait(10)  # type: ignore[attr-defined]

    assert list(processes_of_run(run_id)) == []
    run = instance.get_run_by_id(run_id)
    assert run is not None and run.status is RunStatus.CANCELED


def test_a_stop_that_comes_before_the_supervisor_is_ready_cancels_the_run(instance: Instance) -> None:
    """A signal that arrives while the process of the run still starts is neither lost nor deadly."""
    run_id, launched = _launch(instance, "hold_the_interpreter", "60000000")
    launched.cancel()  # type: ignore[attr-defined]
    launched.wait(10)  # type: ignore[attr-defined]

    run = instance.get_run_by_id(run_id)
    assert run is not None and run.status is RunStatus.CANCELED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_that_comes_to_a_spare_process_before_it_supervises_cancels_the_run(
    instance: Instance, number: int
) -> None:
    """A process forked ahead keeps a signal for the run that it is given later."""
    script = (
        "import os, sys\n"
        "from cellmill.execution import run_process, spare\n"
        "spare = spare.fork_spare(run_process.worker, run_process.main)\n"
        "os.kill(spare._process.pid, int(sys.argv[3]))\n"
        "from cellmill.execution.run_ledger import launch_recorded_run\n"
        "from cellmill.instance.instance import Instance\n"
        "with Instance.get(sys.argv[1]) as instance:\n"
        "    launched = launch_recorded_run(instance, sys.argv[2], worker='run_workers:hold_the_interpreter',"
        " arguments=['60000000'], spare=spare)\n"
        "    launched.wait(20)\n"
    )
    run = instance.create_run(job_name="job")
    subprocess.run(
        [sys.executable, "-c", script, str(instance.home), run.run_id, str(int(number))],
        env={**os.environ, "PYTHONPATH": _HERE},
        check=True,
    )

    found = instance.get_run_by_id(run.run_id)
    assert found is not None and found.status is RunStatus.CANCELED


def test_a_run_without_a_process_is_cancelled_at_once(instance: Instance) -> None:
    """A queued run needs no process to be cancelled."""
    run = instance.create_run(job_name="job", status=RunStatus.QUEUED)

    assert request_stop(instance, run.run_id)

    found = instance.get_run_by_id(run.run_id)
    assert found is not None and found.status is RunStatus.CANCELED
    assert not request_stop(instance, run.run_id)
