"""Which of Python's own loggers belong to the runs of an instance: `[python_logs]` of its workspace's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cellmill.definitions.logger import level_number
from cellmill.errors import CheckError, InvalidInvocationError

_KNOWN = ("managed_python_loggers", "python_log_level")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonLogs:
    """The loggers whose messages become events of the run they are logged in, and the lowest level that is taken."""

    #: Names of loggers; "root" is the root logger.
    managed_python_loggers: tuple[str, ...] = ()
    #: For these loggers, `get_logger()` and `context.log`; None leaves the levels as they are.
    python_log_level: str | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> PythonLogs:
        """Return what a table says.

        Args:
            settings: The table `[python_logs]`.

        Raises:
            InvalidInvocationError: for a setting that there is not, or a level that is none.
        """
        unknown = sorted(settings.keys() - set(_KNOWN))
        if unknown:
            raise InvalidInvocationError(
                f"python_logs has no setting {unknown[0]!r}; it has {' and '.join(_KNOWN)}. Handlers and formatters "
                "belong to a logger of the job: define one with @logger."
            )
        names = settings.get("managed_python_loggers", ())
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise InvalidInvocationError(f"managed_python_loggers of python_logs is a list of names, got {names!r}.")
        level = settings.get("python_log_level")
        if level is not None:
            try:
                level_number(level)
            except CheckError as error:
                raise InvalidInvocationError(f"python_log_level of python_logs: {error}") from error
        return cls(managed_python_loggers=tuple(names), python_log_level=level)
