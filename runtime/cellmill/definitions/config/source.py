"""Config values that may be read from an environment variable at the start of a run: ``{"env": "NAME"}``."""

from __future__ import annotations

import os
from typing import Any

from cellmill.definitions.config.alternatives import ScalarUnion
from cellmill.definitions.config.config_type import BOOL, INT, STRING
from cellmill.definitions.config.evaluation import PostProcessingError
from cellmill.definitions.config.field import Selector
from cellmill.redaction import learn

#: Texts that mean False; any other text means True.
_FALSE = frozenset({"false", "none", "0", ""})


def read_variable(name: str) -> str:
    """The value of an environment variable; an error that says what to do when it is not set."""
    value = os.environ.get(name)
    learn(value)
    if value is None:
        raise PostProcessingError(
            f'You have attempted to fetch the environment variable "{name}" which is not set. '
            "In order for this execution to succeed it must be set in this environment."
        )
    return value


class _Source(ScalarUnion):
    """A scalar, or the name of the environment variable that holds it."""

    def post_process(self, value: Any) -> Any:
        """The scalar itself, or the variable's value."""
        if not isinstance(value, dict):
            return value
        ((_, name),) = value.items()
        return self.parse(name, read_variable(name))

    def parse(self, name: str, text: str) -> Any:
        """The value that a variable's text stands for."""
        return text


class StringSourceType(_Source):
    """A text, or ``{"env": "NAME"}``."""

    def __init__(self) -> None:
        super().__init__(STRING, Selector({"env": str}), _key="StringSourceType")


class IntSourceType(_Source):
    """A whole number, or ``{"env": "NAME"}``."""

    def __init__(self) -> None:
        super().__init__(INT, Selector({"env": str}), _key="IntSourceType")

    def parse(self, name: str, text: str) -> int:
        """The number that the text is."""
        try:
            return int(text)
        except ValueError:
            raise PostProcessingError(f'Value stored in env variable "{name}" cannot be coerced into an int.') from None


class BoolSourceType(_Source):
    """True or False, or ``{"env": "NAME"}``."""

    def __init__(self) -> None:
        super().__init__(BOOL, Selector({"env": str}), _key="BoolSourceType")

    def parse(self, name: str, text: str) -> bool:
        """False for the words of refusal, True for any other text."""
        return text.strip().lower() not in _FALSE


StringSource = StringSourceType()
IntSource = IntSourceType()
BoolSource = BoolSourceType()
