"""What user code returns, yields or raises to say what happened."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.errors import CellmillError, CheckError, InvalidDefinitionError, InvariantViolationError

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_OUTPUT = "result"

#: Tags of materializations that carry versions, under Dagster's names.
DATA_VERSION_TAG = "dagster/data_version"
CODE_VERSION_TAG = "dagster/code_version"
INPUT_DATA_VERSION_TAG_PREFIX = "dagster/input_data_version"
INPUT_EVENT_POINTER_TAG_PREFIX = "dagster/input_event_pointer"
DATA_VERSION_IS_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"

_NOT_A_WORD = re.compile(r"[^A-Za-z0-9_]")
_MAPPING_KEY = re.compile(r"[A-Za-z0-9_]+")
_EMPTY: Mapping[str, Any] = {}


def normalized(metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return `metadata` with every value as a metadata value."""
    if not metadata:
        return _EMPTY
    from cellmill.definitions.metadata import normalize_metadata

    return normalize_metadata(metadata)


class _NoValue:
    """Stands for "no value was given" where None is a value."""

    def __repr__(self) -> str:
        return "NO_VALUE"

    def __reduce__(self) -> str:
        return "NO_VALUE"

    def __bool__(self) -> bool:
        return False


NO_VALUE = _NoValue()


@dataclass(frozen=True, slots=True)
class DataVersion:
    """The version of an asset's data, as its maker names it."""

    value: str

    def __post_init__(self) -> None:
        if not isinstance(self.value, str):
            raise CheckError(f"A DataVersion is a str; got {self.value!r} of type {type(self.value).__name__}.")


DEFAULT_DATA_VERSION = DataVersion("INITIAL")
UNKNOWN_DATA_VERSION = DataVersion("UNKNOWN")
NULL_DATA_VERSION = DataVersion("NULL")


@dataclass(frozen=True, slots=True)
class DataVersionsByPartition:
    """The data version of each partition of an observed asset."""

    data_versions_by_partition: Mapping[str, DataVersion]

    def __init__(self, data_versions_by_partition: Mapping[str, str | DataVersion]) -> None:
        versions = {
            key: value if isinstance(value, DataVersion) else DataVersion(value)
            for key, value in data_versions_by_partition.items()
        }
        object.__setattr__(self, "data_versions_by_partition", versions)


class Output:
    """A value of one output, with what is known about it."""

    __slots__ = ("data_version", "metadata", "output_name", "tags", "value")

    def __init__(
        self,
        value: Any,
        output_name: str | None = DEFAULT_OUTPUT,
        metadata: Mapping[str, Any] | None = None,
        data_version: DataVersion | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        metadata_entries: object = None,
    ) -> None:
        if output_name is not None and not isinstance(output_name, str):
            raise CheckError(f"output_name of an Output is a str; got {type(output_name).__name__}.")
        if data_version is not None and not isinstance(data_version, DataVersion):
            raise CheckError(f"data_version of an Output is a DataVersion; got {type(data_version).__name__}.")
        self.value = value
        self.output_name = output_name
        self.metadata = normalized(metadata) if metadata else _EMPTY
        self.data_version = data_version
        self.tags = _event_tags(tags) if tags else None

    def __class_getitem__(cls, item: Any) -> Any:
        from typing import Annotated

        return Annotated[item, OutputMarker]

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> Output:
        """Return the same output with other metadata."""
        return Output(self.value, self.output_name, metadata, self.data_version, tags=self.tags)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Output)
            and self.value == other.value
            and self.output_name == other.output_name
            and self.metadata == other.metadata
            and self.data_version == other.data_version
            and self.tags == other.tags
        )

    def __repr__(self) -> str:
        return f"Output(value={self.value!r}, output_name={self.output_name!r}, metadata={dict(self.metadata)!r})"


