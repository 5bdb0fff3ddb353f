"""What definitions lack is told when they are resolved, whatever resolves them; so is what a resource cannot do."""

import pytest

from tests.conformance.api import dg


class Plain(dg.ConfigurableResource):
    """A resource that neither stores nor loads."""

    size: int = 1


class Kept(dg.ConfigurableIOManager):
    """An IO manager that keeps nothing."""

    def handle_output(self, context, obj):
        """Keep nothing."""

    def load_input(self, context):
        """Load a number."""
        return 7


@dg.input_manager
def loads_only():
    """Load a number."""
    return 7


@dg.resource
def made_by_a_function():
    """Make a text."""
    return "text"


@dg.op
def one():
    """Return a number."""
    return 1


@dg.op(out=dg.Out(io_manager_key="store"))
def stored():
    """Return a number that a manager of its own stores."""
    return 1


@dg.op(ins={"given": dg.In(input_manager_key="store")})
def loaded(given):
    """Take a number that a manager of its own loads."""
    return given


NOT_MANAGERS = [None, 5, Plain(), made_by_a_function]


@pytest.mark.parametrize("resource", [*NOT_MANAGERS, loads_only])
@pytest.mark.parametrize("key", ["store", "io_manager"])
def test_a_resource_that_stores_nothing_is_no_io_manager(resource, key):
    """A job whose output goes to a resource that is no IO manager is refused where it is declared."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=f"io manager with key '{key}' .*but received"):

        @dg.job(resource_defs={key: resource})
        def never():
            (stored if key == "store" else one)()


@pytest.mark.parametrize("resource", NOT_MANAGERS)
@pytest.mark.parametrize("is_connected", [True, False])
def test_a_resource_that_loads_nothing_is_no_input_manager(resource, is_connected):
    """A job whose input comes from a resource that loads nothing is refused where it is declared."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="input manager with key 'store' .*but received"):

        @dg.job(resource_defs={"store": resource})
        def never():
            loaded(one()) if is_connected else loaded()


@pytest.mark.parametrize("manager", [Kept(), loads_only])
def test_what_loads_is_an_input_manager(manager):
    """An IO manager loads an input as an input manager does."""

    @dg.job(resource_defs={"store": manager})
    def takes():
        loaded()

    assert takes.execute_in_process().output_for_node("loaded") == 7


@dg.asset(io_manager_key="store")
def table():
    """Is stored by a manager of its own."""
    return 1


@dg.asset
def report(tabel):
    """Read an asset whose name has a slip in it."""


RESOLVE = [
    lambda defs: defs.get_repository_def(),
    lambda defs: defs.resolve_implicit_global_asset_job_def(),
    lambda defs: defs.resolve_all_job_defs(),
    lambda defs: defs.resolve_asset_graph(),
    dg.Definitions.validate_loadable,
]


@pytest.mark.parametrize("resolve", RESOLVE)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"assets": [table]}, "io manager with key 'store' .*was not provided"),
        ({"assets": [table], "resources": {"store": Plain()}}, "io manager with key 'store' .*but received"),
        ({"assets": [report]}, "tabel.* is not produced by any of the provided asset ops"),
    ],
)
def test_whatever_resolves_definitions_refuses_them(resolve, given, said):
    """Resolving any part of definitions tells what is wrong in another part; declaring them does not."""
    defs = dg.Definitions(**given)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=said):
        resolve(defs)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=said):
        resolve(defs)


def test_materialize_refuses_what_is_no_io_manager():
    """A resource given to `materialize` must be able to store what it is given for."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="but received"):
        dg.materialize([table], resources={"store": Plain()})


def test_config_that_outputs_need_is_asked_for():
    """An IO manager whose outputs have required config makes the run config required."""
    seen = []

    class Tables(dg.IOManager):
        """Stores by the name that config gives."""

        def handle_output(self, context, obj):
            """Keep the name."""
            seen.append(context.config["table"])

        def load_input(self, context):
            """Load the name."""
            return context.upstream_output.config["table"]

    @dg.io_manager(output_config_schema={"table": str})
    def tables():
        return Tables()

    @dg.job(resource_defs={"io_manager": tables})
    def writes():
        one()

    with pytest.raises(dg.DagsterInvalidConfigError, match='Missing required config entry "ops"'):
        writes.execute_in_process()
    assert writes.execute_in_process(run_config={"ops": {"one": {"outputs": {"result": {"table": "numbers"}}}}}).success
    assert seen == ["numbers"]


def test_config_that_inputs_need_is_asked_for():
    """An input manager whose inputs have required config makes the run config required."""

    @dg.input_manager(input_config_schema={"table": str})
    def tables(context):
        return context.config["table"]

    @dg.job(resource_defs={"store": tables})
    def reads():
        loaded()

    with pytest.raises(dg.DagsterInvalidConfigError, match='Missing required config entry "ops"'):
        reads.execute_in_process()
    config = {"ops": {"loaded": {"inputs": {"given": {"table": "numbers"}}}}}
    assert reads.execute_in_process(run_config=config).output_for_node("loaded") == "numbers"
