"""Every error that cellmill raises on purpose, as one tree.

    CellmillError
    ├── DefinitionError              user code, before a run
    │   ├── InvalidDefinitionError
    │   ├── InvalidConfigDefinitionError
    │   ├── InvalidConfigError
    │   ├── InvalidSubsetError
    │   ├── InvalidInvocationError
    │   └── UnresolvableSelectionError …
    ├── ExecutionError               user code, during a run
    ├── StorageError                 the instance, the value store
    ├── ConcurrencyError             a lost lease, a duplicate claim
    └── SecurityError                a refused path, pickle, origin or secret

A class's docstring is its default message and says what to do next.
"""

from __future__ import annotations


class CellmillError(Exception):
    """Something went wrong in cellmill."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message if message is not None else (type(self).__doc__ or "").strip())


class DefinitionError(CellmillError):
    """A definition is wrong; correct the definition that the message names and load it again."""


class InvalidDefinitionError(DefinitionError):
    """A definition cannot be used as it is declared."""


class ExecutionError(CellmillError):
    """User code failed during a run."""


class StorageError(CellmillError):
    """The instance or the value store could not be read or written."""


class ConcurrencyError(CellmillError):
    """Another process owns what this one tried to change."""


class SecurityError(CellmillError):
    """A request was refused because it could cross a boundary that cellmill guards."""


class MissingExtra(CellmillError):
    """An optional library is not installed."""

    def __init__(self, extra: str) -> None:
        self.extra = extra
        super().__init__(f"This needs the optional library {extra!r}: pip install 'cellmill[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str]]:
        return type(self), (self.extra,)
