"""Notebooks that cannot run: the run fails with a typed reason that says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cellmill import AssetKey, Instance, RunStatus
from cellmill.execution.load import load
from cellmill.execution.process_group import RUN_ID_VARIABLE, processes_of_run
from cellmill.execution.run_ledger import launch_recorded_run
from cellmill.workspace.run_names import ASSET_JOB, NOTEBOOK_JOB, NOTEBOOK_TAG

from tests.workspace.notebooks import write_notebook

from .command import Command

LOAD = "%load_ext cellmill"

_WITHOUT_CELLMILL = (
    "import sys; sys.modules['cellmill'] = None; from ipykernel.kernelapp import launch_new_instance as go; go()"
)


def _with_kernel(path: Path, name: str) -> None:
    node = json.loads(path.read_text())
    node["metadata"]["kernelspec"] = {"name": name, "display_name": name, "language": "python"}
    path.write_text(json.dumps(node))


@pytest.mark.parametrize(
    ("kernel", "words"),
    [("pyhton3", ["NoSuchKernel", "'python3'"]), ("bare", ["KernelLacksCellmill", "pip install cellmill"])],
)
def test_a_kernel_that_is_missing_or_lacks_cellmill_is_the_reason_of_the_run(
    cellmill: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: str, words: list[str]
) -> None:
    """The record of the run names the kernel and the remedy."""
    spec = tmp_path / "jupyter" / "kernels" / "bare"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", _WITHOUT_CELLMILL, "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "bare", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(spec.parents[1]))
    _with_kernel(write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset made\n1"), kernel)

    assert cellmill("materialize", "made").code == 1

    (run,) = cellmill("runs", "list", "--json").data
    assert run["status"] == "FAILURE"
    told = cellmill("runs", "show", "last").out + cellmill("runs", "events", "last").out
    assert all(word in told for word in words), told


def test_a_notebook_that_became_unreadable_is_the_reason_of_the_run(cellmill: Command, tmp_path: Path) -> None:
    """Broken between the order and the start: the run's record says which file, what is wrong and what to do."""
    path = write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset made\n1")
    with Instance.get(tmp_path / ".cellmill") as instance:
        run = instance.create_run(job_name=NOTEBOOK_JOB, tags={NOTEBOOK_TAG: "a.ipynb"})
        path.write_text('{"cells": [{"cell_type"')
        launched = launch_recorded_run(instance, run.run_id, cwd=tmp_path, arguments=["--workspace", str(tmp_path)])
        assert launched.wait(120) == 1

        found = instance.get_run_by_id(run.run_id)
        assert found is not None and found.status is RunStatus.FAILURE
        told = " ".join(event.message or "" for event in instance.all_logs(run.run_id))
    assert "a.ipynb" in told and "JSON" in told, told
    assert not list((tmp_path / ".cellmill" / "runs" / run.run_id).glob("*.ipynb"))


def test_a_full_disk_is_the_reason_of_the_run_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    """The journal has no room: the cell that wrote it is not believed, no kernel lives on, and a retry completes."""
    write_notebook(tmp_path / "a.ipynb", LOAD, "%%asset first\n1", "%%asset second\nprint('x' * 9_000_000)\nfirst + 1")
    with Instance.get(tmp_path / ".cellmill") as instance:
        keys = frozenset({AssetKey("first"), AssetKey("second")})
        run = instance.create_run(job_name=ASSET_JOB, asset_selection=keys)
        code = (
            "import resource, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))\n"
            "from cellmill.workspace.worker import main\nsys.exit(main(sys.argv[1:]))\n"
        )
        words = [run.run_id, "--home", str(tmp_path / ".cellmill"), "--workspace", str(tmp_path)]
        env = {**os.environ, RUN_ID_VARIABLE: run.run_id, "CELLMILL_WARM_KERNELS": "0"}
        done = subprocess.run(
            [sys.executable, "-c", code, *words], env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 1, done.stderr

        found = instance.get_run_by_id(run.run_id)
        assert found is not None and found.status is RunStatus.FAILURE
        assert "File too large" in (found.reason or "") and "free" in (found.reason or ""), found.reason
        assert list(processes_of_run(run.run_id)) == []
        left = [path for path in (tmp_path / ".cellmill").rglob("*tmp-*") if path.is_file()]
        assert left == []
        again = instance.create_run(job_name=ASSET_JOB, asset_selection=frozenset({AssetKey("second")}))
        launched = launch_recorded_run(instance, again.run_id, cwd=tmp_path, arguments=["--workspace", str(tmp_path)])
        assert launched.wait(120) == 0
        assert load("second", instance=instance) == 2
