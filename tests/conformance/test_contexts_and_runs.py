"""Contexts, direct invocation in depth, re-execution, executors, results, composition errors."""

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


# ------------------------------------------------------------- direct invocation
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


# -------------------------------------------------------------------- re-execution
class Plan:
    """Which steps ran, and whether `bad` fails."""

    fails = True
    ran: list = []


@dg.op
def first():
    Plan.ran.append("first")
    return 1


@dg.op
def second(x):
    Plan.ran.append("second")
    if Plan.fails:
        raise ValueError("not yet")
    return x + 1


@dg.op
def third(x):
    Plan.ran.append("third")
    return x + 1


@dg.job(executor_def=dg.in_process_executor)
def three_steps():
    third(second(first()))


@dg.job(executor_def=dg.multiprocess_executor)
def in_processes():
    third(first())


def test_execute_job():
    """A reconstructable job runs against an instance."""
    Plan.ran.clear()
    Plan.fails = False
    with dg.instance_for_test() as instance:
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance) as result:
            assert result.success
            assert result.output_for_node("third") == 3
    assert Plan.ran == ["first", "second", "third"]


def test_reexecution_from_failure():
    """Re-execution from failure runs what failed and what comes after."""
    with dg.instance_for_test() as instance:
        Plan.ran.clear()
        Plan.fails = True
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance) as failed:
            assert not failed.success
        Plan.ran.clear()
        Plan.fails = False
        options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance, reexecution_options=options) as again:
            assert again.success
            assert again.output_for_node("third") == 3
        run = instance.get_run_by_id(again.run_id)
        assert run.parent_run_id == failed.run_id
        assert run.root_run_id == failed.run_id
    assert Plan.ran == ["second", "third"]


def test_reexecution_of_a_selection():
    """Re-execution can be limited to steps."""
    with dg.instance_for_test() as instance:
        Plan.fails = False
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance) as done:
            assert done.success
        Plan.ran.clear()
        options = dg.ReexecutionOptions(parent_run_id=done.run_id, step_selection=["third"])
        with dg.execute_job(dg.reconstructable(three_steps), instance=instance, reexecution_options=options) as again:
            assert again.success
    assert Plan.ran == ["third"]


@dg.op(out=dg.DynamicOut())
def numbered():
    for number in range(3):
        yield dg.DynamicOutput(number, mapping_key=f"n{number}")


@dg.op
def tenfold(number):
    return number * 10


@dg.op
def next_of(number):
    return number + 1


@dg.op
def total(numbers):
    return sum(numbers)


@dg.job(executor_def=dg.in_process_executor)
def many_parts():
    total(numbered().map(tenfold).map(next_of).collect())


@pytest.mark.parametrize(
    ("selection", "ran"),
    [
        (["tenfold[n1]"], {"tenfold[n1]"}),
        (["next_of[n2]"], {"next_of[n2]"}),
        (["tenfold[n1]*"], {"tenfold[n1]", "next_of[n1]", "total"}),
        (["tenfold[?]"], {"tenfold[n0]", "tenfold[n1]", "tenfold[n2]"}),
        (["tenfold[n0]+"], {"tenfold[n0]", "next_of[n0]"}),
        (["total"], {"total"}),
    ],
)
def test_reexecution_of_parts_of_a_mapped_step(selection, ran):
    """Parts of a mapped step run alone; what they and later steps need is taken from the earlier run."""
    with dg.instance_for_test() as instance:
        with dg.execute_job(dg.reconstructable(many_parts), instance=instance) as first:
            assert first.output_for_node("total") == 33
        options = dg.ReexecutionOptions(parent_run_id=first.run_id, step_selection=selection)
        with dg.execute_job(dg.reconstructable(many_parts), instance=instance, reexecution_options=options) as again:
            assert again.success
            assert {event.step_key for event in again.get_step_success_events()} == ran
            if "total" in ran:
                assert again.output_for_node("total") == 33


def test_reexecution_of_an_unknown_part():
    """A part that the earlier run did not have is an error."""
    with dg.instance_for_test() as instance:
        with dg.execute_job(dg.reconstructable(many_parts), instance=instance) as first:
            assert first.success
        options = dg.ReexecutionOptions(parent_run_id=first.run_id, step_selection=["tenfold[n9]"])
        with pytest.raises(dg.DagsterExecutionStepNotFoundError, match=r"unknown step: tenfold\[n9\]"):
            dg.execute_job(dg.reconstructable(many_parts), instance=instance, reexecution_options=options)


def test_multiprocess_execution():
    """Steps run in processes of their own."""
    with dg.instance_for_test() as instance:
        with dg.execute_job(dg.reconstructable(in_processes), instance=instance) as result:
            assert result.success
            assert result.output_for_node("third") == 2


def test_multiprocess_needs_a_reconstructable_job():
    """A bare job cannot be sent to processes."""
    with dg.instance_for_test() as instance:
        with pytest.raises(Exception):  # noqa: B017
            dg.execute_job(in_processes, instance=instance)


