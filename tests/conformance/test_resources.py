"""Resources: functions, config, order of teardown, requirements, errors."""

from collections.abc import Iterator

import pytest

from tests.conformance.api import dg


def test_resource_order_of_teardown():
    """Resources are taken down in reverse, failure or not."""
    seen = []

    def make(name, needs=()):
        @dg.resource(required_resource_keys=set(needs))
        def made(context) -> Iterator[str]:
            seen.append(f"+{name}")
            try:
                yield name
            finally:
                seen.append(f"-{name}")

        return made

    @dg.op(required_resource_keys={"b"})
    def uses(context):
        raise ValueError(context.resources.b)

    @dg.job(resource_defs={"a": make("a"), "b": make("b", ["a"])})
    def j():
        uses()

    assert not j.execute_in_process(raise_on_error=False).success
    assert seen == ["+a", "+b", "-b", "-a"]


def test_resource_error_class():
    """A resource that fails fails the run with its own class."""

    @dg.resource
    def bad(_):
        raise ValueError("no")

    @dg.op(required_resource_keys={"r"})
    def uses(context):
        pass

    @dg.job(resource_defs={"r": bad})
    def j():
        uses()

    with pytest.raises(dg.DagsterResourceFunctionError):
        j.execute_in_process()


def test_unknown_resource():
    """A resource that was not asked for is unknown."""

    @dg.op
    def uses(context):
        return context.resources.nope

    @dg.job
    def j():
        uses()

    with pytest.raises(dg.DagsterUnknownResourceError):
        j.execute_in_process()


def use(resource, **config):
    """The value of `resource` inside an op, and the result."""

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return context.resources.r

    @dg.job(resource_defs={"r": resource})
    def j():
        f()

    return j.execute_in_process(**config).output_for_node("f")


def test_function_resource():
    """A resource function's result is the resource."""

    @dg.resource
    def r():
        return 3

    assert use(r) == 3


def test_resource_config():
    """Config reaches the resource function."""

    @dg.resource(config_schema={"n": int})
    def r(context):
        return context.resource_config["n"]

    assert use(r, run_config={"resources": {"r": {"config": {"n": 6}}}}) == 6
    with pytest.raises(dg.DagsterInvalidConfigError):
        use(r)


def test_generator_resource_is_torn_down():
    """What follows the yield runs at the end, even when a step fails."""
    log = []

    @dg.resource
    def r():
        log.append("up")
        yield 1
        log.append("down")

    @dg.op(required_resource_keys={"r"})
    def bad(context):
        log.append("step")
        raise ValueError

    @dg.job(resource_defs={"r": r})
    def j():
        bad()

    assert not j.execute_in_process(raise_on_error=False).success
    assert log == ["up", "step", "down"]


def test_resource_depends_on_resource():
    """Resources are set up in dependency order and torn down in reverse."""
    log = []

    @dg.resource
    def base():
        log.append("base up")
        yield 1
        log.append("base down")

    @dg.resource(required_resource_keys={"base"})
    def top(context):
        log.append("top up")
        yield context.resources.base + 1
        log.append("top down")

    @dg.op(required_resource_keys={"top"})
    def f(context):
        return context.resources.top

    @dg.job(resource_defs={"base": base, "top": top})
    def j():
        f()

    assert j.execute_in_process().output_for_node("f") == 2
    assert log == ["base up", "top up", "top down", "base down"]


def test_resource_cycle():
    """Resources that need each other are refused."""

    @dg.resource(required_resource_keys={"b"})
    def a(context):
        return 1

    @dg.resource(required_resource_keys={"a"})
    def b(context):
        return 1

    @dg.op(required_resource_keys={"a"})
    def f(context):
        return 1

    with pytest.raises(dg.DagsterError):

        @dg.job(resource_defs={"a": a, "b": b})
        def j():
            f()

        j.execute_in_process()


def test_only_needed_resources_are_made():
    """A resource that no selected op needs is not set up."""
    log = []

    @dg.resource
    def unused():
        log.append(1)

    @dg.op
    def f():
        return 1

    @dg.job(resource_defs={"unused": unused})
    def j():
        f()

    assert j.execute_in_process().success
    assert log == []


def test_failing_resource():
    """A resource that fails is a typed error and the run fails."""

    @dg.resource
    def r():
        raise ValueError("no db")

    with pytest.raises(dg.DagsterResourceFunctionError):
        use(r)


