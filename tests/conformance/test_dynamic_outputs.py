"""Dynamic outputs: map, collect, keys, and what may not be nested."""

import pytest

from tests.conformance.api import dg


@dg.op
def plus_one(x):
    return x + 1


def test_dynamic_map_collect():
    """Dynamic outputs map over ops and are collected again."""

    @dg.op(out=dg.DynamicOut())
    def pieces():
        for i in range(3):
            yield dg.DynamicOutput(i, mapping_key=str(i))

    @dg.op
    def total(xs):
        return sum(xs)

    @dg.job
    def j():
        total(pieces().map(plus_one).collect())

    result = j.execute_in_process()

    assert result.output_for_node("total") == 6
    assert result.output_for_node("plus_one") == {"0": 1, "1": 2, "2": 3}
    assert {e.step_key for e in result.all_node_events if e.is_step_success} >= {"plus_one[0]", "plus_one[2]"}


def test_dynamic_duplicate_mapping_key():
    """A mapping key can be used once."""

    @dg.op(out=dg.DynamicOut())
    def pieces():
        yield dg.DynamicOutput(1, mapping_key="a")
        yield dg.DynamicOutput(2, mapping_key="a")

    @dg.job
    def j():
        pieces().map(plus_one)

    with pytest.raises(dg.DagsterInvariantViolationError):
        j.execute_in_process()


def test_dynamic_under_dynamic_is_refused():
    """A dynamic out below a dynamic out is a definition error."""

    @dg.op(out=dg.DynamicOut())
    def pieces():
        yield dg.DynamicOutput(1, "a")

    @dg.op(out=dg.DynamicOut())
    def more(x):
        yield dg.DynamicOutput(x, "b")

    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            pieces().map(lambda x: more(x).map(plus_one))


def test_dynamic_empty():
    """No dynamic outputs: the mapped ops do not run, collect gives an empty list."""

    @dg.op(out=dg.DynamicOut(is_required=False))
    def pieces():
        if False:
            yield dg.DynamicOutput(1, "a")

    @dg.op
    def total(xs):
        return len(xs)

    @dg.job
    def j():
        total(pieces().map(plus_one).collect())

    assert j.execute_in_process().success


def test_invalid_mapping_key():
    """Mapping keys are letters, digits and underscores."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.DynamicOutput(1, mapping_key="not ok!")


def test_mapped_steps_start_in_the_order_of_their_outputs():
    """Each dynamic output's step starts when those before it have started, whatever their keys are."""
    seen = []

    @dg.op(out=dg.DynamicOut())
    def parts():
        for number in range(12):
            yield dg.DynamicOutput(number, mapping_key=f"part_{11 - number}")

    @dg.op
    def one(number):
        seen.append(number)
        return number

    @dg.job
    def mapped():
        parts().map(one)

    mapped.execute_in_process()
    assert seen == list(range(12))
