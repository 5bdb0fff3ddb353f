"""Equality of types with parts, what a failed check says, and selections given as sets."""

import pytest

from tests.conformance.api import dg


def test_a_failed_check_says_why() -> None:
    """The error has the check's metadata and the type."""
    never = dg.DagsterType(lambda _, value: dg.TypeCheck(success=False, metadata={"why": "never"}), "Never")

    @dg.op(out=dg.Out(never))
    def made() -> int:
        return 1

    @dg.job
    def job() -> None:
        made()

    with pytest.raises(dg.DagsterTypeCheckDidNotPass) as caught:
        job.execute_in_process()
    assert caught.value.metadata["why"].text == "never"
    assert caught.value.dagster_type is never


def test_types_with_equal_parts_are_equal() -> None:
    """Two lists of the same type are one type, as the types of two outputs."""

    @dg.op(out={"a": dg.Out(dg.List[int]), "b": dg.Out(dg.List[int]), "c": dg.Out(dg.List[str])})
    def made():  # type: ignore[no-untyped-def]
        return [1], [2], ["c"]

    a, b, c = (made.output_dict[name].dagster_type for name in "abc")

    assert a == b
    assert hash(a) == hash(b)
    assert a != c


def test_a_selection_may_be_a_set() -> None:
    """Assets are selected by a set of their keys, too."""

    @dg.asset
    def one() -> int:
        return 1

    @dg.asset
    def two() -> int:
        return 2

    selection = frozenset({dg.AssetKey("one")})
    defs = dg.Definitions([one, two], jobs=[dg.define_asset_job("both", [one, two])])
    result = defs.resolve_job_def("both").get_subset(asset_selection=selection).execute_in_process()

    assert result.output_for_node("one") == 1
    assert [made.asset_key for made in result.get_asset_materialization_events()] == list(selection)
