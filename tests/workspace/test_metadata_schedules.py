"""Schedules in the metadata of a notebook that knows nothing of cellmill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.scheduler import Scheduler
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.instance.instance import Instance
from cellmill.planning.run import RunStatus
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.worker import RunWork
from cellmill.workspace.workspace import Workspace


@pytest.mark.slow
def test_a_plain_notebook_runs_by_its_own_metadata(tmp_path: Path) -> None:
    """At the time that the metadata say the whole notebook runs, with the parameters that they say."""
    cells = [
        {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "source": "day = 1", "outputs": [],
         "execution_count": None},
        {"cell_type": "code", "id": "b", "metadata": {}, "source": "assert day == 7", "outputs": [],
         "execution_count": None},
    ]  # fmt: skip
    kept = {"cron": "* * * * *", "timezone": "Europe/Berlin", "parameters": {"day": 7}, "status": "running"}
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "cellmill": {"schedules": [kept, "nonsense", {"no": "cron"}]},
    }
    (tmp_path / "report.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    )
    (tmp_path / "cellmill.toml").write_text('[[location]]\nnotebooks = ["*.ipynb"]\n')
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        clock = ManualClock(1_700_000_030)
        scheduler = Scheduler(instance, source, clock, "d")
        scheduler.run_once()
        clock.advance(60)
        assert 1 == scheduler.run_once().requested
        (run,) = instance.get_runs()
        RunWork(instance, workspace, run, run.attempt).work()

        assert RunStatus.SUCCESS is instance.get_runs()[0].status
        assert ["report"] == [spec.name for spec in source.schedules()]
