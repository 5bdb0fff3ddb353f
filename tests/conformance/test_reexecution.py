"""Executing jobs again: from failure, chosen steps, parts of a mapped step; executors."""

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


@dg.job(executor_def=dg.multiprocess_executor)
def in_processes():
    third(first())


def test_execute_job():
    """A reconstructable job runs against an instance."""
    Plan.ran.clear()
    Plan.fails = False
    with dg.instance_for_test() as instance:
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance) as result:
            assert result.success
            assert result.output_for_node("third") == 3
    assert Plan.ran == ["first", "second", "third"]


def test_reexecution_from_failure():
    """Re-execution from failure runs what failed and what comes after."""
    with dg.instance_for_test() as instance:
        Plan.ran.clear()
        Plan.fails = True
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance) as failed:
            assert not failed.success
        Plan.ran.clear()
        Plan.fails = False
        options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance, reexecution_options=options) as again:
            assert again.success
            assert again.output_for_node("third") == 3
        run = instance.get_run_by_id(again.run_id)
        assert run.parent_run_id == failed.run_id
        assert run.root_run_id == failed.run_id
    assert Plan.ran == ["second", "third"]


def test_reexecution_of_a_selection():
    """Re-execution can be limited to steps."""
    with dg.instance_for_test() as instance:
        Plan.fails = False
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance) as done:
            assert done.success
        Plan.ran.clear()
        options = dg.ReexecutionOptions(parent_run_id=done.run_id, step_selection=["third"])
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance, reexecution_options=options) as again:
            assert again.success
    assert Plan.ran == ["third"]


@dg.op(out=dg.DynamicOut())
def numbered():
    for number in range(3):
        yield dg.DynamicOutput(number, mapping_key=f"n{number}")


@dg.op
def tenfold(number):
    return number * 10


@dg.op
def next_of(number):
    return number + 1


@dg.op
def total(numbers):
    return sum(numbers)


@dg.job(executor_def=dg.in_process_executor)
def many_parts():
    total(numbered().map(tenfold).map(next_of).collect())


@pytest.mark.parametrize(
    ("selection", "ran"),
    [
        (["tenfold[n1]"], {"tenfold[n1]"}),
        (["next_of[n2]"], {"next_of[n2]"}),
        (["tenfold[n1]*"], {"tenfold[n1]", "next_of[n1]", "total"}),
        (["tenfold[?]"], {"tenfold[n0]", "tenfold[n1]", "tenfold[n2]"}),
        (["tenfold[n0]+"], {"tenfold[n0]", "next_of[n0]"}),
        (["total"], {"total"}),
    ],
)
def test_reexecution_of_parts_of_a_mapped_step(selection, ran):
    """Parts of a mapped step run alone; what they and later steps need is taken from the earlier run."""
    with dg.instance_for_test() as instance:
        with dg.execute_job(dg.reconstructable(many_parts), instance=instance) as first:
            assert first.output_for_node("total") == 33
        options = dg.ReexecutionOptions(parent_run_id=first.run_id, step_selection=selection)
        with dg.execute_job(dg.reconstructable(many_parts), instance=instance, reexecution_options=options) as again:
            assert again.success
            assert {event.step_key for event in again.get_step_success_events()} == ran
            if "total" in ran:
                assert again.output_for_node("total") == 33


def test_reexecution_of_an_unknown_part():
    """A part that the earlier run did not have is an error."""
    with dg.instance_for_test() as instance:
        with dg.execute_job(dg.reconstructable(many_parts), instance=instance) as first:
            assert first.success
        options = dg.ReexecutionOptions(parent_run_id=first.run_id, step_selection=["tenfold[n9]"])
        with pytest.raises(dg.DagsterExecutionStepNotFoundError, match=r"unknown step: tenfold\[n9\]"):
            dg.execute_job(dg.reconstructable(many_parts), instance=instance, reexecution_options=options)


def test_multiprocess_execution():
    """Steps run in processes of their own."""
    with dg.instance_for_test() as instance:
        with dg.execute_job(dg.reconstructable(in_processes), instance=instance) as result:
            assert result.success
            assert result.output_for_node("third") == 2


def test_multiprocess_needs_a_reconstructable_job():
    """A bare job cannot be sent to processes."""
    with dg.instance_for_test() as instance:
        with pytest.raises(Exception):  # noqa: B017
            dg.execute_job(in_processes, instance=instance)
