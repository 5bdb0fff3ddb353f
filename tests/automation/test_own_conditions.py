"""Conditions that users write, evaluated by the daemon: where the user's code is."""

from __future__ import annotations

import logging
from pathlib import Path

import cellmill as cm
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.conditions import ConditionLoop
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.definitions.automation_json import condition_from_json, condition_to_json
from cellmill.instance.instance import Instance
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.workspace import Workspace

NOW = 1_700_000_000.0


class EverySecond(cm.AutomationCondition):
    """True at every second evaluation, which it knows by its cursor."""

    def evaluate(self, context: cm.AutomationContext) -> cm.AutomationResult:
        """Decide by the cursor of the last evaluation."""
        true = context.candidate_subset if context.cursor else context.get_empty_subset()
        return cm.AutomationResult(context, true_subset=true, cursor=None if context.cursor else "next")


def test_definitions_of_this_process_are_evaluated_in_it(instance: Instance) -> None:
    """The cursor goes through the stored state of the sensor from one evaluation to the next."""

    @cm.asset(automation_condition=EverySecond())
    def own() -> None: ...

    clock = ManualClock(NOW)
    loop = ConditionLoop(instance, DefinitionsSource(instance=instance, definitions=[own]), clock, "me")
    found = []
    for _ in range(4):
        clock.advance(60)
        found.append(loop.run_once())
    assert found == [0, 1, 0, 1]


def test_only_its_name_is_told_to_others() -> None:
    """As data it has a name and no content; who reads it is told what to do."""
    text = condition_to_json(EverySecond() & cm.AutomationCondition.missing())
    with pytest.raises(
        cm.InvalidDefinitionError, match="EverySecond runs code of its own: .*use_user_code_server=True"
    ):
        condition_from_json(text)


MODULE = """
import cellmill as cm
class EverySecond(cm.AutomationCondition):
    def evaluate(self, context):
        true = context.candidate_subset if context.cursor else context.get_empty_subset()
        return cm.AutomationResult(context, true_subset=true, cursor=None if context.cursor else "next")
@cm.asset(automation_condition=EverySecond())
def own(): ...
@cm.asset(automation_condition=EverySecond())
def nobodys(): ...
@cm.asset
def plain(): ...
defs = cm.Definitions([own, nobodys, plain], sensors=[cm.AutomationConditionSensorDefinition(
    "mine", target=["own", "plain"], use_user_code_server=True, default_condition=cm.AutomationCondition.missing(),
    default_status=cm.DefaultSensorStatus.RUNNING, minimum_interval_seconds=1)])
"""


def test_a_location_evaluates_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The sensor's conditions are evaluated in the location's host; one that no such sensor has is told of."""
    (tmp_path / "defs.py").write_text(MODULE)
    (tmp_path / "cellmill.toml").write_text('files = ["defs.py"]\n')
    home, clock = tmp_path / ".cellmill", ManualClock(NOW)
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        loop = ConditionLoop(instance, AutomatedWorkspace(WorkspaceSource(workspace), instance), clock, "me")
        asked = []
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                known = {run.run_id for run in instance.get_runs()}
                clock.advance(60)
                loop.run_once()
                new = [run for run in instance.get_runs() if run.run_id not in known]
                asked.append([{key.to_user_string() for key in run.asset_selection or ()} for run in new])
    assert asked == [[{"plain"}], [{"own", "plain"}]]
    assert "The asset nobodys is not automated" in caplog.text
    assert "The asset own" not in caplog.text