class DynamicOutput:
    """One of any number of values of a dynamic output, with its key."""

    __slots__ = ("data_version", "mapping_key", "metadata", "output_name", "tags", "value")

    def __init__(
        self,
        value: Any,
        mapping_key: str,
        output_name: str | None = DEFAULT_OUTPUT,
        metadata: Mapping[str, Any] | None = None,
        metadata_entries: object = None,
    ) -> None:
        if not isinstance(mapping_key, str):
            raise CheckError(f"A mapping key is a str; got {mapping_key!r} of type {type(mapping_key).__name__}.")
        if not _MAPPING_KEY.fullmatch(mapping_key):
            raise InvalidDefinitionError(
                f'"{mapping_key}" is not a valid mapping key. It must match the regex ^[A-Za-z0-9_]+$, so that step '
                "keys and files can be named after it."
            )
        self.value = value
        self.mapping_key = mapping_key
        self.output_name = output_name
        self.metadata = normalized(metadata) if metadata else _EMPTY
        self.data_version: DataVersion | None = None
        self.tags: Mapping[str, str] | None = None

    def __class_getitem__(cls, item: Any) -> Any:
        from typing import Annotated

        return Annotated[item, DynamicOutputMarker]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DynamicOutput)
            and self.value == other.value
            and self.output_name == other.output_name
            and self.mapping_key == other.mapping_key
            and self.metadata == other.metadata
        )

    def __repr__(self) -> str:
        return (
            f"DynamicOutput(value={self.value!r}, mapping_key={self.mapping_key!r}, output_name={self.output_name!r})"
        )


class OutputMarker:
    """Marks the annotation ``Output[T]``."""


class DynamicOutputMarker:
    """Marks the annotation ``DynamicOutput[T]``."""


def _event_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    from cellmill.definitions.tags import checked_tags

    return checked_tags(tags, "an event")


def _checked_metadata(metadata: Mapping[str, Any] | None, what: str) -> Mapping[str, Any]:
    if metadata is None:
        return _EMPTY
    if not isinstance(metadata, Mapping):
        raise CheckError(f"metadata of {what} is a mapping from str; got {type(metadata).__name__}.")
    return normalized(metadata)


@dataclass(frozen=True, slots=True, init=False)
class AssetMaterialization:
    """The fact that an asset (or one of its partitions) was made or changed."""

    asset_key: AssetKey
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    partition: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __init__(
        self,
        asset_key: AssetKey | str | Sequence[str],
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        partition: Any = None,
        tags: Mapping[str, str] | None = None,
        metadata_entries: object = None,
    ) -> None:
        _fill_asset_event(self, asset_key, description, metadata, partition, tags)

    @property
    def label(self) -> str:
        """The asset's key as one string."""
        return " ".join(self.asset_key.parts)

    @property
    def data_version(self) -> str | None:
        """The data version that the tags carry."""
        return self.tags.get(DATA_VERSION_TAG)

    @classmethod
    def file(cls, path: str, description: str | None = None, asset_key: Any = None) -> AssetMaterialization:
        """Return the fact that a file was written."""
        from cellmill.definitions.metadata import MetadataValue

        return cls(
            asset_key=asset_key or path,
            description=description or f"A file was written at {path}.",
            metadata={"path": MetadataValue.path(path)},
        )

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> AssetMaterialization:
        """Return the same event with other metadata."""
        return AssetMaterialization(self.asset_key, self.description, metadata, self.partition, self.tags)


@dataclass(frozen=True, slots=True, init=False)
class AssetObservation:
    """What was seen of an asset (or one of its partitions) without making it."""

    asset_key: AssetKey
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    partition: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __init__(
        self,
        asset_key: AssetKey | str | Sequence[str],
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        partition: Any = None,
        tags: Mapping[str, str] | None = None,
        metadata_entries: object = None,
    ) -> None:
        _fill_asset_event(self, asset_key, description, metadata, partition, tags)

    @property
    def label(self) -> str:
        """The asset's key as one string."""
        return " ".join(self.asset_key.parts)

    @property
    def data_version(self) -> str | None:
        """The data version that the tags carry."""
        return self.tags.get(DATA_VERSION_TAG)


def _fill_asset_event(
    event: AssetMaterialization | AssetObservation,
    asset_key: Any,
    description: str | None,
    metadata: Mapping[str, Any] | None,
    partition: Any,
    tags: Mapping[str, str] | None,
) -> None:
    put = object.__setattr__
    put(event, "asset_key", asset_key if type(asset_key) is AssetKey else _event_key(asset_key))
    put(event, "description", description)
    put(event, "metadata", _checked_metadata(metadata, type(event).__name__) if metadata else _EMPTY)
    if partition is not None and not isinstance(partition, str) and not hasattr(partition, "value"):
        raise CheckError(f"partition of an event is a str; got {partition!r}.")
    put(event, "partition", partition)
    put(event, "tags", _event_tags(tags) if tags else _EMPTY)


def _coerced(asset_key: Any) -> AssetKey:
    return AssetKey.from_coercible_or_definition(asset_key)


