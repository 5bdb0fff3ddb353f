"""Schedules, sensors, their contexts and direct invocation."""

from datetime import UTC, datetime

import pytest

from tests.conformance.api import dg


@dg.op
def noop():
    return 1


@dg.job
def target():
    noop()


@dg.job
def other():
    noop()


WHEN = datetime(2023, 1, 1, tzinfo=UTC)


def test_schedule_name():
    """A schedule definition is named after its job."""
    assert dg.ScheduleDefinition(job=target, cron_schedule="0 0 * * *").name == "target_schedule"


def test_schedule_decorator_name():
    """A decorated schedule is named after its function."""

    @dg.schedule(job=target, cron_schedule="@daily")
    def nightly():
        return {}

    assert nightly.name == "nightly"
    assert nightly.job_name == "target"


@pytest.mark.parametrize("cron", ["0 0 * * *", "@daily", "@hourly", "*/5 * * * *", "0 9 * * MON-FRI", "0 0 1,15 * *"])
def test_valid_crons(cron):
    """Five fields, aliases and names are understood."""
    assert dg.ScheduleDefinition(job=target, cron_schedule=cron).cron_schedule == cron


@pytest.mark.parametrize("cron", ["", "* * * *", "61 * * * *", "0 25 * * *", "daily", "* * * * * *", "0 0 32 * *"])
def test_invalid_crons(cron):
    """A cron that cannot be read is refused at definition."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.ScheduleDefinition(job=target, cron_schedule=cron)


def test_invalid_timezone():
    """An unknown time zone is refused at definition."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.ScheduleDefinition(job=target, cron_schedule="@daily", execution_timezone="Mars/Base")


def test_several_crons():
    """A schedule may have several crons."""
    assert dg.ScheduleDefinition(job=target, cron_schedule=["0 0 * * *", "0 12 * * *"]).cron_schedule == [
        "0 0 * * *",
        "0 12 * * *",
    ]


def evaluate(schedule):
    return schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=WHEN))


def test_schedule_returns_config():
    """A dictionary is the run config of one run."""

    @dg.schedule(job=target, cron_schedule="@daily")
    def s(context):
        return {"tags_are": {"not": "here"}}

    (request,) = evaluate(s).run_requests
    assert request.run_config == {"tags_are": {"not": "here"}}


def test_schedule_returns_request():
    """A RunRequest is one run."""

    @dg.schedule(job=target, cron_schedule="@daily")
    def s(context):
        return dg.RunRequest(run_key="k", tags={"day": context.scheduled_execution_time.strftime("%Y-%m-%d")})

    (request,) = evaluate(s).run_requests
    assert (request.run_key, request.tags["day"]) == ("k", "2023-01-01")


def test_schedule_yields_requests():
    """A schedule may yield several requests."""

    @dg.schedule(job=target, cron_schedule="@daily")
    def s(context):
        yield dg.RunRequest(run_key="a")
        yield dg.RunRequest(run_key="b")

    assert [r.run_key for r in evaluate(s).run_requests] == ["a", "b"]


def test_schedule_returns_list():
    """A schedule may return a list of requests."""

    @dg.schedule(job=target, cron_schedule="@daily")
    def s(context):
        return [dg.RunRequest(run_key="a"), dg.RunRequest(run_key="b")]

    assert len(evaluate(s).run_requests) == 2


def test_schedule_skips():
    """A SkipReason runs nothing and says why."""

    @dg.schedule(job=target, cron_schedule="@daily")
    def s(context):
        return dg.SkipReason("holiday")

    tick = evaluate(s)
    assert tick.run_requests == []
    assert tick.skip_message == "holiday"


def test_schedule_error():
    """An exception in the function is a typed error of its own."""

    @dg.schedule(job=target, cron_schedule="@daily")
    def s(context):
        raise ValueError("x")

    with pytest.raises(dg.ScheduleExecutionError if hasattr(dg, "ScheduleExecutionError") else Exception):
        evaluate(s)


