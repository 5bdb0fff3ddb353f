"""Sensors of automation conditions, and what a workspace's manifest says to conditions."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.backfills import BackfillLoop
from cellmill.automation.clock import ManualClock
from cellmill.automation.conditions import ConditionLoop
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.automation.sensors import Sensors
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.definitions.freshness import FreshnessPolicy
from cellmill.instance.automation import InstigatorState
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import condition_groups
from cellmill.workspace.freshness_policies import freshness_from_json, freshness_to_json
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.workspace import Workspace

from tests.workspace.notebooks import write_notebook

AC = cm.AutomationCondition
NOW = 1_700_000_000.0
HOURS = timedelta(hours=2)


def assets() -> list[Any]:
    """Two assets behind one, each with a condition, and one without."""

    @cm.asset
    def up() -> None: ...

    @cm.asset(deps=[up], automation_condition=AC.eager())
    def left() -> None: ...

    @cm.asset(deps=[up], automation_condition=AC.eager())
    def right() -> None: ...

    return [up, left, right]


def test_each_sensor_evaluates_its_own_assets_when_it_is_on(instance: Instance) -> None:
    """What no sensor selects is evaluated as before; what one selects waits until that sensor is switched on."""
    made = assets()
    sensor = cm.AutomationConditionSensorDefinition("rightward", target="right", run_tags={"team": "r"})
    source = DefinitionsSource(sensors=[sensor], instance=instance, definitions=made)
    clock = ManualClock(NOW)
    loop = ConditionLoop(instance, source, clock, "me")

    def asked() -> list[set[str]]:
        clock.advance(60)
        loop.run_once()
        return [{key.to_user_string() for key in run.asset_selection or ()} for run in instance.get_runs()]

    assert [] == asked()
    instance.report_runless_asset_event(cm.AssetMaterialization("up"))
    assert [{"left"}] == asked()
    assert 0 == Sensors(instance, source, clock, "me").run_once().evaluated

    (spec,) = source.sensors()
    state = InstigatorState(id=spec.id, kind="sensor", name=spec.name, location="", status="RUNNING")
    instance.automation.add_instigator(state)
    asked()
    instance.report_runless_asset_event(cm.AssetMaterialization("up"))
    assert {"right"} in asked()
    assert ["r"] == [run.tags["team"] for run in instance.get_runs() if "team" in run.tags]


def test_a_sensors_default_condition_and_shared_assets(instance: Instance) -> None:
    """Assets without a condition get the sensor's; an asset that two sensors select belongs to the first."""
    made = assets()
    running = cm.DefaultSensorStatus.RUNNING
    first = cm.AutomationConditionSensorDefinition(
        "first", target="up", default_status=running, use_user_code_server=True, default_condition=AC.on_missing()
    )
    second = cm.AutomationConditionSensorDefinition("second", target="*", default_status=running)
    source = DefinitionsSource(sensors=[first, second], instance=instance, definitions=made)
    groups = list(condition_groups(source.sensors(), [""]))
    names = [sorted(key.to_user_string() for key in group.assets or ()) for group in groups]
    assert [["up"], ["left", "right"], []] == names
    assert not any(cm.AssetKey(name) in groups[2] for name in ("up", "left", "right"))

    found = source.evaluate_conditions(groups[0], None, NOW)
    assert ["up"] == list(found["explained"])


@pytest.mark.parametrize(
    "policy",
    [
        None,
        FreshnessPolicy.time_window(HOURS),
        FreshnessPolicy.time_window(HOURS, HOURS / 2),
        FreshnessPolicy.cron("0 6 * * *", HOURS, "Europe/Berlin"),
    ],
)
def test_policies_survive_json(policy: FreshnessPolicy | None) -> None:
    """What a manifest carries is the policy that was declared."""
    assert freshness_from_json(json.loads(json.dumps(freshness_to_json(policy)))) == policy


def test_conditions_of_notebooks_see_freshness_and_blocking_checks(tmp_path: Path) -> None:
    """A cell's `--freshness` and a `%%check --blocking` count in the conditions of the assets behind them."""
    write_notebook(
        tmp_path / "a.ipynb",
        "%load_ext cellmill",
        "%%asset up --freshness 2h\n1",
        "%%check good --asset up --blocking\nup == 1",
        "%%check fair --asset up\nup == 1",
    )
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        (group,) = condition_groups((), [""])
        seen = {asset.key.to_user_string(): asset for asset in source.automation_assets()}
        assert [("good", True), ("fair", False)] == [(one.name, one.blocking) for one in seen["up"].checks]
        assert FreshnessPolicy.time_window(HOURS) == seen["up"].freshness_policy
        assert {} == source.evaluate_conditions(group, None, time.time())["explained"]


