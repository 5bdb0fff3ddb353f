"""What a sensor's result asks for beside plain runs: events of assets, stale assets only, checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.scheduler import Scheduler
from cellmill.automation.sensors import Sensors
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.errors import LeaseLostError
from cellmill.instance.instance import Instance
from cellmill.instance.instance_assets import event_outside_runs
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.worker import RunWork
from cellmill.workspace.workspace import Workspace


@cm.asset
def first() -> int:
    """One."""
    return 1


@cm.asset
def second(first: int) -> int:
    """Two."""
    return first + 1


DEFINITIONS = cm.Definitions(assets=[first, second], jobs=[cm.define_asset_job("both", "*")])


def sensed(instance: Instance, answer: Callable[[], Any], **options: Any) -> Sensors:
    """One pass over a sensor that answers so."""

    @cm.sensor(name="s", default_status=cm.DefaultSensorStatus.RUNNING, **{"job_name": "both", **options})
    def look() -> Any:
        return answer()

    source = DefinitionsSource(sensors=[look], instance=instance, definitions=DEFINITIONS)
    made = Sensors(instance, source, ManualClock(1_700_000_000.0), "me")
    made.run_once()
    return made


def events_of_three_kinds() -> list[Any]:
    """One event of each kind that a sensor may report."""
    return [
        cm.AssetMaterialization("outside", partition="a", metadata={"rows": 3}, tags={"k": "v"}),
        cm.AssetObservation("seen", metadata={"size": 1.5}),
        cm.AssetCheckEvaluation(
            asset_key=cm.AssetKey("outside"), check_name="good", passed=False, severity=cm.AssetCheckSeverity.WARN
        ),
    ]


def test_events_of_assets_are_recorded_outside_of_runs(instance: Instance) -> None:
    """All three kinds reach the catalog with their details, and the cursor moves with them."""
    sensed(instance, lambda: cm.SensorResult(asset_events=events_of_three_kinds(), cursor="7"))

    (made,) = instance.fetch_materializations(cm.AssetKey("outside"), limit=5).records
    assert ("a", "", 3) == (made.partition_key, made.run_id, made.asset_materialization.metadata["rows"].value)
    assert {"k": "v"} == dict(made.asset_materialization.tags or {})
    (seen,) = instance.fetch_observations(cm.AssetKey("seen"), limit=5).records
    assert 1.5 == seen.asset_observation.metadata["size"].value
    check = instance.get_latest_asset_check_evaluation_record(cm.AssetCheckKey(cm.AssetKey("outside"), "good"))
    assert check is not None
    assert not check.event_log_entry.data.passed
    (tick,) = instance.automation.ticks()
    assert ("SKIPPED", "7") == (tick.status, instance.automation.instigators("sensor")[0].cursor)
    assert [] == instance.get_runs()


def test_events_of_a_tick_that_was_taken_over_are_not_recorded(instance: Instance) -> None:
    """The events stand in the transaction of the tick: where that is refused, nothing happened."""
    sensed(instance, lambda: cm.SkipReason("nothing"))
    tick = instance.automation.ticks()[0]
    event = event_outside_runs(cm.AssetMaterialization("outside"))
    before = instance.events.last_id()
    with pytest.raises(LeaseLostError):
        instance.automation.record_tick(tick, status="SUCCESS", asset_events=[event])

    assert before == instance.events.last_id()


@pytest.mark.parametrize("wrong", [{"asset_events": ["no event"]}, {"asset_events": [cm.AssetKey("a")]}])
def test_what_is_no_event_is_refused_at_once(wrong: dict[str, Any]) -> None:
    """The message names what was given and the three kinds."""
    with pytest.raises(cm.CheckError, match="AssetMaterialization, AssetObservation or AssetCheckEvaluation"):
        cm.SensorResult(**wrong)


def test_only_stale_assets_are_made(instance: Instance) -> None:
    """Of the selection, and of the job without one, what is fresh is left out; where all is fresh there is no run."""

    def asks() -> cm.SensorResult:
        return cm.SensorResult(
            run_requests=[
                cm.RunRequest("job", stale_assets_only=True),
                cm.RunRequest("one", asset_selection=["first"], stale_assets_only=True),
                cm.RunRequest("all", asset_selection=["first"]),
            ]
        )

    cm.materialize([first], instance=instance)
    sensed(instance, asks)
    found = {run.tags.get("dagster/run_key"): run for run in instance.get_runs() if "dagster/run_key" in run.tags}

    assert {"job", "all"} == set(found)
    assert {cm.AssetKey("second")} == found["job"].asset_selection
    assert "both" == found["job"].job_name


def test_a_schedule_asks_for_stale_assets_too(instance: Instance) -> None:
    """Where all of its job's assets are fresh the tick is skipped."""

    @cm.schedule("@hourly", job_name="both", default_status=cm.DefaultScheduleStatus.RUNNING)
    def hourly() -> cm.RunRequest:
        return cm.RunRequest(stale_assets_only=True)

    clock = ManualClock(1_700_000_000.0)
    source = DefinitionsSource([hourly], instance=instance, definitions=DEFINITIONS)
    scheduler = Scheduler(instance, source, clock, "me")
    scheduler.run_once()
    clock.advance(3600)
    assert 1 == scheduler.run_once().requested
    cm.materialize([first, second], instance=instance)
    clock.advance(3600)
    done = scheduler.run_once()

    assert (0, 0) == (done.requested, done.failed)
    assert "SKIPPED" == instance.automation.ticks()[0].status


