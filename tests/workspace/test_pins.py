"""A schedule that runs a pinned version of its notebook, while the file moves on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.scheduler import Scheduler
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.errors import InvalidInvocationError
from cellmill.instance.automation import InstigatorState
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import ScheduleSpec
from cellmill.planning.run import RunStatus
from cellmill.workspace.pins import changes_since, pin_of, pin_schedule, unpin_schedule
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.worker import RunWork
from cellmill.workspace.workspace import Workspace

from tests.workspace.notebooks import write_notebook


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
        source = AutomatedWorkspace(WorkspaceSource(workspace, workspace.refresh), instance)
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
        pin = pin_schedule(instance, workspace, spec)
        assert changes_since(instance, tmp_path, pin) == ()
        write(report, "x = 'new'", f"open({str(said)!r}, 'a').write(x)", "more = 2", "and_more = 3")
        changes = changes_since(instance, tmp_path, pin)

        assert {"report.ipynb"} == {one.notebook for one in changes}
        assert [(one.kind, one.cell, one.before, one.now) for one in changes] == [
            ("changed", 0, "x = 'old'", "x = 'new'"),
            ("changed", 2, "gone = 1", "more = 2"),
            ("added", 3, "", "and_more = 3"),
        ]
        assert run_next() == "old"
        promoted = pin_schedule(instance, workspace, spec)
        assert pin_of(instance.automation.instigator(spec.id)) == promoted != pin
        assert run_next() == "oldnew"
        write(report, f"open({str(said)!r}, 'a').write('live')")
        unpin_schedule(instance, spec)
        assert pin_of(instance.automation.instigator(spec.id)) is None
        assert run_next() == "oldnewlive"


def test_only_notebooks_are_pinned(tmp_path: Path) -> None:
    """A schedule of a job of ops or of a module is refused, with what can be done."""
    with Workspace.open(tmp_path, home=tmp_path / ".cellmill") as workspace, Instance.ephemeral() as instance:
        with pytest.raises(InvalidInvocationError, match="which no notebook makes"):
            pin_schedule(instance, workspace, ScheduleSpec(name="s", crons=("@daily",), job_name="j"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "declared", ["%schedule '* * * * *' * --name s", "j = cm.define_asset_job('j')\ns = cm.ScheduleDefinition("
                 "name='s', job=j, cron_schedule='* * * * *')"]
)  # fmt: skip
def test_a_schedule_of_assets_is_pinned_with_all_their_notebooks(tmp_path: Path, declared: str) -> None:
    """Cells, plain cells and the selection are as they were, also of an asset that is gone and of one that is new."""
    said = tmp_path / "said"
    down = f"%%asset down\nopen({str(said)!r}, 'a').write(str(up))\nup + 10"
    preamble = "%load_ext cellmill\nimport cellmill as cm"
    write_notebook(tmp_path / "a.ipynb", preamble, "size = 1", "%%asset up\nsize", declared)
    write_notebook(tmp_path / "b.ipynb", preamble, down, "%%asset gone\n5")
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace, workspace.refresh), instance)
        (spec,) = source.schedules()
        instance.automation.add_instigator(
            InstigatorState(id=spec.id, kind="schedule", name=spec.name, location=spec.location, status="RUNNING")
        )
        clock = ManualClock(1_700_000_030)
        scheduler = Scheduler(instance, source, clock, "d")
        scheduler.run_once()
        pin = pin_schedule(instance, workspace, spec)
        assert ("a.ipynb", "b.ipynb") == pin.notebooks
        write_notebook(tmp_path / "a.ipynb", preamble, "size = 2", "%%asset up\nsize", declared)
        write_notebook(tmp_path / "b.ipynb", preamble, down, "%%asset new\n5")
        changes = changes_since(instance, tmp_path, pin)
        assert [("a.ipynb", 1), ("b.ipynb", 2)] == [(one.notebook, one.cell) for one in changes]
        clock.advance(60)
        assert 1 == scheduler.run_once().requested
        (run,) = instance.get_runs()
        RunWork(instance, workspace, run, run.attempt).work()

        assert RunStatus.SUCCESS is instance.get_runs()[0].status
        assert {"up", "down", "gone"} == {key.to_user_string() for key in instance.get_asset_keys()}
        assert "1" == said.read_text()
