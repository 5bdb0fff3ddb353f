"""What the screens of automation and deployment ask for: conditions, dry runs, the daemon, pools; checks and columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.conditions import ConditionLoop
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.execution.capture import captured_path
from cellmill.graphql.context import Context, open_context
from cellmill.graphql.schema import execute
from cellmill.workspace.source import WorkspaceSource

from tests.workspace.notebooks import write_notebook

from .conftest import Ask
from .test_answers import SELECTOR

CONDITIONS = """{ instance { automationConditions { id status ticks { status conditionEvaluations {
  assetKey { path } isRequested rows { depth condition assetKey { path } isTrue partitionCount partitions } } } } } }"""
DRY = """__typename ... on TickEvaluation { skipReason cursor runRequests { runKey jobName assetSelection } }
  ... on Error { message }"""
KEY = {"path": ["raw"]}


def test_the_tree_of_an_evaluation_is_told_by_condition(ask: Ask, context: Context, tmp_path: Path) -> None:
    """Which condition was true of which asset and partition; the group has a switch of its own."""
    assert ask(CONDITIONS)["instance"]["automationConditions"] is None
    write_notebook(
        tmp_path / "auto.ipynb",
        "%load_ext cellmill",
        "%%asset up\n1",
        "%%asset down --auto eager\nup",
        "%%asset parts --partitions static:a,b --auto on_missing\n1",
    )
    context.workspace.refresh()
    source = AutomatedWorkspace(WorkspaceSource(context.workspace), context.instance)
    clock = ManualClock(1_800_000_000)
    loop = ConditionLoop(context.instance, source, clock, "me")
    assert loop.run_once() == 0
    context.instance.report_runless_asset_event(cm.AssetMaterialization("up"))
    clock.advance(30)
    assert loop.run_once() == 1
    found = ask(CONDITIONS)["instance"]["automationConditions"]
    assert found["status"] == "RUNNING" and [tick["status"] for tick in found["ticks"]] == ["SUCCESS", "SKIPPED"]
    down, parts = found["ticks"][0]["conditionEvaluations"]
    assert down["assetKey"] == {"path": ["down"]} and down["isRequested"] and not parts["isRequested"]
    assert down["rows"][0]["depth"] == 0 and max(row["depth"] for row in down["rows"]) > 1
    missing = next(row for row in parts["rows"] if row["condition"] == "missing")
    assert missing["isTrue"] and (missing["partitionCount"], missing["partitions"]) == (2, ["a", "b"])
    turned = ask("mutation { switchAutomationConditions(on: false) { id status } }")["switchAutomationConditions"]
    assert turned == {"id": found["id"], "status": "STOPPED"}
    context.instance.report_runless_asset_event(cm.AssetMaterialization("up"))
    clock.advance(30)
    assert loop.run_once() == 0


def test_a_dry_run_says_what_would_be_started(ask: Ask, context: Context) -> None:
    """A plain schedule's assets, and nothing is recorded; what is not there is said to be gone."""
    mutation = f"mutation($s: ScheduleSelector!) {{ scheduleDryRun(selectorData: $s) {{ {DRY} }} }}"
    name = context.workspace.manifest.schedules[0].name
    found = ask(mutation, s={**SELECTOR, "scheduleName": name})["scheduleDryRun"]
    assert found["__typename"] == "TickEvaluation" and found["runRequests"][0]["assetSelection"] == ["doubled"]
    assert context.instance.get_runs_count() == 0
    gone = ask(mutation, s={**SELECTOR, "scheduleName": "no"})["scheduleDryRun"]
    assert gone["__typename"] == "ScheduleNotFoundError"
    sensor = f"mutation($s: SensorSelector!) {{ sensorDryRun(selectorData: $s) {{ {DRY} }} }}"
    gone = ask(sensor, s={**SELECTOR, "sensorName": "no"})["sensorDryRun"]
    assert gone["__typename"] == "SensorNotFoundError"


