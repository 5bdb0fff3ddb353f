"""Loggers: definitions, direct calls, the console loggers, and messages within runs."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from cellmill.definitions.job_decorator import job
from cellmill.definitions.logger import (
    InitLoggerContext,
    LoggerDefinition,
    build_init_logger_context,
    colored_console_logger,
    default_loggers,
    get_logger,
    json_console_logger,
    level_number,
    logger,
)
from cellmill.definitions.op import op
from cellmill.errors import (
    CheckError,
    InvalidConfigError,
    InvalidInvocationError,
    InvariantViolationError,
    ParameterCheckError,
)
from cellmill.execution.log import captured_python_logs, current_log

RECORDS: list[logging.LogRecord] = []


class Keeping(logging.Handler):
    """Keeps the records."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        RECORDS.append(record)


@pytest.fixture(autouse=True)
def _no_records() -> None:
    RECORDS.clear()


@logger
def keeping(init_context: InitLoggerContext) -> logging.Logger:
    """A logger that keeps records."""
    made = logging.Logger("keeping", logging.DEBUG)
    made.addHandler(Keeping())
    return made


@logger({"a": int}, description="described")
def configurable(init_context: InitLoggerContext) -> Any:
    """A logger with config."""
    return init_context.logger_config


def test_a_logger_is_called_with_a_context() -> None:
    """Config is checked and resolved."""
    assert configurable(build_init_logger_context(logger_config={"a": 1})) == {"a": 1}
    assert configurable(init_context=build_init_logger_context(logger_config={"a": 1})) == {"a": 1}
    assert keeping(None).name == "keeping"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: configurable(), InvalidInvocationError),
        (lambda: configurable(1, 2), InvalidInvocationError),
        (lambda: configurable(ctx=None), InvalidInvocationError),
        (lambda: configurable(3), ParameterCheckError),
        (lambda: configurable(None), InvalidConfigError),
        (lambda: configurable(build_init_logger_context(logger_config={"a": "x"})), InvalidConfigError),
        (lambda: LoggerDefinition(3), ParameterCheckError),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_call_is_an_error(call: Any, error: type[Exception]) -> None:
    """A call without what the logger needs is refused."""
    with pytest.raises(error):
        call()


def test_a_built_context_has_config_and_no_definition() -> None:
    """The context for tests is not bound to a logger."""
    context = build_init_logger_context(logger_config=3)

    assert (context.logger_config, context.job_def) == (3, None)
    with pytest.raises(InvariantViolationError):
        _ = context.logger_def


def test_the_console_logger_writes_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages of the level or above go to standard error."""
    made = colored_console_logger(build_init_logger_context(logger_config={"log_level": "warning", "name": "n"}))
    made.info("quiet")
    made.warning("loud")

    err = capsys.readouterr().err
    assert "n - WARNING - loud" in err
    assert "quiet" not in err


def test_the_json_logger_writes_objects(capsys: pytest.CaptureFixture[str]) -> None:
    """Each message is one JSON object with its fields."""
    made = json_console_logger(build_init_logger_context(logger_config={}))
    made.info("hello %s", "x", extra={"row_count": 3})

    line = json.loads(capsys.readouterr().err)
    assert (line["msg"], line["levelname"], line["row_count"]) == ("hello x", "INFO", 3)


def test_an_unknown_level_is_refused() -> None:
    """The error lists the levels."""
    with pytest.raises(CheckError, match="'DEBUG'"):
        colored_console_logger(build_init_logger_context(logger_config={"log_level": "LOUD"}))
    assert level_number("debug") == 10


def test_the_default_loggers_are_the_console() -> None:
    """A job without loggers writes to the console."""
    assert default_loggers() == {"console": colored_console_logger}


def test_messages_of_ops_reach_the_loggers_that_config_names() -> None:
    """A record carries run, job and step, the message as written and the caller's own fields."""

    @op
    def talks(context: Any) -> None:
        context.log.info("hello %s", "x", extra={"rows": 3})
        context.log.log("WARNING", "by name")
        get_logger("mine").error("outside")

    @job(logger_defs={"keeping": keeping})
    def talking() -> None:
        talks()

    result = talking.execute_in_process(run_config={"loggers": {"keeping": {}}})

    assert result.success
    by_message = {record.orig_message: record for record in RECORDS if hasattr(record, "orig_message")}
    hello = by_message["hello x"]
    meta = hello.dagster_meta  # type: ignore[attr-defined]
    assert (meta["run_id"], meta["job_name"], meta["step_key"]) == (result.run_id, "talking", "talks")
    assert hello.rows == 3  # type: ignore[attr-defined]
    assert by_message["by name"].levelno == logging.WARNING
    assert by_message["outside"].levelno == logging.ERROR


def test_a_declared_logger_is_used_only_when_config_names_it() -> None:
    """Without config the default loggers are used."""

    @op
    def talks(context: Any) -> None:
        context.log.info("hello")

    @job(logger_defs={"keeping": keeping})
    def talking() -> None:
        talks()

    assert talking.execute_in_process().success
    assert RECORDS == []


class Taker:
    """A log that keeps messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def handle(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.messages.append(record.getMessage())


def test_managed_loggers_go_to_the_current_log() -> None:
    """Messages of named loggers belong to the log that is current, only within the block, at the level given."""
    taker = Taker()
    with captured_python_logs(["cellmill_test_managed"], "INFO"), current_log(taker):
        logging.getLogger("cellmill_test_managed").info("one")
        logging.getLogger("cellmill_test_managed").debug("below")
        logging.getLogger("cellmill_test_managed.child").warning("two")
        logging.getLogger("cellmill_test_other").warning("other")
        get_logger().debug("below")
        get_logger().info("three")
    logging.getLogger("cellmill_test_managed").warning("after")

    assert taker.messages == ["one", "two", "three"]
    assert logging.getLogger("cellmill_test_managed").level == logging.NOTSET


def test_without_a_current_log_nothing_is_captured() -> None:
    """Outside of steps messages go where Python's logging sends them."""
    taker = Taker()
    with captured_python_logs(["cellmill_test_managed"]):
        logging.getLogger("cellmill_test_managed").warning("before")

    assert taker.messages == []


def test_a_record_that_comes_by_two_managed_loggers_is_taken_once() -> None:
    """Where a logger and the root are both managed, a message is still one message."""
    taker = Taker()
    with captured_python_logs(["root", "cellmill_test_managed"]), current_log(taker):
        logging.getLogger("cellmill_test_managed").warning("one")

    assert taker.messages == ["one"]
