"""The daemon runs jobs whose conditions hold, each as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.conditions import ConditionLoop
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.instance.automation import InstigatorState
from cellmill.instance.instance import Instance
from cellmill.planning.run import Run
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.workspace import Workspace

AC = cm.AutomationCondition
NOW = 1_700_000_000.0
MISSING = AC.all_job_root_assets_match(AC.missing())


def definitions(condition: Any = MISSING, **options: Any) -> cm.Definitions:
    """A job of two assets with a condition, beside an asset with one of its own."""

    @cm.asset(**options)
    def root() -> None: ...

    @cm.asset(deps=[root], **options)
    def leaf() -> None: ...

    @cm.asset(automation_condition=AC.missing())
    def alone() -> None: ...

    job = cm.define_asset_job("nightly", [root, leaf], automation_condition=condition, run_tags={"team": "x"})
    return cm.Definitions(assets=[root, leaf, alone], jobs=[job])


def requests(instance: Instance, source: Any, clock: ManualClock) -> list[Run]:
    """The runs that one more evaluation asks for."""
    known = {run.run_id for run in instance.get_runs()}
    clock.advance(60)
    ConditionLoop(instance, source, clock, "me").run_once()
    return [run for run in instance.get_runs() if run.run_id not in known]


def test_a_job_is_one_run_of_its_own(instance: Instance) -> None:
    """The whole job is requested, beside a run of the assets whose own conditions hold; an update ends it."""
    source, clock = DefinitionsSource(instance=instance, definitions=definitions()), ManualClock(NOW)
    runs = {run.job_name: run for run in requests(instance, source, clock)}

    assert runs["nightly"].asset_selection is None
    assert {key.to_user_string() for key in runs["__ASSET_JOB"].asset_selection or ()} == {"alone"}
    assert runs["nightly"].tags["dagster/from_automation_condition"] == "true"
    instance.report_runless_asset_event(cm.AssetMaterialization("root"))
    assert [run.job_name for run in requests(instance, source, clock)] == ["__ASSET_JOB"]


def test_each_partition_is_a_run(instance: Instance) -> None:
    """A job with partitions runs once for each partition in which its condition holds."""
    made = definitions(partitions_def=cm.StaticPartitionsDefinition(["a", "b"]))
    source = DefinitionsSource(instance=instance, definitions=made)
    runs = [run for run in requests(instance, source, ManualClock(NOW)) if run.job_name == "nightly"]

    assert sorted(run.tags["dagster/partition"] for run in runs) == ["a", "b"]


def test_the_tick_explains_it(instance: Instance) -> None:
    """The explanation of a tick holds the job's condition, with what was asked of its roots."""
    source = DefinitionsSource(instance=instance, definitions=definitions())
    requests(instance, source, ManualClock(NOW))
    (tick,) = instance.automation.ticks(statuses=["SUCCESS"])

    assert [row["asset"] for row in tick.body["explained"]["job:nightly"]] == ["nightly", "root"]


def test_a_sensor_leaves_jobs_to_the_location(instance: Instance) -> None:
    """Conditions of jobs are evaluated once, though a sensor has all the assets."""
    sensor = cm.AutomationConditionSensorDefinition("all_assets", target="*")
    source = DefinitionsSource(sensors=[sensor], instance=instance, definitions=definitions())
    state = InstigatorState(id=source.sensors()[0].id, kind="sensor", name="all_assets", location="", status="RUNNING")
    instance.automation.add_instigator(state)
    runs = requests(instance, source, ManualClock(NOW))

    assert sorted(run.job_name for run in runs) == ["__ASSET_JOB", "nightly"]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (AC.eager(), "does not evaluate against the job's root assets"),
        (MISSING & ~AC.in_progress(), "asks 'run_in_progress' of the job itself"),
    ],
)
def test_conditions_of_assets_are_refused(condition: Any, said: str) -> None:
    """What only assets have is refused of the job itself, with the remedy."""
    with pytest.raises(cm.InvalidDefinitionError, match=said) as caught:
        definitions(condition).get_job_def("nightly")
    assert "all_job_root_assets_match" in str(caught.value)


def test_a_condition_of_jobs_is_refused_on_an_asset(instance: Instance) -> None:
    """An asset has no roots: the message says where the condition belongs."""

    @cm.asset(automation_condition=MISSING)
    def own() -> None: ...

    with pytest.raises(cm.InvariantViolationError, match="define_asset_job"):
        cm.evaluate_automation_conditions([own], instance)


def test_a_workspace_tells_conditions_of_jobs(tmp_path: Path) -> None:
    """The job of a module is one that the daemon evaluates, and runs where it is."""
    (tmp_path / "defs.py").write_text(
        "import cellmill as cm\n"
        "@cm.asset\n"
        "def root(): ...\n"
        "missing = cm.AutomationCondition.all_job_root_assets_match(cm.AutomationCondition.missing())\n"
        "nightly = cm.define_asset_job('nightly', [root], automation_condition=missing)\n"
        "defs = cm.Definitions(assets=[root], jobs=[nightly])\n"
    )
    (tmp_path / "cellmill.toml").write_text('files = ["defs.py"]\n')
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        automated = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        (run,) = requests(instance, automated, ManualClock(NOW))
        (entry,) = workspace.manifest.jobs
    assert (run.job_name, run.location) == ("nightly", entry.location)