@pytest.mark.slow
def test_a_sensors_function_is_called_and_its_failure_told(ask: Ask, context: Context, tmp_path: Path) -> None:
    """The answer of the function comes back with its cursor; what it raises is the message."""
    write_notebook(
        tmp_path / "sensors.ipynb",
        "%load_ext cellmill",
        "%%sensor asking --target raw\nimport cellmill as cm\ncontext.update_cursor('7')\ncm.RunRequest(run_key='k')",
        "%%sensor broken --target raw\n1 / 0",
    )
    context.workspace.refresh()
    mutation = f"mutation($s: SensorSelector!) {{ sensorDryRun(selectorData: $s) {{ {DRY} }} }}"

    def asked(name: str) -> dict[str, Any]:
        entry = context.sensor(name)
        assert entry is not None
        where = {"repositoryName": "__repository__", "repositoryLocationName": entry.location, "sensorName": name}
        found: dict[str, Any] = ask(mutation, s=where)["sensorDryRun"]
        return found

    answer = asked("asking")
    assert (answer["cursor"], [run["runKey"] for run in answer["runRequests"]]) == ("7", ["k"])
    assert context.instance.get_runs_count() == 0
    assert "ZeroDivisionError" in json.dumps(asked("broken"))


@pytest.mark.slow
def test_the_daemon_is_started_once_and_stopped(ask: Ask) -> None:
    """A started daemon lives, a second one is refused, and stopping leaves none."""
    health = "... on DaemonHealth { allDaemonStatuses { daemonType healthy } } ... on Error { message }"
    started = ask(f"mutation {{ startDaemon {{ __typename {health} }} }}")["startDaemon"]
    try:
        assert any(one["healthy"] for one in started["allDaemonStatuses"]), started
        again = ask("mutation { startDaemon { ... on Error { message } } }")["startDaemon"]
        assert "running already" in again["message"]
    finally:
        stopped = ask(f"mutation {{ stopDaemon {{ __typename {health} }} }}")["stopDaemon"]
    assert not any(one["healthy"] for one in stopped["allDaemonStatuses"]), stopped


def test_pools_are_limited_and_shown_with_who_holds_them(ask: Ask, context: Context) -> None:
    """A limit is set and removed; the steps that hold a slot are named; nonsense is refused."""
    pools = (
        "{ instance { concurrencyLimits { concurrencyKey slotCount activeSlotCount claimedSlots { runId stepKey } } } }"
    )
    ask('mutation { setConcurrencyLimit(concurrencyKey: "db", limit: 2) }')
    context.instance.leases.claim_slots(["db"], "a-run", "load")
    held = {"runId": "a-run", "stepKey": "load"}
    (found,) = ask(pools)["instance"]["concurrencyLimits"]
    assert found == {"concurrencyKey": "db", "slotCount": 2, "activeSlotCount": 1, "claimedSlots": [held]}
    ask('mutation { deleteConcurrencyLimit(concurrencyKey: "db") }')
    assert ask(pools)["instance"]["concurrencyLimits"] == []
    with pytest.raises(AssertionError, match="between 0 and"):
        ask('mutation { setConcurrencyLimit(concurrencyKey: "db", limit: -1) }')


