"""Backfills of partitioned jobs: each partition's run has the config that the job's partitioned config makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cellmill.automation.backfills import BackfillLoop, submit_backfill, view_backfill
from cellmill.automation.clock import SystemClock
from cellmill.automation.queue import RunQueue
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.instance.instance import Instance
from cellmill.planning.run import Run
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.worker import RunWork
from cellmill.workspace.workspace import Workspace

from tests.workspace.notebooks import write_notebook

SOURCE = """
import json, cellmill as cm
@cm.daily_partitioned_config(start_date="2024-01-01")
def by_day(start, end):
    return {"ops": {"step": {"config": {"from": start.strftime("%F"), "to": end.strftime("%F")}}}}
@cm.op(config_schema={"from": str, "to": str})
def step(context):
    with open(SAID, "a") as file:
        file.write(json.dumps([context.partition_key, dict(context.op_config)]) + "\\n")
@cm.job(config=by_day)
def nightly():
    step()
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["module", "notebook"])
def test_each_partition_of_a_job_runs_once_with_its_config(tmp_path: Path, kind: str) -> None:
    """In a module and in a notebook."""
    said = tmp_path / "said"
    source = f"SAID = {str(said)!r}\n{SOURCE}"
    if kind == "module":
        (tmp_path / "defs.py").write_text(source + "defs = cm.Definitions(jobs=[nightly])\n")
        (tmp_path / "cellmill.toml").write_text('files = ["defs.py"]\n')
    else:
        write_notebook(tmp_path / "a.ipynb", "%load_ext cellmill", source)
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        automated = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        (job,) = workspace.manifest.jobs
        assert job.partitions is not None
        loop = BackfillLoop(instance, automated, SystemClock())
        days = ["2024-01-01", "2024-01-03"]
        backfill = submit_backfill(instance, job_name="nightly", partition_keys=days, location=job.location)
        loop.run_once()

        def launch(_: Instance, run: Run) -> None:
            RunWork(instance, workspace, run, run.attempt).work()

        queue = RunQueue(instance, SystemClock(), launcher=launch, has_job=automated.has_job)
        queue.run_once()
        queue.run_once()
        loop.run_once()

        assert "COMPLETED_SUCCESS" == view_backfill(instance, backfill).status.value
        assert [
            ["2024-01-01", {"from": "2024-01-01", "to": "2024-01-02"}],
            ["2024-01-03", {"from": "2024-01-03", "to": "2024-01-04"}],
        ] == sorted(json.loads(line) for line in said.read_text().splitlines())
