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


class Keeping(logging.Handler):
    """A handler that keeps what it is given."""

    said: list[str] = []

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.mark = mark

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.said.append(self.mark + self.format(record))


class Severe(logging.Filter):
    """A filter by level."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least = least

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is severe enough."""
        return record.levelno >= self.least


def test_handlers_of_the_instance_get_what_runs_log():
    """Handlers, formatters and filters are described as in `logging.config`."""
    Keeping.said.clear()
    handlers = {
        "all": {"()": f"{__name__}.Keeping", "mark": "1 ", "level": "INFO", "formatter": "own"},
        "some": {"()": f"{__name__}.Keeping", "mark": "2 ", "level": "INFO", "filters": ["severe"]},
    }
    described = {
        "handlers": handlers,
        "formatters": {"own": {"format": "formatted %(message)s"}},
        "filters": {"severe": {"()": f"{__name__}.Severe", "least": logging.ERROR}},
    }
    before = list(logging.getLogger().handlers)
    said({"dagster_handler_config": described})
    by_user = [line for line in Keeping.said if " - speak - context" in line or "builtin" in line]

    assert [line for line in by_user if line.startswith("1 formatted ") and line.endswith("context error")]
    assert [line for line in by_user if line.startswith("1 formatted ") and line.endswith("builtin info")]
    assert [line[:2] for line in by_user if line.endswith("context error")].count("2 ") == 1
    assert not [line for line in by_user if line.startswith("2 ") and line.endswith("info")]
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize("described", [{"loggers": {"a": {"level": "INFO"}}}, {"handlers": {"a": {"level": "INFO"}}}])
def test_handlers_that_cannot_be_are_refused(described: Any):
    """Loggers are not described here, and a handler says what it is."""
    with pytest.raises(Exception):  # noqa: B017
        said({"dagster_handler_config": described})