def test_schedule_direct_invocation():
    """A schedule can be called like the function it is."""

    @dg.schedule(job=target, cron_schedule="@daily")
    def s(context):
        return dg.RunRequest(run_key=str(context.scheduled_execution_time.year))

    assert s(dg.build_schedule_context(scheduled_execution_time=WHEN)).run_key == "2023"


def test_schedule_without_context_direct():
    """A schedule that takes no context is called with none."""

    @dg.schedule(job=target, cron_schedule="@daily")
    def s():
        return {}

    assert s() == {}


def test_schedule_resource_parameter():
    """A resource arrives as a parameter."""

    class R(dg.ConfigurableResource):
        v: str

    @dg.schedule(job=target, cron_schedule="@daily")
    def s(context, r: R):
        return dg.RunRequest(run_key=r.v)

    assert s(dg.build_schedule_context(resources={"r": R(v="x")})).run_key == "x"


def test_schedule_default_status():
    """A schedule is stopped unless it says otherwise."""
    assert dg.ScheduleDefinition(job=target, cron_schedule="@daily").default_status == dg.DefaultScheduleStatus.STOPPED


def test_should_execute():
    """`should_execute` decides whether a tick runs."""
    s = dg.ScheduleDefinition(job=target, cron_schedule="@daily", should_execute=lambda context: False)

    assert evaluate(s).run_requests == []


def tick(sensor, **context):
    return sensor.evaluate_tick(dg.build_sensor_context(**context))


def test_sensor_yields():
    """A sensor yields run requests."""

    @dg.sensor(job=target)
    def s(context):
        yield dg.RunRequest(run_key="a", run_config={}, tags={"t": "1"})

    data = tick(s)
    assert [r.run_key for r in data.run_requests] == ["a"]
    assert data.run_requests[0].tags["t"] == "1"


def test_sensor_skip():
    """A sensor may say why it does nothing."""

    @dg.sensor(job=target)
    def s(context):
        yield dg.SkipReason("nothing new")

    data = tick(s)
    assert data.run_requests == []
    assert data.skip_message == "nothing new"


def test_sensor_without_result():
    """A sensor that returns nothing is a skip."""

    @dg.sensor(job=target)
    def s(context):
        return None

    assert tick(s).run_requests == []


def test_sensor_cursor():
    """A cursor is kept from tick to tick."""

    @dg.sensor(job=target)
    def s(context):
        n = int(context.cursor or 0)
        context.update_cursor(str(n + 1))
        return dg.RunRequest(run_key=str(n))

    data = tick(s, cursor="4")
    assert data.cursor == "5"
    assert data.run_requests[0].run_key == "4"


def test_sensor_result():
    """SensorResult carries requests and cursor together."""

    @dg.sensor(job=target)
    def s(context):
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key="a")], cursor="c")

    data = tick(s)
    assert data.cursor == "c"
    assert [r.run_key for r in data.run_requests] == ["a"]


def test_sensor_result_and_update_cursor():
    """A cursor is given in one way, not in two."""

    @dg.sensor(job=target)
    def s(context):
        context.update_cursor("x")
        return dg.SensorResult(cursor="y")

    with pytest.raises(Exception, match="(?i)cursor"):
        tick(s)


def test_sensor_result_skip_and_requests():
    """A result cannot both skip and run."""
    with pytest.raises(Exception):  # noqa: B017
        dg.SensorResult(run_requests=[dg.RunRequest()], skip_reason=dg.SkipReason("x"))


def test_sensor_several_jobs():
    """A sensor of several jobs names the job in each request."""

    @dg.sensor(jobs=[target, other])
    def s(context):
        yield dg.RunRequest(run_key="1", job_name="other")

    assert tick(s).run_requests[0].job_name == "other"