# -------------------------------------------------------------------- results
def test_output_for_unknown_node():
    """Asking for a node that is not there is an error."""
    result = three_steps_in_memory()

    with pytest.raises(dg.DagsterInvariantViolationError):
        result.output_for_node("nope")


def three_steps_in_memory():
    Plan.fails = False
    return three_steps.execute_in_process()


def test_output_for_unknown_output():
    """Asking for an out that is not there is an error."""
    with pytest.raises(dg.DagsterInvariantViolationError):
        three_steps_in_memory().output_for_node("first", "nope")


def test_result_helpers():
    """A result answers for each node."""
    result = three_steps_in_memory()

    assert result.is_node_success("first")
    assert not result.is_node_failed("first")
    assert not result.is_node_skipped("first")
    assert result.job_def.name == "three_steps"
    assert result.get_step_success_events()
    assert [e.step_key for e in result.get_step_success_events()] == ["first", "second", "third"]
    assert result.filter_events(lambda e: e.is_step_start)
    assert result.get_failed_step_keys() == set()


def test_failed_step_keys():
    """The failed steps are named."""
    Plan.fails = True
    result = three_steps.execute_in_process(raise_on_error=False)

    assert result.get_failed_step_keys() == {"second"}
    assert result.is_node_failed("second")
    assert not result.is_node_success("third")


def test_run_failure_event():
    """A failing run ends with one event that says so."""
    Plan.fails = True
    result = three_steps.execute_in_process(raise_on_error=False)

    assert result.get_run_failure_event().event_type_value == "PIPELINE_FAILURE"
    assert [e.event_type_value for e in result.all_events][-1] == "PIPELINE_FAILURE"


def test_given_run_id():
    """A run may be given its id."""
    run_id = "12345678-1234-5678-1234-567812345678"

    assert three_steps_in_memory_with(run_id).run_id == run_id


def three_steps_in_memory_with(run_id):
    Plan.fails = False
    return three_steps.execute_in_process(run_id=run_id)


def test_asset_job_outputs():
    """An asset job's values are reached by key and by node."""

    @dg.asset(key_prefix="p")
    def a():
        return 1

    result = dg.materialize_to_memory([a])

    assert result.output_for_node("p__a") == 1
    assert result.asset_value(dg.AssetKey(["p", "a"])) == 1


# ------------------------------------------------------------------ composition
@dg.op
def source():
    return 1


@dg.op
def sink(x):
    return x


@dg.op(out={"a": dg.Out(), "b": dg.Out()})
def pair():
    return 1, 2


def bad_compositions():
    """Graph bodies that must be refused."""

    def several_outs_as_one():
        sink(pair())

    def same_input_twice():
        sink(source(), x=source())

    def unknown_input():
        sink(y=source())

    def plain_value():
        sink(5)

    return [several_outs_as_one, same_input_twice, unknown_input, plain_value]


@pytest.mark.parametrize("body", bad_compositions(), ids=lambda f: f.__name__)
def test_bad_composition(body):
    """What cannot be wired is refused when the graph is defined."""
    with pytest.raises((dg.DagsterInvalidDefinitionError, dg.DagsterInvalidInvocationError)):
        dg.graph(body)


def test_graph_must_return_what_it_declares():
    """A graph with several outs returns all of them."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.graph(out={"x": dg.GraphOut(), "y": dg.GraphOut()})
        def g():
            return {"x": source()}


def test_unused_graph_input():
    """An input that nothing uses is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.graph
        def g(x):
            source()


def test_op_call_outside_composition_is_direct():
    """Outside of a graph a call is a call."""
    assert source() == 1


def test_invoking_a_graph_outside_is_refused():
    """A graph can be called only inside another."""

    @dg.graph
    def g():
        source()

    with pytest.raises(dg.DagsterError):
        g()


def test_op_with_hooks_and_tags():
    """`tag` puts tags on one use of an op."""

    @dg.job
    def j():
        source.tag({"k": "v"})()

    assert j.graph.node_named("source").tags["k"] == "v"


def test_op_tags():
    """An op's tags are strings."""

    @dg.op(tags={"k": "v"})
    def f():
        return 1

    assert f.tags["k"] == "v"


def test_describe_job():
    """A job lists its nodes."""

    @dg.job(description="what for")
    def j():
        sink(source())

    assert j.description == "what for"
    assert {n.name for n in j.nodes} == {"source", "sink"}
    assert j.has_node_named("sink")


RESERVED = ["input", "output", "result", "if", "class", "meta", "dict"]


@pytest.mark.parametrize("name", ["input", "meta", "config"])
def test_reserved_op_names(name):
    """Some names are reserved."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.op(name=name)(lambda: 1)


@pytest.mark.parametrize("name", ["has space", "has-dash", "has.dot", "", "ü"])
def test_invalid_op_names(name):
    """Names are letters, digits and underscores."""
    with pytest.raises(Exception):  # noqa: B017
        dg.op(name=name or "-")(lambda: 1)


def test_ins_must_match_parameters():
    """An `In` without a parameter is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.op(ins={"nope": dg.In(int)})
        def f(x):
            return x


