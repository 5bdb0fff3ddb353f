"""Resources that are generators, in contexts of schedules and sensors: they live as long as a `with` block."""

import pytest

from tests.conformance.api import dg


@pytest.fixture
def lived():
    """Return a resource that is a generator, with the list of what happens to it."""
    seen = []

    @dg.resource
    def connection(_):
        seen.append("up")
        yield "connection"
        seen.append("down")

    return connection, seen


def watched(context):
    """Ask for a resource."""
    return dg.SkipReason(context.resources.connection)


SENSOR = dg.sensor(job_name="j", name="watches", required_resource_keys={"connection"})(watched)
SCHEDULE = dg.schedule("@daily", job_name="j", name="ticks", required_resource_keys={"connection"})(watched)
BUILDERS = pytest.mark.parametrize("builder", ["build_sensor_context", "build_schedule_context"])


@BUILDERS
def test_they_are_refused_outside_of_a_with_block(builder, lived):
    """The message names the function that makes the context; nothing is left open."""
    connection, seen = lived
    context = getattr(dg, builder)(resources={"connection": connection})
    with pytest.raises(dg.DagsterInvariantViolationError, match=f"is a generator.*`with {builder}"):
        _ = context.resources
    del context
    assert seen in ([], ["up", "down"])


@BUILDERS
def test_they_are_taken_down_at_the_end_of_the_block(builder, lived):
    """Inside of the block they are there."""
    connection, seen = lived
    with getattr(dg, builder)(resources={"connection": connection}) as context:
        assert context.resources.connection == "connection"
        assert seen == ["up"]
    assert seen == ["up", "down"]


@pytest.mark.parametrize(
    ("called", "builder"), [(SENSOR, "build_sensor_context"), (SCHEDULE, "build_schedule_context")]
)
def test_a_direct_call_does_not_open_the_context(called, builder, lived):
    """Who makes a context opens it: the function called with it does not."""
    connection, _ = lived
    context = getattr(dg, builder)(resources={"connection": connection})
    with pytest.raises(dg.DagsterInvariantViolationError, match="is a generator"):
        called(context)


def test_a_tick_in_the_block_uses_it(lived):
    """A tick that is evaluated with an open context has its resources."""
    connection, seen = lived
    with dg.build_sensor_context(resources={"connection": connection}) as context:
        assert SENSOR.evaluate_tick(context).skip_message == "connection"
    assert seen == ["up", "down"]


@BUILDERS
def test_plain_resources_need_no_block(builder):
    """Values and functions that return them are there at once."""
    plain = dg.ResourceDefinition.hardcoded_resource("plain")
    assert getattr(dg, builder)(resources={"connection": plain}).resources.connection == "plain"
    assert getattr(dg, builder)(resources={"connection": 5}).resources.connection == 5
