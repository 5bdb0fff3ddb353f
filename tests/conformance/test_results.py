"""Results of runs: outputs and steps by name."""

import pytest

from tests.conformance.api import dg


class Plan:
    """Which steps ran, and whether `bad` fails."""

    fails = True
    ran: list = []


@dg.op
def first():
    Plan.ran.append("first")
    return 1


@dg.op
def second(x):
    Plan.ran.append("second")
    if Plan.fails:
        raise ValueError("not yet")
    return x + 1


@dg.op
def third(x):
    Plan.ran.append("third")
    return x + 1


@dg.job(executor_def=dg.in_process_executor)
def three_steps():
    third(second(first()))


def test_output_for_unknown_node():
    """Asking for a node that is not there is an error."""
    result = three_steps_in_memory()

    with pytest.raises(dg.DagsterInvariantViolationError):
        result.output_for_node("nope")


def three_steps_in_memory():
    Plan.fails = False
    return three_steps.execute_in_process()


def test_output_for_unknown_output():
    """Asking for an out that is not there is an error."""
    with pytest.raises(dg.DagsterInvariantViolationError):
        three_steps_in_memory().output_for_node("first", "nope")


def test_result_helpers():
    """A result answers for each node."""
    result = three_steps_in_memory()

    assert result.is_node_success("first")
    assert not result.is_node_failed("first")
    assert not result.is_node_skipped("first")
    assert result.job_def.name == "three_steps"
    assert result.get_step_success_events()
    assert [e.step_key for e in result.get_step_success_events()] == ["first", "second", "third"]
    assert result.filter_events(lambda e: e.is_step_start)
    assert result.get_failed_step_keys() == set()


def test_failed_step_keys():
    """The failed steps are named."""
    Plan.fails = True
    result = three_steps.execute_in_process(raise_on_error=False)

    assert result.get_failed_step_keys() == {"second"}
    assert result.is_node_failed("second")
    assert not result.is_node_success("third")


def test_run_failure_event():
    """A failing run ends with one event that says so."""
    Plan.fails = True
    result = three_steps.execute_in_process(raise_on_error=False)

    assert result.get_run_failure_event().event_type_value == "PIPELINE_FAILURE"
    assert [e.event_type_value for e in result.all_events][-1] == "PIPELINE_FAILURE"


def test_given_run_id():
    """A run may be given its id."""
    run_id = "12345678-1234-5678-1234-567812345678"

    assert three_steps_in_memory_with(run_id).run_id == run_id


def three_steps_in_memory_with(run_id):
    Plan.fails = False
    return three_steps.execute_in_process(run_id=run_id)


def test_asset_job_outputs():
    """An asset job's values are reached by key and by node."""

    @dg.asset(key_prefix="p")
    def a():
        return 1

    result = dg.materialize_to_memory([a])

    assert result.output_for_node("p__a") == 1
    assert result.asset_value(dg.AssetKey(["p", "a"])) == 1
