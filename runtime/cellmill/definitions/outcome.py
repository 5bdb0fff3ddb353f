"""What a body says of its work beside its values: failures, another try, checks of types, expectations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellmill.definitions.output import (
    checked_metadata,
    normalized,
)
from cellmill.errors import CellmillError, CheckError


class ExpectationResult:
    """Whether the data was as expected.

    Yielded by an op; recorded and shown, it changes nothing about the run. Asset checks are the newer way.

    Args:
        success: Whether it was.
        label: A short name of what was expected; None: "result" or "failed".
        description: Text shown with it.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        metadata_entries: Accepted for code written for old versions of Dagster and ignored; use `metadata`.

    Raises:
        CheckError: where `success` is no `bool`.
    """

    __slots__ = ("description", "label", "metadata", "success")

    def __init__(
        self,
        success: bool,
        label: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        metadata_entries: object = None,
    ) -> None:
        if not isinstance(success, bool):
            raise CheckError(f"success of an ExpectationResult is a bool; got {type(success).__name__}.")
        self.success = success
        self.label = label if label is not None else ("result" if success else "failed")
        self.description = description
        self.metadata = checked_metadata(metadata, "an ExpectationResult")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExpectationResult) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __repr__(self) -> str:
        return f"ExpectationResult(success={self.success}, label={self.label!r})"


class TypeCheck:
    """Whether a value has its declared type, and why not.

    Returned by the check function of a `DagsterType`.

    Args:
        success: Whether the value is of the type; if not, the step fails.
        description: What is wrong with it, or worth knowing of it.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        metadata_entries: Accepted for code written for old versions of Dagster and ignored; use `metadata`.

    Raises:
        CheckError: where `success` is no `bool`.
    """

    __slots__ = ("description", "metadata", "success")

    def __init__(
        self,
        success: bool,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        metadata_entries: object = None,
    ) -> None:
        if not isinstance(success, bool):
            raise CheckError(f"success of a TypeCheck is a bool; got {type(success).__name__}.")
        self.success = success
        self.description = description
        self.metadata = checked_metadata(metadata, "a TypeCheck")

    def __repr__(self) -> str:
        return f"TypeCheck(success={self.success}, description={self.description!r})"


class Failure(CellmillError):
    """The step failed; raise it to give the reason as text and metadata.

    Args:
        description: The reason.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        metadata_entries: Accepted for code written for old versions of Dagster and ignored; use `metadata`.
        allow_retries: Whether the retry policy still applies; None means that it does.
    """

    def __init__(
        self,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        metadata_entries: object = None,
        allow_retries: bool | None = None,
    ) -> None:
        super().__init__(description if description is not None else "")
        self.description = description
        self.metadata = normalized(checked_metadata(metadata, "a Failure"))
        self.allow_retries = True if allow_retries is None else allow_retries

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade_failure, (self.description, self.metadata, self.allow_retries)


def _remade_failure(description: str | None, metadata: Mapping[str, Any], allow_retries: bool) -> Failure:
    failure = Failure(description, allow_retries=allow_retries)
    failure.metadata = metadata
    return failure


class RetryRequested(CellmillError):
    """The step asked to be run again; raise it in an op or asset.

    Args:
        max_retries: How often the step is run again at most, whatever its retry policy says; None means once.
        seconds_to_wait: Seconds until then; None means at once.

    Raises:
        CheckError: where `max_retries` is no whole number.
    """

    def __init__(self, max_retries: int | None = 1, seconds_to_wait: float | None = None) -> None:
        super().__init__()
        if max_retries is not None and (isinstance(max_retries, bool) or not isinstance(max_retries, int)):
            raise CheckError(f"max_retries is an int; got {max_retries!r}.")
        self.max_retries = 1 if max_retries is None else max_retries
        self.seconds_to_wait = seconds_to_wait

    def __reduce__(self) -> tuple[Any, ...]:
        return RetryRequested, (self.max_retries, self.seconds_to_wait)


class HookExecutionResult:
    """Whether a hook ran, or chose not to.

    Args:
        hook_name: Name of the hook.
        is_skipped: Whether it chose not to run; None means that it ran.
    """

    __slots__ = ("hook_name", "is_skipped")

    def __init__(self, hook_name: str, is_skipped: bool | None = None) -> None:
        self.hook_name = hook_name
        self.is_skipped = bool(is_skipped)
