"""Automation conditions on an instance."""

import pytest

from tests.conformance.api import dg


def requested(assets, instance, **kwargs):
    result = dg.evaluate_automation_conditions(dg.Definitions(assets=assets), instance=instance, **kwargs)
    return result, result.total_requested


def test_eager():
    """`eager` asks for an asset when an upstream was updated, once."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def up():
        return 1

    @dg.asset(automation_condition=dg.AutomationCondition.eager())
    def down(up):
        return up

    result, n = requested([up, down], instance)
    assert n == 0
    dg.materialize_to_memory([up], instance=instance)
    result, n = requested([up, down], instance, cursor=result.cursor)
    assert n == 1
    result, n = requested([up, down], instance, cursor=result.cursor)
    assert n == 0


def test_condition_operators():
    """Conditions combine."""
    condition = (dg.AutomationCondition.missing() & ~dg.AutomationCondition.in_progress()) | (
        dg.AutomationCondition.code_version_changed()
    )

    instance = dg.DagsterInstance.ephemeral()

    @dg.asset(automation_condition=condition)
    def x():
        return 1

    assert requested([x], instance)[1] == 1


def test_on_cron_needs_a_valid_cron():
    """A cron that cannot be read is refused."""
    with pytest.raises(Exception):  # noqa: B017
        dg.AutomationCondition.on_cron("nonsense")
