"""Retry policies and requested retries."""

from tests.conformance.api import dg


def test_retry_policy():
    """A retry policy runs a failing op again."""
    calls = []

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
    def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise ValueError
        return len(calls)

    @dg.job
    def j():
        flaky()

    result = j.execute_in_process()

    assert result.output_for_node("flaky") == 3
    assert result.retry_attempts_for_node("flaky") == 2


def test_retry_requested():
    """An op can ask for its own retry."""
    calls = []

    @dg.op
    def flaky(context):
        calls.append(context.retry_number)
        if context.retry_number < 1:
            raise dg.RetryRequested(max_retries=1)
        return "ok"

    @dg.job
    def j():
        flaky()

    assert j.execute_in_process().output_for_node("flaky") == "ok"
    assert calls == [0, 1]


def test_failure_without_retries():
    """`allow_retries=False` overrules the policy."""
    calls = []

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=5))
    def bad():
        calls.append(1)
        raise dg.Failure("final", allow_retries=False)

    @dg.job
    def j():
        bad()

    assert not j.execute_in_process(raise_on_error=False).success
    assert calls == [1]


def test_job_retry_policy():
    """A job's op_retry_policy is the default of its ops."""
    calls = []

    @dg.op
    def flaky():
        calls.append(1)
        if len(calls) < 2:
            raise ValueError

    @dg.job(op_retry_policy=dg.RetryPolicy(max_retries=1))
    def j():
        flaky()

    assert j.execute_in_process().success
