"""Notebooks on a Dask cluster: their kernels run beside its workers, the run's record is written here."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cellmill import AssetKey, Instance, RunStatus
from cellmill.execution.executors.dask_notebooks import DaskNotebooks, NotebookFolderNotShared
from cellmill.execution.executors.dask_pool import DaskCluster
from cellmill.execution.load import load
from cellmill.execution.notebook.document import read_notebook
from cellmill.execution.notebook.notebook_step import NotebookStepRequest
from cellmill.execution.process_group import processes_of_run
from cellmill.execution.run_ledger import launch_recorded_run, request_stop
from cellmill.planning.event import EventType
from cellmill.planning.run import Run
from cellmill.workspace.run_names import ASSET_JOB, EXECUTOR_TAG

from tests.execution.notebook.conftest import notebook_of

# Dask and its event loop warn about themselves.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

_STAY = (
    "open('pid', 'w').write(os.environ['JPY_PARENT_PID'])\nos.rename('pid', 'at')\n"
    "while not os.path.exists('go'):\n    time.sleep(0.02)"
)


def _workspace(folder: Path, address: str, *cells: str) -> None:
    (folder / "cellmill.toml").write_text(
        "[kernels]\nwarm = false\n[executor]\nname = 'dask'\n[executor.config.cluster.existing]\n"
        f"address = {address!r}\nallow_insecure = true\n"
    )
    (folder / "book.ipynb").write_text(json.dumps(notebook_of("%load_ext cellmill", "import os, time", *cells)))


def _launched(folder: Path, instance: Instance, *keys: str, **tags: str) -> tuple[str, Any]:
    selection = frozenset(AssetKey(key) for key in keys)
    run = instance.create_run(job_name=ASSET_JOB, asset_selection=selection, tags=tags)
    return run.run_id, launch_recorded_run(instance, run.run_id, cwd=folder, arguments=["--workspace", str(folder)])


def _ended(instance: Instance, run_id: str) -> Run:
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return found


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _pids(address: str) -> set[int]:
    import distributed

    with distributed.Client(address, set_as_default=False) as client:
        return set(client.run(os.getpid).values())


def test_a_notebooks_kernel_runs_beside_a_worker_of_the_cluster(tmp_path: Path, dask_address: str) -> None:
    """Values, events, outputs and the executed notebook are as those of a run on this machine."""
    _workspace(
        tmp_path,
        dask_address,
        "%%asset parent\nprint('said')\nint(os.environ['JPY_PARENT_PID'])",
        "%%asset child\n(parent, os.getcwd())",
    )
    with Instance.get(tmp_path / ".cellmill") as instance:
        run_id, launched = _launched(tmp_path, instance, "parent", "child")
        assert launched.wait(240) == 0

        assert _ended(instance, run_id).status is RunStatus.SUCCESS
        made = instance.all_logs(run_id, EventType.ASSET_MATERIALIZATION)
        assert [event.asset_key for event in made] == [AssetKey("parent"), AssetKey("child")]
        parent, folder = load("child", instance=instance)
        assert parent in _pids(dask_address) and folder == str(tmp_path)
    (executed,) = (tmp_path / ".cellmill" / "runs" / run_id).glob("*.ipynb")
    assert read_notebook(executed)["cells"][2]["outputs"][0]["text"] == "said\n"


def test_a_killed_dask_worker_keeps_what_was_finished_and_a_retry_goes_on_behind_it(
    tmp_path: Path, dask_address: str
) -> None:
    """The run fails with the reason and the remedy, nothing lives on, and nothing is made twice."""
    _workspace(
        tmp_path, dask_address, "%%asset first\nopen('made', 'a').write('first ')\n1",
        f"%%asset second\n{_STAY}\nopen('made', 'a').write('second ')\nfirst + 1",
    )  # fmt: skip
    with Instance.get(tmp_path / ".cellmill") as instance:
        run_id, launched = _launched(tmp_path, instance, "first", "second")
        _until((tmp_path / "at").exists)
        os.kill(int((tmp_path / "at").read_text()), signal.SIGKILL)
        assert launched.wait(240) == 1

        failed = _ended(instance, run_id)
        assert failed.status is RunStatus.FAILURE and "retry the run" in (failed.reason or "")
        _until(lambda: not list(processes_of_run(run_id)))
        (tmp_path / "go").touch()
        _until(lambda: len(_pids(dask_address)) == 2)
        again, launched = _launched(tmp_path, instance, "second")
        assert launched.wait(240) == 0

        assert _ended(instance, again).status is RunStatus.SUCCESS
        assert load("second", instance=instance) == 2
    assert (tmp_path / "made").read_text() == "first second "


def test_a_stop_reaches_the_cell_on_the_cluster(tmp_path: Path, dask_address: str) -> None:
    """The cell is interrupted, the record says so, and the kernel is gone."""
    _workspace(tmp_path, dask_address, f"%%asset stays\n{_STAY}")
    with Instance.get(tmp_path / ".cellmill") as instance:
        run_id, launched = _launched(tmp_path, instance, "stays")
        _until((tmp_path / "at").exists)
        assert request_stop(instance, run_id)
        launched.wait(240)

        assert _ended(instance, run_id).status is RunStatus.CANCELED
        _until(lambda: not list(processes_of_run(run_id)))
    (executed,) = (tmp_path / ".cellmill" / "runs" / run_id).glob("*.ipynb")
    assert read_notebook(executed)["cells"][2]["metadata"]["cellmill"]["end"] == "cancelled"


def test_a_cluster_that_is_open_to_all_is_refused_for_notebooks_too(tmp_path: Path, dask_address: str) -> None:
    """An address that a run names without the word that allows it ends the run with the typed reason."""
    _workspace(tmp_path, dask_address, "%%asset a\n1")
    (tmp_path / "cellmill.toml").write_text("")
    with Instance.get(tmp_path / ".cellmill") as instance:
        run_id, launched = _launched(tmp_path, instance, "a", **{EXECUTOR_TAG: f"dask:{dask_address}"})
        assert launched.wait(240) == 1

        found = _ended(instance, run_id)
        assert found.status is RunStatus.FAILURE and "tls://" in (found.reason or "")


def test_files_come_with_the_end_where_the_runs_folder_is_not_shared(tmp_path: Path, dask_address: str) -> None:
    """Journal and executed notebook are here afterwards; a worker without the notebook's folder says so."""
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps(notebook_of("print('there')")))
    request = NotebookStepRequest(path=path, artifacts=tmp_path / "nowhere" / "runs" / "r", warm=False)
    away = NotebookStepRequest(
        path=tmp_path / "elsewhere" / "book.ipynb", artifacts=tmp_path, snapshot=notebook_of("1"), warm=False
    )
    notebooks = DaskNotebooks(DaskCluster(address=dask_address, allow_insecure=True))
    try:
        outcome = notebooks.run(request)
        with pytest.raises(NotebookFolderNotShared, match="same path"):
            notebooks.run(away)
    finally:
        notebooks.close()

    assert outcome.notebook_path.parent == outcome.journal_path.parent == request.artifacts
    assert read_notebook(outcome.notebook_path)["cells"][0]["outputs"][0]["text"] == "there\n"
    assert "there" in outcome.journal_path.read_text()
