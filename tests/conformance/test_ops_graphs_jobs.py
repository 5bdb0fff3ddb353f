"""Ops, graphs, jobs, dynamic outputs, hooks, retries and their results."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus_one(x):
    return x + 1


@dg.op
def add(a, b):
    return a + b


def run(body, **kwargs):
    """The result of a job made from `body`."""
    return dg.job(body).execute_in_process(**kwargs)


def test_job_composes_by_calling():
    """Calling ops in a job's body wires them."""

    @dg.job
    def j():
        add(one(), plus_one(one()))

    result = j.execute_in_process()

    assert result.success
    assert result.output_for_node("add") == 3


def test_repeated_ops_get_numbers():
    """The second use of an op is named with `_2`."""

    @dg.job
    def j():
        plus_one(plus_one(one()))

    assert j.execute_in_process().output_for_node("plus_one_2") == 3


def test_alias():
    """`alias` names one use of an op."""

    @dg.job
    def j():
        plus_one.alias("first")(one())

    assert j.execute_in_process().output_for_node("first") == 2


def test_two_aliases_alike_are_refused():
    """A name can be used once in a graph."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            one.alias("x")()
            plus_one.alias("x")(one())


def test_multiple_outputs_by_tuple():
    """A tuple is spread over the declared outs."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two():
        return 1, 2

    @dg.job
    def j():
        a, b = two()
        add(a, b)

    assert j.execute_in_process().output_for_node("add") == 3


def test_multiple_outputs_by_attribute():
    """An invocation's outputs can be taken by name."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two():
        yield dg.Output(1, "a")
        yield dg.Output(5, "b")

    @dg.job
    def j():
        outs = two()
        plus_one(outs.b)

    assert j.execute_in_process().output_for_node("plus_one") == 6


def test_missing_output():
    """A required out that is not yielded fails the step."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    def two():
        yield dg.Output(1, "a")

    @dg.job
    def j():
        two()

    with pytest.raises(dg.DagsterStepOutputNotFoundError):
        j.execute_in_process()


def test_duplicate_output():
    """Yielding one out twice is an error."""

    @dg.op(out={"a": dg.Out()})
    def two():
        yield dg.Output(1, "a")
        yield dg.Output(2, "a")

    @dg.job
    def j():
        two()

    with pytest.raises(dg.DagsterInvariantViolationError):
        j.execute_in_process()


def test_unknown_output():
    """Yielding an out that was not declared is an error."""

    @dg.op(out={"a": dg.Out()})
    def f():
        yield dg.Output(1, "nope")

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterInvariantViolationError):
        j.execute_in_process()


def test_optional_output_branches():
    """What depends on an out that was not yielded is skipped."""

    @dg.op(out={"left": dg.Out(is_required=False), "right": dg.Out(is_required=False)})
    def branch():
        yield dg.Output(1, "left")

    @dg.op
    def l(x):  # noqa: E743
        return x

    @dg.op
    def r(x):
        return x

    @dg.job
    def j():
        left, right = branch()
        l(left)
        r(right)

    result = j.execute_in_process()
    kinds = {(e.step_key, e.event_type_value) for e in result.all_node_events}

    assert ("l", "STEP_SUCCESS") in kinds
    assert ("r", "STEP_SKIPPED") in kinds


def test_nothing_orders():
    """A Nothing input orders without a value and has no parameter."""
    seen = []

    @dg.op(out=dg.Out(dg.Nothing))
    def first():
        seen.append(1)

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def second():
        seen.append(2)

    @dg.job
    def j():
        second(start=first())

    assert j.execute_in_process().success
    assert seen == [1, 2]


def test_nothing_fan_in():
    """Several ops may feed one Nothing input."""

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def last():
        return 1

    @dg.job
    def j():
        last(start=[one(), one()])

    assert j.execute_in_process().success


def test_fan_in_list():
    """A list of outputs arrives as a list."""

    @dg.op
    def total(xs):
        return sum(xs)

    @dg.job
    def j():
        total([one(), one(), one()])

    assert j.execute_in_process().output_for_node("total") == 3


def test_default_value_of_an_input():
    """A parameter's default is the input's default."""

    @dg.op
    def f(x=5):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") == 5


def test_unconnected_input_from_config():
    """An unconnected input of a scalar type is taken from config."""

    @dg.op
    def f(x: int):
        return x

    @dg.job
    def j():
        f()

    assert j.execute_in_process(run_config={"ops": {"f": {"inputs": {"x": 3}}}}).output_for_node("f") == 3


def test_unconnected_input_without_loader_is_refused():
    """An input with no source is a definition error."""

    class Thing:
        pass

    @dg.op
    def f(x: Thing):
        return x

    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            f()


