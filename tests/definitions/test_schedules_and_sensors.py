"""What schedules and sensors answer, when they are refused, and how they are called in tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import cellmill as cm
import pytest


@cm.op
def work() -> None:
    """Does nothing."""


@cm.job
def chore() -> None:
    """One op."""
    work()


def make_schedule(answer: Any, **options: Any) -> cm.ScheduleDefinition:
    """A schedule whose function answers this."""

    @cm.schedule("0 6 * * *", job=chore, name="s", **options)
    def decide(context: cm.ScheduleEvaluationContext) -> Any:
        return answer(context) if callable(answer) else answer

    return decide


AT = datetime(2024, 1, 31, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "keys", "skip"),
    [
        (cm.RunRequest(run_key="a"), ["a"], None),
        ([cm.RunRequest(run_key="a"), cm.RunRequest(run_key="b")], ["a", "b"], None),
        (cm.SkipReason("nothing new"), [], "nothing new"),
        ({"ops": {}}, [None], None),
        (None, [], None),
        ([], [], None),
        (lambda context: cm.RunRequest(run_key=context.scheduled_execution_time.strftime("%F")), ["2024-01-31"], None),
    ],
)
def test_answers_of_a_schedule(answer: Any, keys: list[str | None], skip: str | None) -> None:
    """Requests, lists, reasons and plain config are all understood, and tagged with the schedule's name."""
    data = make_schedule(answer).evaluate_tick(cm.build_schedule_context(scheduled_execution_time=AT))

    assert keys == [request.run_key for request in data.run_requests or ()]
    assert skip == data.skip_message
    assert all(request.tags["dagster/schedule_name"] == "s" for request in data.run_requests or ())


@pytest.mark.parametrize(
    ("answer", "error", "part"),
    [
        ([cm.RunRequest(run_key="a"), cm.RunRequest()], cm.CheckError, "must specify a run_key"),
        ([cm.RunRequest(), cm.SkipReason("x")], cm.CheckError, "SkipReason"),
        (5, cm.CheckError, "not int"),
        (lambda context: 1 / 0, cm.ScheduleExecutionError, "ZeroDivisionError"),
        ([cm.RunRequest(run_key=str(n)) for n in range(5001)], cm.CheckError, "at most 5000"),
    ],
)
def test_answers_that_make_no_sense(answer: Any, error: type[Exception], part: str) -> None:
    """The error names the schedule and what it may return."""
    with pytest.raises(error, match=part):
        make_schedule(answer).evaluate_tick(cm.build_schedule_context(scheduled_execution_time=AT))


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"cron_schedule": "0 0 31 2 *"}, "last day of the month"),
        ({"cron_schedule": ["@daily", "61 * * * *"]}, "minute"),
        ({"cron_schedule": None}, "needs a cron_schedule"),
        ({"cron_schedule": "@daily", "execution_timezone": "Europe/Berln"}, "Europe/Berlin"),
        ({"cron_schedule": "@daily", "job_name": "x"}, "more than one target"),
        ({"cron_schedule": "@daily", "run_config": {"a": 1}, "run_config_fn": lambda: {}}, "run_config_fn"),
        ({"cron_schedule": "@daily", "tags": {"a": "b"}, "tags_fn": lambda: {}}, "tags_fn"),
        ({"cron_schedule": "@daily", "name": "not a name"}, "not_a_name"),
    ],
)
def test_schedules_that_are_refused(options: dict[str, Any], part: str) -> None:
    """Each mistake is found where the schedule is declared, with what would be right."""
    with pytest.raises(cm.InvalidDefinitionError, match=part):
        cm.ScheduleDefinition(**{"job": chore, **options})


def test_resources_reach_the_function_by_name() -> None:
    """Parameters behind the context are resources, from the context or passed directly."""

    @cm.sensor(job=chore)
    def look(context: cm.SensorEvaluationContext, folder: Any) -> Any:
        return cm.RunRequest(run_key=folder)

    assert "a" == look(cm.build_sensor_context(resources={"folder": "a"})).run_key
    assert "b" == look(cm.build_sensor_context(), folder="b").run_key
    assert {"folder"} == look.required_resource_keys
    with pytest.raises(cm.InvalidDefinitionError, match="'folder' required by sensor 'look'"):
        look(cm.build_sensor_context())
    with pytest.raises(cm.InvalidInvocationError, match="expected context argument"):
        look()


