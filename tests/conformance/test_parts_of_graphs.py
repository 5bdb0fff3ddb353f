"""Inputs of graphs by what they feed, and parts of graphs that are run alone."""

from datetime import datetime
from typing import Any

import pytest

from tests.conformance.api import dg


@dg.op(ins={"after": dg.In(dg.Nothing)})
def waits(): ...


@dg.op
def taken(value):
    return value


@dg.op
def summed(values: list[int]) -> int:
    return sum(values)


@dg.op
def doubled(value: int) -> int:
    return value * 2


def test_an_input_that_feeds_nothing_alone_is_nothing():
    """Annotated with Any or not; where another op takes a value it is a value."""

    @dg.graph
    def waiting(start: Any):
        waits(start)

    assert waiting.input_defs[0].dagster_type.is_nothing
    assert waiting.execute_in_process().success

    @dg.graph
    def mixed(start):
        waits(start)
        taken(start)

    assert not mixed.input_defs[0].dagster_type.is_nothing
    with pytest.raises(dg.DagsterInvalidConfigError):
        mixed.execute_in_process()
    assert mixed.execute_in_process(run_config={"inputs": {"start": {"value": 1}}}).success


def test_an_input_of_a_list_has_the_type_of_its_values():
    """And is loaded by it, one value after the other."""

    @dg.graph(out={"sum": dg.GraphOut(), "double": dg.GraphOut()})
    def both(number, other):
        return {"sum": summed([number, other]), "double": doubled(number)}

    assert [one.dagster_type.typing_type for one in both.input_defs] == [int, int]
    result = both.execute_in_process(run_config={"inputs": {"number": {"value": 5}, "other": {"value": 2}}})
    assert result.output_value("sum") == 7
    assert result.output_value("double") == 10


# -- parts ----------------------------------------------------------------------------------------------------------


@dg.op
def today() -> datetime:
    return datetime(2024, 1, 1)


@dg.op
def shown(day: datetime) -> str:
    return str(day)


def test_a_part_whose_input_nothing_can_give_is_refused():
    """When it is selected, not when it runs."""

    @dg.graph
    def days():
        shown(today())

    with pytest.raises(dg.DagsterInvalidSubsetError, match="cannot run"):
        days.execute_in_process(op_selection=["shown"])
    with pytest.raises(dg.DagsterInvalidSubsetError, match="cannot run"):
        days.to_job(op_selection=["shown"])


def test_a_part_of_an_inner_graph_must_give_what_is_read():
    """Where a selected node reads the graph's output."""

    @dg.op
    def one():
        return 1

    @dg.graph
    def inner():
        return taken.alias("last")(taken.alias("first")(one()))

    @dg.graph
    def outer():
        taken(inner())

    with pytest.raises(dg.DagsterInvalidSubsetError, match="part of the graph 'inner' that does not give its output"):
        outer.execute_in_process(op_selection=["inner.one", "taken"])
    assert outer.execute_in_process(op_selection=["inner.one", "inner.first"]).success


def test_config_that_a_mapping_makes_for_unselected_ops_is_passed_over():
    """Of the job's own graph and of one within it."""

    @dg.op(config_schema=str)
    def word(context):
        return context.op_config

    @dg.op(config_schema=str)
    def twice(context, text):
        return text + context.op_config

    @dg.graph(
        config=dg.ConfigMapping(
            config_fn=lambda given: {"word": {"config": given}, "twice": {"config": given}}, config_schema=str
        )
    )
    def inner():
        twice(word())

    @dg.graph(config=dg.ConfigMapping(config_fn=lambda given: {"inner": {"config": given}}, config_schema=str))
    def outer():
        inner()

    result = outer.to_job().execute_in_process(op_selection=["inner.word"], run_config={"ops": {"config": "so"}})
    assert result.output_for_node("inner.word") == "so"
    assert [one.step_key for one in result.get_step_success_events()] == ["inner.word"]