def test_configuration_checks_columns_and_code_versions_are_told(ask: Ask, context: Context, tmp_path: Path) -> None:
    """What the workspace's file sets, how a check went, and what a column is made from."""
    write_notebook(tmp_path / "c.ipynb", "%load_ext cellmill", "%%check good --asset raw\nlen(raw) > 0")
    context.workspace.refresh()
    lineage = cm.TableColumnLineage({"b": [cm.TableColumnDep(asset_key=cm.AssetKey("up"), column_name="a")]})
    made = cm.AssetMaterialization(
        "raw", metadata={"lineage": cm.MetadataValue.column_lineage(lineage)}, tags={"dagster/code_version": "v1"}
    )
    context.instance.report_runless_asset_event(made)
    went = cm.AssetCheckEvaluation(
        asset_key=cm.AssetKey("raw"), check_name="good", passed=False, severity=cm.AssetCheckSeverity.WARN
    )
    context.instance.report_runless_asset_event(went)
    found = ask(
        """query($key: AssetKeyInput!) {
          instance { configuration configurationPath }
          assetNodeOrError(assetKey: $key) { ... on AssetNode {
            assetChecks { name evaluations { success severity runId } }
            assetMaterializations { codeVersion metadataEntries { label
              ... on TableColumnLineageMetadataEntry { lineage { columnName columnDeps { assetKey { path } columnName } } }
            } } } } }""",
        key=KEY,
    )
    assert found["instance"] == {"configuration": {}, "configurationPath": None}
    node = found["assetNodeOrError"]
    (check,) = node["assetChecks"]
    assert check["evaluations"] == [{"success": False, "severity": "WARN", "runId": ""}]
    (event,) = node["assetMaterializations"]
    (entry,) = event["metadataEntries"]
    assert event["codeVersion"] == "v1"
    assert entry["lineage"] == [{"columnName": "b", "columnDeps": [{"assetKey": {"path": ["up"]}, "columnName": "a"}]}]


def test_the_configuration_of_selected_assets_is_checked(ask: Ask) -> None:
    """A selection without a job is checked against the ops of its assets alone."""
    query = """query($p: PipelineSelector!, $c: RunConfigData) { isPipelineConfigValid(pipeline: $p, runConfigData: $c) {
      __typename ... on RunConfigValidationInvalid { errors { path message } } } }"""
    chosen = {"assetSelection": [KEY]}
    right = ask(query, p=chosen, c={"ops": {"raw": {"config": {}}}})["isPipelineConfigValid"]
    assert right == {"__typename": "PipelineConfigValidationValid"}
    wrong = ask(query, p=chosen, c="ops:\n  doubled: {}")["isPipelineConfigValid"]
    assert [one["path"] for one in wrong["errors"]] == [["ops", "doubled"]]


def test_what_is_reset_goes_on_as_its_code_says(tmp_path: Path) -> None:
    """A schedule that was turned on is off again; a backfill that nobody knows is named; slots are given back."""
    write_notebook(tmp_path / "a.ipynb", "%load_ext cellmill", "%%asset a\n1", "%schedule '0 6 * * *' a --name s")
    context = open_context(tmp_path)
    try:
        selector = 'scheduleSelector: {repositoryName: "__repository__", repositoryLocationName: "notebooks", '
        state = '"s"}) { ... on ScheduleStateResult { scheduleState { status } } } }'

        def asked(query: str) -> Any:
            answer = execute(query, {}, None, context.for_request("tester"))
            assert "errors" not in answer, answer
            return answer["data"]

        assert asked("mutation { startSchedule(" + selector + "scheduleName: " + state)["startSchedule"] == {
            "scheduleState": {"status": "RUNNING"}
        }
        assert asked("mutation { resetSchedule(" + selector + "scheduleName: " + state)["resetSchedule"] == {
            "scheduleState": {"status": "STOPPED"}
        }
        gone = asked('mutation { resumePartitionBackfill(backfillId: "x") { __typename } }')
        assert gone["resumePartitionBackfill"]["__typename"] == "BackfillNotFoundError"

        run = context.instance.create_run(job_name="j")
        leases = context.instance.leases
        leases.set_pool_limit("database", 1)
        assert leases.claim_slots(["database"], run.run_id, "step")
        asked(f'mutation {{ freeConcurrencySlots(runId: "{run.run_id}") }}')
        assert leases.pools()["database"] == (1, 0)

        path = captured_path(context.instance.home, run.run_id, "step", "out")
        path.parent.mkdir(parents=True)
        path.write_text("hello")
        logs = asked(f'{{ capturedLogs(logKey: ["{run.run_id}", "compute_logs", "step"]) {{ stdout stderr }} }}')
        assert logs["capturedLogs"] == {"stdout": "hello", "stderr": None}
        outside = asked('{ capturedLogs(logKey: ["../../..", "compute_logs", "step"]) { stdout } }')
        assert outside["capturedLogs"] == {"stdout": None}
    finally:
        context.close()
