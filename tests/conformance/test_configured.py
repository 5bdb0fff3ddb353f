"""Definitions with config bound ahead."""

import pytest

from tests.conformance.api import dg


def test_configured_chain():
    """Partial application can be repeated."""

    @dg.op(config_schema={"a": int, "b": int})
    def takes(context):
        return context.op_config

    @dg.configured(takes, config_schema={"b": int})
    def half(config):
        return {"a": 1, "b": config["b"]}

    whole = half.configured({"b": 2}, name="whole")

    @dg.job
    def j():
        whole()

    assert j.execute_in_process().output_for_node("whole") == {"a": 1, "b": 2}


def test_configured_needs_a_name():
    """A configured op has a name of its own."""

    @dg.op(config_schema=int)
    def takes(context):
        pass

    with pytest.raises(Exception, match=r".+"):
        takes.configured(5)


def test_configured_bad_config():
    """What is bound is checked."""

    @dg.op(config_schema=int)
    def takes(context):
        return context.op_config

    bound = takes.configured("x", name="bound")

    @dg.job
    def j():
        bound()

    with pytest.raises(dg.DagsterInvalidConfigError):
        j.execute_in_process()
