"""Metadata values, one type for each kind, under Dagster's names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

import strawberry

from cellmill.definitions import metadata as kinds
from cellmill.definitions.asset_key import AssetKey as Key
from cellmill.graphql.documented import said


@strawberry.type(description="The key of an asset.")
class AssetKey:
    """The key of an asset."""

    path: list[str] = said("The parts of the key.")

    @classmethod
    def of(cls, key: Key) -> AssetKey:
        """The API's form of a key."""
        return cls(path=list(key.path))


@strawberry.interface(description="One labelled value that describes something.")
class MetadataEntry:
    """One labelled value."""

    label: str = said("The value's name.")
    description: str | None = said("What the value means.", None)


@strawberry.type(description="A text.")
class TextMetadataEntry(MetadataEntry):
    """A text."""

    text: str = said("The text.", "")


@strawberry.type(description="An address.")
class UrlMetadataEntry(MetadataEntry):
    """An address."""

    url: str = said("The address.", "")


@strawberry.type(description="A path of a file or folder.")
class PathMetadataEntry(MetadataEntry):
    """A path."""

    path: str = said("The path.", "")


@strawberry.type(description="A path of a notebook.")
class NotebookMetadataEntry(MetadataEntry):
    """A path of a notebook."""

    path: str = said("The path.", "")


@strawberry.type(description="Any JSON value.")
class JsonMetadataEntry(MetadataEntry):
    """Any JSON value."""

    json_string: str = said("The value as JSON text.", "null")


@strawberry.type(description="A text in Markdown.")
class MarkdownMetadataEntry(MetadataEntry):
    """A text in Markdown."""

    md_str: str = said("The text.", "")


@strawberry.type(description="A whole number.")
class IntMetadataEntry(MetadataEntry):
    """A whole number."""

    int_value: int | None = said("The number, where it fits 32 bits.", None)
    int_repr: str = said("The number as text, of any size.", "")


@strawberry.type(description="A number.")
class FloatMetadataEntry(MetadataEntry):
    """A number."""

    float_value: float | None = said("The number.", None)
    float_repr: str = said("The number as text.", "")


@strawberry.type(description="True or false.")
class BoolMetadataEntry(MetadataEntry):
    """True or false."""

    bool_value: bool | None = said("The value.", None)


@strawberry.type(description="A point in time.")
class TimestampMetadataEntry(MetadataEntry):
    """A point in time."""

    timestamp: float = said("Seconds since the epoch.", 0.0)


@strawberry.type(description="Nothing.")
class NullMetadataEntry(MetadataEntry):
    """Nothing."""


@strawberry.type(description="A Python class or function.")
class PythonArtifactMetadataEntry(MetadataEntry):
    """A Python class or function."""

    module: str = said("Its module.", "")
    name: str = said("Its name.", "")


@strawberry.type(description="A run.")
class PipelineRunMetadataEntry(MetadataEntry):
    """A run."""

    run_id: str = said("The run's id.", "")


@strawberry.type(description="An asset.")
class AssetMetadataEntry(MetadataEntry):
    """An asset."""

    asset_key: AssetKey = said("The asset's key.", strawberry.UNSET)


@strawberry.type(description="A job.")
class JobMetadataEntry(MetadataEntry):
    """A job."""

    job_name: str = said("The job's name.", "")
    repository_name: str | None = said("Its repository.", None)
    location_name: str = said("Its code location.", "")


@strawberry.type(description="What must hold for a column.")
class TableColumnConstraints:
    """What must hold for a column."""

    nullable: bool = said("Whether values may be missing.", True)
    unique: bool = said("Whether values may not repeat.", False)
    other: list[str] = said("Anything else, in words.", strawberry.UNSET)


@strawberry.type(description="What must hold for a table.")
class TableConstraints:
    """What must hold for a table."""

    other: list[str] = said("In words.", strawberry.UNSET)


@strawberry.type(description="A key and a value.")
class DefinitionTag:
    """A key and a value."""

    key: str = said("The key.")
    value: str = said("The value.")


@strawberry.type(description="A column of a table.")
class TableColumn:
    """A column of a table."""

    name: str = said("The column's name.")
    type: str = said("The type of its values.")
    description: str | None = said("What it holds.", None)
    constraints: TableColumnConstraints = said("What must hold for it.", strawberry.UNSET)
    tags: list[DefinitionTag] = said("Its tags.", strawberry.UNSET)


@strawberry.type(description="The columns of a table.")
class TableSchema:
    """The columns of a table."""

    columns: list[TableColumn] = said("The columns, in order.")
    constraints: TableConstraints | None = said("What must hold for the table.", None)

    @classmethod
    def of(cls, schema: Any) -> TableSchema:
        """The API's form of a table schema."""
        columns = [
            TableColumn(
                name=column.name,
                type=column.type,
                description=column.description,
                constraints=TableColumnConstraints(
                    nullable=column.constraints.nullable,
                    unique=column.constraints.unique,
                    other=list(column.constraints.other or ()),
                ),
                tags=[DefinitionTag(key=key, value=value) for key, value in (column.tags or {}).items()],
            )
            for column in schema.columns
        ]
        other = getattr(schema.constraints, "other", None) or ()
        return cls(columns=columns, constraints=TableConstraints(other=list(other)))


@strawberry.type(description="Rows and columns.")
class Table:
    """Rows and columns."""

    records: list[str] = said("The rows, each as JSON text.")
    schema: TableSchema = said("The columns.")


