"""What ops yield beside outputs: materializations, observations, expectations, and what they may not."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus_one(x):
    return x + 1


def test_materialization_from_op():
    """An op may yield or log asset materializations."""

    @dg.op
    def f(context):
        context.log_event(dg.AssetMaterialization("logged"))
        yield dg.AssetMaterialization("yielded", metadata={"n": 1})
        yield dg.Output(1)

    @dg.job
    def j():
        f()

    result = j.execute_in_process()

    assert {m.asset_key.to_user_string() for m in result.asset_materializations_for_node("f")} == {"logged", "yielded"}


def test_expectation_result():
    """Expectations are events of their own."""

    @dg.op
    def f():
        yield dg.ExpectationResult(success=True, label="l")
        yield dg.Output(1)

    @dg.job
    def j():
        f()

    assert "STEP_EXPECTATION_RESULT" in {e.event_type_value for e in j.execute_in_process().all_node_events}


def test_event_order_of_a_step():
    """A step's events come in a fixed order."""

    @dg.job
    def j():
        plus_one(one())

    events = [e.event_type_value for e in j.execute_in_process().events_for_node("plus_one")]
    wanted = ["STEP_START", "LOADED_INPUT", "STEP_INPUT", "STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS"]

    assert [e for e in events if e in wanted] == wanted


@dg.op
def sink(x):
    return x


def test_log_event_of_unknown_kind():
    """Only events can be logged as events."""

    @dg.op
    def f(context):
        context.log_event("text")

    @dg.job
    def j():
        f()

    assert not j.execute_in_process(raise_on_error=False).success


def test_output_metadata_on_op():
    """An op's output metadata is on its output event."""

    @dg.op
    def f():
        return dg.Output(1, metadata={"n": 2})

    @dg.job
    def j():
        f()

    result = j.execute_in_process()
    event = next(e for e in result.events_for_node("f") if e.event_type_value == "STEP_OUTPUT")

    assert event.step_output_data.metadata["n"].value == 2


def test_required_output_with_none():
    """None is a value."""

    @dg.op
    def f():
        return None

    @dg.job
    def j():
        sink(f())

    assert j.execute_in_process().output_for_node("sink") is None


def test_observation_event():
    """Observations are events of their own."""

    @dg.asset
    def x(context):
        context.log_event(dg.AssetObservation("x", metadata={"n": 1}))
        return 1

    result = dg.materialize_to_memory([x])

    assert result.asset_observations_for_node("x")[0].metadata["n"].value == 1


NOISE = {"ENGINE_EVENT", "LOGS_CAPTURED", "RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS"}


def kinds(events):
    """The types of the events, those of the engine left out."""
    return [event.event_type_value for event in events if event.event_type_value not in NOISE]


@dg.op
def plus(x):
    return x + 1


@dg.job
def chain():
    plus(one())


@pytest.fixture(scope="module")
def result():
    """A finished run of two ops."""
    return chain.execute_in_process()


def test_user_events_in_order():
    """Events that an op yields come between its start and its output."""

    @dg.op(out=dg.Out(int))
    def talks():
        yield dg.AssetMaterialization("x")
        yield dg.ExpectationResult(success=True, label="ok")
        yield dg.AssetObservation("y")
        yield dg.Output(1)

    @dg.job
    def j():
        talks()

    assert kinds(j.execute_in_process().events_for_node("talks")) == [
        "STEP_START",
        "ASSET_MATERIALIZATION",
        "STEP_EXPECTATION_RESULT",
        "ASSET_OBSERVATION",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
    ]


def test_log_event():
    """Events may be logged as well."""

    @dg.op
    def talks(context):
        context.log_event(dg.AssetMaterialization("x", description="d", metadata={"k": "v"}))
        context.log_event(dg.AssetObservation("y"))
        return 1

    @dg.job
    def j():
        talks()

    result = j.execute_in_process()

    (found,) = result.asset_materializations_for_node("talks")
    assert found.description == "d"
    assert found.label == "x"
    (seen,) = result.asset_observations_for_node("talks")
    assert seen.asset_key == dg.AssetKey("y")


@pytest.mark.parametrize(
    "make",
    [
        lambda: dg.AssetMaterialization(5),
        lambda: dg.AssetMaterialization("a", metadata={"k": object()}),
        lambda: dg.AssetMaterialization("a", metadata=5),
        lambda: dg.AssetMaterialization("a", partition=5),
        lambda: dg.ExpectationResult(success="yes"),
        lambda: dg.AssetCheckResult(passed="yes"),
        lambda: dg.Output(1, output_name=5),
        lambda: dg.DynamicOutput(1, mapping_key="a b"),
        lambda: dg.DynamicOutput(1, mapping_key=5),
        lambda: dg.RetryRequested(max_retries="x"),
        lambda: dg.RetryPolicy(max_retries="x"),
        lambda: dg.TypeCheck(success="yes"),
        lambda: dg.DataVersion(5),
        lambda: dg.RunRequest(run_key=5),
        lambda: dg.SkipReason(5),
    ],
)
def test_bad_events(make):
    """What makes no sense is refused at once."""
    with pytest.raises(Exception, match=r".+"):
        make()


def test_output_attributes():
    """What an output tells."""
    output = dg.Output(5, "n", metadata={"k": 1}, data_version=dg.DataVersion("v"), tags={"a": "b"})

    assert (output.value, output.output_name) == (5, "n")
    assert output.metadata == {"k": dg.MetadataValue.int(1)}
    assert output.data_version == dg.DataVersion("v")
    assert output.tags == {"a": "b"}
    assert dg.Output(1) == dg.Output(1)
    assert dg.Output(1) != dg.Output(2)


def test_dynamic_output_attributes():
    """What a dynamic output tells."""
    output = dg.DynamicOutput(5, "k", "n")

    assert (output.value, output.mapping_key, output.output_name) == (5, "k", "n")
    assert dg.DynamicOutput(5, "k").output_name == "result"