@pytest.mark.slow
def test_a_module_says_the_same_through_its_host(tmp_path: Path) -> None:
    """Policy, blocking checks and the sensor's assets of a module come with its manifest; the condition works there."""
    (tmp_path / "defs.py").write_text(
        "from datetime import timedelta\n"
        "import cellmill as cm\n"
        "AC = cm.AutomationCondition\n"
        "@cm.asset(check_specs=[cm.AssetCheckSpec('good', asset='up', blocking=True)],\n"
        "          freshness_policy=cm.FreshnessPolicy.time_window(timedelta(hours=2)),\n"
        "          automation_condition=AC.freshness_failed())\n"
        "def up():\n"
        "    yield cm.Output(None)\n"
        "    yield cm.AssetCheckResult(passed=True)\n"
        "defs = cm.Definitions([up], sensors=[cm.AutomationConditionSensorDefinition('own', target='*',\n"
        "    default_status=cm.DefaultSensorStatus.RUNNING, minimum_interval_seconds=1)])\n"
    )
    (tmp_path / "cellmill.toml").write_text('files = ["defs.py"]\n')
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        (asset,) = source.automation_assets()
        assert [("good", True, True)] == [(one.name, one.blocking, one.with_asset) for one in asset.checks]
        (spec,) = source.sensors()
        assert spec.automates == {cm.AssetKey("up")}
        instance.report_runless_asset_event(cm.AssetMaterialization("up"))
        clock = ManualClock(time.time())
        loop = ConditionLoop(instance, source, clock, "me")
        assert 0 == loop.run_once()
        clock.advance(3 * 3600)
        assert 1 == loop.run_once()


@pytest.mark.parametrize("emits", [True, False])
def test_several_partitions_become_one_backfill_or_runs(instance: Instance, emits: bool) -> None:
    """With `emit_backfills` the policies of the assets count; without, each partition is a run of its own."""

    @cm.asset(
        partitions_def=cm.StaticPartitionsDefinition(["a", "b", "c"]),
        automation_condition=AC.missing(),
        backfill_policy=cm.BackfillPolicy.single_run(),
    )
    def parts() -> None: ...

    @cm.asset(automation_condition=AC.missing())
    def whole() -> None: ...

    sensor = cm.AutomationConditionSensorDefinition(
        "all",
        target="*",
        run_tags={"team": "r"},
        emit_backfills=emits,
        default_status=cm.DefaultSensorStatus.RUNNING,
    )
    source = DefinitionsSource(sensors=[sensor], instance=instance, definitions=[parts, whole])
    clock = ManualClock(NOW)
    loop = ConditionLoop(instance, source, clock, "me")
    assert (1 if emits else 4) == loop.run_once()
    BackfillLoop(instance, source, clock).run_once()
    runs = instance.get_runs()
    made = sorted((sorted(map(str, run.asset_selection or ())), run.tags.get("dagster/partition")) for run in runs)

    assert all(run.tags["team"] == "r" for run in runs)
    if emits:
        assert 2 == len(runs), made
        (ranged,) = [run for run in runs if "dagster/asset_partition_range_start" in run.tags]
        assert ("a", "c") == (
            ranged.tags["dagster/asset_partition_range_start"],
            ranged.tags["dagster/asset_partition_range_end"],
        )
        (tick,) = [tick for tick in instance.automation.ticks() if "backfill_ids" in tick.body]
        assert {run.tags["dagster/backfill"] for run in runs} == set(tick.body["backfill_ids"])
    else:
        assert ["a", "b", "c"] == sorted(key for _, key in made if key is not None)
        assert [] == instance.backfills.search()


def test_a_check_that_is_due_gets_a_run_of_its_own(instance: Instance) -> None:
    """The daemon starts the check alone where its asset is there, and not beside a run that makes the asset."""

    @cm.asset(automation_condition=AC.missing())
    def orders() -> None: ...

    @cm.asset_check(asset=orders, automation_condition=AC.missing())
    def rows() -> cm.AssetCheckResult:
        return cm.AssetCheckResult(passed=True)

    defs = cm.Definitions(assets=[orders], asset_checks=[rows])
    source = DefinitionsSource(instance=instance, definitions=defs)
    clock = ManualClock(NOW)
    loop = ConditionLoop(instance, source, clock, "me")

    def asked() -> list[tuple[set[str], set[str] | None]]:
        known = {run.run_id for run in instance.get_runs()}
        clock.advance(60)
        loop.run_once()
        new = [run for run in instance.get_runs() if run.run_id not in known]
        return [
            (
                {key.to_user_string() for key in run.asset_selection or ()},
                None if run.asset_check_selection is None else {key.name for key in run.asset_check_selection},
            )
            for run in new
        ]

    assert asked() == [({"orders"}, None)]
    instance.report_runless_asset_event(cm.AssetMaterialization("orders"))
    assert asked() == [(set(), {"rows"})]


def test_a_workspace_tells_conditions_of_checks(tmp_path: Path) -> None:
    """The check of a module, with its condition and what it reads, is what the daemon evaluates."""
    (tmp_path / "defs.py").write_text(
        "import cellmill as cm\n"
        "AC = cm.AutomationCondition\n"
        "@cm.asset\n"
        "def orders(): ...\n"
        "@cm.asset(check_specs=[cm.AssetCheckSpec('own', asset='rates', automation_condition=AC.missing())])\n"
        "def rates(): ...\n"
        "@cm.asset_check(asset=orders, additional_deps=[rates], automation_condition=cm.AutomationCondition.eager())\n"
        "def rows():\n"
        "    return cm.AssetCheckResult(passed=True)\n"
        "defs = cm.Definitions(assets=[orders, rates], asset_checks=[rows])\n"
    )
    (tmp_path / "cellmill.toml").write_text('files = ["defs.py"]\n')
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        automated = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        assert automated.automated_locations() == [""]
        found = {asset.key.to_user_string(): asset.checks for asset in automated.automation_assets()}
    (check,) = found["orders"]
    assert check.condition == AC.eager()
    assert [key.to_user_string() for key in check.parents] == ["rates"]
    assert [(own.name, own.condition, own.with_asset) for own in found["rates"]] == [("own", AC.missing(), True)]
