"""Classic and pydantic resources, IO managers."""

import pytest
from pydantic import PrivateAttr

from tests.conformance.api import dg


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


class Writer(dg.ConfigurableResource):
    prefix: str = "p"
    _log: list = PrivateAttr(default_factory=list)

    def setup_for_execution(self, context):
        self._log.append("setup")

    def teardown_after_execution(self, context):
        self._log.append("teardown")

    def write(self, x):
        return f"{self.prefix}-{x}"


class Outer(dg.ConfigurableResource):
    writer: Writer
    n: int

    def go(self):
        return self.writer.write(self.n)


def use_typed(annotation, value, **kwargs):
    """What an op with a typed resource parameter computes."""

    def f(r):
        return r.go() if hasattr(r, "go") else r.write(1)

    f.__annotations__ = {"r": annotation}
    op = dg.op(name="f")(f)

    @dg.job(resource_defs={"r": value})
    def j():
        op()

    return j.execute_in_process(**kwargs).output_for_node("f")


def test_configurable_resource():
    """Fields are config; the object itself arrives."""
    assert use_typed(Writer, Writer(prefix="q")) == "q-1"


def test_configurable_resource_nested():
    """Resources nest."""
    assert use_typed(Outer, Outer(writer=Writer(prefix="w"), n=5)) == "w-5"


def test_configure_at_launch():
    """Fields left open are given in run config."""
    got = use_typed(
        Writer, Writer.configure_at_launch(), run_config={"resources": {"r": {"config": {"prefix": "late"}}}}
    )

    assert got == "late-1"


def test_env_var(monkeypatch):
    """EnvVar is read when the run starts."""
    monkeypatch.setenv("CONFORMANCE_PREFIX", "fromenv")

    assert use_typed(Writer, Writer(prefix=dg.EnvVar("CONFORMANCE_PREFIX"))) == "fromenv-1"


def test_env_var_missing():
    """An unset variable is told."""
    with pytest.raises(dg.DagsterInvalidConfigError):
        use_typed(Writer, Writer(prefix=dg.EnvVar("CONFORMANCE_NOT_SET_AT_ALL")))


def test_resource_is_frozen():
    """A resource's config cannot be changed."""
    with pytest.raises(Exception):  # noqa: B017
        Writer(prefix="a").prefix = "b"


def test_wrong_field_type():
    """A wrong value is refused on construction."""
    with pytest.raises(Exception):  # noqa: B017
        Writer(prefix=3)


def test_yield_for_execution():
    """A resource can be a context manager around the run."""
    log = []

    class R(dg.ConfigurableResource):
        def yield_for_execution(self, context):
            from contextlib import contextmanager

            @contextmanager
            def cm():
                log.append("in")
                yield self
                log.append("out")

            return cm()

        def write(self, x):
            return x

    assert use_typed(R, R()) == 1
    assert log == ["in", "out"]


class MemoryFactory(dg.ConfigurableIOManagerFactory):
    start: int

    def create_io_manager(self, context):
        memory = Memory()
        memory.values[("start",)] = self.start
        MemoryFactory.made.append(memory)
        return memory


MemoryFactory.made = []


def test_io_manager_factory():
    """A factory hands out another IO manager than itself."""
    MemoryFactory.made.clear()

    @dg.asset
    def a():
        return 1

    assert dg.materialize([a], resources={"io_manager": MemoryFactory(start=5)}).success
    assert sorted(MemoryFactory.made[0].values.values()) == [1, 5]


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


class Memory(dg.IOManager):
    def __init__(self):
        self.values = {}
        self.contexts = []

    def handle_output(self, context, obj):
        self.contexts.append(context)
        self.values[tuple(context.get_identifier())] = obj
        context.add_output_metadata({"kept": True})

    def load_input(self, context):
        return self.values[tuple(context.upstream_output.get_identifier())]


def test_io_manager_round_trip():
    """Outputs go through the IO manager to the inputs."""
    memory = Memory()

    @dg.op
    def one():
        return 1

    @dg.op
    def plus(x):
        return x + 1

    @dg.job(resource_defs={"io_manager": dg.IOManagerDefinition.hardcoded_io_manager(memory)})
    def j():
        plus(one())

    result = j.execute_in_process()

    assert result.output_for_node("plus") == 2
    assert sorted(memory.values.values()) == [1, 2]
    handled = next(e for e in result.all_node_events if e.event_type_value == "HANDLED_OUTPUT")
    assert handled.event_specific_data.metadata["kept"].value is True


def test_io_manager_asset_context():
    """For an asset the context knows its key and metadata."""
    memory = Memory()

    @dg.asset(metadata={"m": 1}, key_prefix="pre")
    def a():
        return 1

    dg.materialize([a], resources={"io_manager": memory})
    context = memory.contexts[0]

    assert context.has_asset_key
    assert context.asset_key == dg.AssetKey(["pre", "a"])
    assert context.get_asset_identifier() == ["pre", "a"]
    assert context.definition_metadata["m"] == 1