def test_input_values():
    """`input_values` feeds a job's own inputs."""

    @dg.graph
    def g(x):
        return plus_one(x)

    assert g.to_job().execute_in_process(input_values={"x": 4}).output_for_node("plus_one") == 5
    assert g.execute_in_process(input_values={"x": 4}).output_value() == 5


def test_graph_output_and_nesting():
    """Graphs nest; handles are dotted."""

    @dg.graph
    def inner(x):
        return plus_one(plus_one(x))

    @dg.graph
    def outer():
        return inner(one())

    result = outer.execute_in_process()

    assert result.output_value() == 3
    assert result.output_for_node("inner") == 3
    assert result.output_for_node("inner.plus_one_2") == 3


def test_graph_with_several_outs():
    """A graph's outs are returned as a mapping."""

    @dg.graph(out={"x": dg.GraphOut(), "y": dg.GraphOut()})
    def g():
        return {"x": one(), "y": plus_one(one())}

    result = g.execute_in_process()

    assert result.output_value("x") == 1
    assert result.output_value("y") == 2


def test_graph_definition_by_dictionaries():
    """A graph can be built from a dependency dictionary."""
    g = dg.GraphDefinition(
        name="g",
        node_defs=[one, plus_one],
        dependencies={"plus_one": {"x": dg.DependencyDefinition("one")}},
    )

    assert g.execute_in_process().output_for_node("plus_one") == 2


def test_graph_definition_multi_dependency():
    """MultiDependencyDefinition fans in."""

    @dg.op
    def total(xs):
        return sum(xs)

    g = dg.GraphDefinition(
        name="g",
        node_defs=[one, total],
        dependencies={
            dg.NodeInvocation("one", alias="a"): {},
            dg.NodeInvocation("one", alias="b"): {},
            "total": {"xs": dg.MultiDependencyDefinition([dg.DependencyDefinition("a"), dg.DependencyDefinition("b")])},
        },
    )

    assert g.execute_in_process().output_for_node("total") == 2


def test_graph_definition_unknown_node():
    """A dependency on a node that is not there is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.GraphDefinition(
            name="g", node_defs=[plus_one], dependencies={"plus_one": {"x": dg.DependencyDefinition("nope")}}
        )


def test_dynamic_map_collect():
    """Dynamic outputs map over ops and are collected again."""

    @dg.op(out=dg.DynamicOut())
    def pieces():
        for i in range(3):
            yield dg.DynamicOutput(i, mapping_key=str(i))

    @dg.op
    def total(xs):
        return sum(xs)

    @dg.job
    def j():
        total(pieces().map(plus_one).collect())

    result = j.execute_in_process()

    assert result.output_for_node("total") == 6
    assert result.output_for_node("plus_one") == {"0": 1, "1": 2, "2": 3}
    assert {e.step_key for e in result.all_node_events if e.is_step_success} >= {"plus_one[0]", "plus_one[2]"}


def test_dynamic_duplicate_mapping_key():
    """A mapping key can be used once."""

    @dg.op(out=dg.DynamicOut())
    def pieces():
        yield dg.DynamicOutput(1, mapping_key="a")
        yield dg.DynamicOutput(2, mapping_key="a")

    @dg.job
    def j():
        pieces().map(plus_one)

    with pytest.raises(dg.DagsterInvariantViolationError):
        j.execute_in_process()


def test_dynamic_under_dynamic_is_refused():
    """A dynamic out below a dynamic out is a definition error."""

    @dg.op(out=dg.DynamicOut())
    def pieces():
        yield dg.DynamicOutput(1, "a")

    @dg.op(out=dg.DynamicOut())
    def more(x):
        yield dg.DynamicOutput(x, "b")

    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            pieces().map(lambda x: more(x).map(plus_one))


def test_dynamic_empty():
    """No dynamic outputs: the mapped ops do not run, collect gives an empty list."""

    @dg.op(out=dg.DynamicOut(is_required=False))
    def pieces():
        if False:
            yield dg.DynamicOutput(1, "a")

    @dg.op
    def total(xs):
        return len(xs)

    @dg.job
    def j():
        total(pieces().map(plus_one).collect())

    assert j.execute_in_process().success


def test_invalid_mapping_key():
    """Mapping keys are letters, digits and underscores."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.DynamicOutput(1, mapping_key="not ok!")


def test_op_config():
    """Config reaches the op through its context."""

    @dg.op(config_schema={"n": int, "s": dg.Field(str, default_value="d")})
    def f(context):
        return context.op_config["n"], context.op_config["s"]

    @dg.job
    def j():
        f()

    assert j.execute_in_process(run_config={"ops": {"f": {"config": {"n": 1}}}}).output_for_node("f") == (1, "d")


