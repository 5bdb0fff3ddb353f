"""Automation that is declared wrong is refused where it is declared, with the text that would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.backfills import plan_request
from cellmill.errors import CellmillError

AC = cm.AutomationCondition
DAILY = cm.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
REGIONS = cm.StaticPartitionsDefinition(["europe", "asia"])
BOTH = cm.MultiPartitionsDefinition({"day": DAILY, "region": REGIONS})
FILES = cm.DynamicPartitionsDefinition(name="files")


def schedule(**options: Any) -> cm.ScheduleDefinition:
    """A schedule that is right but for these."""
    return cm.ScheduleDefinition("x", **{"cron_schedule": "@daily", "job_name": "j", **options})


def run(definition: cm.PartitionsDefinition, key: str) -> Any:
    """A run of a partition."""

    @cm.asset(partitions_def=definition)
    def made() -> int:
        return 1

    with cm.Instance.ephemeral() as instance:
        return cm.materialize([made], partition_key=key, instance=instance)


def backfill(key: str) -> Any:
    """A backfill of a partition."""

    @cm.asset(partitions_def=REGIONS)
    def made() -> int:
        return 1

    with cm.Instance.ephemeral() as instance:
        return plan_request(cm.Definitions([made]), instance, {"targets": {"made": [key]}, "all_partitions": False})


def sense(answer: Callable[[Any], Any]) -> Any:
    """An evaluation of a sensor."""
    with cm.Instance.ephemeral() as instance:
        return cm.sensor(job_name="j", name="s")(answer).evaluate_tick(cm.build_sensor_context(instance=instance))


@pytest.mark.parametrize(
    ("declare", "right"),
    [
        # cron expressions
        (lambda: schedule(cron_schedule="0 25 * * *"), "'25' is no hour (0-23)"),
        (lambda: schedule(cron_schedule="0 0 6 * * *"), "'0 6 * * 1-5'"),
        (lambda: schedule(cron_schedule="@dayly"), "did you mean '@daily'?"),
        (lambda: schedule(cron_schedule=[]), "such as '0 6 * * *'"),
        (lambda: AC.on_cron("daily"), "'0 6 * * 1-5'"),
        (lambda: cm.TimeWindowPartitionsDefinition(start="2024-01-01", fmt="%Y-%m-%d", cron_schedule="0 0 31 2 *"),
         "use 'L' for the last day of the month"),
        # time zones
        (lambda: schedule(execution_timezone="Europa/Berlin"), "did you mean 'Europe/Berlin'?"),
        (lambda: AC.on_cron("@daily", "Mars"), "'Europe/Berlin'"),
        (lambda: cm.DailyPartitionsDefinition("2024-01-01", timezone="Berlin"), "'Europe/Berlin'"),
        # partition keys
        (lambda: run(DAILY, "2024-1-5"), "Write it as '2024-01-05'."),
        (lambda: run(DAILY, "05.01.2024"), "Write it as '2024-01-05'."),
        (lambda: run(DAILY, "2030-01-01"), "The keys are '2024-01-01' to '2024-01-31'"),
        (lambda: run(REGIONS, "europa"), "Did you mean 'europe'?"),
        (lambda: run(BOTH, "2024-01-01|europa"), "region 'europa': Did you mean 'europe'?"),
        (lambda: run(BOTH, "2024-01-01"), "Write it as day|region."),
        (lambda: run(FILES, "f.csv"), "instance.add_dynamic_partitions('files', ['f.csv'])"),
        (lambda: backfill("europa"), "Did you mean 'europe'?"),
        (lambda: cm.DailyPartitionsDefinition("01.02.2024"), "'2024-01-31'"),
        (lambda: cm.StaticPartitionsDefinition("abc"), "write ['abc']"),
        (lambda: cm.BackfillPolicy.multi_run(0), "1"),
        # conditions
        (lambda: AC.missing() & "eager", "AutomationCondition.missing()"),  # type: ignore[operator]
        (lambda: AC.any_deps_match("missing"), "AutomationCondition.missing()"),  # type: ignore[arg-type]
        (lambda: cm.asset(automation_condition="eager")(lambda: 1), "AutomationCondition.eager()"),  # type: ignore[arg-type]
        # cursors
        (lambda: cm.build_sensor_context(cursor=5), "text"),  # type: ignore[arg-type]
        (lambda: sense(lambda context: context.update_cursor(5)), "context.update_cursor('5')"),
        (lambda: sense(lambda context: cm.SensorResult(cursor={"a": 1})), "cursor=\"{'a': 1}\""),  # type: ignore[arg-type]
        # policies
        (lambda: schedule(default_status="RUNNING"), "DefaultScheduleStatus.RUNNING"),
        (lambda: schedule(overlap="skipp"), "'skip', 'queue_one', 'allow'"),
        (lambda: cm.CatchUp.all(0), "at least 1"),
    ],
)  # fmt: skip
def test_it_is_refused_with_what_would_be_right(declare: Callable[[], Any], right: str) -> None:
    """Whatever kind of error it is, its words help."""
    with pytest.raises(CellmillError) as refused:
        declare()

    assert right in str(refused.value)
