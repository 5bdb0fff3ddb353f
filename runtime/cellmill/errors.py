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
    │   ├── StorageConnectionError
    │   ├── StorageFullError
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

import errno
from collections.abc import Sequence
from typing import Any


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

    #: The character that the message points at, counted from 0; None where it points at none.
    position: int | None = None


class ExecutionError(CellmillError):
    """User code failed during a run."""


class StorageError(CellmillError):
    """The instance or the value store could not be read or written."""


class StorageBusyError(StorageError):
    """The instance's database stayed locked for too long; look for a process that holds a transaction open."""


class StorageConnectionError(StorageError):
    """The connection to the instance's database was lost; the change was not made, unless it was being committed."""


#: What the system says where a file takes no more: the disk's, a quota's or this process's limit is reached.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StorageFullError(StorageError):
    """The disk of the instance is full; nothing was half written. Make room, or move CELLMILL_HOME."""


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


class InvalidCheckSpecError(InvalidDefinitionError, ValueError):
    """The spec of an asset check contradicts itself, as one that waits for the asset which it checks."""


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


class ParameterCheckError(CheckError):
    """An argument has the wrong type; pass a value of the type that the message names."""


class InvalidConfigDefinitionError(DefinitionError):
    """A config schema is not built from config types; use scalars, Field, Shape, Selector, Array, Map …"""

    #: Field names from the root of the schema to the value that is no config type.
    path: tuple[object, ...] = ()


class InvalidPythonicConfigDefinitionError(InvalidConfigDefinitionError):
    """A Config or ConfigurableResource class has a field that cannot be configured."""


class InvalidConfigError(DefinitionError):
    """Config does not fit its schema; every problem is listed with its path and the allowed keys."""

    def __init__(self, preamble: str | None = None, errors: object = (), config_value: object = None) -> None:
        self.preamble = preamble
        self.errors = list(errors) if isinstance(errors, (list, tuple)) else [errors]
        self.config_value = config_value
        lines = [preamble or "Config does not fit its schema."]
        lines.extend(f"    Error {n}: {getattr(e, 'message', e)}" for n, e in enumerate(self.errors, 1))
        self.message = "\n".join(lines)
        super().__init__(self.message)

    def __reduce__(self) -> tuple[type[InvalidConfigError], tuple[str | None, list[object], object]]:
        return type(self), (self.preamble, self.errors, self.config_value)


class UnknownResourceError(ExecutionError, AttributeError):
    """A resource was asked for that the definition does not require; add its key to required_resource_keys."""


class TypeCheckDidNotPassError(ExecutionError):
    """A value is not of the declared type; correct the value, or the annotation or Type of its input or output."""

    recorded_name = "DagsterTypeCheckDidNotPass"

    def __init__(self, description: str | None = None, metadata: object = None, dagster_type: object = None) -> None:
        self.description = description
        self.metadata = metadata or {}
        self.dagster_type = dagster_type
        super().__init__(description)

    def __reduce__(self) -> tuple[type[TypeCheckDidNotPassError], tuple[str | None, object]]:
        # A type holds functions, which need not survive the way to another process.
        return type(self), (self.description, self.metadata)


class UserCodeExecutionError(ExecutionError):
    """User code raised; the error it raised is `user_exception`."""

    def __init__(self, message: str | None = None, user_exception: BaseException | None = None) -> None:
        super().__init__(message)
        self.user_exception = user_exception
        if user_exception is not None:
            self.__cause__ = user_exception

    @property
    def is_user_code_error(self) -> bool:
        """Whether user code, not cellmill, is at fault."""
        return True

    def __reduce__(self) -> tuple[type[UserCodeExecutionError], tuple[str, BaseException | None]]:
        return type(self), (str(self), self.user_exception)


class TypeCheckError(UserCodeExecutionError):
    """A type check function raised or returned neither a bool nor a TypeCheck."""


class TypeLoadingError(UserCodeExecutionError):
    """A type loader raised while it made a value from config."""


class ResourceFunctionError(UserCodeExecutionError):
    """A resource could not be initialised; the error of its function is the cause."""


class ConfigMappingFunctionError(UserCodeExecutionError):
    """A config mapping function raised or returned config that is not a dictionary."""


# Runs: what ends a step or a run, and what a job asks of where it runs.


class StepExecutionError(UserCodeExecutionError):
    """The function of an op or asset raised an error."""

    #: The class name in events; programs that read Dagster's events look for it.
    recorded_name = "DagsterExecutionStepExecutionError"


class LoadInputError(UserCodeExecutionError):
    """The IO manager could not load an input."""

    recorded_name = "DagsterExecutionLoadInputError"


class HandleOutputError(UserCodeExecutionError):
    """The IO manager could not store an output."""

    recorded_name = "DagsterExecutionHandleOutputError"


class HookExecutionError(UserCodeExecutionError):
    """The function of a hook raised an error."""


class StepOutputNotFoundError(ExecutionError):
    """A step did not produce an output that it must produce."""

    recorded_name = "DagsterStepOutputNotFoundError"


class StepNotFoundError(ExecutionError):
    """The run was asked to execute a step that its job does not have."""


class MaxRetriesExceededError(ExecutionError):
    """A step asked to be run again more often than it may."""


class AssetCheckFailedError(ExecutionError):
    """A blocking asset check failed; what depends on its asset was not run."""


class InvalidPropertyError(CellmillError):
    """A property was asked for that does not exist in this place."""


class UnmetExecutorRequirementsError(DefinitionError):
    """The executor asks for something that this job or instance does not give."""


class ImportFailedError(CellmillError):
    """A module or file with definitions could not be imported."""


class SubprocessError(CellmillError):
    """A process of the run failed; what went wrong there is in the message and in ``subprocess_error_infos``."""

    def __init__(self, *args: Any, subprocess_error_infos: Sequence[Any] = (), **kwargs: Any) -> None:
        super().__init__(*args)
        self.subprocess_error_infos = list(subprocess_error_infos)


class ExecutionInterruptedError(BaseException):
    """The run was interrupted."""
