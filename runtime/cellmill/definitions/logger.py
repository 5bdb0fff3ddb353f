"""Loggers: where the messages of a run go besides its event log."""

from __future__ import annotations

import inspect
import json
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, Self, overload

from cellmill.definitions.config.configurable import AnonymousConfigurableDefinition
from cellmill.definitions.config.field import Field
from cellmill.definitions.config.process import process_config
from cellmill.definitions.config.schema import DefinitionConfigSchema, definition_config_schema
from cellmill.errors import (
    CheckError,
    InvalidConfigError,
    InvalidInvocationError,
    InvariantViolationError,
    ParameterCheckError,
)

LoggerFn = Callable[..., logging.Logger]

#: The root of the loggers that `get_logger` gives.
BUILTIN_LOGGER = "cellmill.builtin"
EPHEMERAL_RUN_ID = "__EPHEMERAL_RUN_ID"
_LEVELS = ("CRITICAL", "DEBUG", "ERROR", "FATAL", "INFO", "WARN", "WARNING")
_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
_TIME = "%Y-%m-%d %H:%M:%S %z"
#: ANSI escapes by level; what is below INFO has the terminal's own colour.
_COLOURS = {logging.INFO: "34", logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "1;31"}


class LoggerDefinition(AnonymousConfigurableDefinition):
    """How a logger is made: a function of the init context that returns a `logging.Logger`.

    Given to a job in `logger_defs`; its messages go there besides the run's event log.

    Args:
        logger_fn: Function of the `InitLoggerContext`.
        config_schema: Schema of the logger's config, in any form that `Field` takes.
        description: What the logger is for.

    Raises:
        ParameterCheckError: where `logger_fn` is no function.
    """

    def __init__(self, logger_fn: LoggerFn, config_schema: Any = None, description: str | None = None) -> None:
        if not callable(logger_fn):
            raise ParameterCheckError(f"logger_fn is a function of the init context; got {logger_fn!r}.")
        self.logger_fn = logger_fn
        self._config_schema = definition_config_schema(config_schema)
        self.description = description

    @property
    def config_schema(self) -> DefinitionConfigSchema:
        """The schema of the logger's config."""
        return self._config_schema

    def copy_for_configured(self, description: str | None, config_schema: Any) -> Self:
        """The same logger with another config schema.

        Args:
            description: What the copy is for; None keeps the description.
            config_schema: The schema of its config.
        """
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made._config_schema = config_schema
        made.description = description if description is not None else self.description
        return made

    def make(self, context: InitLoggerContext) -> logging.Logger:
        """The logger for an init context.

        Args:
            context: What its function may read.
        """
        return self.logger_fn(context)

    def __call__(self, *args: Any, **kwargs: Any) -> logging.Logger:
        if len(args) + len(kwargs) == 0:
            raise InvalidInvocationError(
                "Logger initialization function has context argument, but no context argument was provided when "
                "invoking; give it build_init_logger_context(…)."
            )
        if len(args) + len(kwargs) > 1:
            raise InvalidInvocationError(
                "Initialization of logger received multiple arguments. Only a first positional context parameter "
                "should be provided when invoking."
            )
        name = next(iter(inspect.signature(self.logger_fn).parameters), "init_context")
        if kwargs and name not in kwargs:
            raise InvalidInvocationError(f"Logger initialization expected argument '{name}'.")
        context = args[0] if args else kwargs[name]
        if context is None:
            context = build_init_logger_context()
        if not isinstance(context, InitLoggerContext):
            raise ParameterCheckError(f"A logger is called with an InitLoggerContext or None; got {context!r}.")
        config = self._config_of_call(context)
        return self.logger_fn(InitLoggerContext(config, self, context.job_def, context.run_id))

    def _config_of_call(self, context: InitLoggerContext) -> Any:
        given = {} if context.logger_config is None else {"config": context.logger_config}
        result = process_config({"config": self._config_schema.as_field()}, given)
        if result.success:
            result = self._config_schema.apply(result.value.get("config"))
        if not result.success:
            raise InvalidConfigError("Error in config for logger", result.errors, given)
        return result.value

    def __repr__(self) -> str:
        return f"LoggerDefinition({getattr(self.logger_fn, '__name__', self.logger_fn)!r})"


class InitLoggerContext:
    """What a logger's function may read: its config, the job and the run.

    Made by cellmill; `build_init_logger_context` makes one for a test.

    Args:
        logger_config: The logger's config, checked against its schema.
        logger_def: The definition of the logger that is being made.
        job_def: The job whose run it is for, where there is one.
        run_id: The run's id, where it is known.
    """

    __slots__ = ("_logger_def", "job_def", "logger_config", "run_id")

    def __init__(
        self,
        logger_config: Any = None,
        logger_def: LoggerDefinition | None = None,
        job_def: Any = None,
        run_id: str | None = None,
    ) -> None:
        self.logger_config = logger_config
        self._logger_def = logger_def
        self.job_def = job_def
        self.run_id = run_id

    @property
    def logger_def(self) -> LoggerDefinition | None:
        """The definition of the logger that is being made."""
        return self._logger_def


class UnboundInitLoggerContext(InitLoggerContext):
    """An init context for tests, not yet of any logger."""

    __slots__ = ()

    @property
    def logger_def(self) -> LoggerDefinition | None:
        """An error: the context is not bound to a logger."""
        raise InvariantViolationError("UnboundInitLoggerContext has not been validated against a logger definition.")


