"""What is worth knowing of a value at a glance: rows, columns, nulls and a few rows; in bounded time and size."""

from __future__ import annotations

import base64
import io
import reprlib
import sys
from typing import Any

from cellmill.definitions.metadata import MetadataValue
from cellmill.definitions.table import TableColumn, TableRecord, TableSchema
from cellmill.io.formats import type_name

#: Rows and columns of a table's preview.
PREVIEW_ROWS = 5
PREVIEW_COLUMNS = 20
#: Columns of the schema that is kept.
SCHEMA_COLUMNS = 500
#: Cells of a table in which nulls are counted; counting more takes longer than a blink.
NULL_COUNT_CELLS = 5_000_000
#: Characters of a cell, and of a plain value.
TEXT_LIMIT = 200
#: Pixels of a figure's thumbnail.
THUMBNAIL_PX = 320

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = TEXT_LIMIT
_repr.maxlist = _repr.maxdict = _repr.maxtuple = 8

ROW_COUNT = "dagster/row_count"
COLUMN_SCHEMA = "dagster/column_schema"


def describe(value: Any) -> dict[str, MetadataValue[Any]]:
    """Metadata of a value by its type; never raises for an odd value, and never takes long."""
    cls = type(value)
    if cls is int or cls is float or cls is bool or value is None:
        return {"preview": MetadataValue.text(repr(value)[:TEXT_LIMIT])}
    name = type_name(value)
    describer = _DESCRIBERS.get(name)
    if describer is not None:
        found: dict[str, MetadataValue[Any]] = describer(value)
        return found
    if cls is str or cls is list or cls is dict or cls is tuple or cls is set:
        return {"length": MetadataValue.int(len(value)), "preview": MetadataValue.text(_repr.repr(value))}
    return {"type": MetadataValue.text(name)}


def _cell(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value else None
    return str(value)[:TEXT_LIMIT]


def _table(
    rows: int, schema: list[TableColumn], head: list[dict[str, Any]], nulls: dict[str, int] | None
) -> dict[str, MetadataValue[Any]]:
    metadata: dict[str, MetadataValue[Any]] = {
        ROW_COUNT: MetadataValue.int(rows),
        COLUMN_SCHEMA: MetadataValue.table_schema(TableSchema(columns=schema[:SCHEMA_COLUMNS])),
    }
    if nulls is not None:
        metadata["null_counts"] = MetadataValue.json({name: count for name, count in nulls.items() if count})
    if head:
        shown = [column.name for column in schema[:PREVIEW_COLUMNS]]
        records = [TableRecord({name: _cell(row.get(name)) for name in shown}) for row in head]
        metadata["preview"] = MetadataValue.table(records, TableSchema(columns=schema[:PREVIEW_COLUMNS]))
    return metadata


def _pandas_frame(value: Any) -> dict[str, MetadataValue[Any]]:
    names = [str(name) for name in value.columns]
    schema = [TableColumn(name, type=str(dtype)) for name, dtype in zip(names, value.dtypes, strict=True)]
    head = value.iloc[:PREVIEW_ROWS, :PREVIEW_COLUMNS]
    records = [dict(zip(names, row, strict=False)) for row in head.itertuples(index=False, name=None)]
    nulls = None
    if value.shape[0] * max(1, value.shape[1]) <= NULL_COUNT_CELLS:
        nulls = {name: int(count) for name, count in zip(names, value.isna().sum(), strict=True)}
    return _table(len(value), schema, records, nulls)


def _pandas_series(value: Any) -> dict[str, MetadataValue[Any]]:
    return _pandas_frame(value.to_frame(name="value" if value.name is None else str(value.name)))


def _polars_frame(value: Any) -> dict[str, MetadataValue[Any]]:
    schema = [TableColumn(name, type=str(dtype)) for name, dtype in value.schema.items()]
    nulls = {name: int(value[name].null_count()) for name in value.columns}
    return _table(value.height, schema, value.head(PREVIEW_ROWS).to_dicts(), nulls)


def _arrow_table(value: Any) -> dict[str, MetadataValue[Any]]:
    schema = [TableColumn(field.name, type=str(field.type)) for field in value.schema]
    nulls = {name: value.column(i).null_count for i, name in enumerate(value.schema.names)}
    return _table(value.num_rows, schema, value.slice(0, PREVIEW_ROWS).to_pylist(), nulls)


def _array(value: Any) -> dict[str, MetadataValue[Any]]:
    flat = value.ravel()[:8].tolist()
    return {
        "shape": MetadataValue.json(list(value.shape)),
        "dtype": MetadataValue.text(str(value.dtype)),
        "preview": MetadataValue.text(_repr.repr(flat)),
    }


def _figure(value: Any) -> dict[str, MetadataValue[Any]]:
    """A small PNG of a matplotlib figure, drawn beside the user's own canvas."""
    agg = sys.modules.get("matplotlib.backends.backend_agg")
    if agg is None:
        return {"type": MetadataValue.text("matplotlib.Figure")}
    width = float(value.get_size_inches()[0]) or 1.0
    file = io.BytesIO()
    value.savefig(file, format="png", dpi=max(10.0, min(THUMBNAIL_PX / width, 100.0)))
    return {
        "thumbnail": MetadataValue.md(f"![figure](data:image/png;base64,{base64.b64encode(file.getvalue()).decode()})")
    }


_DESCRIBERS: dict[str, Any] = {
    "pandas.DataFrame": _pandas_frame,
    "pandas.Series": _pandas_series,
    "polars.DataFrame": _polars_frame,
    "pyarrow.Table": _arrow_table,
    "pyarrow.RecordBatch": _arrow_table,
    "numpy.ndarray": _array,
    "matplotlib.Figure": _figure,
}
