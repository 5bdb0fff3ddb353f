"""Sensors: what they may return, cursors, requests."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.job
def noop():
    one()


def test_sensor_attributes():
    """What a sensor tells."""

    @dg.sensor(job=noop, minimum_interval_seconds=45, description="d", default_status=dg.DefaultSensorStatus.RUNNING)
    def watch(context):
        return dg.SkipReason("nothing")

    assert watch.name == "watch"
    assert watch.job_name == "noop"
    assert watch.minimum_interval_seconds == 45
    assert watch.description == "d"
    assert watch.default_status is dg.DefaultSensorStatus.RUNNING
    assert watch.job.name == "noop"
    assert len(watch.targets) == 1


def test_sensor_tick_data():
    """A tick gives requests, cursor and reasons."""

    @dg.sensor(job=noop)
    def watch(context):
        context.update_cursor("7")
        yield dg.RunRequest("k", tags={"a": "b"})

    data = watch.evaluate_tick(dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral()))

    assert [request.run_key for request in data.run_requests] == ["k"]
    assert data.cursor == "7"
    assert data.skip_message is None
    assert not data.dynamic_partitions_requests
    assert not data.asset_events


def test_run_request_attributes():
    """What a request tells."""
    request = dg.RunRequest(
        run_key="k", run_config={"a": 1}, tags={"t": "v"}, job_name="j", partition_key="p", asset_selection=None
    )

    assert request.run_key == "k"
    assert request.run_config == {"a": 1}
    assert request.tags["t"] == "v"
    assert request.job_name == "j"
    assert request.partition_key == "p"
    assert not request.stale_assets_only


@dg.op
def nop():
    return 1


@dg.job
def target():
    nop()


@dg.job
def other():
    nop()


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