def test_a_subset_of_a_graph_is_refused_with_the_way_to_say_it() -> None:
    """The message names the two parameters that say the same."""
    with pytest.raises(cm.CheckError, match="asset_selection.*partition_key"):
        cm.RunRequest(asset_graph_subset=object())
    with pytest.raises(cm.CheckError, match="AssetCheckKey"):
        cm.RunRequest(asset_check_keys=["good"])  # type: ignore[list-item]


MODULE = """
import cellmill as cm

@cm.asset
def made():
    return 1

@cm.asset_check(asset=made)
def good():
    return cm.AssetCheckResult(passed=True)

@cm.asset_check(asset=made)
def slow():
    return cm.AssetCheckResult(passed=False)

job = cm.define_asset_job("job", "*")

@cm.sensor(job=job, default_status=cm.DefaultSensorStatus.RUNNING)
def look():
    key = cm.AssetCheckKey(made.key, "good")
    yield cm.RunRequest("with", asset_selection=[made.key], asset_check_keys=[key])
    yield cm.RunRequest("alone", asset_check_keys=[key])
    yield cm.RunRequest("none", asset_selection=[made.key], asset_check_keys=[])
    yield cm.RunRequest("unknown", asset_check_keys=[cm.AssetCheckKey(made.key, "god")])

defs = cm.Definitions(assets=[made], asset_checks=[good, slow], jobs=[job], sensors=[look])
"""


@pytest.mark.slow
def test_selected_checks_run_and_no_others(tmp_path: Path) -> None:
    """With their asset, alone on what is stored, or none of them; one that there is not fails with the nearest."""
    (tmp_path / "things.py").write_text(MODULE)
    (tmp_path / "cellmill.toml").write_text('[[location]]\nfile = "things.py"\n')
    home = tmp_path / ".cellmill"
    done: dict[str, tuple[list[str], int, bool]] = {}
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        assert 4 == Sensors(instance, source, ManualClock(1_700_000_000.0), "d").run_once().requested
        for run in reversed(instance.get_runs()):
            RunWork(instance, workspace, run, run.attempt).work()
            logs = instance.all_logs(run.run_id)
            checks = [event.data.check_name for event in logs if event.type.value == "ASSET_CHECK_EVALUATION"]
            made = sum(event.type.value == "ASSET_MATERIALIZATION" for event in logs)
            ended = instance.get_run_by_id(run.run_id)
            assert ended is not None
            done[run.tags["dagster/run_key"]] = (checks, made, ended.is_success)
            reason = ended.reason or ""

    assert {
        "with": (["good"], 1, True),
        "alone": (["good"], 0, True),
        "none": ([], 1, True),
        "unknown": ([], 0, False),
    } == done
    assert "made:good" in reason
