"""References to environment variables that are read when a run starts, not when code is loaded."""

from __future__ import annotations

import os
from typing import Any, overload

from cellmill.redaction import learn


class EnvVar(str):
    """The name of an environment variable whose value is looked up at the start of a run and never shown.

    `EnvVar("NAME")` stands for a text in config and in fields of resources, `EnvVar.int("NAME")` for a whole number;
    `get_value()` reads it at once.

    Args:
        name: Name of the variable.
    """

    @classmethod
    def int(cls, name: str) -> IntEnvVar:
        """Return a reference to a variable that holds a whole number.

        Args:
            name: Name of the variable.
        """
        return IntEnvVar.create(name)

    def __new__(cls, name: str) -> EnvVar:
        return super().__new__(cls, name)

    @property
    def env_var_name(self) -> str:
        """The name of the variable."""
        return super().__str__()

    def as_config_default(self) -> dict[str, str]:
        """The form this reference has in config."""
        return {"env": self.env_var_name}

    @overload
    def get_value(self, default: str) -> str: ...

    @overload
    def get_value(self, default: None = None) -> str | None: ...

    def get_value(self, default: str | None = None) -> str | None:
        """Return the value of the variable now.

        Args:
            default: What is returned where the variable is not set.
        """
        found = os.environ.get(self.env_var_name, default)
        learn(found)
        return found

    def __str__(self) -> str:
        raise RuntimeError(
            f'Attempted to directly retrieve environment variable EnvVar("{self.env_var_name}"). It is resolved '
            "at run time, and should only be used as config or as a resource's field; "
            f'to read the value now use EnvVar("{self.env_var_name}").get_value() or os.environ.'
        )

    def __repr__(self) -> str:
        return f"EnvVar({super().__repr__()})"

    def __eq__(self, other: object) -> bool:
        return type(other) is EnvVar and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> Any:
        return str.__hash__(self)


class IntEnvVar(int):
    """The name of an environment variable that holds a whole number; made by `EnvVar.int`."""

    name: str

    @classmethod
    def create(cls, name: str) -> IntEnvVar:
        """The reference to the variable of this name."""
        var = IntEnvVar(0)
        var.name = name
        return var

    @property
    def env_var_name(self) -> str:
        """The name of the variable."""
        return self.name

    def as_config_default(self) -> dict[str, str]:
        """The form this reference has in config."""
        return {"env": self.name}

    def get_value(self, default: int | None = None) -> int | None:
        """The value of the variable now, or the default."""
        raw = os.environ.get(self.name)
        return default if raw is None else int(raw)

    def __int__(self) -> int:
        raise RuntimeError(
            f'Attempted to directly retrieve environment variable EnvVar.int("{self.name}"). It is resolved '
            "at run time, and should only be used as config or as a resource's field."
        )

    def __str__(self) -> str:
        return str(self.__int__())

    def __repr__(self) -> str:
        return f"EnvVar.int({self.name!r})"


def is_env_var(value: object) -> bool:
    """Whether a value refers to an environment variable."""
    return isinstance(value, (EnvVar, IntEnvVar))
