"""Metadata: typed values that events, definitions and type checks carry, with one stable JSON form.

The kinds stand in one module with `MetadataValue`, since its constructors (`MetadataValue.md(…)`) name every kind and
every kind derives from it. How plain values become metadata is in `metadata_mapping`.
"""

from __future__ import annotations

import builtins
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.code_references import CodeReference, references_from_json, references_to_json
from cellmill.definitions.table import (
    TableColumnDep,
    TableColumnLineage,
    TableRecord,
    TableSchema,
    infer_schema,
    schema_from_json,
    schema_to_json,
)
from cellmill.errors import CheckError, InvalidMetadataError, ParameterCheckError

T = TypeVar("T")
_KINDS: dict[str, type[MetadataValue[Any]]] = {}


class MetadataValueFactories(type):
    """The constructors `MetadataValue.text(…)`, `.int(…)` …, on the class only: values have fields of these names."""

    def text(cls, text: str) -> TextMetadataValue:
        """Plain `text`, shown as it is."""
        return TextMetadataValue(text)

    def url(cls, url: str) -> UrlMetadataValue:
        """A link to the address `url`."""
        return UrlMetadataValue(url)

    def path(cls, path: str | os.PathLike[str] | None) -> PathMetadataValue:
        """A `path` in a file system; kept as text."""
        return PathMetadataValue(path)

    def notebook(cls, path: str | os.PathLike[str] | None) -> NotebookMetadataValue:
        """The `path` of an .ipynb file, which is shown rendered."""
        return NotebookMetadataValue(path)

    def json(cls, data: Any) -> JsonMetadataValue:
        """JSON `data`: what `json.dumps` takes; other data is an `InvalidMetadataError`."""
        return JsonMetadataValue(data)

    def md(cls, data: str) -> MarkdownMetadataValue:
        """Markdown `data`, shown rendered."""
        return MarkdownMetadataValue(data)

    def python_artifact(cls, python_artifact: Callable[..., Any]) -> PythonArtifactMetadataValue:
        """The module and name of the class or function `python_artifact`; anything else is a `ParameterCheckError`."""
        if not callable(python_artifact):
            raise ParameterCheckError(f"python_artifact must be a class or function; got {python_artifact!r}.")
        return PythonArtifactMetadataValue(python_artifact.__module__, python_artifact.__name__)

    def timestamp(cls, value: builtins.float | datetime) -> TimestampMetadataValue:
        """An instant; `value` is seconds since 1970 or a datetime with a time zone, else a `CheckError`."""
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise CheckError(
                    f"MetadataValue.timestamp({value.isoformat()}) has no time zone; "
                    "give it one, for example value.replace(tzinfo=timezone.utc)."
                )
            return TimestampMetadataValue(value.timestamp())
        if isinstance(value, builtins.bool) or not isinstance(value, (builtins.int, builtins.float)):
            raise CheckError(f"MetadataValue.timestamp takes seconds or a datetime; got {type(value).__name__}.")
        return TimestampMetadataValue(builtins.float(value))

    def dagster_run(cls, run_id: str) -> RunMetadataValue:
        """A link to the run with the id `run_id`."""
        return RunMetadataValue(run_id)

    def run(cls, run_id: str) -> RunMetadataValue:
        """A link to the run with the id `run_id`."""
        return RunMetadataValue(run_id)

    def job(cls, job_name: str, location_name: str, *, repository_name: str | None = None) -> JobMetadataValue:
        """A link to the job `job_name` of a location (and of `repository_name`, where `location_name` has several)."""
        return JobMetadataValue(job_name, location_name, repository_name)

    def asset(cls, asset_key: AssetKey) -> AssetMetadataValue:
        """A link to the asset `asset_key`."""
        return AssetMetadataValue(asset_key)

    def table(cls, records: Sequence[TableRecord], schema: TableSchema | None = None) -> TableMetadataValue:
        """A small table of `records`; its `schema` is inferred from them when it is not given."""
        return TableMetadataValue(records, schema)

    def table_schema(cls, schema: TableSchema) -> TableSchemaMetadataValue:
        """The columns of a table, as `schema` has them."""
        return TableSchemaMetadataValue(schema)

    def column_lineage(cls, lineage: TableColumnLineage) -> TableColumnLineageMetadataValue:
        """Which upstream columns each column is made from, as `lineage` has it."""
        return TableColumnLineageMetadataValue(lineage)

    def null(cls) -> NullMetadataValue:
        """The value None."""
        return NullMetadataValue()

    def pool(cls, pool: str) -> PoolMetadataValue:
        """The name of a concurrency `pool`."""
        return PoolMetadataValue(pool)

    def bool(cls, value: builtins.bool) -> BoolMetadataValue:
        """True or False, as `value` is."""
        return BoolMetadataValue(value)

    def float(cls, value: builtins.float) -> FloatMetadataValue:
        """The floating-point number `value`; infinities and "not a number" survive storing."""
        return FloatMetadataValue(value)

    def int(cls, value: builtins.int) -> IntMetadataValue:
        """The whole number `value`."""
        return IntMetadataValue(value)


