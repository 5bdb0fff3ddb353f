"""Events of steps, and their payloads."""

import pytest

from tests.conformance.api import dg

NOISE = {"ENGINE_EVENT", "LOGS_CAPTURED", "RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS"}


def kinds(events):
    """The types of the events, those of the engine left out."""
    return [event.event_type_value for event in events if event.event_type_value not in NOISE]


@dg.op
def one():
    return 1


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


def test_all_events(result):
    """The whole run, in order."""
    assert kinds(result.all_events) == [
        "PIPELINE_START",
        "STEP_START",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
        "STEP_START",
        "LOADED_INPUT",
        "STEP_INPUT",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
        "PIPELINE_SUCCESS",
    ]


def test_all_node_events(result):
    """The events of all steps."""
    assert all(event.step_key for event in result.all_node_events)
    assert len(result.filter_events(lambda event: event.is_step_success)) == 2


@pytest.mark.parametrize(
    ("method", "count"),
    [
        ("get_step_success_events", 2),
        ("get_step_skipped_events", 0),
        ("get_failed_step_keys", 0),
        ("get_asset_materialization_events", 0),
        ("get_asset_observation_events", 0),
        ("get_asset_check_evaluations", 0),
    ],
)
def test_getters(result, method, count):
    """Getters of the result by kind."""
    assert len(getattr(result, method)()) == count


def test_events_for_node(result):
    """The events of one node."""
    assert kinds(result.events_for_node("one")) == ["STEP_START", "STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS"]
    assert result.is_node_success("one")
    assert not result.is_node_failed("one")
    assert not result.is_node_skipped("one")
    assert not result.is_node_untouched("one")


def test_compute_step_events(result):
    """The events of a node's step."""
    found = result.get_output_events_for_node("one") if hasattr(result, "get_output_events_for_node") else None
    assert found is None or len(found) == 1


def test_step_output_payload(result):
    """The payload of a step's output."""
    (event,) = [one for one in result.events_for_node("one") if one.is_successful_output]

    assert event.step_output_data.output_name == "result"
    assert event.step_output_data.step_output_handle.step_key == "one"
    assert event.step_output_data.type_check_data.success
    assert event.event_specific_data is event.step_output_data
    assert event.job_name == "chain"
    assert event.step_key == "one"
    assert event.node_name == "one"
    assert event.is_step_event


def test_step_input_payload(result):
    """The payload of a step's input."""
    (event,) = [one for one in result.events_for_node("plus") if one.event_type_value == "STEP_INPUT"]

    assert event.step_input_data.input_name == "x"
    assert event.event_specific_data.type_check_data.success


def test_loaded_input_payload(result):
    """The payload of a loaded input."""
    (event,) = [one for one in result.all_events if one.is_loaded_input]

    assert event.event_specific_data.input_name == "x"
    assert event.event_specific_data.manager_key == "io_manager"
    assert event.event_specific_data.upstream_output_name == "result"
    assert event.event_specific_data.upstream_step_key == "one"


def test_handled_output_payload(result):
    """The payload of a stored output."""
    event = next(one for one in result.all_events if one.is_handled_output)

    assert event.event_specific_data.output_name == "result"
    assert event.event_specific_data.manager_key == "io_manager"


def test_success_payload(result):
    """How long a step took."""
    event = result.get_step_success_events()[0]

    assert event.step_success_data.duration_ms >= 0
    assert event.event_type is dg.DagsterEventType.STEP_SUCCESS
    assert event.event_type_value == "STEP_SUCCESS"


def failing(error):
    """The result of a job whose only op raises `error`."""

    @dg.op
    def bad():
        raise error

    @dg.op
    def after(x):
        return x

    @dg.job
    def j():
        after(bad())

    return j.execute_in_process(raise_on_error=False)


def test_failure_payload():
    """The payload of a failed step."""
    result = failing(ValueError("broken"))
    (event,) = [one for one in result.all_events if one.is_step_failure]
    data = event.step_failure_data

    assert event.is_failure
    assert data.error.cls_name == "DagsterExecutionStepExecutionError"
    assert data.error.cause.cls_name == "ValueError"
    assert "broken" in data.error.cause.message
    assert "broken" in data.error_display_string
    assert data.user_failure_data is None
    assert data.error_source.value == "USER_CODE_ERROR"
    assert result.failure_data_for_node("bad") == data
    assert result.get_failed_step_keys() == {"bad"}
    assert not result.success
    assert result.is_node_failed("bad")


