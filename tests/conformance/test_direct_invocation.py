"""Ops and assets called like functions, with and without a context."""

import pytest

from tests.conformance.api import dg


def test_direct_invocation_of_ops():
    """An op can be called like the function it is."""

    @dg.op
    def f(x, y=2):
        return x + y

    assert f(1) == 3
    assert f(1, y=5) == 6


def test_direct_invocation_with_config_and_context():
    """A context for a direct call comes from `build_op_context`."""

    @dg.op(config_schema={"n": int}, required_resource_keys={"r"})
    def f(context, x):
        return context.op_config["n"] + context.resources.r + x

    assert f(dg.build_op_context(op_config={"n": 1}, resources={"r": 10}), 100) == 111


def test_direct_invocation_without_needed_context():
    """A missing context is told."""

    @dg.op
    def f(context):
        return 1

    with pytest.raises(dg.DagsterInvalidInvocationError):
        f()


def test_direct_invocation_of_a_generator():
    """A generator op gives its outputs one by one."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def f():
        yield dg.Output(1, "a")
        yield dg.Output(2, "b")

    assert [o.value for o in f()] == [1, 2]


def test_invoke_too_few_arguments():
    """A missing input is told."""

    @dg.op
    def f(x):
        return x

    with pytest.raises(dg.DagsterInvalidInvocationError):
        f()


def test_invoke_too_many_arguments():
    """A superfluous input is told."""

    @dg.op
    def f(x):
        return x

    with pytest.raises(dg.DagsterInvalidInvocationError):
        f(1, 2)


def test_invoke_without_required_resource():
    """A missing resource is told."""

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="r"):
        f(dg.build_op_context())


def test_invoke_with_bad_config():
    """Config is validated in a direct call as well."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    with pytest.raises(dg.DagsterInvalidConfigError):
        f(dg.build_op_context(op_config={"n": "x"}))


def test_invoke_checks_output_types():
    """A wrong output is told in a direct call as well."""

    @dg.op
    def f() -> int:
        return "x"

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        f()


def test_invoke_checks_input_types():
    """A wrong input is told in a direct call as well."""

    @dg.op
    def f(x: int):
        return x

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        f("x")


def test_invoke_with_resource_objects():
    """Resources may be given as arguments."""

    class R(dg.ConfigurableResource):
        v: int

    @dg.op
    def f(r: R):
        return r.v

    assert f(r=R(v=2)) == 2
    assert f(R(v=3)) == 3


def test_invoke_with_generator_resource():
    """A context with a generator resource is a context manager."""
    log = []

    @dg.resource
    def r():
        yield 1
        log.append("down")

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    with dg.build_op_context(resources={"r": r}) as context:
        assert f(context) == 1
    assert log == ["down"]


def test_invoke_collects_events():
    """What was logged in a direct call can be read from its context."""

    @dg.op
    def f(context):
        context.log_event(dg.AssetMaterialization("m"))
        return 1

    context = dg.build_op_context()
    f(context)

    assert [e.asset_key.to_user_string() for e in context.get_events()] == ["m"]


def test_invoke_output_metadata():
    """Output metadata of a direct call can be read from its context."""

    @dg.op
    def f(context):
        context.add_output_metadata({"n": 1})
        return 1

    context = dg.build_op_context()
    f(context)

    assert context.get_output_metadata("result") == {"n": 1}


def test_invoke_partitioned_asset():
    """A partition key can be given to a built context."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def f(context: dg.AssetExecutionContext):
        return context.partition_key

    assert f(dg.build_asset_context(partition_key="a")) == "a"


def test_invoke_multi_asset():
    """A multi-asset can be called."""

    @dg.multi_asset(outs={"x": dg.AssetOut(), "y": dg.AssetOut()})
    def f(up):
        return up, up + 1

    assert f(1) == (1, 2)


def test_invoke_async_op():
    """A coroutine op gives a coroutine."""
    import asyncio

    @dg.op
    async def f(x):
        return x + 1

    assert asyncio.run(f(1)) == 2


def test_invoke_inside_a_function():
    """Ops can be called in other ops as the functions they are."""

    @dg.op
    def inner(x):
        return x + 1

    assert inner(inner(1)) == 3


def test_build_op_context_attributes():
    """A built context answers what a test needs."""
    context = dg.build_op_context(op_config={"a": 1}, resources={"r": 2})

    assert context.op_config == {"a": 1}
    assert context.resources.r == 2
    assert context.log is not None
    assert isinstance(context.run_id, str)


def test_hook_direct_invocation():
    """A hook can be called with a built context."""

    @dg.success_hook(required_resource_keys={"r"})
    def hook(context):
        context.resources.r.append(1)

    got = []
    hook(dg.build_hook_context(resources={"r": got}))

    assert got == [1]


def test_direct_invocation_of_dynamic_op():
    """Calling an op that yields gives what it yields."""

    @dg.op(out=dg.DynamicOut())
    def several():
        yield dg.DynamicOutput(1, "a")
        yield dg.DynamicOutput(2, "b")

    assert [(each.mapping_key, each.value) for each in several()] == [("a", 1), ("b", 2)]


def test_direct_invocation_of_materialize_result():
    """Calling an asset gives what it returns."""

    @dg.asset
    def a():
        return dg.MaterializeResult(metadata={"k": 1})

    assert a().metadata == {"k": 1} or a().metadata == {"k": dg.MetadataValue.int(1)}


def test_build_op_context_parts():
    """A context for tests has config, resources, partition and tags."""
    context = dg.build_op_context(op_config={"a": 1}, resources={"r": 2}, partition_key="p", run_tags={"t": "v"})

    assert context.op_config == {"a": 1}
    assert context.resources.r == 2
    assert context.partition_key == "p"
    assert context.has_partition_key
    assert context.run_tags == {"t": "v"} or context.get_tag("t") == "v"
    assert context.has_tag("t")


def test_build_op_context_as_manager():
    """A context closes its resources."""
    seen = []

    @dg.resource
    def made(_):
        yield 5
        seen.append("closed")

    with dg.build_op_context(resources={"r": made}) as context:
        assert context.resources.r == 5
        assert not seen
    assert seen == ["closed"]


def test_build_op_context_resource_outside_manager():
    """A resource that must be closed needs the with statement."""

    @dg.resource
    def made(_):
        yield 5

    with pytest.raises(dg.DagsterInvariantViolationError):
        _ = dg.build_op_context(resources={"r": made}).resources