class MetadataValue(Generic[T], metaclass=MetadataValueFactories):
    """One typed value of metadata.

    Make one with the static methods (`MetadataValue.md("…")`, `.url(…)`, `.table(…)`), or give a plain value, whose
    type decides: text, numbers, truth values, None, paths, asset keys, table schemas and column lineages become what
    they are, dictionaries and lists become JSON.

    >>> from cellmill import MetadataValue
    >>> MetadataValue.md("*twelve* rows").value
    '*twelve* rows'
    """

    __slots__ = ()
    #: The word in the JSON form; never changes once released.
    kind: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        if cls.kind:
            _KINDS[cls.kind] = cls

    @property
    def value(self) -> T:
        """The plain value inside."""
        raise AttributeError("value")

    def to_json(self) -> dict[str, Any]:
        """The stable JSON form: the kind, and the value as JSON data."""
        return {"type": self.kind, "value": self._json_value()}

    def _json_value(self) -> Any:
        return self.value

    @classmethod
    def _of_json(cls, value: Any) -> MetadataValue[Any]:
        made: Callable[[Any], MetadataValue[Any]] = _KINDS[cls.kind]
        return made(value)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> MetadataValue[Any]:
        """The value whose JSON form this is; an unknown kind is shown as JSON rather than lost.

        Args:
            data: What `to_json` gave: `type` and `value`.
        """
        cls = _KINDS.get(data.get("type", ""))
        if cls is None:
            return JsonMetadataValue(dict(data))
        return cls._of_json(data.get("value"))


RawMetadataValue: TypeAlias = (
    "MetadataValue[Any] | TableSchema | TableColumnLineage | AssetKey | os.PathLike[str] | dict[Any, Any] "
    "| float | int | list[Any] | str | bool | None"
)
MetadataMapping: TypeAlias = "Mapping[str, MetadataValue[Any]]"
RawMetadataMapping: TypeAlias = "Mapping[str, RawMetadataValue]"


def _expect(name: str, value: object, expected: type) -> None:
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise ParameterCheckError(
            f"{name} must be {expected.__name__}; got {value!r}, which is of type {type(value).__name__}."
        )


@dataclass(frozen=True, slots=True)
class TextMetadataValue(MetadataValue[str | None]):
    """Plain text.

    Args:
        text: The text, shown as it is.
    """

    kind: ClassVar[str] = "text"
    text: str | None = field()

    def __post_init__(self) -> None:
        _expect("text", "" if self.text is None else self.text, str)

    @property
    def value(self) -> str | None:
        """The plain value."""
        return self.text