def test_io_manager_definition_with_config():
    """An IO manager takes config like any resource."""
    seen = []

    @dg.io_manager(config_schema={"base": str})
    def manager(context):
        class M(dg.IOManager):
            def handle_output(self, ctx, obj):
                seen.append((context.resource_config["base"], obj))

            def load_input(self, ctx):
                return None

        return M()

    @dg.op
    def one():
        return 1

    @dg.job(resource_defs={"io_manager": manager})
    def j():
        one()

    assert j.execute_in_process(run_config={"resources": {"io_manager": {"config": {"base": "b"}}}}).success
    assert seen == [("b", 1)]


def test_io_manager_per_output():
    """Each out may choose its own IO manager."""
    a, b = Memory(), Memory()

    @dg.op(out={"x": dg.Out(io_manager_key="a"), "y": dg.Out(io_manager_key="b")})
    def f():
        return 1, 2

    @dg.job(
        resource_defs={
            "a": dg.IOManagerDefinition.hardcoded_io_manager(a),
            "b": dg.IOManagerDefinition.hardcoded_io_manager(b),
        }
    )
    def j():
        f()

    assert j.execute_in_process().success
    assert (list(a.values.values()), list(b.values.values())) == ([1], [2])


def test_unknown_io_manager_key():
    """An IO manager that is not there is a definition error."""

    @dg.asset(io_manager_key="nope")
    def a():
        return 1

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="nope"):
        dg.materialize([a])


class PrefixManager(dg.ConfigurableIOManager):
    base: str

    def handle_output(self, context, obj):
        PrefixManager.seen.append((self.base, obj))

    def load_input(self, context):
        return None


PrefixManager.seen = []


def test_configurable_io_manager():
    """A pydantic IO manager carries its config."""
    PrefixManager.seen.clear()

    @dg.asset
    def a():
        return 1

    assert dg.materialize([a], resources={"io_manager": PrefixManager(base="z")}).success
    assert PrefixManager.seen == [("z", 1)]


def test_fs_io_manager(tmp_path):
    """The file system manager pickles below its base directory."""
    import pickle

    @dg.asset(key_prefix="k")
    def a():
        return {"v": 1}

    manager = dg.FilesystemIOManager(base_dir=str(tmp_path))

    assert dg.materialize([a], resources={"io_manager": manager}).success
    assert pickle.loads((tmp_path / "k" / "a").read_bytes()) == {"v": 1}


def test_fs_io_manager_partitions(tmp_path):
    """A partition is a file below the asset's folder."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["p", "q"]))
    def a(context):
        return context.partition_key

    @dg.asset
    def b(a):
        return a

    manager = dg.FilesystemIOManager(base_dir=str(tmp_path))
    for key in ("p", "q"):
        assert dg.materialize([a], partition_key=key, resources={"io_manager": manager}).success
    result = dg.materialize([a, b], selection=[b], resources={"io_manager": manager})

    assert (tmp_path / "a" / "p").exists()
    assert result.output_for_node("b") == {"p": "p", "q": "q"}


def test_build_output_and_input_context():
    """IO managers can be tested alone."""
    memory = Memory()
    memory.handle_output(
        dg.build_output_context(step_key="s", name="result", run_id="r", asset_key=dg.AssetKey("a")), 5
    )

    upstream = dg.build_output_context(step_key="s", name="result", run_id="r", asset_key=dg.AssetKey("a"))
    assert memory.load_input(dg.build_input_context(upstream_output=upstream)) == 5


def test_mem_io_manager():
    """The memory manager works within a process."""

    @dg.op
    def one():
        return 1

    @dg.op
    def plus(x):
        return x + 1

    @dg.job(resource_defs={"io_manager": dg.mem_io_manager})
    def j():
        plus(one())

    assert j.execute_in_process().output_for_node("plus") == 2


def test_upath_io_manager(tmp_path):
    """One's own file format in two methods."""
    from upath import UPath

    class Text(dg.UPathIOManager):
        extension = ".txt"

        def dump_to_path(self, context, obj, path):
            path.write_text(obj)

        def load_from_path(self, context, path):
            return path.read_text()

    @dg.asset
    def a():
        return "hello"

    @dg.asset
    def b(a):
        return a.upper()

    manager = Text(base_path=UPath(str(tmp_path)))

    assert dg.materialize([a, b], resources={"io_manager": manager}).success
    assert (tmp_path / "a.txt").read_text() == "hello"
    assert (tmp_path / "b.txt").read_text() == "HELLO"


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
