"""Every error that cellmill raises on purpose, as one tree.

    CellmillError
    ├── DefinitionError              user code, before a run
    │   ├── InvalidDefinitionError
    │   ├── InvalidConfigDefinitionError
    │   ├── InvalidConfigError
    │   ├── InvalidSubsetError
    │   ├── InvalidInvocationError
    │   └── UnresolvableSelectionError …
    ├── InvariantViolationError      an API was asked for what it cannot have here
    │   ├── CheckError
    │   └── InvalidMetadataError
    ├── ExecutionError               user code, during a run
    ├── StorageError                 the instance, the value store
    │   ├── StorageBusyError
    │   ├── StorageLocationError
    │   ├── SchemaVersionError
    │   ├── RunNotFoundError
    │   ├── DuplicateRunError
    │   ├── ValueNotFoundError
    │   ├── ValueCorruptError
    │   └── ValueTypeError
    ├── ConcurrencyError             a lost lease, a duplicate claim
    │   ├── LeaseLostError
    │   └── RunFinishedError
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


class InvariantViolationError(CellmillError):
    """Something was asked for that is not there in this place."""


class CheckError(InvariantViolationError):
    """An argument or a state is not what the call requires."""


class InvalidMetadataError(InvariantViolationError):
    """Metadata cannot be recorded as it is given."""


class InvalidInvocationError(DefinitionError):
    """A definition was called in a way it does not allow; the message names the arguments it takes."""


class InvalidSubsetError(DefinitionError):
    """A selection names something that does not exist; check its spelling."""


class InvalidAssetSelectionError(DefinitionError):
    """A selection of assets cannot be understood; correct it at the place that the message points at."""


class ExecutionError(CellmillError):
    """User code failed during a run."""


class StorageError(CellmillError):
    """The instance or the value store could not be read or written."""


class StorageBusyError(StorageError):
    """The instance's database stayed locked for too long; look for a process that holds a transaction open."""


class StorageLocationError(StorageError):
    """The instance cannot be kept here; set CELLMILL_HOME to a writable folder on a local disk."""


class SchemaVersionError(StorageError):
    """The instance was written by another version of cellmill; run `cellmill instance migrate`, or upgrade cellmill."""


class RunNotFoundError(StorageError):
    """The instance knows no run with this id; `cellmill runs list` shows those it knows."""


class DuplicateRunError(StorageError):
    """The instance already holds a run with this id; leave the id out to have a new one made."""


class ValueNotFoundError(StorageError, FileNotFoundError):
    """Nothing is stored under this name; materialize it first."""


class ValueCorruptError(StorageError):
    """A stored value does not have the checksum it was written with; materialize it again."""


class ValueTypeError(StorageError, TypeError):
    """The value has a type that this IO manager cannot store; choose another IO manager for it."""


class ConcurrencyError(CellmillError):
    """Another process owns what this one tried to change."""


class LeaseLostError(ConcurrencyError):
    """Another attempt has taken this run over; this process must stop and publish nothing."""


class RunFinishedError(ConcurrencyError):
    """The run has already ended; a finished run is never changed."""


class SecurityError(CellmillError):
    """A request was refused because it could cross a boundary that cellmill guards."""


class MissingExtra(CellmillError):
    """An optional library is not installed."""

    def __init__(self, extra: str) -> None:
        self.extra = extra
        super().__init__(f"This needs the optional library {extra!r}: pip install 'cellmill[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str]]:
        return type(self), (self.extra,)


# Time: cron expressions, partitions, ticks.


class InvalidCronError(InvalidDefinitionError):
    """A cron expression cannot be used; write five fields: minute, hour, day of month, month, day of week."""


class InvalidPartitionKeyError(InvalidDefinitionError, ValueError):
    """A partition key or date does not have the form that its partitions definition gives to keys."""


class UnknownPartitionError(CellmillError):
    """No partition has this key; look at `get_partition_keys()` of the partitions definition."""


class InvalidSerializedSubsetError(CellmillError):
    """A stored partition subset was written by another version; compute it again."""


class ScheduleExecutionError(ExecutionError):
    """The function of a schedule failed."""


class SensorExecutionError(ExecutionError):
    """The function of a sensor failed."""


class PartitionExecutionError(ExecutionError):
    """The function that makes the run config or tags of a partition failed."""