@dataclass(frozen=True, slots=True)
class UrlMetadataValue(MetadataValue[str | None]):
    """A link.

    Args:
        url: The address.
    """

    kind: ClassVar[str] = "url"
    url: str | None = field()

    def __post_init__(self) -> None:
        _expect("url", "" if self.url is None else self.url, str)

    @property
    def value(self) -> str | None:
        """The plain value."""
        return self.url


@dataclass(frozen=True, slots=True)
class MarkdownMetadataValue(MetadataValue[str | None]):
    """Markdown text, shown rendered.

    Args:
        md_str: The text.
    """

    kind: ClassVar[str] = "md"
    md_str: str | None = field()

    def __post_init__(self) -> None:
        _expect("md_str", "" if self.md_str is None else self.md_str, str)

    @property
    def value(self) -> str | None:
        """The plain value."""
        return self.md_str


@dataclass(frozen=True, slots=True)
class PathMetadataValue(MetadataValue[str | None]):
    """A path in a file system.

    Args:
        path: The path; kept as text.
    """

    kind: ClassVar[str] = "path"
    path: str | os.PathLike[str] | None = field()

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", None if self.path is None else os.fspath(self.path))

    @property
    def value(self) -> str | None:
        """The plain value."""
        return None if self.path is None else os.fspath(self.path)


@dataclass(frozen=True, slots=True)
class NotebookMetadataValue(MetadataValue[str | None]):
    """A path of a notebook, shown rendered.

    Args:
        path: The path of the .ipynb file; kept as text.
    """

    kind: ClassVar[str] = "notebook"
    path: str | os.PathLike[str] | None = field()

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", None if self.path is None else os.fspath(self.path))

    @property
    def value(self) -> str | None:
        """The plain value."""
        return None if self.path is None else os.fspath(self.path)


@dataclass(frozen=True, slots=True)
class JsonMetadataValue(MetadataValue[Any]):
    """JSON data.

    Args:
        data: What `json.dumps` takes.

    Raises:
        InvalidMetadataError: for data that is not JSON.
    """

    kind: ClassVar[str] = "json"
    data: Any = field()

    def __post_init__(self) -> None:
        try:
            json.dumps(self.data)
        except (TypeError, ValueError) as error:
            raise InvalidMetadataError(
                f"Value is not JSON serializable: {error}. Pass JSON data or MetadataValue.text(repr(…))."
            ) from error

    @property
    def value(self) -> Any:
        """The plain value."""
        return self.data


@dataclass(frozen=True, slots=True)
class PythonArtifactMetadataValue(MetadataValue["PythonArtifactMetadataValue"]):
    """The module and name of a class or function.

    Args:
        module: Name of the module.
        name: Name in the module.
    """

    kind: ClassVar[str] = "python_artifact"
    module: str = field()
    name: str = field()

    @property
    def value(self) -> PythonArtifactMetadataValue:
        """The plain value."""
        return self

    def _json_value(self) -> Any:
        return [self.module, self.name]

    @classmethod
    def _of_json(cls, value: Any) -> PythonArtifactMetadataValue:
        return cls(*value)


@dataclass(frozen=True, slots=True)
class FloatMetadataValue(MetadataValue[float | None]):
    """A floating-point number.

    Args:
        value: The number; infinities and "not a number" survive storing.

    Raises:
        ParameterCheckError: for anything but a `float`, also for an `int`.
    """

    kind: ClassVar[str] = "float"
    value: float | None = field()

    def __post_init__(self) -> None:
        _expect("value", 0.0 if self.value is None else self.value, float)

    def _json_value(self) -> Any:
        number = self.value
        return number if number is None or math.isfinite(number) else repr(number)

    @classmethod
    def _of_json(cls, value: Any) -> FloatMetadataValue:
        return cls(None if value is None else float(value))


@dataclass(frozen=True, slots=True)
class IntMetadataValue(MetadataValue[int | None]):
    """A whole number.

    Args:
        value: The number.

    Raises:
        ParameterCheckError: for anything but an `int`, also for a `bool`.
    """

    kind: ClassVar[str] = "int"
    value: int | None = field()

    def __post_init__(self) -> None:
        _expect("value", 0 if self.value is None else self.value, int)


