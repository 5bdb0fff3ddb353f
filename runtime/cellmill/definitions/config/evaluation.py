"""What checking config finds: where, what is wrong, and what may stand there instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cellmill.errors import CellmillError


class EvaluationErrorReason(StrEnum):
    """What is wrong with a config value."""

    RUNTIME_TYPE_MISMATCH = "RUNTIME_TYPE_MISMATCH"
    MISSING_REQUIRED_FIELD = "MISSING_REQUIRED_FIELD"
    MISSING_REQUIRED_FIELDS = "MISSING_REQUIRED_FIELDS"
    FIELD_NOT_DEFINED = "FIELD_NOT_DEFINED"
    FIELDS_NOT_DEFINED = "FIELDS_NOT_DEFINED"
    SELECTOR_FIELD_ERROR = "SELECTOR_FIELD_ERROR"
    FAILED_POST_PROCESSING = "FAILED_POST_PROCESSING"
    FIELD_ALIAS_COLLISION = "FIELD_ALIAS_COLLISION"


class PostProcessingError(CellmillError):
    """A valid config value could not be turned into the value it stands for."""


@dataclass(frozen=True, slots=True)
class PathEntry:
    """A step into a named field."""

    field_name: str

    def __str__(self) -> str:
        return f":{self.field_name}"


@dataclass(frozen=True, slots=True)
class ListItemEntry:
    """A step into an item of a list."""

    list_index: int

    def __str__(self) -> str:
        return f"[{self.list_index}]"


@dataclass(frozen=True, slots=True)
class MapKeyEntry:
    """A step to a key of a map."""

    map_key: object

    def __str__(self) -> str:
        return f":{self.map_key!r}:key"


@dataclass(frozen=True, slots=True)
class MapValueEntry:
    """A step to the value of a key of a map."""

    map_key: object

    def __str__(self) -> str:
        return f":{self.map_key!r}:value"


StackEntry = PathEntry | ListItemEntry | MapKeyEntry | MapValueEntry
Stack = tuple[StackEntry, ...]


@dataclass(frozen=True, slots=True)
class EvaluationStack:
    """The way from the root of the config to the value that is wrong."""

    entries: Sequence[StackEntry] = ()

    @property
    def levels(self) -> list[str]:
        """The names of the fields on the way."""
        return [entry.field_name for entry in self.entries if isinstance(entry, PathEntry)]

    @property
    def path(self) -> str:
        """The way as text: ``root:ops:load[2]``."""
        return "root" + "".join(map(str, self.entries))


@dataclass(frozen=True, slots=True)
class EvaluationError:
    """One problem: its path, what is wrong, the keys that are allowed there and the nearest of them."""

    stack: EvaluationStack
    reason: EvaluationErrorReason
    message: str
    field_names: Sequence[str] = ()
    allowed: Sequence[str] = ()
    value: Any = None
    suggestions: Sequence[str] = field(default_factory=tuple)

    @property
    def path(self) -> str:
        """The way to the value as text."""
        return self.stack.path


def where(stack: Stack) -> str:
    """The place in words: "at the root", or "at path root:a"."""
    return f"at path {EvaluationStack(stack).path}" if stack else "at the root"


def nearest(names: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """For each name the allowed name it was probably meant to be."""
    pool = list(allowed)
    found: list[str] = []
    for name in names:
        found.extend(difflib.get_close_matches(str(name), pool, n=1))
    return found


@dataclass(frozen=True)
class EvaluateValueResult:
    """The outcome of checking a config value: the value, or every problem."""

    success: bool | None
    value: Any
    errors: list[EvaluationError] | None = None

    @property
    def error(self) -> EvaluationError:
        """The first problem."""
        assert self.errors
        return self.errors[0]

    def errors_at_level(self, *levels: str) -> list[EvaluationError]:
        """The problems whose path has exactly these field names."""
        return [error for error in self.errors or () if error.stack.levels == list(levels)]

    @staticmethod
    def for_error(error: EvaluationError) -> EvaluateValueResult:
        """The outcome with one problem."""
        return EvaluateValueResult(False, None, [error])

    @staticmethod
    def for_errors(errors: list[EvaluationError]) -> EvaluateValueResult:
        """The outcome with these problems."""
        return EvaluateValueResult(False, None, errors)

    @staticmethod
    def for_value(value: Any) -> EvaluateValueResult:
        """The outcome without problems."""
        return EvaluateValueResult(True, value, [])


class Problems(list[EvaluationError]):
    """The problems found so far, with a method for each kind."""

    def mismatch(self, stack: Stack, message: str, value: object = None) -> None:
        """Note a value of the wrong type."""
        self.append(
            EvaluationError(EvaluationStack(stack), EvaluationErrorReason.RUNTIME_TYPE_MISMATCH, message, value=value)
        )

    def missing(self, stack: Stack, names: Sequence[str], examples: dict[str, Any], allowed: Sequence[str]) -> None:
        """Note required fields that were not given."""
        one = len(names) == 1
        self.append(
            EvaluationError(
                EvaluationStack(stack),
                EvaluationErrorReason.MISSING_REQUIRED_FIELD if one else EvaluationErrorReason.MISSING_REQUIRED_FIELDS,
                (
                    f'Missing required config entry "{names[0]}" {where(stack)}. You must provide this value in your '
                    f"run config. Example config for the missing entry: {examples}"
                )
                if one
                else (
                    f"Missing required config entries {list(names)} {where(stack)}. You must provide these values in "
                    f"your run config. Example config for the missing entries: {examples}"
                ),
                field_names=names,
                allowed=allowed,
            )
        )

    def unexpected(self, stack: Stack, names: Sequence[str], label: str, allowed: Sequence[str]) -> None:
        """Note fields that are not defined here."""
        one = len(names) == 1
        near = nearest(names, allowed)
        hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
        expected = f'"{label}"' if one and len(label) <= 600 else f'"{sorted(allowed)}"'
        what = f'entry "{names[0]}"' if one else f'entries "{sorted(map(str, names))}"'
        self.append(
            EvaluationError(
                EvaluationStack(stack),
                EvaluationErrorReason.FIELD_NOT_DEFINED if one else EvaluationErrorReason.FIELDS_NOT_DEFINED,
                f"Received unexpected config {what} {where(stack)}. Expected: {expected}.{hint}",
                field_names=names,
                allowed=allowed,
                suggestions=near,
            )
        )

    def selector(self, stack: Stack, message: str, allowed: Sequence[str]) -> None:
        """Note a choice that was not made, or made more than once."""
        self.append(
            EvaluationError(
                EvaluationStack(stack), EvaluationErrorReason.SELECTOR_FIELD_ERROR, message, allowed=allowed
            )
        )

    def post_processing(self, stack: Stack, value: object, error: BaseException) -> None:
        """Note a value that could not be turned into what it stands for."""
        self.append(
            EvaluationError(
                EvaluationStack(stack),
                EvaluationErrorReason.FAILED_POST_PROCESSING,
                f"Post processing {where(stack)} of original value {value} failed:\n{type(error).__name__}: {error}",
                value=value,
            )
        )

    def collision(self, stack: Stack, message: str) -> None:
        """Note a field given under its name and under its alias."""
        self.append(EvaluationError(EvaluationStack(stack), EvaluationErrorReason.FIELD_ALIAS_COLLISION, message))
