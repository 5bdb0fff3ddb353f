"""Which of Python's own loggers belong to the runs of an instance: `[python_logs]` of its workspace's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cellmill.definitions.logger import level_number
from cellmill.errors import CheckError, InvalidConfigError, InvalidInvocationError

_KNOWN = ("dagster_handler_config", "managed_python_loggers", "python_log_level")
_SECTIONS = ("filters", "formatters", "handlers")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonLogs:
    """The loggers whose messages become events of the run they are logged in, and the lowest level that is taken."""

    #: Names of loggers; "root" is the root logger.
    managed_python_loggers: tuple[str, ...] = ()
    #: For these loggers, `get_logger()` and `context.log`; None leaves the levels as they are.
    python_log_level: str | None = None
    #: Handlers that what runs log goes to, with their formatters and filters, in the form of `logging.config`.
    dagster_handler_config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> PythonLogs:
        """Return what a table says.

        Args:
            settings: The table `[python_logs]`.

        Raises:
            InvalidInvocationError: for a setting that there is not, or a level that is none.
            InvalidConfigError: for a description of handlers that has more than handlers, formatters and filters.
        """
        unknown = sorted(settings.keys() - set(_KNOWN))
        if unknown:
            raise InvalidInvocationError(f"python_logs has no setting {unknown[0]!r}; it has {', '.join(_KNOWN)}.")
        names = settings.get("managed_python_loggers", ())
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise InvalidInvocationError(f"managed_python_loggers of python_logs is a list of names, got {names!r}.")
        level = settings.get("python_log_level")
        if level is not None:
            try:
                level_number(level)
            except CheckError as error:
                raise InvalidInvocationError(f"python_log_level of python_logs: {error}") from error
        handlers = _checked_handlers(settings.get("dagster_handler_config", {}))
        return cls(managed_python_loggers=tuple(names), python_log_level=level, dagster_handler_config=handlers)


def _checked_handlers(described: Any) -> Mapping[str, Any]:
    unknown = sorted(described.keys() - set(_SECTIONS)) if isinstance(described, Mapping) else [described]
    if unknown:
        raise InvalidConfigError(
            f"dagster_handler_config of python_logs has {', '.join(_SECTIONS)}, each by name; got {unknown[0]!r}. "
            "Loggers are chosen by managed_python_loggers, or defined with @logger."
        )
    return dict(described)
