"""The capture of messages that code within a run sends to Python's own loggers."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Protocol

from cellmill.definitions.logger import BUILTIN_LOGGER, level_number


class RecordTaker(Protocol):
    """What takes the records of a run: its log."""

    def handle(self, record: logging.LogRecord) -> None:
        """Take a record."""
        ...


#: The log of the run or step that this thread or task is in.
_CURRENT: ContextVar[RecordTaker | None] = ContextVar("cellmill_current_log", default=None)


#: Where a record keeps the log that took it.
TAKEN = "cellmill_log"


class _ToRun(logging.Handler):
    """Hands records of Python's loggers to the run that they were logged in."""

    def emit(self, record: logging.LogRecord) -> None:
        log = _CURRENT.get()
        if log is None or record.__dict__.get(TAKEN) is log:
            return
        # A logger and its parents may all be managed, and hand on the same record.
        record.__dict__[TAKEN] = log
        # What handling a record logs in turn must not come back here.
        token = _CURRENT.set(None)
        try:
            log.handle(record)
        finally:
            _CURRENT.reset(token)


def enter_log(log: RecordTaker) -> Token[RecordTaker | None]:
    """From now on captured messages belong to this log; give the result to `leave_log`."""
    return _CURRENT.set(log)


def leave_log(token: Token[RecordTaker | None]) -> None:
    """Captured messages belong again to the log before."""
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

    A level, if one is given, is set on all of them for the time of the block; "root" is the root logger.
    """
    handler = _ToRun()
    level = None if python_log_level is None else level_number(python_log_level)
    before: list[tuple[logging.Logger, int]] = []
    names = list(dict.fromkeys([BUILTIN_LOGGER, *managed_python_loggers]))
    loggers = [logging.getLogger(None if name == "root" else name) for name in names]
    for one in loggers:
        before.append((one, one.level))
        if level is not None:
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