def _event_key(asset_key: Any) -> AssetKey:
    """Return the key; a plain string is cut at every sign that no name has, as Dagster does it."""
    if isinstance(asset_key, str):
        return AssetKey([part for part in _NOT_A_WORD.split(asset_key) if part])
    if isinstance(asset_key, AssetKey) or isinstance(asset_key, (list, tuple)):
        return AssetKey.from_coercible(asset_key)
    raise CheckError(f"asset_key is an AssetKey, a str or a sequence of str; got {type(asset_key).__name__}.")


def make_materialization(
    asset_key: AssetKey,
    metadata: Mapping[str, Any],
    partition: str | None,
    tags: Mapping[str, str],
    description: str | None = None,
) -> AssetMaterialization:
    """Return the event of parts that are known to be well-formed; for the engine."""
    event = object.__new__(AssetMaterialization)
    put = object.__setattr__
    put(event, "asset_key", asset_key)
    put(event, "description", description)
    put(event, "metadata", metadata)
    put(event, "partition", partition)
    put(event, "tags", tags)
    return event


class AssetCheckSeverity(Enum):
    """How much a failed check matters."""

    WARN = "WARN"
    ERROR = "ERROR"


class AssetCheckResult:
    """What an asset check found."""

    __slots__ = ("asset_key", "check_name", "description", "metadata", "passed", "severity")

    def __init__(
        self,
        *,
        passed: bool,
        asset_key: Any = None,
        check_name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        severity: AssetCheckSeverity = AssetCheckSeverity.ERROR,
        description: str | None = None,
    ) -> None:
        self.passed = _plain_bool(passed)
        self.asset_key = None if asset_key is None else _coerced(asset_key)
        self.check_name = check_name
        self.metadata = _checked_metadata(metadata, "an AssetCheckResult")
        self.severity = severity
        self.description = description

    @property
    def check_key(self) -> AssetCheckKey | None:
        """The check's key, where both parts are given."""
        if self.asset_key is None or self.check_name is None:
            return None
        return AssetCheckKey(self.asset_key, self.check_name)

    def with_metadata(self, metadata: Mapping[str, Any]) -> AssetCheckResult:
        """Return the same result with other metadata."""
        return AssetCheckResult(
            passed=self.passed,
            asset_key=self.asset_key,
            check_name=self.check_name,
            metadata=metadata,
            severity=self.severity,
            description=self.description,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetCheckResult) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __repr__(self) -> str:
        return f"AssetCheckResult(passed={self.passed}, asset_key={self.asset_key}, check_name={self.check_name!r})"