def build_init_logger_context(logger_config: Any = None, job_def: Any = None) -> UnboundInitLoggerContext:
    """An init context with what is given, for calling a logger by hand.

    Args:
        logger_config: The logger's config; it is checked when the logger is called.
        job_def: The job that `context.job_def` gives.
    """
    return UnboundInitLoggerContext(logger_config, None, job_def, EPHEMERAL_RUN_ID)


@overload
def logger(config_schema: LoggerFn, description: str | None = None) -> LoggerDefinition: ...


@overload
def logger(config_schema: Any = None, description: str | None = None) -> Callable[[LoggerFn], LoggerDefinition]: ...


def logger(config_schema: Any = None, description: str | None = None) -> Any:
    """A decorator that makes a logger of a function of the init context.

    Args:
        config_schema: Schema of the logger's config, in any form that `Field` takes; or the function, where the
            decorator stands without parentheses.
        description: What the logger is for; None takes the function's docstring.

    Returns:
        A `LoggerDefinition`, or the decorator that makes one.
    """
    if inspect.isfunction(config_schema):
        return _named(LoggerDefinition(config_schema, None, inspect.getdoc(config_schema)))
    return lambda function: _named(
        LoggerDefinition(function, config_schema, description if description is not None else inspect.getdoc(function))
    )


def _named(definition: LoggerDefinition) -> LoggerDefinition:
    definition.__doc__ = definition.logger_fn.__doc__
    return definition


def level_number(level: str | int) -> int:
    """The number of a log level.

    Args:
        level: Its name, in any case, or its number.

    Raises:
        CheckError: for a name that is none.
    """
    if isinstance(level, int):
        return level
    name = level.upper()
    if name not in _LEVELS:
        raise CheckError(f"Bad value for log level {level}: permissible values are {', '.join(map(repr, _LEVELS))}.")
    return int(getattr(logging, name))


class ColouredFormatter(logging.Formatter):
    """Lines with the level's colour around the message, where standard error is a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line = super().formatMessage(record)
        colour = _COLOURS.get(record.levelno)
        return f"\x1b[{colour}m{line}\x1b[0m" if colour and sys.stderr.isatty() else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: the record's fields, and what is known of run and step."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        fields = {key: value for key, value in record.__dict__.items() if key not in {"args", "exc_info", "msg"}}
        fields["msg"] = record.getMessage()
        if record.exc_info:
            fields["exc_text"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str, sort_keys=True)


class StandardErrorHandler(logging.StreamHandler[Any]):
    """Writes to what standard error is at the time of writing, so that captured output gets it too."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record."""
        self.stream = sys.stderr
        super().emit(record)


def _console(context: InitLoggerContext, formatter: logging.Formatter) -> logging.Logger:
    config: Mapping[str, Any] = context.logger_config
    level = level_number(config["log_level"])
    made = logging.Logger(config["name"], level)
    handler = StandardErrorHandler()
    handler.setLevel(level)
    handler.setFormatter(formatter)
    made.addHandler(handler)
    return made


def _console_schema() -> dict[str, Field]:
    return {
        "log_level": Field(str, is_required=False, default_value="INFO", description="The lowest level that is shown."),
        "name": Field(str, is_required=False, default_value="cellmill", description="The name of the logger."),
    }


@logger(config_schema=_console_schema(), description="The default colored console logger.")
def colored_console_logger(init_context: InitLoggerContext) -> logging.Logger:
    """A logger that writes lines to standard error, in colour where that is a terminal.

    Its config: `log_level`, the lowest level that is shown ("INFO"), and `name`, the logger's name ("cellmill").

    Args:
        init_context: What the logger may read: its config.
    """
    return _console(init_context, ColouredFormatter(_FORMAT, _TIME))


@logger(config_schema=_console_schema(), description="A JSON-formatted console logger.")
def json_console_logger(init_context: InitLoggerContext) -> logging.Logger:
    """A logger that writes a JSON object a line to standard error.

    Its config: `log_level`, the lowest level that is shown ("INFO"), and `name`, the logger's name ("cellmill").

    Args:
        init_context: What the logger may read: its config.
    """
    return _console(init_context, JsonFormatter())


def default_loggers() -> dict[str, LoggerDefinition]:
    """The loggers of a job that names none."""
    return {"console": colored_console_logger}


def default_system_loggers(instance: Any = None) -> list[tuple[LoggerDefinition, Mapping[str, object]]]:
    """The loggers of a process that has no job to ask, each with its config.

    Args:
        instance: The instance whose `python_log_level` counts; None, or one without it, means DEBUG.
    """
    name = getattr(instance, "python_log_level", None) or "DEBUG"
    return [(colored_console_logger, {"name": "dagster", "log_level": name})]


def get_logger(name: str | None = None) -> logging.Logger:
    """A logger for code outside of ops: within a run its messages become messages of that run.

    Args:
        name: Name of the logger below cellmill's own; None gives that one.
    """
    own = logging.getLogger(BUILTIN_LOGGER)
    if own.level == logging.NOTSET:  # a run may have set the level of its instance
        own.setLevel(logging.DEBUG)
    return own.getChild(name) if name else own
