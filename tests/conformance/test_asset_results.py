"""What asset functions return: values with metadata, results, nothing."""

import pytest

from tests.conformance.api import dg


def test_output_with_metadata():
    """`Output` carries a value and run-time metadata."""

    @dg.asset
    def a():
        return dg.Output(5, metadata={"rows": 3})

    result = dg.materialize([a])
    mat = result.asset_materializations_for_node("a")[0]

    assert result.output_for_node("a") == 5
    assert mat.metadata["rows"].value == 3


def test_add_output_metadata():
    """`context.add_output_metadata` reaches the materialization."""

    @dg.asset
    def a(context):
        context.add_output_metadata({"n": 4})
        return 1

    mat = dg.materialize([a]).asset_materializations_for_node("a")[0]

    assert mat.metadata["n"] == dg.MetadataValue.int(4)


def test_materialize_result():
    """`MaterializeResult` records metadata and stores no value."""

    @dg.asset
    def a():
        return dg.MaterializeResult(metadata={"m": 1.5})

    mat = dg.materialize([a]).asset_materializations_for_node("a")[0]

    assert mat.metadata["m"].value == 1.5


def test_data_version_is_recorded_as_a_tag():
    """A user's data version arrives in the materialization's tags."""

    @dg.asset
    def a():
        return dg.Output(1, data_version=dg.DataVersion("v7"))

    mat = dg.materialize([a]).asset_materializations_for_node("a")[0]

    assert mat.tags["dagster/data_version"] == "v7"


def test_output_required_false_skips():
    """An asset that yields nothing is not materialized and its downstream is skipped."""

    @dg.asset(output_required=False)
    def maybe():
        if False:
            yield dg.Output(1)

    @dg.asset
    def after(maybe):
        return maybe

    result = dg.materialize([maybe, after])

    assert result.success
    assert result.asset_materializations_for_node("maybe") == []
    assert result.asset_materializations_for_node("after") == []


def test_failure_skips_downstream():
    """A failed asset's downstream is not run, and the run fails."""

    @dg.asset
    def bad():
        raise ValueError("no")

    @dg.asset
    def after(bad):
        return bad

    result = dg.materialize([bad, after], raise_on_error=False)

    assert not result.success
    assert result.failure_data_for_node("bad").error.cls_name in ("DagsterExecutionStepExecutionError", "ValueError")
    assert result.asset_materializations_for_node("after") == []


def test_failure_raises_by_default():
    """`materialize` lets the user's exception out."""

    @dg.asset
    def bad():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        dg.materialize([bad])


def test_none_output_with_none_annotation_stores_nothing():
    """An asset annotated `-> None` does not call its IO manager."""

    class Refuses(dg.IOManager):
        def handle_output(self, context, obj):
            raise AssertionError("must not be called")

        def load_input(self, context):
            raise AssertionError("must not be called")

    @dg.asset
    def a() -> None:
        return None

    assert dg.materialize([a], resources={"io_manager": Refuses()}).success