def _plain_bool(passed: Any) -> bool:
    if isinstance(passed, bool):
        return passed
    if type(passed).__module__ == "numpy" and type(passed).__name__ in ("bool", "bool_"):
        return bool(passed)
    raise CheckError(f"passed of an AssetCheckResult is a bool; got {passed!r} of type {type(passed).__name__}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetCheckEvaluationTarget:
    """The materialization that a check looked at."""

    storage_id: int
    run_id: str
    timestamp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetCheckEvaluation:
    """A check's result as recorded: with the check's key."""

    asset_key: AssetKey
    check_name: str
    passed: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    target_materialization_data: AssetCheckEvaluationTarget | None = None
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
    description: str | None = None
    blocking: bool | None = None
    partition: str | None = None

    @property
    def asset_check_key(self) -> AssetCheckKey:
        """The check's key."""
        return AssetCheckKey(self.asset_key, self.check_name)


class AssetResult:
    """What materialize and observe results have in common."""

    __slots__ = ("asset_key", "check_results", "data_version", "metadata", "tags")

    def __init__(
        self,
        *,
        asset_key: Any = None,
        metadata: Mapping[str, Any] | None = None,
        check_results: Sequence[AssetCheckResult] | None = None,
        data_version: DataVersion | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        if data_version is not None and not isinstance(data_version, DataVersion):
            raise CheckError(f"data_version is a DataVersion; got {type(data_version).__name__}.")
        self.asset_key = None if asset_key is None else _coerced(asset_key)
        self.metadata = normalized(metadata) if metadata else None
        self.check_results = list(check_results or ())
        for result in self.check_results:
            if not isinstance(result, AssetCheckResult):
                raise CheckError(f"check_results are AssetCheckResult; got {type(result).__name__}.")
        self.data_version = data_version
        self.tags = _event_tags(tags) if tags else None

    def check_result_named(self, check_name: str) -> AssetCheckResult:
        """Return the result of the check with this name."""
        for result in self.check_results:
            if result.check_name == check_name:
                return result
        raise CheckError(f"Could not find check result named {check_name}")

    def __eq__(self, other: object) -> bool:
        names = ("asset_key", "metadata", "check_results", "data_version", "tags")
        return type(self) is type(other) and all(getattr(self, n) == getattr(other, n) for n in names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(asset_key={self.asset_key}, metadata={self.metadata})"


class MaterializeResult(AssetResult):
    """The materialization of an asset whose value the function itself stored, or hands over as `value`."""

    __slots__ = ("value",)

    def __init__(
        self,
        *,
        asset_key: Any = None,
        metadata: Mapping[str, Any] | None = None,
        check_results: Sequence[AssetCheckResult] | None = None,
        data_version: DataVersion | None = None,
        tags: Mapping[str, str] | None = None,
        value: Any = NO_VALUE,
    ) -> None:
        super().__init__(
            asset_key=asset_key,
            metadata=metadata,
            check_results=check_results,
            data_version=data_version,
            tags=tags,
        )
        self.value = value

    def __class_getitem__(cls, item: Any) -> Any:
        from typing import Annotated

        return Annotated[item, MaterializeResult]

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self.value == getattr(other, "value", NO_VALUE)


class ObserveResult(AssetResult):
    """The observation of an asset."""

    __slots__ = ()


class ExpectationResult:
    """Whether the data was as expected."""

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
        self.metadata = _checked_metadata(metadata, "an ExpectationResult")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExpectationResult) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __repr__(self) -> str:
        return f"ExpectationResult(success={self.success}, label={self.label!r})"


class TypeCheck:
    """Whether a value has its declared type, and why not."""

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
        self.metadata = _checked_metadata(metadata, "a TypeCheck")

    def __repr__(self) -> str:
        return f"TypeCheck(success={self.success}, description={self.description!r})"


class Failure(CellmillError):
    """The step failed; raise it to give the reason as text and metadata."""

    def __init__(
        self,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        metadata_entries: object = None,
        allow_retries: bool | None = None,
    ) -> None:
        super().__init__(description if description is not None else "")
        self.description = description
        self.metadata = _checked_metadata(metadata, "a Failure")
        self.allow_retries = True if allow_retries is None else allow_retries

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade_failure, (self.description, self.metadata, self.allow_retries)


def _remade_failure(description: str | None, metadata: Mapping[str, Any], allow_retries: bool) -> Failure:
    failure = Failure(description, allow_retries=allow_retries)
    failure.metadata = metadata
    return failure


class RetryRequested(CellmillError):
    """The step asked to be run again."""

    def __init__(self, max_retries: int | None = 1, seconds_to_wait: float | None = None) -> None:
        super().__init__()
        if max_retries is not None and (isinstance(max_retries, bool) or not isinstance(max_retries, int)):
            raise CheckError(f"max_retries is an int; got {max_retries!r}.")
        self.max_retries = 1 if max_retries is None else max_retries
        self.seconds_to_wait = seconds_to_wait

    def __reduce__(self) -> tuple[Any, ...]:
        return RetryRequested, (self.max_retries, self.seconds_to_wait)


class HookExecutionResult:
    """Whether a hook ran, or chose not to."""

    __slots__ = ("hook_name", "is_skipped")

    def __init__(self, hook_name: str, is_skipped: bool | None = None) -> None:
        self.hook_name = hook_name
        self.is_skipped = bool(is_skipped)


class AssetMaterializationFailureReason(Enum):
    """Why a planned materialization did not come."""

    FAILED_TO_MATERIALIZE = "FAILED_TO_MATERIALIZE"
    UPSTREAM_FAILED_TO_MATERIALIZE = "UPSTREAM_FAILED_TO_MATERIALIZE"
    SKIPPED_OPTIONAL = "SKIPPED_OPTIONAL"
    UPSTREAM_SKIPPED = "UPSTREAM_SKIPPED"
    USER_TERMINATION = "USER_TERMINATION"
    UNKNOWN = "UNKNOWN"


UserEvent = AssetMaterialization | AssetObservation | ExpectationResult | AssetCheckEvaluation


def single_metadata(results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return several metadata mappings as one; a key in two of them is an error."""
    merged: dict[str, Any] = {}
    for metadata in results:
        clash = sorted(merged.keys() & metadata.keys())
        if clash:
            raise InvariantViolationError(f"Metadata keys {clash} were given twice.")
        merged.update(metadata)
    return merged