def test_sensor_several_jobs_without_name():
    """Without a name such a request is refused."""

    @dg.sensor(jobs=[target, other])
    def s(context):
        yield dg.RunRequest(run_key="1")

    with pytest.raises(Exception):  # noqa: B017
        tick(s)


def test_sensor_direct_invocation():
    """Calling a sensor gives what its function gives."""

    @dg.sensor(job=target)
    def s(context):
        yield dg.RunRequest(run_key=context.cursor)

    (request,) = list(s(dg.build_sensor_context(cursor="c")))
    assert request.run_key == "c"


def test_sensor_minimum_interval():
    """The interval defaults to thirty seconds."""

    @dg.sensor(job=target)
    def s(context):
        return None

    assert s.minimum_interval_seconds in (None, 30)


def test_sensor_invalid_return():
    """Anything else than requests and skips is refused."""

    @dg.sensor(job=target)
    def s(context):
        return 5

    with pytest.raises(Exception):  # noqa: B017
        tick(s)


def test_asset_sensor():
    """An asset sensor sees materializations past its cursor."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def watched():
        return 1

    @dg.asset_sensor(asset_key=dg.AssetKey("watched"), job=target)
    def s(context, event):
        return dg.RunRequest(run_key=event.dagster_event.asset_key.to_user_string())

    assert tick(s, instance=instance).run_requests == []
    dg.materialize_to_memory([watched], instance=instance)
    data = tick(s, instance=instance)
    assert [r.run_key for r in data.run_requests] == ["watched"]
    assert tick(s, instance=instance, cursor=data.cursor).run_requests == []


def test_multi_asset_sensor():
    """A multi-asset sensor sees the latest materialization of each asset."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b():
        return 1

    @dg.multi_asset_sensor(monitored_assets=[a.key, b.key], job=target)
    def s(context):
        records = context.latest_materialization_records_by_key()
        if all(records.values()):
            context.advance_all_cursors()
            return dg.RunRequest()

    def context(cursor=None):
        return dg.build_multi_asset_sensor_context(
            monitored_assets=[a.key, b.key], instance=instance, cursor=cursor, definitions=dg.Definitions(assets=[a, b])
        )

    assert s(context()) is None
    dg.materialize_to_memory([a, b], instance=instance)
    assert isinstance(s(context()), dg.RunRequest)


def test_run_failure_sensor():
    """A run failure sensor is called with the failed run."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.op
    def bad():
        raise ValueError("oops")

    @dg.job
    def fails():
        bad()

    @dg.run_failure_sensor
    def s(context):
        return context.dagster_run.job_name, context.failure_event.message

    result = fails.execute_in_process(instance=instance, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        sensor_name="s",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    ).for_run_failure()

    name, message = s(context)
    assert name == "fails"


def test_run_status_sensor():
    """A run status sensor is called with the run and its event."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
    def s(context):
        return context.dagster_event.event_type_value

    result = target.execute_in_process(instance=instance)
    context = dg.build_run_status_sensor_context(
        sensor_name="s",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_success_event(),
    )

    assert s(context) == "PIPELINE_SUCCESS"


def test_dynamic_partition_requests():
    """A sensor may ask for partitions to be added."""
    partitions = dg.DynamicPartitionsDefinition(name="files")

    @dg.sensor(job=target)
    def s(context):
        return dg.SensorResult(run_requests=[], dynamic_partitions_requests=[partitions.build_add_request(["x"])])

    (request,) = tick(s).dynamic_partitions_requests
    assert list(request.partition_keys) == ["x"]
    assert request.partitions_def_name == "files"


def test_run_request_defaults():
    """A RunRequest needs nothing."""
    request = dg.RunRequest()

    assert request.run_key is None
    assert request.run_config == {}
    assert request.tags == {}


def test_sensor_on_assets():
    """A sensor may target assets."""

    @dg.asset
    def a():
        return 1

    @dg.sensor(target=[a])
    def s(context):
        return dg.RunRequest()

    defs = dg.Definitions(assets=[a], sensors=[s])
    assert defs.get_sensor_def("s").name == "s"