@dataclass(frozen=True, slots=True)
class BoolMetadataValue(MetadataValue[bool | None]):
    """True or False.

    Args:
        value: Which of the two.

    Raises:
        ParameterCheckError: for anything but a `bool`.
    """

    kind: ClassVar[str] = "bool"
    value: bool | None = field()

    def __post_init__(self) -> None:
        _expect("value", False if self.value is None else self.value, bool)


@dataclass(frozen=True, slots=True)
class TimestampMetadataValue(MetadataValue[float]):
    """An instant, in seconds since 1970 (UTC).

    Args:
        value: The seconds, as a `float`; `MetadataValue.timestamp` also takes a datetime.

    Raises:
        ParameterCheckError: for anything but a `float`.
    """

    kind: ClassVar[str] = "timestamp"
    value: float = field()

    def __post_init__(self) -> None:
        _expect("value", self.value, float)


@dataclass(frozen=True, slots=True)
class RunMetadataValue(MetadataValue[str]):
    """A link to a run.

    Args:
        run_id: The run's id.
    """

    kind: ClassVar[str] = "run"
    run_id: str = field()

    def __post_init__(self) -> None:
        _expect("run_id", self.run_id, str)

    @property
    def value(self) -> str:
        """The plain value."""
        return self.run_id


@dataclass(frozen=True, slots=True)
class JobMetadataValue(MetadataValue["JobMetadataValue"]):
    """A link to a job.

    Args:
        job_name: Name of the job.
        location_name: Name of its code location.
        repository_name: Name of its repository, where the location has several.
    """

    kind: ClassVar[str] = "job"
    job_name: str = field()
    location_name: str = field()
    repository_name: str | None = field(default=None)

    @property
    def value(self) -> JobMetadataValue:
        """The plain value."""
        return self

    def _json_value(self) -> Any:
        return [self.job_name, self.location_name, self.repository_name]

    @classmethod
    def _of_json(cls, value: Any) -> JobMetadataValue:
        return cls(*value)


@dataclass(frozen=True, slots=True)
class AssetMetadataValue(MetadataValue[AssetKey]):
    """A link to an asset.

    Args:
        asset_key: The asset's key.

    Raises:
        ParameterCheckError: for anything but an `AssetKey`.
    """

    kind: ClassVar[str] = "asset"
    asset_key: AssetKey = field()

    def __post_init__(self) -> None:
        _expect("asset_key", self.asset_key, AssetKey)

    @property
    def value(self) -> AssetKey:
        """The plain value."""
        return self.asset_key

    def _json_value(self) -> Any:
        return list(self.asset_key.path)

    @classmethod
    def _of_json(cls, value: Any) -> AssetMetadataValue:
        return cls(AssetKey(value))


@dataclass(frozen=True, slots=True)
class TableSchemaMetadataValue(MetadataValue[TableSchema]):
    """The columns of a table.

    Args:
        schema: The columns.

    Raises:
        ParameterCheckError: for anything but a `TableSchema`.
    """

    kind: ClassVar[str] = "table_schema"
    schema: TableSchema = field()

    def __post_init__(self) -> None:
        _expect("schema", self.schema, TableSchema)

    @property
    def value(self) -> TableSchema:
        """The plain value."""
        return self.schema

    def _json_value(self) -> Any:
        return schema_to_json(self.schema)

    @classmethod
    def _of_json(cls, value: Any) -> TableSchemaMetadataValue:
        return cls(schema_from_json(value))


