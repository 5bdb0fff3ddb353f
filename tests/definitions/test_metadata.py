"""Metadata values: how plain values are recognised, what is refused, and the JSON form both ways."""

from __future__ import annotations

import datetime
import pathlib
import pickle
from typing import Any

import pytest
from cellmill.definitions import metadata as md
from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.code_references import LocalFileCodeReference, UrlCodeReference
from cellmill.definitions.metadata import MetadataValue
from cellmill.definitions.metadata_mapping import metadata_from_json, metadata_to_json, normalize_metadata
from cellmill.definitions.table import (
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableConstraints,
    TableRecord,
    TableSchema,
)
from cellmill.errors import CheckError, InvalidMetadataError, ParameterCheckError

SCHEMA = TableSchema(
    columns=[
        TableColumn("a", "int", "an a", TableColumnConstraints(nullable=False, unique=True, other=["x"]), {"k": "v"})
    ],
    constraints=TableConstraints(other=["sorted"]),
)
LINEAGE = TableColumnLineage({"a": [TableColumnDep("up", "b"), TableColumnDep(["x", "y"], "c")]})


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a", md.TextMetadataValue("a")),
        (1, md.IntMetadataValue(1)),
        (1.5, md.FloatMetadataValue(1.5)),
        (True, md.BoolMetadataValue(True)),
        (None, md.NullMetadataValue()),
        ({"a": 1}, md.JsonMetadataValue({"a": 1})),
        ([1], md.JsonMetadataValue([1])),
        (pathlib.Path("/x"), md.PathMetadataValue("/x")),
        (AssetKey("a"), md.AssetMetadataValue(AssetKey("a"))),
        (SCHEMA, md.TableSchemaMetadataValue(SCHEMA)),
        (LINEAGE, md.TableColumnLineageMetadataValue(LINEAGE)),
        (md.MarkdownMetadataValue("*x*"), md.MarkdownMetadataValue("*x*")),
    ],
)
def test_plain_values_are_recognised_by_their_type(raw: Any, expected: object) -> None:
    """Each plain value becomes the metadata value of its kind."""
    assert normalize_metadata({"k": raw}) == {"k": expected}


@pytest.mark.parametrize(
    "raw", [object(), (1, 2), {1}, b"x", datetime.datetime(2020, 1, 1), {"a": object()}, [object()]]
)
def test_values_that_cannot_be_stored_are_refused_by_name(raw: Any) -> None:
    """An unserializable value is an error that names its key."""
    with pytest.raises(InvalidMetadataError, match='"the_key"'):
        normalize_metadata({"the_key": raw})


def test_invalid_values_can_be_replaced_by_text() -> None:
    """With allow_invalid an unserializable value becomes a remark."""
    assert normalize_metadata({"k": {1}}, allow_invalid=True) == {"k": md.TextMetadataValue("[set] (unserializable)")}


ALL_KINDS: dict[str, MetadataValue[Any]] = {
    "text": MetadataValue.text("a"),
    "url": MetadataValue.url("https://x"),
    "path": MetadataValue.path("/x"),
    "notebook": MetadataValue.notebook("/x.ipynb"),
    "json": MetadataValue.json({"a": [1, None]}),
    "md": MetadataValue.md("**x**"),
    "python_artifact": MetadataValue.python_artifact(AssetKey),
    "timestamp": MetadataValue.timestamp(1.5),
    "run": MetadataValue.dagster_run("r"),
    "job": MetadataValue.job("j", "l", repository_name="r"),
    "asset": MetadataValue.asset(AssetKey(["a", "b"])),
    "table": MetadataValue.table([TableRecord({"a": 1, "b": None})]),
    "table_schema": MetadataValue.table_schema(SCHEMA),
    "column_lineage": MetadataValue.column_lineage(LINEAGE),
    "null": MetadataValue.null(),
    "pool": MetadataValue.pool("p"),
    "bool": MetadataValue.bool(True),
    "float": MetadataValue.float(0.1),
    "int": MetadataValue.int(3),
    "code_references": md.CodeReferencesMetadataValue(
        [LocalFileCodeReference("f.py", 3, "l"), UrlCodeReference("https://x", None)]
    ),
}


@pytest.mark.parametrize("kind", sorted(ALL_KINDS))
def test_every_kind_survives_json_and_pickle(kind: str) -> None:
    """The JSON form of each kind names the kind and gives back an equal value."""
    value = ALL_KINDS[kind]
    data = metadata_to_json({"k": value})

    assert data["k"]["type"] == kind
    assert metadata_from_json(data) == {"k": value}
    assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_lacks_keep_their_meaning(number: float) -> None:
    """NaN and the infinities are written as text and read back as numbers."""
    data = MetadataValue.float(number).to_json()

    assert isinstance(data["value"], str)
    assert repr(MetadataValue.from_json(data).value) == repr(number)


def test_an_unknown_kind_is_kept_as_json() -> None:
    """Data written by a newer version is shown, not lost."""
    assert MetadataValue.from_json({"type": "hologram", "value": 1}).value == {"type": "hologram", "value": 1}


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: MetadataValue.int("a"), ParameterCheckError),  # type: ignore[arg-type]
        (lambda: MetadataValue.float(3), ParameterCheckError),
        (lambda: MetadataValue.text(1), ParameterCheckError),  # type: ignore[arg-type]
        (lambda: MetadataValue.bool("x"), ParameterCheckError),  # type: ignore[arg-type]
        (lambda: MetadataValue.asset("x"), ParameterCheckError),  # type: ignore[arg-type]
        (lambda: MetadataValue.python_artifact(3), ParameterCheckError),  # type: ignore[arg-type]
        (lambda: MetadataValue.json(object()), InvalidMetadataError),
        (lambda: MetadataValue.timestamp(datetime.datetime(2020, 1, 1)), CheckError),
        (lambda: MetadataValue.timestamp("x"), CheckError),  # type: ignore[arg-type]
        (lambda: MetadataValue.table([]), CheckError),
        (lambda: MetadataValue.table([TableRecord({"a": 1}), TableRecord({"b": 1})]), CheckError),
        (lambda: TableRecord({"a": [1]}), CheckError),  # type: ignore[dict-item]
        (lambda: TableSchema(columns=["a"]), CheckError),  # type: ignore[list-item]
    ],
)
def test_constructors_check_their_argument(make: Any, error: type[Exception]) -> None:
    """A value of the wrong type is refused where it is made."""
    with pytest.raises(error):
        make()


def test_an_aware_datetime_becomes_seconds() -> None:
    """An aware datetime is stored as seconds since 1970."""
    at = datetime.datetime(1970, 1, 1, 1, tzinfo=datetime.UTC)

    assert MetadataValue.timestamp(at) == md.TimestampMetadataValue(3600.0)


def test_the_schema_of_a_table_is_inferred_from_its_first_record() -> None:
    """Columns get the type of the first record's values, text where it is None."""
    table = MetadataValue.table([TableRecord({"a": 1, "b": "x", "c": 1.5, "d": True, "e": None})])

    assert [(c.name, c.type) for c in table.schema.columns] == [
        ("a", "int"),
        ("b", "string"),
        ("c", "float"),
        ("d", "bool"),
        ("e", "string"),
    ]


def test_column_lineage_takes_keys_in_any_form() -> None:
    """A column's upstream may be named by text, parts or key."""
    assert TableColumnDep(["x", "y"], "c").asset_key == AssetKey(["x", "y"])


def test_values_are_immutable() -> None:
    """A metadata value cannot be changed."""
    with pytest.raises(AttributeError):
        MetadataValue.int(3).value = 4  # type: ignore[misc]
