"""What contexts of assets and ops offer, and which annotation asks for which."""

import pytest

from tests.conformance.api import dg


def seen_in_asset(body, **kwargs):
    """What `body(context)` sees inside a materialization."""

    @dg.asset(**kwargs.pop("asset", {}))
    def x(context: dg.AssetExecutionContext):
        return body(context)

    return dg.materialize_to_memory([x], **kwargs).output_for_node("x")


def seen_in_op(body, **kwargs):
    """What `body(context)` sees inside an op of a job."""

    @dg.op(**kwargs.pop("op", {}))
    def x(context: dg.OpExecutionContext):
        return body(context)

    @dg.job(**kwargs.pop("job", {}))
    def j():
        x()

    return j.execute_in_process(**kwargs).output_for_node("x")


ASSET_CONTEXT = [
    ("asset_key", lambda c: c.asset_key.to_user_string(), "x"),
    ("selected_asset_keys", lambda c: [k.to_user_string() for k in c.selected_asset_keys], ["x"]),
    ("has_partition_key", lambda c: c.has_partition_key, False),
    ("run", lambda c: c.run.run_id == c.run_id, True),
    ("job_name", lambda c: isinstance(c.job_name, str), True),
    ("retry_number", lambda c: c.retry_number, 0),
    ("op_def", lambda c: c.op_def.name, "x"),
    ("assets_def", lambda c: c.assets_def.key.to_user_string(), "x"),
    ("op_execution_context", lambda c: type(c.op_execution_context).__name__, "OpExecutionContext"),
    ("log", lambda c: c.log.info("x"), None),
    ("instance", lambda c: c.instance is not None, True),
]


@pytest.mark.parametrize(("name", "body", "expected"), ASSET_CONTEXT, ids=[c[0] for c in ASSET_CONTEXT])
def test_asset_context(name, body, expected):
    """What an asset's context offers."""
    assert seen_in_asset(body) == expected


OP_CONTEXT = [
    ("op_config", lambda c: c.op_config, None),
    ("op_name", lambda c: c.op.name, "x"),
    ("op_handle", lambda c: str(c.op_handle), "x"),
    ("job_name", lambda c: c.job_name, "j"),
    ("job_def", lambda c: c.job_def.name, "j"),
    ("run_id", lambda c: c.run_id == c.run.run_id, True),
    ("retry_number", lambda c: c.retry_number, 0),
    ("has_tag", lambda c: c.has_tag("nope"), False),
    ("get_tag", lambda c: c.get_tag("nope"), None),
    ("run_config", lambda c: isinstance(c.run_config, dict), True),
    ("has_partition_key", lambda c: c.has_partition_key, False),
    ("selected_output_names", lambda c: set(c.selected_output_names), {"result"}),
    ("has_assets_def", lambda c: c.has_assets_def, False),
]


@pytest.mark.parametrize(("name", "body", "expected"), OP_CONTEXT, ids=[c[0] for c in OP_CONTEXT])
def test_op_context(name, body, expected):
    """What an op's context offers."""
    assert seen_in_op(body) == expected


def test_run_tags_in_context():
    """Tags of the run are readable inside."""
    assert seen_in_op(lambda c: c.get_tag("a"), tags={"a": "1"}) == "1"
    assert seen_in_op(lambda c: c.run_tags["a"], job={"tags": {"a": "2"}}) == "2"


def test_context_annotation_decides():
    """A context parameter may carry any of the context types."""

    @dg.asset
    def one(context: dg.OpExecutionContext):
        return type(context).__name__

    @dg.asset
    def two(context: dg.AssetExecutionContext):
        return type(context).__name__

    result = dg.materialize_to_memory([one, two])

    assert result.output_for_node("one") == "OpExecutionContext"
    assert result.output_for_node("two") == "AssetExecutionContext"


def test_asset_context_in_an_op_is_refused():
    """An op cannot have an asset's context."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.op
        def f(context: dg.AssetExecutionContext):
            return 1

        @dg.job
        def j():
            f()

        j.execute_in_process()


def test_wrong_context_annotation():
    """A context annotated with something else is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.asset
        def f(context: int):
            return 1


def test_static_context_getters():
    """The current context can be fetched without a parameter."""

    @dg.asset
    def x():
        return dg.AssetExecutionContext.get().asset_key.to_user_string()

    @dg.op
    def y():
        return dg.OpExecutionContext.get().op.name

    @dg.job
    def j():
        y()

    assert dg.materialize_to_memory([x]).output_for_node("x") == "x"
    assert j.execute_in_process().output_for_node("y") == "y"
