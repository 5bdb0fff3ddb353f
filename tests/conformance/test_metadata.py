"""Metadata values: inference and storage."""

import pytest

from tests.conformance.api import dg

METADATA = [
    ("text", "TextMetadataValue"),
    (1, "IntMetadataValue"),
    (1.5, "FloatMetadataValue"),
    (True, "BoolMetadataValue"),
    ({"a": 1}, "JsonMetadataValue"),
    ([1, 2], "JsonMetadataValue"),
    (None, "NullMetadataValue"),
]


@pytest.mark.parametrize(("raw", "kind"), METADATA)
def test_metadata_inference(raw, kind):
    """Plain values become metadata of the right kind."""

    @dg.asset
    def x():
        return dg.MaterializeResult(metadata={"m": raw})

    (mat,) = dg.materialize([x]).asset_materializations_for_node("x")
    assert type(mat.metadata["m"]).__name__ == kind


@pytest.mark.parametrize(
    "value",
    [
        dg.MetadataValue.url("http://x"),
        dg.MetadataValue.path("/p"),
        dg.MetadataValue.md("*x*"),
        dg.MetadataValue.json({"a": [1]}),
        dg.MetadataValue.notebook("n.ipynb"),
        dg.MetadataValue.asset(dg.AssetKey("a")),
        dg.MetadataValue.timestamp(1.0),
        dg.MetadataValue.table([dg.TableRecord({"a": 1})]),
        dg.MetadataValue.table_schema(dg.TableSchema([dg.TableColumn("a", "int")])),
        dg.MetadataValue.null(),
    ],
    ids=lambda v: type(v).__name__,
)
def test_metadata_values_survive(value):
    """Metadata comes back from the event log as it went in."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def x():
        return dg.MaterializeResult(metadata={"m": value})

    dg.materialize([x], instance=instance)
    event = instance.get_latest_materialization_event(dg.AssetKey("x"))

    assert event.asset_materialization.metadata["m"] == value


def test_invalid_metadata():
    """What cannot be recorded is refused."""

    @dg.asset
    def x(context):
        context.add_output_metadata({"m": object()})
        return 1

    assert not dg.materialize([x], raise_on_error=False).success