@dataclass(frozen=True, slots=True)
class TableMetadataValue(MetadataValue["TableMetadataValue"]):
    """A small table: its records and its schema.

    Args:
        records: The rows, each a `TableRecord`.
        schema: The columns; None takes those of the records, which then all have the same.

    Raises:
        ParameterCheckError: for a row that is no `TableRecord`.
        CheckError: for no records and no schema, or records whose columns differ.
    """

    kind: ClassVar[str] = "table"
    records: Sequence[TableRecord] = field()
    schema: TableSchema = field()

    def __init__(self, records: Sequence[TableRecord], schema: TableSchema | None = None) -> None:
        for record in records:
            _expect("each record of a table", record, TableRecord)
        object.__setattr__(self, "records", list(records))
        object.__setattr__(self, "schema", schema or infer_schema(records))

    @property
    def value(self) -> TableMetadataValue:
        """The table itself."""
        return self

    @staticmethod
    def infer_column_type(value: str | builtins.int | builtins.float | builtins.bool | None) -> str:
        """The column type that a cell's value suggests.

        Args:
            value: The value of a cell.

        Returns:
            "string", "int", "float" or "bool".
        """
        return infer_schema([TableRecord({"value": value})]).columns[0].type

    def _json_value(self) -> Any:
        return {"records": [dict(record.data) for record in self.records], "schema": schema_to_json(self.schema)}

    @classmethod
    def _of_json(cls, value: Any) -> TableMetadataValue:
        return cls([TableRecord(record) for record in value["records"]], schema_from_json(value["schema"]))


@dataclass(frozen=True, slots=True)
class TableColumnLineageMetadataValue(MetadataValue[TableColumnLineage]):
    """Which upstream columns each column is made from.

    Args:
        column_lineage: The upstream columns by column.

    Raises:
        ParameterCheckError: for anything but a `TableColumnLineage`.
    """

    kind: ClassVar[str] = "column_lineage"
    column_lineage: TableColumnLineage = field()

    def __post_init__(self) -> None:
        _expect("column_lineage", self.column_lineage, TableColumnLineage)

    @property
    def value(self) -> TableColumnLineage:
        """The plain value."""
        return self.column_lineage

    def _json_value(self) -> Any:
        return {
            name: [[list(dep.asset_key.path), dep.column_name] for dep in deps]
            for name, deps in self.column_lineage.deps_by_column.items()
        }

    @classmethod
    def _of_json(cls, value: Any) -> TableColumnLineageMetadataValue:
        return cls(
            TableColumnLineage(
                {
                    name: [TableColumnDep(AssetKey(path), column) for path, column in deps]
                    for name, deps in value.items()
                }
            )
        )


@dataclass(frozen=True, slots=True)
class NullMetadataValue(MetadataValue[None]):
    """The value None."""

    kind: ClassVar[str] = "null"

    @property
    def value(self) -> None:
        """The plain value."""
        return None

    @classmethod
    def _of_json(cls, value: Any) -> NullMetadataValue:
        return cls()


@dataclass(frozen=True, slots=True)
class PoolMetadataValue(MetadataValue[str]):
    """The name of a concurrency pool.

    Args:
        pool: Its name.
    """

    kind: ClassVar[str] = "pool"
    pool: str = field()

    def __post_init__(self) -> None:
        _expect("pool", self.pool, str)

    @property
    def value(self) -> str:
        """The plain value."""
        return self.pool


@dataclass(frozen=True, slots=True)
class CodeReferencesMetadataValue(MetadataValue["CodeReferencesMetadataValue"]):
    """Where the code of a definition is; kept as metadata under the name `dagster/code_references`.

    Args:
        code_references: Lines of files and addresses: `LocalFileCodeReference`s and `UrlCodeReference`s.
    """

    kind: ClassVar[str] = "code_references"
    code_references: Sequence[CodeReference] = field()

    @property
    def value(self) -> CodeReferencesMetadataValue:
        """The plain value."""
        return self

    def _json_value(self) -> Any:
        return references_to_json(self.code_references)

    @classmethod
    def _of_json(cls, value: Any) -> CodeReferencesMetadataValue:
        return cls(references_from_json(value))
