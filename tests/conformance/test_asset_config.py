"""Config, resources and direct invocation of assets."""

import pytest

from tests.conformance.api import dg


def test_asset_config_schema():
    """An asset takes config under its op's name."""

    @dg.asset(config_schema={"n": int})
    def a(context):
        return context.op_execution_context.op_config["n"]

    result = dg.materialize([a], run_config={"ops": {"a": {"config": {"n": 9}}}})

    assert result.output_for_node("a") == 9


def test_asset_pydantic_config():
    """A `config` parameter annotated with a Config class is not an upstream."""

    class MyConfig(dg.Config):
        n: int = 2

    @dg.asset
    def a(config: MyConfig):
        return config.n

    assert dg.materialize([a]).output_for_node("a") == 2
    assert dg.materialize([a], run_config=dg.RunConfig(ops={"a": MyConfig(n=5)})).output_for_node("a") == 5


def test_direct_invocation():
    """An asset can be called like the function it is."""

    @dg.asset
    def a(b, c):
        return b + c

    assert a(1, 2) == 3
    assert a(b=1, c=3) == 4


def test_direct_invocation_with_context():
    """A context for a direct call comes from `build_asset_context`."""

    @dg.asset
    def a(context: dg.AssetExecutionContext, b):
        context.log.info("hi")
        return b

    assert a(dg.build_asset_context(), 1) == 1


def test_required_resource_keys():
    """A classic resource is reached by key through the context."""

    @dg.asset(required_resource_keys={"db"})
    def a(context):
        return context.resources.db

    assert dg.materialize([a], resources={"db": "sqlite"}).output_for_node("a") == "sqlite"


def test_resource_parameter():
    """A parameter annotated with a resource class is the resource."""

    class Db(dg.ConfigurableResource):
        url: str

    @dg.asset
    def a(db: Db):
        return db.url

    assert dg.materialize([a], resources={"db": Db(url="x")}).output_for_node("a") == "x"


def test_missing_resource_is_named():
    """An unfulfilled resource requirement is an invalid definition."""

    @dg.asset(required_resource_keys={"db"})
    def a(context):
        return 1

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="db"):
        dg.materialize([a])
