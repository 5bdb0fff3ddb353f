"""What user code returns, yields or raises to say what happened, besides values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.output import (
    DATA_VERSION_TAG,
    EMPTY,
    NO_VALUE,
    DataVersion,
    checked_metadata,
    event_tags,
    normalized,
)
from cellmill.errors import CheckError
from cellmill.first_use import on_first_use

if TYPE_CHECKING:
    from cellmill.definitions import metadata
else:
    metadata = on_first_use("cellmill.definitions.metadata")

_NOT_A_WORD = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True, slots=True, init=False)
class AssetMaterialization:
    """The fact that an asset (or one of its partitions) was made or changed.

    Yielded by an op, logged with `context.log_event`, or reported from outside with
    `instance.report_runless_asset_event`. Functions under `@asset` need none: what they return is recorded by itself.

    Args:
        asset_key: The asset: an `AssetKey`, a list of its parts, or text, which is cut at every sign other than
            letters, digits and "_".
        description: Text shown with it.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        partition: The partition it is about; None for an asset without partitions.
        tags: Tags of the event, text to text; `dagster/data_version` is the data version.
        metadata_entries: Accepted for code written for old versions of Dagster and ignored; use `metadata`.

    Raises:
        CheckError: for a key or a partition of the wrong kind.
        InvalidMetadataError: for a value that no kind of metadata fits.
    """

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
        """Return the fact that a file was written.

        Args:
            path: Where it lies; becomes metadata.
            description: Text shown with it; None says where the file was written.
            asset_key: The asset; None takes the path.
        """
        return cls(
            asset_key=asset_key or path,
            description=description or f"A file was written at {path}.",
            metadata={"path": metadata.MetadataValue.path(path)},
        )

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> AssetMaterialization:
        """Return the same event with other metadata.

        Args:
            metadata: What takes the place of all it has.
        """
        return AssetMaterialization(self.asset_key, self.description, metadata, self.partition, self.tags)


@dataclass(frozen=True, slots=True, init=False)
class AssetObservation:
    """What was seen of an asset (or one of its partitions) without making it.

    Yielded by an op, logged with `context.log_event`, or reported from outside with
    `instance.report_runless_asset_event`.

    Args:
        asset_key: The asset: an `AssetKey`, a list of its parts, or text, which is cut at every sign other than
            letters, digits and "_".
        description: Text shown with it.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        partition: The partition it is about; None for an asset without partitions.
        tags: Tags of the event, text to text; `dagster/data_version` is the data version.
        metadata_entries: Accepted for code written for old versions of Dagster and ignored; use `metadata`.

    Raises:
        CheckError: for a key or a partition of the wrong kind.
        InvalidMetadataError: for a value that no kind of metadata fits.
    """

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

    def with_metadata(self, metadata: Mapping[str, Any] | None) -> AssetObservation:
        """Return the same event with other metadata.

        Args:
            metadata: What takes the place of all it has.
        """
        return AssetObservation(self.asset_key, self.description, metadata, self.partition, self.tags)


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
    put(event, "metadata", checked_metadata(metadata, type(event).__name__) if metadata else EMPTY)
    if partition is not None and not isinstance(partition, str) and not hasattr(partition, "value"):
        raise CheckError(f"partition of an event is a str; got {partition!r}.")
    put(event, "partition", partition)
    put(event, "tags", event_tags(tags) if tags else EMPTY)


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
    """How much a failed check matters: `WARN` is shown as a warning, `ERROR` as a failure."""

    WARN = "WARN"
    ERROR = "ERROR"


class AssetCheckResult:
    """What an asset check found.

    Args:
        passed: Whether what is checked holds; a `bool` (one of NumPy is one too).
        asset_key: The asset that was checked; None where the check is of one asset.
        check_name: Name of the check; None where the function makes one check only.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        severity: How much it matters that the check did not pass; a blocking check stops what is downstream only as
            `ERROR`.
        description: Text shown with the result.

    Raises:
        CheckError: where `passed` is no truth value.
    """

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
        self.metadata = checked_metadata(metadata, "an AssetCheckResult")
        self.severity = severity
        self.description = description

    @property
    def check_key(self) -> AssetCheckKey | None:
        """The check's key, where both parts are given."""
        if self.asset_key is None or self.check_name is None:
            return None
        return AssetCheckKey(self.asset_key, self.check_name)

    def with_metadata(self, metadata: Mapping[str, Any]) -> AssetCheckResult:
        """Return the same result with other metadata.

        Args:
            metadata: What takes the place of all it has.
        """
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
    """The materialization that a check looked at.

    Args:
        storage_id: Its place in the event log.
        run_id: The run that made it.
        timestamp: When, in seconds since 1970.
    """

    storage_id: int
    run_id: str
    timestamp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetCheckEvaluation:
    """A check's result as recorded: with the check's key.

    Made by cellmill from an `AssetCheckResult`; may be reported from outside with
    `instance.report_runless_asset_event`.

    Args:
        asset_key: The asset that was checked.
        check_name: Name of the check.
        passed: Whether what is checked holds.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        target_materialization_data: The materialization that the check looked at, where there is one.
        severity: How much it matters that the check did not pass.
        description: Text shown with the result.
        blocking: Whether a failure stops what is downstream.
        partition: The partition that was checked, if one.
    """

    asset_key: AssetKey
    check_name: str
    passed: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    target_materialization_data: AssetCheckEvaluationTarget | None = None
    severity: AssetCheckSeverity = AssetCheckSeverity.ERROR
    description: str | None = None
    blocking: bool | None = None
    partition: str | None = None

    def __post_init__(self) -> None:
        if self.metadata:
            object.__setattr__(self, "metadata", normalized(self.metadata))

    @property
    def asset_check_key(self) -> AssetCheckKey:
        """The check's key."""
        return AssetCheckKey(self.asset_key, self.check_name)

    def with_metadata(self, metadata: Mapping[str, Any]) -> AssetCheckEvaluation:
        """Return the same evaluation with other metadata.

        Args:
            metadata: What takes the place of all it has.
        """
        return replace(self, metadata=normalized(metadata))


