"""A schedule that runs a pinned version of its notebook, while the file moves on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.scheduler import Scheduler
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.errors import InvalidInvocationError
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import ScheduleSpec
from cellmill.planning.run import RunStatus
from cellmill.workspace.pins import changes_since, pin_of, pin_schedule, unpin_schedule
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.worker import RunWork
from cellmill.workspace.workspace import Workspace


def write(path: Path, *sources: str) -> None:
    """A plain notebook with these cells, and a schedule that is on."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for n, source in enumerate(sources)
    ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "cellmill": {"schedules": [{"cron": "* * * * *", "status": "running"}]},
    }
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))


@pytest.mark.slow
def test_a_pinned_schedule_runs_what_was_pinned(tmp_path: Path) -> None:
    """The file's new cells are named and not run, until the schedule is promoted; then they are."""
    report, said = tmp_path / "report.ipynb", tmp_path / "said"
    write(report, "x = 'old'", f"open({str(said)!r}, 'a').write(x)", "gone = 1")
    (tmp_path / "cellmill.toml").write_text('[[location]]\nnotebooks = ["*.ipynb"]\n')
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace, refresh_s=0), instance)
        clock = ManualClock(1_700_000_030)
        scheduler = Scheduler(instance, source, clock, "d")
        (spec,) = source.schedules()

        def run_next() -> str:
            clock.advance(60)
            assert scheduler.run_once().requested == 1
            run = instance.get_runs(limit=1)[0]
            RunWork(instance, workspace, run, run.attempt).work()
            assert instance.get_runs(limit=1)[0].status is RunStatus.SUCCESS
            return said.read_text()

        scheduler.run_once()
        pin = pin_schedule(instance, tmp_path, spec)
        assert changes_since(instance, tmp_path, pin) == ()
        write(report, "x = 'new'", f"open({str(said)!r}, 'a').write(x)", "more = 2", "and_more = 3")
        changes = changes_since(instance, tmp_path, pin)

        assert [(one.kind, one.cell, one.before, one.now) for one in changes] == [
            ("changed", 0, "x = 'old'", "x = 'new'"),
            ("changed", 2, "gone = 1", "more = 2"),
            ("added", 3, "", "and_more = 3"),
        ]
        assert run_next() == "old"
        promoted = pin_schedule(instance, tmp_path, spec)
        assert pin_of(instance.automation.instigator(spec.id)) == promoted != pin
        assert run_next() == "oldnew"
        write(report, f"open({str(said)!r}, 'a').write('live')")
        unpin_schedule(instance, spec)
        assert pin_of(instance.automation.instigator(spec.id)) is None
        assert run_next() == "oldnewlive"


def test_only_whole_notebooks_are_pinned(tmp_path: Path) -> None:
    """A schedule of a job or of assets is refused, with what can be done."""
    with Instance.ephemeral() as instance, pytest.raises(InvalidInvocationError, match="runs a whole notebook"):
        pin_schedule(instance, tmp_path, ScheduleSpec(name="s", crons=("@daily",), job_name="j"))