def test_hardcoded_none_and_plain():
    """Ready-made values need no function."""
    assert use(dg.ResourceDefinition.hardcoded_resource(4)) == 4
    assert use(dg.ResourceDefinition.none_resource()) is None
    assert use(dg.make_values_resource(a=int), run_config={"resources": {"r": {"config": {"a": 1}}}})["a"] == 1


def test_missing_resource():
    """A job without a needed resource is refused at definition."""

    @dg.op(required_resource_keys={"r"})
    def f(context):
        return 1

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="r"):

        @dg.job
        def j():
            f()

        j.execute_in_process()


def test_build_resources():
    """Resources can be used outside a run."""
    log = []

    @dg.resource
    def r():
        yield 5
        log.append("down")

    with dg.build_resources({"r": r, "plain": 3}) as resources:
        assert resources.r == 5
        assert resources.plain == 3
    assert log == ["down"]


def test_direct_invocation_of_a_resource():
    """A resource function can be called with a built context."""

    @dg.resource(config_schema={"n": int})
    def r(context):
        return context.resource_config["n"]

    assert r(dg.build_init_resource_context(config={"n": 2})) == 2


def test_with_resources():
    """`with_resources` binds resources to assets."""

    @dg.asset(required_resource_keys={"r"})
    def a(context):
        return context.resources.r

    bound = dg.with_resources([a], {"r": dg.ResourceDefinition.hardcoded_resource(7)})

    assert dg.materialize(bound).output_for_node("a") == 7


def test_resources_of_a_type():
    """A type's check reads the resources that the type requires."""
    small = dg.DagsterType(
        name="Small",
        type_check_fn=lambda context, value: value < context.resources.limit,
        required_resource_keys={"limit"},
    )

    @dg.op(out=dg.Out(small))
    def f():
        return 3

    def job_with(**resources):
        return dg.GraphDefinition("g", node_defs=[f]).to_job(resource_defs=resources)

    limit = dg.ResourceDefinition.hardcoded_resource
    assert job_with(limit=limit(5)).execute_in_process().success
    assert not job_with(limit=limit(2)).execute_in_process(raise_on_error=False).success
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="required by type 'Small' was not provided"):
        job_with().execute_in_process()


def test_resources_of_a_loader():
    """A loader of inputs reads the resources that it requires."""

    @dg.dagster_type_loader(int, required_resource_keys={"factor"})
    def times(context, given):
        return context.resources.factor * given

    product = dg.DagsterType(name="Product", type_check_fn=lambda _, value: isinstance(value, int), loader=times)

    @dg.op(ins={"x": dg.In(product)})
    def f(x):
        return x

    @dg.job(resource_defs={"factor": dg.ResourceDefinition.hardcoded_resource(7)})
    def j():
        f()

    assert j.execute_in_process({"ops": {"f": {"inputs": {"x": 6}}}}).output_for_node("f") == 42


def test_with_resources_refuses_two_resources_of_one_key():
    """An asset's own resource and one that is given under the same key contradict each other."""

    @dg.asset(resource_defs={"a": dg.ResourceDefinition.hardcoded_resource(1)})
    def one():
        pass

    with pytest.raises(dg.DagsterInvalidInvocationError, match="conflicting resource definitions"):
        dg.with_resources([one], {"a": dg.ResourceDefinition.hardcoded_resource(1)})


def test_with_resources_looks_at_what_resources_need():
    """A resource that another one needs must be given as well, and none may need itself."""

    def needing(key):
        return dg.ResourceDefinition(lambda _: 1, required_resource_keys={key})

    @dg.asset(required_resource_keys={"a"})
    def one():
        pass

    @dg.asset(resource_defs={"a": needing("b")})
    def two():
        pass

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="'b' required by resource with key 'a'"):
        dg.with_resources([two], {})
    with pytest.raises(dg.DagsterInvariantViolationError, match="transitively depends on itself"):
        dg.with_resources([one], {"a": needing("b"), "b": needing("a")})


def test_a_repository_checks_the_resources_of_its_jobs():
    """A job that lacks a resource keeps the repository from being made."""

    @dg.op(required_resource_keys={"a"})
    def f():
        pass

    @dg.job
    def j():
        f()

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="'a' required by op 'f'"):

        @dg.repository
        def r():
            return [j]
