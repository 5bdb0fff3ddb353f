"""Runs of jobs: tags, errors, failures with metadata."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus_one(x):
    return x + 1


def test_tags_reach_the_run():
    """Job tags and run tags come together on the run."""

    @dg.job(tags={"a": "1"})
    def j():
        one()

    result = j.execute_in_process(tags={"b": "2"})

    assert result.dagster_run.tags["a"] == "1"
    assert result.dagster_run.tags["b"] == "2"


def test_raise_on_error():
    """Without `raise_on_error` a failing job gives a result."""

    @dg.op
    def bad():
        raise RuntimeError("boom")

    @dg.job
    def j():
        plus_one(bad())

    result = j.execute_in_process(raise_on_error=False)
    failure = result.failure_data_for_node("bad")

    assert not result.success
    assert "boom" in failure.error.to_string()
    with pytest.raises(RuntimeError, match="boom"):
        j.execute_in_process()


def test_failure_with_metadata():
    """`Failure` carries metadata to the event."""

    @dg.op
    def bad():
        raise dg.Failure("why", metadata={"k": 1})

    @dg.job
    def j():
        bad()

    failure = j.execute_in_process(raise_on_error=False).failure_data_for_node("bad")

    assert failure.user_failure_data.description == "why"
    assert failure.user_failure_data.metadata["k"].value == 1


def test_the_error_of_an_op_keeps_its_own_cause():
    """What an op raised is raised with the cause that it had, and is never its own."""

    @dg.op
    def broken():
        raise ValueError("no price") from KeyError("price")

    @dg.op
    def plain():
        raise ValueError("no price")

    def raised(one):
        @dg.job
        def only():
            one()

        with pytest.raises(ValueError, match="no price") as caught:
            only.execute_in_process()
        return caught.value

    assert isinstance(raised(broken).__cause__, KeyError)
    assert raised(plain).__cause__ is None
