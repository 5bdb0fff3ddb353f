"""Source assets with an interval are observed by the daemon."""

from __future__ import annotations

from pathlib import Path

import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.evaluator import answer_of
from cellmill.automation.sensors import Sensors
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.definitions.asset_key import AssetKey
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import Question, observing_sensors
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.worker import RunWork
from cellmill.workspace.workspace import Workspace

MODULE = """
import cellmill as cm

@cm.observable_source_asset(auto_observe_interval_minutes=5)
def feed():
    return cm.DataVersion("v1")

@cm.observable_source_asset
def quiet():
    return cm.DataVersion("v1")

@cm.asset(deps=[feed])
def made(): ...

defs = cm.Definitions(assets=[feed, quiet, made])
"""


def test_assets_of_one_interval_are_observed_together() -> None:
    """One sensor for each interval, on by itself, under a name that is free."""
    made = list(observing_sensors({"a": 5, "b": 0.5, "c": 5}, "J", "here", ["observe_every_5_minutes"]))

    assert [("observe_every_0_5_minutes", 30.0, ("b",)), ("observe_every_5_minutes_", 300.0, ("a", "c"))] == [
        (spec.name, spec.minimum_interval_s, spec.observes) for spec in made
    ]
    assert all(spec.running_by_default for spec in made)


@pytest.mark.slow
def test_the_daemon_observes_at_the_interval(tmp_path: Path) -> None:
    """A run looks at the asset at once, and another when the interval has passed; other assets are left alone."""
    (tmp_path / "things.py").write_text(MODULE)
    (tmp_path / "cellmill.toml").write_text('[[location]]\nfile = "things.py"\n')
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        clock = ManualClock(1_700_000_000.0)
        sensors = Sensors(instance, source, clock, "d")
        assert 1 == sensors.run_once().requested
        (run,) = instance.get_runs()
        RunWork(instance, workspace, run, run.attempt).work()
        clock.advance(60)
        assert 0 == sensors.run_once().requested
        clock.advance(241)
        assert 1 == sensors.run_once().requested
        ended = instance.get_run_by_id(run.run_id)
        (seen,) = instance.fetch_observations(AssetKey("feed"), limit=5).records
        (spec,) = source.sensors()

        assert ended is not None
        assert ended.is_success, ended.reason
        assert run.run_id == seen.run_id
        assert "v1" in (seen.asset_observation.tags or {}).values()
        assert [] == instance.fetch_observations(AssetKey("quiet"), limit=5).records
        assert ("feed",) == answer_of(source, Question(spec=spec)).runs[0].asset_selection
