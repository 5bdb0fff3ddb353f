"""IO managers and input managers: round trips, choice by output and input, config, files."""

import pytest

from tests.conformance.api import dg


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
