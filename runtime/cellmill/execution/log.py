"""The loggers of a run, and the capture of messages that code sends to Python's own loggers."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from cellmill.definitions.logger import (
    BUILTIN_LOGGER,
    InitLoggerContext,
    LoggerDefinition,
    default_loggers,
    level_number,
)
from cellmill.definitions.run_config import ResolvedRunConfig


class RecordTaker(Protocol):
    """What takes the records of a run: its log."""

    def handle(self, record: logging.LogRecord) -> None:
        """Take a record."""
        ...


#: The log of the run or step that this thread or task is in.
_CURRENT: ContextVar[RecordTaker | None] = ContextVar("cellmill_current_log", default=None)


def run_loggers(job: Any, config: ResolvedRunConfig, run_id: str | None = None) -> list[logging.Logger]:
    """The loggers that the run config names, or the default ones where it names none."""
    known: dict[str, LoggerDefinition] = dict(job.loggers) or default_loggers()
    if config.loggers:
        return [_made(known[key], value, job, run_id) for key, value in config.loggers.items()]
    # Loggers that a job declares are used only when run config names them.
    settings = {"log_level": "INFO", "name": "cellmill"}
    return [_made(one, settings, job, run_id) for one in default_loggers().values()]


def _made(definition: LoggerDefinition, config: Any, job: Any, run_id: str | None) -> logging.Logger:
    return definition.make(InitLoggerContext(config, definition, job, run_id))


class _ToRun(logging.Handler):
    """Hands records of Python's loggers to the run that they were logged in."""

    def emit(self, record: logging.LogRecord) -> None:
        log = _CURRENT.get()
        if log is None:
            return
        # What handling a record logs in turn must not come back here.
        token = _CURRENT.set(None)
        try:
            log.handle(record)
        finally:
            _CURRENT.reset(token)


@contextmanager
def current_log(log: RecordTaker) -> Generator[None, None, None]:
    """Within the block, captured messages belong to this log."""
    token = _CURRENT.set(log)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def captured_python_logs(
    managed_python_loggers: Iterable[str] = (), python_log_level: str | int | None = None
) -> Generator[None, None, None]:
    """Within the block, messages to these loggers and to those of `get_logger` go to the current log.

    A level, if one is given, is set on the managed loggers for the time of the block; "root" is the root logger.
    """
    handler = _ToRun()
    level = None if python_log_level is None else level_number(python_log_level)
    before: list[tuple[logging.Logger, int]] = []
    names = list(dict.fromkeys([BUILTIN_LOGGER, *managed_python_loggers]))
    loggers = [logging.getLogger(None if name == "root" else name) for name in names]
    for one in loggers:
        before.append((one, one.level))
        if level is not None and one.name != BUILTIN_LOGGER:
            one.setLevel(level)
        elif one.name == BUILTIN_LOGGER and one.level == logging.NOTSET:
            one.setLevel(logging.DEBUG)
        one.addHandler(handler)
    try:
        yield
    finally:
        for one, own_level in before:
            one.removeHandler(handler)
            one.setLevel(own_level)
