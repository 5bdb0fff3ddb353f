"""Types of data frames from pandera schemas."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa
import pytest
from cellmill.definitions.metadata import IntMetadataValue, TableSchemaMetadataValue
from cellmill.definitions.types.pandera_type import pandera_schema_to_type, table_schema
from cellmill.definitions.types.resolve import check_type
from cellmill.errors import ParameterCheckError

SCHEMA = pa.DataFrameSchema(
    {
        "carrier": pa.Column(str, unique=True, description="the airline"),
        "delay": pa.Column(float, pa.Check.ge(0), nullable=True),
    },
    name="Delays",
)


def test_a_frame_that_fits_passes() -> None:
    """Pandera decides."""
    kind = pandera_schema_to_type(SCHEMA)

    assert kind.display_name == "Delays"
    assert check_type(kind, pd.DataFrame({"carrier": ["AA"], "delay": [1.0]})).success


def test_a_frame_that_does_not_fit_fails_with_a_sample() -> None:
    """The check says how much is wrong and shows some of it."""
    check = check_type(pandera_schema_to_type(SCHEMA), pd.DataFrame({"carrier": ["AA", "BB"], "delay": [-1.0, -2.0]}))

    assert not check.success
    assert check.metadata["num_failures"] == IntMetadataValue(2)


def test_what_is_no_frame_fails() -> None:
    """Any other value is no data frame."""
    assert not check_type(pandera_schema_to_type(SCHEMA), 3).success


def test_the_columns_are_metadata() -> None:
    """Names, types, constraints and descriptions of the columns are shown with the type."""
    columns = table_schema(SCHEMA).columns

    assert [(column.name, column.constraints.unique, column.constraints.nullable) for column in columns] == [
        ("carrier", True, False),
        ("delay", False, True),
    ]
    assert columns[0].description == "the airline"
    assert columns[1].constraints.other
    assert isinstance(pandera_schema_to_type(SCHEMA).metadata["schema"], TableSchemaMetadataValue)


def test_a_model_class_serves_too() -> None:
    """A DataFrameModel names the type."""
    model = type("Flights", (pa.DataFrameModel,), {"__annotations__": {"n": int}})
    kind = pandera_schema_to_type(model)

    assert kind.display_name == "Flights"
    assert check_type(kind, pd.DataFrame({"n": [1]})).success


def test_something_else_is_refused() -> None:
    """Only pandera's schemas are taken."""
    with pytest.raises(ParameterCheckError):
        pandera_schema_to_type(3)