def test_nothing_with_parameter():
    """A Nothing input must not be a parameter."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.op(ins={"x": dg.In(dg.Nothing)})
        def f(x):
            return x


def test_var_args_are_refused():
    """Inputs have names."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.asset
        def f(*args):
            return args


def test_in_default_value():
    """An In may have a default."""

    @dg.op(ins={"x": dg.In(int, default_value=3)})
    def f(x):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") == 3


def test_optional_annotation():
    """Optional parameters take None."""

    @dg.op
    def f(x: int | None = None):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") is None


def test_to_job_resources():
    """A graph becomes different jobs with different resources."""

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    @dg.graph
    def g():
        f()

    one = g.to_job("one", resource_defs={"r": dg.ResourceDefinition.hardcoded_resource(1)})
    two = g.to_job("two", resource_defs={"r": dg.ResourceDefinition.hardcoded_resource(2)})

    assert one.execute_in_process().output_for_node("f") == 1
    assert two.execute_in_process().output_for_node("f") == 2


def test_execute_in_process_resources():
    """Resources can be overruled for one execution of a graph."""

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    @dg.graph
    def g():
        f()

    assert g.execute_in_process(resources={"r": 8}).output_for_node("f") == 8


def test_job_run_config_with_partition():
    """Partition and config together come from the partitioned config."""
    config = dg.PartitionedConfig(
        partitions_def=dg.StaticPartitionsDefinition(["a"]),
        run_config_for_partition_key_fn=lambda key: {"ops": {"f": {"config": {"k": key}}}},
    )

    @dg.op(config_schema={"k": str})
    def f(context):
        return context.op_config["k"], context.partition_key

    @dg.job(config=config)
    def j():
        f()

    assert j.execute_in_process(partition_key="a").output_for_node("f") == ("a", "a")


def test_nested_graph_config():
    """Config of nested ops is nested too."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.graph
    def inner():
        return f()

    @dg.job
    def j():
        inner()

    result = j.execute_in_process(run_config={"ops": {"inner": {"ops": {"f": {"config": {"n": 3}}}}}})

    assert result.output_for_node("inner.f") == 3


def test_same_op_different_config():
    """Two uses of an op have config of their own."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.job
    def j():
        f.alias("x")()
        f.alias("y")()

    result = j.execute_in_process(run_config={"ops": {"x": {"config": {"n": 1}}, "y": {"config": {"n": 2}}}})

    assert (result.output_for_node("x"), result.output_for_node("y")) == (1, 2)


def test_graph_input_fan_out():
    """One graph input may feed several ops."""

    @dg.op
    def add(a, b):
        return a + b

    @dg.graph
    def g(x):
        return add(sink(x), sink(x))

    assert g.execute_in_process(input_values={"x": 2}).output_value() == 4


def test_order_only_between_graphs():
    """Nothing dependencies cross graph borders."""
    seen = []

    @dg.op(ins={"go": dg.In(dg.Nothing)})
    def last():
        seen.append("last")

    @dg.op
    def start():
        seen.append("start")

    @dg.graph(ins={"go": dg.GraphIn()})
    def tail(go):
        last(go)

    @dg.job
    def j():
        tail(start())

    assert j.execute_in_process().success
    assert seen == ["start", "last"]


def test_resources_in_hooks_and_ops_share_one_instance():
    """One run sets a resource up once."""
    made = []

    @dg.resource
    def r():
        made.append(1)
        return 1

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    @dg.job(resource_defs={"r": r})
    def j():
        f.alias("a")()
        f.alias("b")()

    assert j.execute_in_process().success
    assert made == [1]


def test_log_event_of_unknown_kind():
    """Only events can be logged as events."""

    @dg.op
    def f(context):
        context.log_event("text")

    @dg.job
    def j():
        f()

    assert not j.execute_in_process(raise_on_error=False).success


def test_output_metadata_on_op():
    """An op's output metadata is on its output event."""

    @dg.op
    def f():
        return dg.Output(1, metadata={"n": 2})

    @dg.job
    def j():
        f()

    result = j.execute_in_process()
    event = next(e for e in result.events_for_node("f") if e.event_type_value == "STEP_OUTPUT")

    assert event.step_output_data.metadata["n"].value == 2


def test_required_output_with_none():
    """None is a value."""

    @dg.op
    def f():
        return None

    @dg.job
    def j():
        sink(f())

    assert j.execute_in_process().output_for_node("sink") is None


def test_observation_event():
    """Observations are events of their own."""

    @dg.asset
    def x(context):
        context.log_event(dg.AssetObservation("x", metadata={"n": 1}))
        return 1

    result = dg.materialize_to_memory([x])

    assert result.asset_observations_for_node("x")[0].metadata["n"].value == 1
