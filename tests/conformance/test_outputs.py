"""Outputs of ops: several, missing, twice, optional; async functions."""

import pytest

from tests.conformance.api import dg


@dg.op
def plus_one(x):
    return x + 1


@dg.op
def add(a, b):
    return a + b


def test_multiple_outputs_by_tuple():
    """A tuple is spread over the declared outs."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two():
        return 1, 2

    @dg.job
    def j():
        a, b = two()
        add(a, b)

    assert j.execute_in_process().output_for_node("add") == 3


def test_multiple_outputs_by_attribute():
    """An invocation's outputs can be taken by name."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two():
        yield dg.Output(1, "a")
        yield dg.Output(5, "b")

    @dg.job
    def j():
        outs = two()
        plus_one(outs.b)

    assert j.execute_in_process().output_for_node("plus_one") == 6


def test_missing_output():
    """A required out that is not yielded fails the step."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two():
        yield dg.Output(1, "a")

    @dg.job
    def j():
        two()

    with pytest.raises(dg.DagsterStepOutputNotFoundError):
        j.execute_in_process()


def test_duplicate_output():
    """Yielding one out twice is an error."""

    @dg.op(out={"a": dg.Out()})
    def two():
        yield dg.Output(1, "a")
        yield dg.Output(2, "a")

    @dg.job
    def j():
        two()

    with pytest.raises(dg.DagsterInvariantViolationError):
        j.execute_in_process()


def test_unknown_output():
    """Yielding an out that was not declared is an error."""

    @dg.op(out={"a": dg.Out()})
    def f():
        yield dg.Output(1, "nope")

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterInvariantViolationError):
        j.execute_in_process()


def test_optional_output_branches():
    """What depends on an out that was not yielded is skipped."""

    @dg.op(out={"left": dg.Out(is_required=False), "right": dg.Out(is_required=False)})
    def branch():
        yield dg.Output(1, "left")

    @dg.op
    def l(x):  # noqa: E743
        return x

    @dg.op
    def r(x):
        return x

    @dg.job
    def j():
        left, right = branch()
        l(left)
        r(right)

    result = j.execute_in_process()
    kinds = {(e.step_key, e.event_type_value) for e in result.all_node_events}

    assert ("l", "STEP_SUCCESS") in kinds
    assert ("r", "STEP_SKIPPED") in kinds


def test_async_op():
    """An op may be a coroutine."""

    @dg.op
    async def f():
        return 2

    @dg.job
    def j():
        plus_one(f())

    assert j.execute_in_process().output_for_node("plus_one") == 3


def test_async_generator_op():
    """An op may be an asynchronous generator."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    async def f():
        yield dg.Output(1, "a")
        yield dg.Output(2, "b")

    @dg.job
    def j():
        f()

    assert j.execute_in_process().output_for_node("f", "b") == 2
