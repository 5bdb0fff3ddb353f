"""Several assets of one function."""

import pytest

from tests.conformance.api import dg


def test_multi_asset_with_outs():
    """One function makes several assets, one a named out."""

    @dg.multi_asset(outs={"x": dg.AssetOut(), "y": dg.AssetOut()})
    def both():
        return 1, 2

    result = dg.materialize([both])

    assert result.output_for_node("both", "x") == 1
    assert result.output_for_node("both", "y") == 2
    assert both.keys == {dg.AssetKey("x"), dg.AssetKey("y")}


def test_multi_asset_yields():
    """A multi-asset may yield its outputs one by one."""

    @dg.multi_asset(outs={"x": dg.AssetOut(), "y": dg.AssetOut()})
    def both():
        yield dg.Output(1, "x")
        yield dg.Output(2, "y")

    assert dg.materialize([both]).asset_value("y") == 2


def test_multi_asset_specs():
    """With specs the results carry their keys."""

    @dg.multi_asset(specs=[dg.AssetSpec("x"), dg.AssetSpec("y", deps=["x"])])
    def both():
        yield dg.MaterializeResult(asset_key="x", metadata={"i": 1})
        yield dg.MaterializeResult(asset_key="y")

    result = dg.materialize([both])

    assert [m.asset_key.to_user_string() for m in result.asset_materializations_for_node("both")] == ["x", "y"]


def test_multi_asset_subset():
    """With `can_subset` only what was selected is asked for."""

    @dg.multi_asset(
        outs={"x": dg.AssetOut(is_required=False), "y": dg.AssetOut(is_required=False)},
        can_subset=True,
    )
    def both(context):
        for name in sorted(context.op_execution_context.selected_output_names):
            yield dg.Output(1, name)

    result = dg.materialize([both], selection=["y"])

    assert [m.asset_key.to_user_string() for m in result.asset_materializations_for_node("both")] == ["y"]


def test_multi_asset_without_subset_is_refused():
    """Selecting part of a multi-asset that cannot be subset is an error."""

    @dg.multi_asset(outs={"x": dg.AssetOut(), "y": dg.AssetOut()})
    def both():
        return 1, 2

    with pytest.raises(dg.DagsterInvalidDefinitionError) as raised:
        dg.materialize([both], selection=["y"])

    assert isinstance(raised.value.__cause__, dg.DagsterInvalidSubsetError)


def test_multi_asset_internal_deps():
    """`internal_asset_deps` says how the outs depend on each other."""

    @dg.multi_asset(
        outs={"x": dg.AssetOut(), "y": dg.AssetOut()},
        internal_asset_deps={"x": set(), "y": {dg.AssetKey("x")}},
    )
    def both():
        return 1, 2

    assert both.asset_deps[dg.AssetKey("y")] == {dg.AssetKey("x")}