def make_sensor(answer: Any, **options: Any) -> cm.SensorDefinition:
    """A sensor whose function answers this."""

    def evaluate(context: cm.SensorEvaluationContext) -> Any:
        return answer(context) if callable(answer) else answer

    return cm.SensorDefinition("s", evaluation_fn=evaluate, **{"job": chore, **options})


def both_cursors(context: cm.SensorEvaluationContext) -> Any:
    """Moves the cursor in both ways."""
    context.update_cursor("a")
    return cm.SensorResult(cursor="b")


@pytest.mark.parametrize(
    ("answer", "options", "error", "part"),
    [
        (both_cursors, {}, cm.InvariantViolationError, "cursor"),
        ([cm.RunRequest(), cm.SkipReason("x")], {}, cm.CheckError, "only object"),
        ([cm.SensorResult(), cm.RunRequest()], {}, cm.CheckError, "only object"),
        ("text", {}, cm.CheckError, "Unexpected type str"),
        (lambda context: 1 / 0, {}, cm.SensorExecutionError, "ZeroDivisionError"),
        (cm.RunRequest(), {"job": None}, cm.InvariantViolationError, "lacking a specified target"),
        (cm.RunRequest(job_name="other"), {}, cm.InvariantViolationError, "Expected one of"),
    ],
)
def test_answers_of_a_sensor_that_make_no_sense(
    answer: Any, options: dict[str, Any], error: type[Exception], part: str
) -> None:
    """The error names the sensor and what it may return."""
    with pytest.raises(error, match=part):
        make_sensor(answer, **options).evaluate_tick(cm.build_sensor_context())


def test_a_sensor_result_carries_everything() -> None:
    """Runs, cursor and requests for partitions come out of one object."""
    cities = cm.DynamicPartitionsDefinition(name="cities")
    result = cm.SensorResult(
        run_requests=[cm.RunRequest(run_key="x", tags={"n": "1"})],
        cursor="5",
        dynamic_partitions_requests=[cities.build_add_request(["rome"]), cities.build_delete_request(["oslo"])],
    )
    data = make_sensor(result, tags={"team": "a"}).evaluate_tick(cm.build_sensor_context(cursor="4"))

    assert "5" == data.cursor
    assert {"n": "1", "dagster/sensor_name": "s"} == data.run_requests[0].tags  # type: ignore[index]
    assert [["rome"], ["oslo"]] == [list(item.partition_keys) for item in data.dynamic_partitions_requests or ()]


def test_an_asset_sensor_sees_the_latest_new_materialization() -> None:
    """It is evaluated for the newest one, moves on by itself, and skips when there is none."""

    @cm.asset_sensor("up", job=chore)
    def on_up(context: cm.SensorEvaluationContext, event: Any) -> Any:
        return cm.RunRequest(run_key=event.dagster_event.asset_key.to_user_string())

    instance = cm.Instance.ephemeral()
    first = on_up.evaluate_tick(cm.build_sensor_context(instance))
    instance.report_runless_asset_event(cm.AssetMaterialization("up"))
    second = on_up.evaluate_tick(cm.build_sensor_context(instance, cursor=first.cursor))
    third = on_up.evaluate_tick(cm.build_sensor_context(instance, cursor=second.cursor))

    assert "No new materialization" in str(first.skip_message)
    assert ["up"] == [request.run_key for request in second.run_requests or ()]
    assert "No new materialization" in str(third.skip_message)


def test_a_schedule_of_a_partitioned_job_runs_the_window_that_ended() -> None:
    """At its tick the partition of the day before is requested, with the offset that was asked for."""
    daily = cm.DailyPartitionsDefinition("2024-01-01", timezone="Europe/Berlin")

    @cm.asset(partitions_def=daily)
    def day() -> None: ...

    made = cm.build_schedule_from_partitioned_job(cm.define_asset_job("j", [day], partitions_def=daily), hour_of_day=3)
    data = made.evaluate_tick(  # type: ignore[union-attr]
        cm.build_schedule_context(scheduled_execution_time=datetime(2024, 1, 31, 2, tzinfo=UTC))
    )

    assert "0 3 * * *" == made.cron_schedule
    assert ["2024-01-30"] == [request.partition_key for request in data.run_requests or ()]
