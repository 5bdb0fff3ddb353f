"""The log of a run: what user code writes by `context.log`."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cellmill.definitions.logger import level_number
from cellmill.execution.log import TAKEN
from cellmill.planning.event import ErrorInfo, Event, EventType, LogMessageData

Emit = Callable[[Event], None]

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", TAKEN}


class LogManager(logging.Logger):
    """A logger whose messages become events of the run and go to the run's loggers too; it is `context.log`.

    Made by cellmill.

    Args:
        emit: Records an event; None records nothing.
        run_id: The run.
        job_name: The job.
        step_key: The step that logs; None for the run itself.
        loggers: The run's loggers, such as the console.
        level: The lowest level that is taken.
        tags: The run's tags, which loggers find with each message.
    """

    def __init__(
        self,
        emit: Emit | None,
        run_id: str = "",
        job_name: str = "",
        step_key: str | None = None,
        loggers: Sequence[logging.Logger] = (),
        level: int = logging.DEBUG,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("cellmill", level)
        self._emit = emit
        self.run_id = run_id
        self.job_name = job_name
        self.step_key = step_key
        self.loggers = loggers
        self.run_tags = tags or {}

    def log(self, level: int | str, msg: object, *args: object, **kwargs: Any) -> None:
        """Log at a level given by number or by name.

        Args:
            level: The level: a number, or a name such as `"INFO"`.
            msg: The message, with `%s` for the arguments.
            args: Arguments of the message.
            kwargs: As of `logging.Logger.log`; fields of `extra` are kept with the event.
        """
        super().log(level_number(level), msg, *args, **kwargs)

    def for_step(self, step_key: str | None) -> LogManager:
        """Return the same log for a step.

        Args:
            step_key: The step; None is the run itself.
        """
        made = object.__new__(LogManager)
        # A step's log differs from its run's by one word; a Logger's own `__init__` takes longer than a small step.
        made.__dict__ = {**self.__dict__, "step_key": step_key, "handlers": [], "filters": [], "_cache": {}}
        return made

    def handle(self, record: logging.LogRecord) -> None:
        """Record a message as an event and pass it on.

        Args:
            record: The message, as Python's logging makes it.
        """
        fields = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        message = record.getMessage()
        if self._emit is not None:
            error = ErrorInfo.of(record.exc_info[1]) if record.exc_info and record.exc_info[1] else None
            self._emit(
                Event(
                    EventType.LOG,
                    self.run_id,
                    time.time(),
                    self.step_key,
                    message,
                    record.levelno,
                    data=LogMessageData(fields, record.name, error) if fields or error else None,
                    job_name=self.job_name,
                )
            )
        self.pass_on(record, message)

    def follow(self, event: Event) -> None:
        """Hand an event of the run to its loggers, as a message at the event's level.

        Args:
            event: The event.
        """
        if event.type is not EventType.LOG:
            message = event.message or ""
            record = logging.LogRecord(self.name, event.level, "", 0, message, (), None)
            self.for_step(event.step_key).pass_on(record, message, event.type)

    def pass_on(self, record: logging.LogRecord, message: str, kind: EventType | None = None) -> None:
        """Hand a record to the loggers of the run.

        Args:
            record: The record.
            message: Its text, with the arguments filled in.
            kind: The kind of event that it stands for; None for a message of user code.
        """
        if not self.loggers:
            return
        pid = None if kind is None else str(os.getpid())
        parts = (self.job_name, self.run_id, pid, self.step_key, None if kind is None else kind.name)
        where = " - ".join(part for part in parts if part)
        for logger in self.loggers:
            if logger.isEnabledFor(record.levelno):
                extra = {
                    **{k: v for k, v in record.__dict__.items() if k not in _STANDARD},
                    "dagster_meta": {**self._meta(), "orig_message": message, "log_timestamp": record.created},
                }
                made = logger.makeRecord(
                    logger.name, record.levelno, record.pathname, record.lineno, f"{where} - {message}", (),
                    record.exc_info, record.funcName, extra,
                )  # fmt: skip
                made.orig_message = message
                logger.handle(made)

    def _meta(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "job_name": self.job_name,
            "step_key": self.step_key,
            "op_name": self.step_key.rpartition(".")[2].partition("[")[0] if self.step_key else None,
            "job_tags": dict(self.run_tags),
        }

    def log_dagster_event(self, level: int, msg: str, dagster_event: Event) -> None:
        """Record an event.

        Args:
            level: Taken for the sake of code written for Dagster; the event's own level counts.
            msg: Taken for the sake of code written for Dagster; the event's own message counts.
            dagster_event: The event.
        """
        if self._emit is not None:
            self._emit(dagster_event)


#: Made once: a formatter checks its pattern by formatting it, and each run has a console of its own.
_CONSOLE = logging.Formatter("%(asctime)s - cellmill - %(levelname)s - %(message)s", "%Y-%m-%d %H:%M:%S")


def log_level(instance: Any) -> int:
    """Return the lowest level that `context.log` takes in runs of an instance (None: in no instance)."""
    level = None if instance is None else instance.python_log_level
    return logging.DEBUG if level is None else level_number(level)


def console_logger() -> logging.Logger:
    """Return the logger that writes messages of user code to standard error."""
    logger = logging.Logger("cellmill.console", logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_CONSOLE)
    logger.addHandler(handler)
    return logger
