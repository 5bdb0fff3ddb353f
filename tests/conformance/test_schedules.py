"""Schedules: names, crons, what they may return, ticks."""

from datetime import UTC, datetime

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.job
def noop():
    one()


@pytest.mark.parametrize(
    ("kwargs", "cron", "name"),
    [
        ({"cron_schedule": "@daily"}, "@daily", "noop_schedule"),
        ({"cron_schedule": "0 1 * * *", "name": "own"}, "0 1 * * *", "own"),
        ({"cron_schedule": ["0 1 * * *", "0 2 * * *"]}, ["0 1 * * *", "0 2 * * *"], "noop_schedule"),
    ],
)
def test_schedule_definition(kwargs, cron, name):
    """Name and cron of a schedule."""
    schedule = dg.ScheduleDefinition(job=noop, **kwargs)

    assert schedule.cron_schedule == cron
    assert schedule.name == name
    assert schedule.job_name == "noop"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_schedule_tick_requests():
    """A tick gives requests with tags and config."""

    @dg.schedule(cron_schedule="0 0 * * *", job=noop, tags={"t": "v"})
    def daily(context):
        return dg.RunRequest(run_key=context.scheduled_execution_time.strftime("%Y-%m-%d"), tags={"a": "b"})

    data = daily.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=datetime(2024, 5, 6, tzinfo=UTC)))

    (request,) = data.run_requests
    assert request.run_key == "2024-05-06"
    assert request.tags["a"] == "b"
    assert data.skip_message is None


@dg.op
def nop():
    return 1


@dg.job
def target():
    nop()


@dg.job
def other():
    nop()


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