def test_job_config_presets():
    """A job's own `config` is used when none is given."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.job(config={"ops": {"f": {"config": {"n": 8}}}})
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") == 8


def test_missing_config_fails_before_the_run():
    """Nothing runs on invalid config."""
    ran = []

    @dg.op(config_schema={"n": int})
    def f(context):
        ran.append(1)

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterInvalidConfigError):
        j.execute_in_process()
    assert ran == []


def test_configured_op():
    """`configured` fixes an op's config."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    seven = f.configured({"n": 7}, name="seven")

    @dg.job
    def j():
        seven()

    assert j.execute_in_process().output_for_node("seven") == 7


def test_config_mapping():
    """A config mapping turns one outer config into the inner one."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.config_mapping(config_schema={"outer": int})
    def mapping(val):
        return {"ops": {"f": {"config": {"n": val["outer"] * 2}}}}

    @dg.job(config=mapping)
    def j():
        f()

    assert j.execute_in_process(run_config={"outer": 3}).output_for_node("f") == 6


def test_graph_config_mapping():
    """A graph may hide its ops' config behind its own."""

    @dg.op(config_schema={"n": int})
    def f(context):
        return context.op_config["n"]

    @dg.graph(config=dg.ConfigMapping(config_schema={"m": int}, config_fn=lambda c: {"f": {"config": {"n": c["m"]}}}))
    def g():
        return f()

    @dg.job
    def j():
        g()

    assert j.execute_in_process(run_config={"ops": {"g": {"config": {"m": 4}}}}).output_for_node("g.f") == 4


def test_op_selection():
    """`op_selection` runs a part of the graph."""

    @dg.job
    def j():
        add(one(), plus_one(one()))

    result = j.execute_in_process(op_selection=["*plus_one"])

    assert {e.step_key for e in result.all_node_events if e.is_step_success} == {"one_2", "plus_one"}


def test_op_selection_of_nothing():
    """A selection that names no op is an error."""

    @dg.job
    def j():
        one()

    with pytest.raises(dg.DagsterInvalidSubsetError):
        j.execute_in_process(op_selection=["nope"])


def test_tags_reach_the_run():
    """Job tags and run tags come together on the run."""

    @dg.job(tags={"a": "1"})
    def j():
        one()

    result = j.execute_in_process(tags={"b": "2"})

    assert result.dagster_run.tags["a"] == "1"
    assert result.dagster_run.tags["b"] == "2"


def test_raise_on_error():
    """Without `raise_on_error` a failing job gives a result."""

    @dg.op
    def bad():
        raise RuntimeError("boom")

    @dg.job
    def j():
        plus_one(bad())

    result = j.execute_in_process(raise_on_error=False)
    failure = result.failure_data_for_node("bad")

    assert not result.success
    assert "boom" in failure.error.to_string()
    with pytest.raises(RuntimeError, match="boom"):
        j.execute_in_process()


def test_failure_with_metadata():
    """`Failure` carries metadata to the event."""

    @dg.op
    def bad():
        raise dg.Failure("why", metadata={"k": 1})

    @dg.job
    def j():
        bad()

    failure = j.execute_in_process(raise_on_error=False).failure_data_for_node("bad")

    assert failure.user_failure_data.description == "why"
    assert failure.user_failure_data.metadata["k"].value == 1


def test_retry_policy():
    """A retry policy runs a failing op again."""
    calls = []

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
    def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise ValueError
        return len(calls)

    @dg.job
    def j():
        flaky()

    result = j.execute_in_process()

    assert result.output_for_node("flaky") == 3
    assert result.retry_attempts_for_node("flaky") == 2


def test_retry_requested():
    """An op can ask for its own retry."""
    calls = []

    @dg.op
    def flaky(context):
        calls.append(context.retry_number)
        if context.retry_number < 1:
            raise dg.RetryRequested(max_retries=1)
        return "ok"

    @dg.job
    def j():
        flaky()

    assert j.execute_in_process().output_for_node("flaky") == "ok"
    assert calls == [0, 1]


def test_failure_without_retries():
    """`allow_retries=False` overrules the policy."""
    calls = []

    @dg.op(retry_policy=dg.RetryPolicy(max_retries=5))
    def bad():
        calls.append(1)
        raise dg.Failure("final", allow_retries=False)

    @dg.job
    def j():
        bad()

    assert not j.execute_in_process(raise_on_error=False).success
    assert calls == [1]


def test_job_retry_policy():
    """A job's op_retry_policy is the default of its ops."""
    calls = []

    @dg.op
    def flaky():
        calls.append(1)
        if len(calls) < 2:
            raise ValueError

    @dg.job(op_retry_policy=dg.RetryPolicy(max_retries=1))
    def j():
        flaky()

    assert j.execute_in_process().success


