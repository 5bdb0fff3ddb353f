"""What is recorded of a value at a glance: bounded in time and size, and true, whatever the value."""

from __future__ import annotations

import base64
import struct
from pathlib import Path
from typing import Any

import matplotlib.backends.backend_agg  # noqa: F401 - a figure is drawn only where somebody draws
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from cellmill import build_output_context
from cellmill.io.default import ByTypeIOManager
from cellmill.io.preview import (
    NULL_COUNT_CELLS,
    PREVIEW_COLUMNS,
    PREVIEW_ROWS,
    SCHEMA_COLUMNS,
    TEXT_LIMIT,
    THUMBNAIL_PX,
    describe,
)
from matplotlib.figure import Figure

DATA = {"a": [1, None, 3, 4, 5, 6], "b": ["x", None, None, "y" * 500, "z", "w"]}
TABLES: list[Any] = [pd.DataFrame(DATA), pl.DataFrame(DATA), pa.table(DATA)]


@pytest.mark.parametrize("table", TABLES, ids=["pandas", "polars", "arrow"])
def test_a_table_has_rows_schema_nulls_and_a_few_records(table: Any) -> None:
    """The same facts whichever library the table is of."""
    found = describe(table)
    schema = found["dagster/column_schema"].value
    records = found["preview"].records

    assert found["dagster/row_count"].value == 6
    assert [column.name for column in schema.columns] == ["a", "b"]
    assert found["null_counts"].value == {"a": 1, "b": 2}
    assert len(records) == PREVIEW_ROWS
    assert [record.data["b"] for record in records][3] == "y" * TEXT_LIMIT
    assert records[1].data == {"a": None, "b": None}


def test_a_wide_table_is_cut() -> None:
    """A thousand columns do not make a record of a thousand columns."""
    wide = pd.DataFrame(np.zeros((2, 1000)), columns=[f"c{number}" for number in range(1000)])
    found = describe(wide)

    assert len(found["dagster/column_schema"].value.columns) == SCHEMA_COLUMNS
    assert len(found["preview"].records[0].data) == PREVIEW_COLUMNS


def test_a_large_table_is_not_searched_for_nulls() -> None:
    """Where counting takes longer than a blink, nobody counts."""
    large = pd.DataFrame({"a": np.zeros(NULL_COUNT_CELLS + 1, dtype="int8")})
    found = describe(large)

    assert "null_counts" not in found
    assert found["dagster/row_count"].value == NULL_COUNT_CELLS + 1


def test_an_array_and_plain_values() -> None:
    """Shape, type and the first items; length and the beginning of the text."""
    array = describe(np.arange(12.0).reshape(3, 4))
    text, number, mapping = describe("x" * 10_000), describe(7), describe({str(n): n for n in range(1000)})

    assert array["shape"].value == [3, 4]
    assert array["dtype"].value == "float64"
    assert str(array["preview"].value).startswith("[0.0, 1.0, 2.0")
    assert text["length"].value == 10_000 and len(str(text["preview"].value)) <= TEXT_LIMIT + 10
    assert number["preview"].value == "7"
    assert mapping["length"].value == 1000 and len(str(mapping["preview"].value)) < 500


def test_a_figure_has_a_thumbnail() -> None:
    """A PNG of at most a few hundred pixels, and the user's figure keeps its own size and resolution."""
    figure = Figure(figsize=(20, 10), dpi=300)
    figure.add_subplot().plot([1, 3, 2])
    markdown = str(describe(figure)["thumbnail"].value)
    data = base64.b64decode(markdown.removeprefix("![figure](data:image/png;base64,").removesuffix(")"))
    width, height = struct.unpack(">II", data[16:24])

    assert data.startswith(b"\x89PNG")
    assert 0 < width <= THUMBNAIL_PX and 0 < height <= THUMBNAIL_PX
    assert (figure.dpi, tuple(figure.get_size_inches())) == (300, (20, 10))


class Odd:
    """A value that answers nothing."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")

    def __len__(self) -> int:
        raise RuntimeError("no length")


def test_an_odd_value_is_named_by_its_type() -> None:
    """Whatever raises when it is looked at is not looked at."""
    assert str(describe(Odd())["type"].value).endswith("Odd")


def test_what_is_stored_is_described_and_what_the_user_says_counts(tmp_path: Path) -> None:
    """Size and place come from the store; metadata that the user gave under the same name stays his."""
    manager = ByTypeIOManager(tmp_path)
    context = build_output_context(asset_key="table", step_key="s", name="result")
    context.add_output_metadata({"dagster/row_count": 99})
    manager.handle_output(context, pd.DataFrame({"a": [1, 2]}))
    logged = context.get_logged_metadata()

    assert logged["dagster/row_count"] == 99
    assert logged["size_bytes"].value > 0
    assert str(logged["path"].value).startswith("assets/table@")