class AssetResult:
    """What materialize and observe results have in common.

    Args:
        asset_key: The asset; None where the function is of one asset.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        check_results: Results of the asset's checks that were evaluated on the way.
        data_version: A `DataVersion` of what was made; None computes one from the code version and the inputs.
        tags: Tags of the event, text to text; `dagster/data_version` is the data version.

    Raises:
        CheckError: for a data version or check results of the wrong kind.
    """

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
        self.metadata = metadata
        self.check_results = list(check_results or ())
        for result in self.check_results:
            if not isinstance(result, AssetCheckResult):
                raise CheckError(f"check_results are AssetCheckResult; got {type(result).__name__}.")
        self.data_version = data_version
        self.tags = event_tags(tags) if tags else None

    def check_result_named(self, check_name: str) -> AssetCheckResult:
        """Return the result of the check with this name.

        Args:
            check_name: Name of the check.

        Raises:
            CheckError: where there is none of this name.
        """
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
    """The materialization of an asset whose value the function itself stored, or hands over as `value`.

    Args:
        asset_key: The asset; needed only where the function makes several.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        check_results: Results of the asset's checks that were evaluated on the way.
        data_version: A `DataVersion` of what was made; None computes one from the code version and the inputs.
        tags: Tags of the event, text to text; `dagster/data_version` is the data version.
        value: What the asset's IO manager stores; left out, nothing is stored and the function has done it.

    Raises:
        CheckError: for a data version or check results of the wrong kind.
    """

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
        return Annotated[item, MaterializeResult]

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self.value == getattr(other, "value", NO_VALUE)


class ObserveResult(AssetResult):
    """The observation of an asset, as the function of an observable source asset returns it.

    Args:
        asset_key: The asset; needed only where the function observes several.
        metadata: What is worth knowing, by name: `MetadataValue`s or plain values of Python.
        check_results: Results of the asset's checks that were evaluated on the way.
        data_version: A `DataVersion` of what was seen; where it changed, what is downstream is stale.
        tags: Tags of the event, text to text; `dagster/data_version` is the data version.

    Raises:
        CheckError: for a data version or check results of the wrong kind.
    """

    __slots__ = ()


class AssetMaterializationFailureReason(Enum):
    """Why a planned materialization did not come."""

    FAILED_TO_MATERIALIZE = "FAILED_TO_MATERIALIZE"
    UPSTREAM_FAILED_TO_MATERIALIZE = "UPSTREAM_FAILED_TO_MATERIALIZE"
    SKIPPED_OPTIONAL = "SKIPPED_OPTIONAL"
    UPSTREAM_SKIPPED = "UPSTREAM_SKIPPED"
    USER_TERMINATION = "USER_TERMINATION"
    UNKNOWN = "UNKNOWN"
