"""Assets that a graph of ops makes."""

from tests.conformance.api import dg


def test_graph_asset():
    """A graph of ops stands behind one asset."""

    @dg.op
    def one():
        return 1

    @dg.op
    def plus(x):
        return x + 1

    @dg.graph_asset
    def total():
        return plus(one())

    result = dg.materialize([total])

    assert result.asset_value("total") == 2
    assert total.key == dg.AssetKey("total")


def test_graph_asset_with_upstream():
    """A graph asset's parameter is an upstream asset."""

    @dg.asset
    def base():
        return 10

    @dg.op
    def double(x):
        return x * 2

    @dg.graph_asset
    def doubled(base):
        return double(base)

    assert dg.materialize([base, doubled]).asset_value("doubled") == 20


def test_graph_multi_asset():
    """A graph with several outs makes several assets."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def split():
        return 1, 2

    @dg.graph_multi_asset(outs={"left": dg.AssetOut(), "right": dg.AssetOut()})
    def halves():
        a, b = split()
        return {"left": a, "right": b}

    result = dg.materialize([halves])

    assert result.asset_value("left") == 1
    assert result.asset_value("right") == 2


def test_assets_definition_from_graph():
    """`AssetsDefinition.from_graph` turns a graph into an asset."""

    @dg.op
    def one():
        return 1

    @dg.graph
    def g():
        return one()

    assets = dg.AssetsDefinition.from_graph(g)

    assert assets.key == dg.AssetKey("g")
    assert dg.materialize([assets]).asset_value("g") == 1