@strawberry.type(description="A small table.")
class TableMetadataEntry(MetadataEntry):
    """A small table."""

    table: Table = said("The table.", strawberry.UNSET)


@strawberry.type(description="The columns of a table, without its rows.")
class TableSchemaMetadataEntry(MetadataEntry):
    """The columns of a table."""

    schema: TableSchema = said("The columns.", strawberry.UNSET)


@strawberry.type(description="A column that another is made from.")
class TableColumnDep:
    """A column that another is made from."""

    asset_key: AssetKey = said("The asset that has it.")
    column_name: str = said("Its name.")


@strawberry.type(description="The columns that one column is made from.")
class TableColumnLineageEntry:
    """The columns that one column is made from."""

    column_name: str = said("The column.")
    column_deps: list[TableColumnDep] = said("What it is made from.")


@strawberry.type(description="What the columns of a table are made from.")
class TableColumnLineageMetadataEntry(MetadataEntry):
    """What the columns of a table are made from."""

    lineage: list[TableColumnLineageEntry] = said("An entry for each column.", strawberry.UNSET)


ENTRY_TYPES = (
    TextMetadataEntry, UrlMetadataEntry, PathMetadataEntry, NotebookMetadataEntry, JsonMetadataEntry,
    MarkdownMetadataEntry, IntMetadataEntry, FloatMetadataEntry, BoolMetadataEntry, TimestampMetadataEntry,
    NullMetadataEntry, PythonArtifactMetadataEntry, PipelineRunMetadataEntry, AssetMetadataEntry, JobMetadataEntry,
    TableMetadataEntry, TableSchemaMetadataEntry, TableColumnLineageMetadataEntry,
)  # fmt: skip

_INT32 = 2**31


def metadata_entries(metadata: Mapping[str, Any] | None) -> list[MetadataEntry]:
    """The API's form of a metadata mapping, in its order."""
    return [metadata_entry(label, value) for label, value in (metadata or {}).items()]


def metadata_entry(label: str, value: Any) -> MetadataEntry:  # noqa: C901  (one case for each kind of value)
    """The API's form of one metadata value; a kind that the API has no type for is sent as JSON or text."""
    match value:
        case kinds.TextMetadataValue():
            return TextMetadataEntry(label=label, text=value.text or "")
        case kinds.UrlMetadataValue():
            return UrlMetadataEntry(label=label, url=value.url or "")
        case kinds.NotebookMetadataValue():
            return NotebookMetadataEntry(label=label, path=str(value.path or ""))
        case kinds.PathMetadataValue():
            return PathMetadataEntry(label=label, path=str(value.path or ""))
        case kinds.MarkdownMetadataValue():
            return MarkdownMetadataEntry(label=label, md_str=value.md_str or "")
        case kinds.BoolMetadataValue():
            return BoolMetadataEntry(label=label, bool_value=value.value)
        case kinds.IntMetadataValue():
            number = value.value
            small = number if number is not None and -_INT32 <= number < _INT32 else None
            return IntMetadataEntry(label=label, int_value=small, int_repr=str(number))
        case kinds.FloatMetadataValue():
            finite = value.value if value.value is not None and isfinite(value.value) else None
            return FloatMetadataEntry(label=label, float_value=finite, float_repr=str(value.value))
        case kinds.TimestampMetadataValue():
            return TimestampMetadataEntry(label=label, timestamp=value.value)
        case kinds.NullMetadataValue():
            return NullMetadataEntry(label=label)
        case kinds.PythonArtifactMetadataValue():
            return PythonArtifactMetadataEntry(label=label, module=value.module, name=value.name)
        case kinds.RunMetadataValue():
            return PipelineRunMetadataEntry(label=label, run_id=value.run_id)
        case kinds.AssetMetadataValue():
            return AssetMetadataEntry(label=label, asset_key=AssetKey.of(value.asset_key))
        case kinds.JobMetadataValue():
            return JobMetadataEntry(
                label=label,
                job_name=value.job_name,
                location_name=value.location_name,
                repository_name=value.repository_name,
            )
        case kinds.TableMetadataValue():
            rows = [json.dumps(record.data, default=str) for record in value.records]
            return TableMetadataEntry(label=label, table=Table(records=rows, schema=TableSchema.of(value.schema)))
        case kinds.TableSchemaMetadataValue():
            return TableSchemaMetadataEntry(label=label, schema=TableSchema.of(value.schema))
        case kinds.TableColumnLineageMetadataValue():
            return TableColumnLineageMetadataEntry(label=label, lineage=_column_lineage(value))
        case kinds.JsonMetadataValue():
            return JsonMetadataEntry(label=label, json_string=json.dumps(value.data, default=str))
        case kinds.MetadataValue():
            return JsonMetadataEntry(label=label, json_string=json.dumps(value.to_json(), default=str))
        case bool():
            return BoolMetadataEntry(label=label, bool_value=value)
        case int():
            return metadata_entry(label, kinds.IntMetadataValue(value))
        case float():
            return metadata_entry(label, kinds.FloatMetadataValue(value))
        case str():
            return TextMetadataEntry(label=label, text=value)
        case _:
            return JsonMetadataEntry(label=label, json_string=json.dumps(value, default=str))


def _column_lineage(value: kinds.TableColumnLineageMetadataValue) -> list[TableColumnLineageEntry]:
    return [
        TableColumnLineageEntry(
            column_name=name,
            column_deps=[TableColumnDep(asset_key=AssetKey.of(d.asset_key), column_name=d.column_name) for d in deps],
        )
        for name, deps in value.column_lineage.deps_by_column.items()
    ]
