"""What a context says and refuses while ops and assets are called with it directly, and the op's use in a job."""

import asyncio
from typing import Any

import pytest

from tests.conformance.api import dg


@dg.op(out={"first": dg.Out(), "second": dg.Out()})
def two(context: dg.OpExecutionContext) -> Any:
    """Yields two outputs, the first with metadata."""
    assert context.is_bound
    assert not context.execution_properties.output_metadata
    context.add_output_metadata({"a": 1}, output_name="first")
    yield dg.Output(1, output_name="first")
    yield dg.Output(2, output_name="second")


def test_a_context_is_bound_for_the_time_of_a_call() -> None:
    """Each call begins anew; what it left behind stays until the next."""
    context = dg.build_op_context()
    for _ in range(2):
        assert not context.is_bound
        assert [one.value for one in two(context)] == [1, 2]
        assert list(context.execution_properties.output_metadata) == ["first"]


def test_a_context_is_used_by_one_call_at_a_time() -> None:
    """A second call while the first goes on is refused, and an error sets the context free."""
    context = dg.build_asset_context()
    bound: list[bool] = []

    @dg.asset
    async def slow(context: dg.AssetExecutionContext) -> int:
        await asyncio.sleep(0)
        return 1

    @dg.asset
    def failing(context: dg.AssetExecutionContext) -> None:
        bound.append(context.is_bound)
        raise ValueError("no")

    async def both() -> Any:
        first = slow(context)
        try:
            return await asyncio.gather(first, slow(context))
        finally:
            first.close()

    with pytest.raises(dg.DagsterInvalidInvocationError, match="currently being used to execute"):
        asyncio.run(both())
    context = dg.build_asset_context()
    with pytest.raises(ValueError, match="no"):
        failing(context)
    assert (bound, context.is_bound) == ([True], False)


@pytest.mark.parametrize("key", [None, "k"])
def test_metadata_after_its_output_is_refused(key: str | None) -> None:
    """Metadata comes before the output that it belongs to."""

    @dg.op(out=dg.Out() if key is None else dg.DynamicOut())
    def late(context: dg.OpExecutionContext) -> Any:
        yield dg.Output(1) if key is None else dg.DynamicOutput(1, mapping_key=key)
        context.add_output_metadata({"a": 1}, mapping_key=key)

    with pytest.raises(dg.DagsterInvariantViolationError, match="already been yielded"):
        list(late(dg.build_op_context()))


def test_calls_with_too_much_or_too_little() -> None:
    """A value for an input without one, inputs by place that only have names, and config that is missing."""

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def after() -> int:
        return 5

    @dg.op(ins={"word": dg.In(str)})
    def named(**kwargs: Any) -> str:
        return str(kwargs["word"])

    @dg.op(config_schema={"word": str})
    def configured(context: dg.OpExecutionContext) -> None:
        """Does nothing."""

    with pytest.raises(dg.DagsterInvalidInvocationError, match="nothing input 'start'"):
        after(start="a")
    with pytest.raises(dg.DagsterInvalidInvocationError, match="has 0 positional inputs, but 1 positional inputs were"):
        named("a")
    with pytest.raises(dg.DagsterInvalidConfigError, match="Error in config for op"):
        configured(dg.build_op_context())
    assert (after(), named(word="a")) == (5, "a")


def test_resources_that_nobody_could_read_need_not_be_given() -> None:
    """An op without a context can be called without the resources it requires."""

    @dg.op(required_resource_keys={"client"})
    def blind() -> int:
        return 1

    assert blind() == 1


def test_graphs_and_jobs_are_not_called() -> None:
    """Outside of a body a graph and a job are run, not called."""

    @dg.op
    def one() -> int:
        return 1

    @dg.graph
    def graph() -> None:
        one()

    @dg.job
    def job() -> None:
        one()

    for called in (graph, job):
        with pytest.raises(dg.DagsterInvariantViolationError, match="Attempted to call"):
            called()


def test_resources_are_taken_down_with_a_context_that_nobody_holds() -> None:
    """A generator resource of a context that was never entered is closed when the context is gone."""
    closed: list[str] = []

    @dg.resource
    def opened() -> Any:
        yield "open"
        closed.append("closed")

    context = dg.build_op_context(resources={"opened": opened})
    del context

    assert closed == ["closed"]


def test_the_use_of_an_op_in_its_job() -> None:
    """`context.op` has the alias and the tags of this use, `context.op_def` is the definition."""
    seen: list[Any] = []

    @dg.op(tags={"a": "1", "b": "2"})
    def tagged(context: dg.OpExecutionContext) -> None:
        seen.append((context.op.name, context.op_def.name, context.op.tags))

    @dg.graph
    def inner() -> None:
        tagged.tag({"a": "3"}).alias("other")()

    @dg.job
    def job() -> None:
        inner()

    job.execute_in_process()

    assert seen == [("other", "tagged", {"a": "3", "b": "2"})]


def test_an_asset_that_a_graph_makes_is_not_called():
    """Only `materialize` makes it."""

    @dg.op
    def number():
        return 1

    @dg.graph_asset
    def whole():
        return number()

    with pytest.raises(dg.DagsterInvariantViolationError, match="Attempted to call graph 'whole' outside"):
        whole()


def test_the_path_of_a_problem_in_config_of_a_direct_call():
    """What is wrong in the config of a call is told with its path, as in a run."""

    @dg.op(config_schema={"name": str})
    def greets(context):
        return context.op_config["name"]

    with pytest.raises(dg.DagsterInvalidConfigError, match='unexpected config entry "nam" at path root:config'):
        greets(dg.build_op_context(op_config={"nam": "Ada"}))
    with pytest.raises(dg.DagsterInvalidConfigError, match="at path root:config:name"):
        greets(dg.build_op_context(op_config={"name": 3}))
    with pytest.raises(dg.DagsterInvalidConfigError, match='Missing required config entry "config" at the root'):
        greets(dg.build_op_context())
    assert greets(dg.build_op_context(op_config={"name": "Ada"})) == "Ada"