def test_schedule_in_definitions():
    """Definitions find a schedule by name."""
    s = dg.ScheduleDefinition(job=target, cron_schedule="@daily")
    defs = dg.Definitions(jobs=[target], schedules=[s])

    assert defs.get_schedule_def("target_schedule") is not None


def test_duplicate_schedule_names():
    """Two schedules cannot share a name."""
    one = dg.ScheduleDefinition(name="x", job=target, cron_schedule="@daily")
    two = dg.ScheduleDefinition(name="x", job=other, cron_schedule="@daily")

    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.Definitions.validate_loadable(dg.Definitions(jobs=[target, other], schedules=[one, two]))


DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-10")


def multi_context(instance, cursor=None, keys=("watched",)):
    @dg.asset(partitions_def=DAYS)
    def watched(): ...

    @dg.asset
    def plain(): ...

    return dg.build_multi_asset_sensor_context(
        monitored_assets=[dg.AssetKey(key) for key in keys],
        instance=instance,
        cursor=cursor,
        definitions=dg.Definitions([watched, plain]),
    )


def ticked(instance, cursor, function):
    """The cursor after one evaluation of a multi-asset sensor."""

    @dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("watched")], job_name="j")
    def watching(context):
        function(context)
        return dg.SkipReason("looked")

    return watching.evaluate_tick(multi_context(instance, cursor)).cursor


def test_a_partition_that_was_passed_over_stays_unconsumed():
    key = dg.AssetKey("watched")
    instance = dg.DagsterInstance.ephemeral()
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        instance.report_runless_asset_event(dg.AssetMaterialization("watched", partition=day))
    seen = []

    def consume(*days):
        def function(context):
            records = context.latest_materialization_records_by_partition(key)
            seen.append([list(records), len(context.get_trailing_unconsumed_events(key))])
            for day in days:
                context.advance_cursor({key: records[day]})

        return function

    cursor = ticked(instance, None, consume("2024-01-02"))
    cursor = ticked(instance, cursor, consume("2024-01-01"))
    cursor = ticked(instance, cursor, consume("2024-01-03"))
    cursor = ticked(instance, cursor, consume())
    instance.report_runless_asset_event(dg.AssetMaterialization("watched", partition="2024-01-04"))
    instance.report_runless_asset_event(dg.AssetMaterialization("watched", partition="2024-01-05"))
    cursor = ticked(instance, cursor, lambda context: context.advance_all_cursors())
    ticked(instance, cursor, consume())
    assert seen == [
        [["2024-01-01", "2024-01-02", "2024-01-03"], 0],
        [["2024-01-01", "2024-01-03"], 1],
        [["2024-01-03"], 0],
        [[], 0],
        [[], 0],
    ]


def test_records_of_all_assets_by_partition_need_the_same_partitions():
    context = multi_context(dg.DagsterInstance.ephemeral(), keys=("watched", "plain"))
    with pytest.raises(dg.DagsterInvalidInvocationError, match="share the same partitions"):
        context.latest_materialization_records_by_partition_and_asset()


def test_a_request_without_an_advanced_cursor_is_refused():
    @dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("watched")], job_name="j")
    def forgets(context):
        return dg.RunRequest(run_key="1")

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="cursor was not updated"):
        forgets.evaluate_tick(multi_context(dg.DagsterInstance.ephemeral()))


def test_too_many_partitions_that_were_passed_over_are_refused():
    key = dg.AssetKey("watched")
    instance = dg.DagsterInstance.ephemeral()
    for number in range(30):
        instance.report_runless_asset_event(dg.AssetMaterialization("watched", partition=f"p{number}"))

    def newest(context):
        context.advance_cursor({key: context.latest_materialization_records_by_key()[key]})

    with pytest.raises(dg.DagsterInvariantViolationError, match="at most 25|maximum number of trailing"):
        ticked(instance, None, newest)
