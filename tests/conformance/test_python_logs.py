"""Python's own loggers in runs: managed loggers, levels, in this process and in workers."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.api import dg

NAMES = ("conformance_managed", "conformance_managed.inner", "conformance_other")


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Leave the loggers as they were."""
    yield
    for name in (*NAMES, "dagster.builtin"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@dg.op
def speak(context):
    context.log.debug("context debug")
    context.log.error("context error")
    dg.get_dagster_logger().info("builtin info")
    for name in NAMES:
        logging.getLogger(name).warning("warning of %s", name)
        logging.getLogger(name).info("info of %s", name)


@dg.job
def speaking():
    speak()


@dg.job(executor_def=dg.multiprocess_executor)
def speaking_elsewhere():
    speak()


def said(python_logs: Any, job: Any = speaking) -> list[str]:
    """What a run of the job wrote to its log."""
    with dg.instance_for_test(overrides={"python_logs": python_logs}) as instance:
        if job is speaking:
            result = job.execute_in_process(instance=instance)
        else:
            with dg.execute_job(dg.reconstructable(job), instance) as result:
                pass
        assert result.success
        entries = [entry for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]
        assert {entry.step_key for entry in entries} == {"speak"}
        return [entry.user_message for entry in entries]


def test_only_managed_loggers_are_captured():
    """Messages of a managed logger and of those below it are the run's; others are not."""
    assert said({"managed_python_loggers": ["conformance_managed"]}) == [
        "context debug",
        "context error",
        "builtin info",
        "warning of conformance_managed",
        "warning of conformance_managed.inner",
    ]


def test_without_settings_only_our_own_logger_is_captured():
    """`get_dagster_logger` needs no setting."""
    assert said({}) == ["context debug", "context error", "builtin info"]


def test_the_level_holds_for_every_logger():
    """A level is set on managed loggers, on the built-in one and on `context.log`."""
    assert said({"managed_python_loggers": ["conformance_managed"], "python_log_level": "INFO"}) == [
        "context error",
        "builtin info",
        "warning of conformance_managed",
        "info of conformance_managed",
        "warning of conformance_managed.inner",
        "info of conformance_managed.inner",
    ]


def test_the_root_logger_can_be_managed():
    """ "root" stands for all loggers."""
    found = said({"managed_python_loggers": ["root"], "python_log_level": "ERROR"})
    assert "context error" in found
    assert "context debug" not in found
    assert not [one for one in found if one.startswith("info of")]


def test_workers_capture_as_well():
    """The settings reach the processes of an executor."""
    found = said({"managed_python_loggers": ["conformance_other"]}, speaking_elsewhere)
    assert found[:4] == ["context debug", "context error", "builtin info", "warning of conformance_other"]


def test_the_level_holds_for_a_logger_that_is_got_inside():
    """Asking for our own logger does not undo the level."""

    @dg.op
    def asks():
        for name in (None, "mine"):
            dg.get_dagster_logger(name).info("quiet")
            dg.get_dagster_logger(name).error("loud")

    with dg.instance_for_test(overrides={"python_logs": {"python_log_level": "WARNING"}}) as instance:
        result = dg.GraphDefinition("g", node_defs=[asks]).execute_in_process(instance=instance)
        entries = [entry for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]

    assert [entry.user_message for entry in entries] == ["loud", "loud"]
