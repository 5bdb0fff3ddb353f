"""Direct calls, hooks, configured definitions and selections of ops, in detail."""

from typing import Any

import pytest

from tests.conformance.api import dg


class Outer(dg.Config):  # type: ignore[name-defined,misc]
    """What the configured op takes."""

    simple: str


class Inner(dg.Config):  # type: ignore[name-defined,misc]
    """What the op takes."""

    param: str


@dg.op
def echo(config: Inner) -> str:
    """An op with config."""
    return str(config.param)


@dg.configured(echo)
def to_dict(config_in: Outer) -> dict[str, Any]:
    """Gives a dictionary."""
    return {"param": config_in.simple}


@dg.configured(echo)
def to_object(config_in: Outer) -> Inner:
    """Gives a config object."""
    return Inner(param=config_in.simple)


def test_configured_takes_a_config_class() -> None:
    """The annotation of its parameter is the schema; it gives a dictionary or a config object."""

    @dg.job
    def job() -> None:
        to_dict()
        to_object()

    config = dg.RunConfig(ops={"to_dict": Outer(simple="a"), "to_object": Outer(simple="b")})
    result = job.execute_in_process(run_config=config)

    assert (result.output_for_node("to_dict"), result.output_for_node("to_object")) == ("a", "b")
    with pytest.raises(Exception, match="Cannot provide config_schema to @configured function"):
        dg.configured(echo, config_schema={"simple": str})(to_dict_function)


def to_dict_function(config_in: Outer) -> dict[str, Any]:
    """Gives a dictionary."""
    return {"param": config_in.simple}


def test_run_config_of_nested_graphs_takes_objects() -> None:
    """The ops of a graph are configured by objects, too."""

    @dg.graph
    def inner() -> Any:
        return echo()

    @dg.job
    def job() -> None:
        inner()

    result = job.execute_in_process(run_config=dg.RunConfig(ops={"inner": {"ops": {"echo": Inner(param="x")}}}))

    assert result.output_for_node("inner.echo") == "x"


def test_a_job_of_a_part_of_a_graph() -> None:
    """`to_job(op_selection=…)` runs just that part; inputs that it leaves open come from config."""

    @dg.op
    def one() -> int:
        return 1

    @dg.op
    def add(a: int, b: int) -> int:
        return a + b

    @dg.op
    def double(value: int) -> int:
        return value * 2

    @dg.graph
    def whole() -> None:
        double(add(one.alias("left")(), one.alias("right")()))

    result = whole.to_job(op_selection=["*add"]).execute_in_process()
    assert {event.step_key for event in result.get_step_success_events()} == {"left", "right", "add"}
    rest = whole.to_job(op_selection=["double"])
    found = rest.execute_in_process(run_config={"ops": {"double": {"inputs": {"value": 4}}}})
    assert found.output_for_node("double") == 8


def test_calls_outside_of_runs() -> None:
    """Aliased ops can be called; what only a run has is refused by name."""

    @dg.op
    def plain() -> int:
        return 5

    assert plain.alias("other")() == 5
    with pytest.raises(dg.DagsterInvalidInvocationError, match="Too many input arguments were provided for op 'other'"):
        plain.alias("other")(None)

    @dg.op(config_schema={"foo": str})
    def configured(context) -> Any:
        return context.run_config

    assert configured(dg.build_op_context(op_config={"foo": "bar"}))["ops"] == {
        "configured": {"config": {"foo": "bar"}}
    }
    context = dg.build_op_context()
    for name in ("dagster_run", "job_def", "job_name", "node_handle", "op_def", "assets_def"):
        with pytest.raises(Exception, match="not set"):
            getattr(context, name)


def test_calling_hooks() -> None:
    """With and without a context, by place and by name; too few or wrong arguments are told."""
    seen = []

    @dg.success_hook
    def noted(_: Any) -> None:
        seen.append(1)

    noted(None)
    noted(dg.build_hook_context())
    noted(_=dg.build_hook_context())
    assert seen == [1, 1, 1]
    with pytest.raises(dg.DagsterInvalidInvocationError, match="expects one parameter, _, but 0 were provided"):
        noted()
    with pytest.raises(dg.DagsterInvalidInvocationError, match="Could not find expected argument '_'"):
        noted(foo=None)

    @dg.success_hook(required_resource_keys={"chat"})
    def told(context) -> None:
        context.resources.chat.append("told")

    chat: list[str] = []
    told(dg.build_hook_context(resources={"chat": chat}))
    assert chat == ["told"]
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="resource with key 'chat' required by hook 'told'"):
        told(None)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="does not have required positional"):

        @dg.success_hook
        def wrong(): ...


def test_events_name_their_step_and_op() -> None:
    """Handles of an event's step and of the op in its graphs."""

    @dg.op
    def one() -> int:
        return 1

    @dg.graph
    def inner() -> Any:
        return one()

    @dg.job
    def job() -> None:
        inner()

    event = job.execute_in_process().get_step_success_events()[0]

    assert event.step_handle.to_key() == "inner.one"
    assert event.node_handle.name == "one"


def test_lists_of_dynamic_outputs() -> None:
    """With and without the type of their values, alone and beside an ordinary output."""

    @dg.op
    def bare() -> list[dg.DynamicOutput]:
        return [dg.DynamicOutput(4, mapping_key="1")]

    @dg.op(out={"regular": dg.Out(), "dynamic": dg.DynamicOut()})
    def mixed() -> tuple[dg.Output[int], list[dg.DynamicOutput[str]]]:
        return dg.Output(5), [dg.DynamicOutput("foo", mapping_key="1"), dg.DynamicOutput("bar", mapping_key="2")]

    @dg.job
    def job() -> None:
        bare()
        mixed()

    result = job.execute_in_process()

    assert result.output_for_node("bare") == {"1": 4}
    assert result.output_for_node("mixed", "regular") == 5
    assert result.output_for_node("mixed", "dynamic") == {"1": "foo", "2": "bar"}