def test_hooks():
    """Success and failure hooks run after each op; a failing hook does not fail the run."""
    seen = []

    @dg.success_hook
    def good(context):
        seen.append(("ok", context.op.name))

    @dg.failure_hook
    def bad_hook(context):
        seen.append(("bad", context.op.name, type(context.op_exception).__name__))

    @dg.success_hook
    def broken(context):
        raise RuntimeError("hook")

    @dg.op
    def bad(x):
        raise KeyError("x")

    @dg.job(hooks={good, bad_hook, broken})
    def j():
        bad(one())

    result = j.execute_in_process(raise_on_error=False)

    assert ("ok", "one") in seen
    assert ("bad", "bad", "KeyError") in seen
    assert "HOOK_ERRORED" in {e.event_type_value for e in result.all_events}


def test_hook_on_one_op():
    """A hook can hang on one use of an op."""
    seen = []

    @dg.success_hook(required_resource_keys={"r"})
    def hook(context):
        seen.append((context.op.name, context.resources.r, context.op_output_values))

    @dg.job(resource_defs={"r": dg.ResourceDefinition.hardcoded_resource(3)})
    def j():
        plus_one(one.with_hooks({hook})())

    assert j.execute_in_process().success
    assert seen == [("one", 3, {"result": 1})]


def test_async_op():
    """An op may be a coroutine."""

    @dg.op
    async def f():
        return 2

    @dg.job
    def j():
        plus_one(f())

    assert j.execute_in_process().output_for_node("plus_one") == 3


def test_async_generator_op():
    """An op may be an asynchronous generator."""

    @dg.op(out={"a": dg.Out(), "b": dg.Out()})
    async def f():
        yield dg.Output(1, "a")
        yield dg.Output(2, "b")

    @dg.job
    def j():
        f()

    assert j.execute_in_process().output_for_node("f", "b") == 2


def test_materialization_from_op():
    """An op may yield or log asset materializations."""

    @dg.op
    def f(context):
        context.log_event(dg.AssetMaterialization("logged"))
        yield dg.AssetMaterialization("yielded", metadata={"n": 1})
        yield dg.Output(1)

    @dg.job
    def j():
        f()

    result = j.execute_in_process()

    assert {m.asset_key.to_user_string() for m in result.asset_materializations_for_node("f")} == {"logged", "yielded"}


def test_expectation_result():
    """Expectations are events of their own."""

    @dg.op
    def f():
        yield dg.ExpectationResult(success=True, label="l")
        yield dg.Output(1)

    @dg.job
    def j():
        f()

    assert "STEP_EXPECTATION_RESULT" in {e.event_type_value for e in j.execute_in_process().all_node_events}


def test_event_order_of_a_step():
    """A step's events come in a fixed order."""

    @dg.job
    def j():
        plus_one(one())

    events = [e.event_type_value for e in j.execute_in_process().events_for_node("plus_one")]
    wanted = ["STEP_START", "LOADED_INPUT", "STEP_INPUT", "STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS"]

    assert [e for e in events if e in wanted] == wanted


def test_type_check_of_output():
    """A value of the wrong type fails the step."""

    @dg.op
    def f() -> int:
        return "no"

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        j.execute_in_process()


def test_type_mismatch_is_only_seen_at_run_time_for_any():
    """An untyped output may feed a typed input; the value is checked."""

    @dg.op
    def f():
        return "s"

    @dg.op
    def g(x: int):
        return x

    @dg.job
    def j():
        g(f())

    with pytest.raises(dg.DagsterTypeCheckDidNotPass):
        j.execute_in_process()


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


def test_run_record():
    """The result knows its run."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.job
    def j():
        one()

    result = j.execute_in_process(instance=instance)

    assert instance.get_run_by_id(result.run_id).status == dg.DagsterRunStatus.SUCCESS
    assert result.dagster_run.job_name == "j"


def test_failed_run_record():
    """A failed run is recorded as such."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.op
    def bad():
        raise ValueError

    @dg.job
    def j():
        bad()

    result = j.execute_in_process(instance=instance, raise_on_error=False)

    assert instance.get_run_by_id(result.run_id).is_failure


def test_input_manager():
    """An input can be loaded by a manager of its own."""

    @dg.input_manager
    def seven(context):
        return 7

    @dg.op(ins={"x": dg.In(input_manager_key="seven")})
    def f(x):
        return x

    @dg.job(resource_defs={"seven": seven})
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") == 7


def test_invalid_names():
    """Names are letters, digits and underscores, and not reserved words."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.op(name="no spaces please")
        def f():
            pass


def test_op_must_be_called_in_a_graph_with_outputs():
    """Passing something that is no output to an op inside a graph is refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            plus_one(object())


def test_too_many_arguments():
    """Too many positional inputs in composition are refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.job
        def j():
            plus_one(one(), one())


def test_job_cannot_return():
    """A job's outputs are not returned to a caller; `to_job` keeps graph outputs."""

    @dg.graph
    def g():
        return one()

    assert g.to_job(name="jj").name == "jj"
