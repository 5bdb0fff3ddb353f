"""A notebook's decorators and calls mean what they mean in a module: to the daemon, to backfills, to the screens."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from cellmill.automation.workspace_assets import AutomatedWorkspace
from cellmill.definitions.asset_selection_job import UnresolvedAssetJobDefinition
from cellmill.definitions.assets import AssetsDefinition
from cellmill.definitions.code_location import Definitions
from cellmill.definitions.job import JobDefinition
from cellmill.definitions.partitioned_schedule import UnresolvedPartitionedSchedule
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.sensor import SensorDefinition
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import Question
from cellmill.workspace.describe import describe_definitions
from cellmill.workspace.notebook_reading import second_look
from cellmill.workspace.source import WorkspaceSource
from cellmill.workspace.workspace import Workspace

from tests.workspace.notebooks import write_notebook

CELLS = (
    "from datetime import timedelta\nimport cellmill as cm\nfrom cellmill import *\n"
    "CRON = '0 7 * * *'\ndaily = DailyPartitionsDefinition('2024-01-01')\n"
    "yesterday = TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)",
    "@asset(partitions_def=daily, automation_condition=AutomationCondition.eager(),\n"
    "       backfill_policy=BackfillPolicy.multi_run(3))\ndef raw(): return 1",
    "@cm.asset(partitions_def=daily, ins={'raw': cm.AssetIn(partition_mapping=yesterday)},\n"
    "          deps=[cm.AssetDep('other', partition_mapping=cm.LastPartitionMapping())],\n"
    "          freshness_policy=cm.FreshnessPolicy.time_window(fail_window=timedelta(hours=4)))\n"
    "def clean(raw): return 1",
    "@cm.asset\ndef other(): return 1",
    "some = define_asset_job('some', selection=AssetSelection.assets('raw', 'clean'))\n"
    "@cm.op\ndef step(): ...\n@cm.job(partitions_def=daily)\ndef steps(): step()",
    "plain = ScheduleDefinition(name='plain', job=some, cron_schedule=['0 6 * * *', CRON], tags={'a': 'b'},\n"
    "    run_config={'ops': {}}, catch_up=CatchUp.all(7), overlap='allow',\n"
    "    default_status=DefaultScheduleStatus.RUNNING)",
    "@schedule(cron_schedule=CRON, job=steps, execution_timezone='Europe/Berlin')\n"
    "def decided(context): return RunRequest()",
    "each = build_schedule_from_partitioned_job(steps, hour_of_day=3)\n"
    "each_asset = build_schedule_from_partitioned_job(some)",
    "@sensor(job=some, minimum_interval_seconds=5, default_status=DefaultSensorStatus.RUNNING)\n"
    "def looks(context): return RunRequest(run_key='x')",
    "@asset_sensor(asset_key=AssetKey('raw'), jobs=[some, steps])\ndef follows(context, event): ...",
    "@run_status_sensor(run_status=cm.RunStatus.SUCCESS)\ndef after(context): ...",
)
PARTS = ("assets", "jobs", "schedules", "sensors")


def as_module() -> Any:
    """The manifest of the same text in a module."""
    namespace: dict[str, Any] = {"__name__": "module"}
    exec("\n".join(CELLS), namespace)
    found = list(namespace.values())

    def of(*kinds: type) -> list[Any]:
        return [value for value in found if isinstance(value, kinds)]

    definitions = Definitions(
        assets=of(AssetsDefinition),
        jobs=of(JobDefinition, UnresolvedAssetJobDefinition),
        schedules=of(ScheduleDefinition, UnresolvedPartitionedSchedule),
        sensors=of(SensorDefinition),
    )
    return describe_definitions(definitions)


def test_a_notebook_means_what_a_module_means(tmp_path: Path) -> None:
    """Partitions, conditions, mappings, policies, schedules and sensors of the same text are the same entries."""
    manifest = second_look(write_notebook(tmp_path / "a.ipynb", *CELLS), "a.ipynb", (), {})
    module = as_module()
    same = {
        "assets": ("partitions", "automation", "mappings", "backfill_limit", "freshness", "upstream"),
        "jobs": ("partitions", "kind"),
        "schedules": ("cron", "timezone", "job", "running_by_default", "evaluated", "run_config", "tags", "catch_up",
                      "overlap"),
        "sensors": ("kind", "jobs", "minimum_interval_s", "running_by_default"),
    }  # fmt: skip

    def facts(found: Any, part: str) -> dict[str, dict[str, Any]]:
        return {
            one.name: {
                name: sorted(value) if name == "upstream" else value
                for name in same[part]
                for value in [getattr(one, name)]
            }
            for one in getattr(found, part)
        }

    assert not manifest.problems
    for part in PARTS:
        assert facts(module, part) == facts(manifest, part)
    assert {"some": 'key:"raw" or key:"clean"', "steps": None} == {one.name: one.selection for one in manifest.jobs}


@pytest.mark.parametrize(
    ("cell", "message", "remedy"),
    [
        ("@cm.asset(partitions_def=make())\ndef a(): ...", "asset 'a': partitions_def", "a plain cell above"),
        ("@cm.asset(automation_condition=make())\ndef a(): ...", "asset 'a': automation_condition takes", "literal"),
        ("%%asset a --partitions made\n1", "asset 'a': made takes running", "literal"),
        ("s = cm.ScheduleDefinition(name='s', job_name='j', cron_schedule=make())", "'s': cron_schedule", "literal"),
        ("s = cm.ScheduleDefinition(name='s', job_name='j', cron_schedule='0 25 * * *')", "0 25 * * *", ""),
        ("s = cm.ScheduleDefinition(name='s', job_name='j', cron_schedule='@daily', execution_timezone='Berlin')",
         "Europe/Berlin", ""),
        ("@cm.asset(automation_condition=cm.AutomationCondition.on_cron('daily'))\ndef a(): ...", "'daily'", ""),
        ("@cm.asset(partitions_def=cm.StaticPartitionsDefinition(['a', 'a']))\ndef a(): ...", "'a'", ""),
        ("@cm.asset(partitions_def=cm.DailyPartitionsDefinition('01.02.2024'))\ndef a(): ...", "2024-01-31", ""),
        ("@cm.sensor(job_name='a b')\ndef s(context): ...", "a_b", ""),
        ("@cm.sensor(minimum_interval_seconds=make())\ndef s(context): ...", "minimum_interval_seconds", "literal"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_or_is_wrong_is_told_where_it_is_declared(
    tmp_path: Path, cell: str, message: str, remedy: str
) -> None:
    """The problem names the definition, the cell and what would be right; nothing is left out in silence."""
    path = write_notebook(tmp_path / "a.ipynb", "import cellmill as cm\ndef make(): ...\nmade = make()", cell)
    found = [one for one in second_look(path, "a.ipynb", (), {}).problems if message in one.message]

    (problem,) = found
    assert ("error", 1, "c1") == (problem.severity, problem.cell, problem.cell_id)
    assert remedy in problem.remedy


def test_a_condition_sensor_in_a_cell_evaluates_the_assets_it_selects(tmp_path: Path) -> None:
    """Also those of other notebooks; the group of all others is without them."""
    write_notebook(
        tmp_path / "a.ipynb",
        "import cellmill as cm\n"
        "own = cm.AutomationConditionSensorDefinition('own', target=cm.AssetSelection.groups('g'),\n"
        "    default_status=cm.DefaultSensorStatus.RUNNING, minimum_interval_seconds=7, run_tags={'team': 'g'})",
    )
    write_notebook(tmp_path / "b.ipynb", "%load_ext cellmill", "%%asset mine --group g --auto on_missing\n1")
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        (spec,) = source.sensors()

        assert ["mine"] == [key.to_user_string() for key in spec.automates or ()]
        assert (7, True, {"team": "g"}) == (spec.minimum_interval_s, spec.running_by_default, spec.run_tags)


@pytest.mark.slow
def test_functions_of_a_notebook_are_asked_by_the_names_of_their_definitions(tmp_path: Path) -> None:
    """Also where the call names nothing and its partitions are those of the assets."""
    write_notebook(tmp_path / "a.ipynb", *CELLS)
    home = tmp_path / ".cellmill"
    with Workspace.open(tmp_path, home=home) as workspace, Instance.get(home) as instance:
        source = AutomatedWorkspace(WorkspaceSource(workspace), instance)
        specs = [spec for spec in source.schedules() if spec.evaluated]
        midnight = int(time.time()) // 86_400 * 86_400
        answers = [next(iter(source.evaluate([Question(spec=spec, at=midnight)]))) for spec in specs]
        asked = {
            spec.name: [(run.job_name, run.tags.get("dagster/partition")) for run in answer.runs]
            for spec, answer in zip(specs, answers, strict=True)
            if not isinstance(answer, Exception)
        }
        day = time.strftime("%F", time.gmtime(midnight - 86_400))

        assert {
            "decided": [("steps", None)],
            "steps_schedule": [("steps", day)],
            "some_schedule": [("some", day)],
        } == asked
