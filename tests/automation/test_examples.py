"""The worked examples of a sensor and of a backfill run: by hand, unattended, and by the daemon's own loops."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cellmill.automation.backfills import BackfillLoop, submit_backfill, view_backfill
from cellmill.automation.clock import SystemClock
from cellmill.automation.queue import RunQueue
from cellmill.automation.sensors import Sensors
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.cli.main import main
from cellmill.instance.instance import Instance
from cellmill.planning.run import Run, RunStatus
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.worker import RunWork
from cellmill.workspace.workspace import Workspace

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CELLMILL_HOME", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["arrivals", "partitioned_weather"])
def test_an_example_runs_unattended(folder: Path, name: str) -> None:
    """`cellmill run` ends well and leaves of each asset its last partition and the one that `%materialize` asks for."""
    shutil.copy(NOTEBOOKS / f"{name}.ipynb", folder)
    assert 0 == main(["run", f"{name}.ipynb"])
    with Instance.get(folder / ".cellmill") as instance:
        keys = instance.get_asset_keys()
        assert keys
        made = {key.to_user_string(): len(instance.get_materialized_partitions(key)) for key in keys}
        assert set(made.values()) == {2}, made
        (run,) = instance.get_runs()
        assert run.is_success


def work_off(instance: Instance, workspace: Workspace) -> list[RunStatus]:
    """Work all queued runs off, one after the other, as the daemon's queue admits them."""

    def launch(_: Instance, run: Run) -> None:
        RunWork(instance, workspace, run, run.attempt).work()

    RunQueue(instance, SystemClock(), launcher=launch).run_once()
    return [run.status for run in instance.get_runs()]


def test_files_that_arrive_become_partitions(folder: Path) -> None:
    """The sensor's cell, evaluated in its host, adds a partition and a run for each file, once."""
    shutil.copy(NOTEBOOKS / "arrivals.ipynb", folder)
    inbox = folder / "inbox"
    inbox.mkdir()
    (inbox / "2024-05-01.csv").write_text("shop,sales\nnorth,3\n")
    with Workspace.open(folder, home=folder / ".cellmill") as workspace, Instance.get(folder / ".cellmill") as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        sensors = Sensors(instance, source, SystemClock(), "d")
        done = sensors.run_once()
        assert (1, 0) == (done.requested, done.failed)
        assert ["2024-05-01"] == list(instance.get_dynamic_partitions("arrivals"))
        assert [RunStatus.SUCCESS] == work_off(instance, workspace)
        (key,) = instance.get_asset_keys()
        assert {"2024-05-01"} == set(instance.get_materialized_partitions(key))


def test_a_backfill_makes_upstreams_first(folder: Path) -> None:
    """Two partitions of two assets of a notebook: every one is made once, in order."""
    shutil.copy(NOTEBOOKS / "partitioned_weather.ipynb", folder)
    with Workspace.open(folder, home=folder / ".cellmill") as workspace, Instance.get(folder / ".cellmill") as instance:
        loop = BackfillLoop(instance, AutomatedWorkspace(WorkspaceSource(workspace), instance), SystemClock())
        wanted = ["2013-01", "2013-02"]
        backfill = submit_backfill(instance, assets=["observations", "daily_means"], partition_keys=wanted)
        loop.run_once()
        assert {RunStatus.SUCCESS} == set(work_off(instance, workspace))
        loop.run_once()

        assert "COMPLETED_SUCCESS" == view_backfill(instance, backfill).status.value
        for key in instance.get_asset_keys():
            assert set(wanted) == set(instance.get_materialized_partitions(key))