def test_downstream_of_a_failure():
    """What depends on a failed step is not executed."""
    result = failing(ValueError("broken"))

    assert result.is_node_untouched("after") or result.is_node_skipped("after")
    assert not result.is_node_success("after")


def test_failure_with_metadata_payload():
    """The payload of a failure that user code declared."""
    result = failing(dg.Failure("why", metadata={"n": 3}))
    data = result.failure_data_for_node("bad")

    assert data.user_failure_data.description == "why"
    assert data.user_failure_data.metadata == {"n": dg.MetadataValue.int(3)}


def test_run_failure_event():
    """The run's own failure."""
    event = failing(ValueError("broken")).get_run_failure_event()

    assert event.event_type_value == "PIPELINE_FAILURE"
    assert event.is_job_failure
    assert event.is_failure
    assert "bad" in event.message


def test_run_success_event(result):
    """The run's own success."""
    event = result.get_run_success_event()

    assert event.is_job_success
    assert event.is_job_event
    assert 'Finished execution of run for "chain".' in event.message


def test_expectation_results():
    """Expectations of a node."""

    @dg.op
    def talks(context):
        context.log_event(dg.ExpectationResult(success=False, label="l", description="d", metadata={"k": 1}))

    @dg.job
    def j():
        talks()

    (event,) = [one for one in j.execute_in_process().all_events if one.event_type_value == "STEP_EXPECTATION_RESULT"]
    found = event.step_expectation_result_data.expectation_result

    assert (found.success, found.label, found.description) == (False, "l", "d")
    assert found.metadata == {"k": dg.MetadataValue.int(1)}


def test_retry_events():
    """A step that is tried again."""
    tries = []

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
    def flaky(context):
        tries.append(context.retry_number)
        if len(tries) < 3:
            raise ValueError("again")
        return 1

    @dg.job
    def j():
        flaky()

    result = j.execute_in_process()

    assert tries == [0, 1, 2]
    assert kinds(result.events_for_node("flaky")) == [
        "STEP_START",
        "STEP_UP_FOR_RETRY",
        "STEP_RESTARTED",
        "STEP_UP_FOR_RETRY",
        "STEP_RESTARTED",
        "STEP_OUTPUT",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
    ]
    assert result.retry_attempts_for_node("flaky") == 2


def test_skipped_events():
    """What depends on an output that did not come is skipped."""

    @dg.op(out=dg.Out(is_required=False))
    def maybe():
        if False:
            yield dg.Output(1)

    @dg.job
    def j():
        plus(maybe())

    result = j.execute_in_process()

    assert kinds(result.events_for_node("plus")) == ["STEP_SKIPPED"]
    assert result.is_node_skipped("plus")
    assert [one.step_key for one in result.get_step_skipped_events()] == ["plus"]
    assert result.success


def test_hook_events():
    """Hooks tell whether they ran."""

    @dg.success_hook
    def told(context):
        pass

    @dg.success_hook
    def fails(context):
        raise ValueError("hook")

    @dg.failure_hook
    def never(context):
        pass

    @dg.job(hooks={told, fails, never})
    def j():
        one()

    result = j.execute_in_process()
    found = sorted(kind for kind in kinds(result.all_events) if kind.startswith("HOOK"))

    assert found == ["HOOK_COMPLETED", "HOOK_ERRORED", "HOOK_SKIPPED"]
    assert result.success


def test_dynamic_step_keys():
    """Steps of dynamic outputs carry their mapping keys."""

    @dg.op(out=dg.DynamicOut())
    def several():
        yield dg.DynamicOutput(1, "a")
        yield dg.DynamicOutput(2, "b")

    @dg.op
    def total(xs):
        return sum(xs)

    @dg.job
    def j():
        total(several().map(plus).collect())

    result = j.execute_in_process()

    assert sorted(one.step_key for one in result.get_step_success_events()) == [
        "plus[a]",
        "plus[b]",
        "several",
        "total",
    ]
    assert result.output_for_node("several") == {"a": 1, "b": 2}
    assert result.output_for_node("plus") == {"a": 2, "b": 3}
    assert result.output_for_node("total") == 5
