"""Assets that are made elsewhere: sources, observations."""

from tests.conformance.api import dg


def test_external_asset_is_not_executable():
    """A bare AssetSpec is an external asset: known, never made by us."""
    defs = dg.Definitions(assets=[dg.AssetSpec("ext")])

    assert not defs.resolve_asset_graph().get(dg.AssetKey("ext")).is_executable


def test_source_asset_is_loaded():
    """A SourceAsset's value comes from its IO manager."""

    class Const(dg.IOManager):
        def load_input(self, context):
            return 42

        def handle_output(self, context, obj):
            raise AssertionError("never")

    source = dg.SourceAsset("src", io_manager_key="const")

    @dg.asset(io_manager_key="io_manager")
    def down(src):
        return src + 1

    result = dg.materialize([down, source], resources={"const": Const(), "io_manager": dg.InMemoryIOManager()})

    assert result.output_for_node("down") == 43


def test_observable_source_asset():
    """Observing records the data version that the function returns."""

    @dg.observable_source_asset
    def src():
        return dg.DataVersion("abc")

    defs = dg.Definitions(assets=[src], jobs=[dg.define_asset_job("watch", selection=[src])])
    result = defs.get_job_def("watch").execute_in_process()

    assert result.success
    observations = result.asset_observations_for_node("src")
    assert observations[0].tags["dagster/data_version"] == "abc"


def test_the_value_of_a_spec_is_an_input_of_an_op():
    """A spec that is passed to an op in a job stands for the asset's stored value, read with the asset's IO manager."""

    class Named(dg.ConfigurableIOManager):
        """Keeps nothing; a value is the name that the definition gives."""

        def handle_output(self, context, obj):
            """Keep nothing."""

        def load_input(self, context):
            """Return the name in the metadata of the asset's definition."""
            return context.upstream_output.definition_metadata["table"]

    @dg.asset(metadata={"table": "letters"})
    def letters():
        return 1

    @dg.op
    def send(what):
        return what

    @dg.job
    def sending():
        send(letters.get_asset_spec())

    defs = dg.Definitions(assets=[letters], jobs=[sending], resources={"io_manager": Named()})
    result = defs.get_job_def("sending").execute_in_process()
    assert result.output_for_node("send") == "letters"
    assert [event for event in result.all_events if event.is_step_materialization] == []


def test_an_observed_asset_is_loaded_by_the_io_manager_it_names():
    """Where a job observes an asset and makes another of it, the value comes from the manager of the observed one."""

    class Refuses(dg.IOManager):
        def handle_output(self, context, obj):
            assert context.op_def.name == "total"

        def load_input(self, context):
            raise AssertionError(context.asset_key)

    class Loads(Refuses):
        def handle_output(self, context, obj):
            raise AssertionError(context.asset_key)

        def load_input(self, context):
            return 4

    @dg.observable_source_asset(io_manager_key="elsewhere")
    def numbers():
        return dg.DataVersion("a")

    @dg.asset
    def total(numbers):
        return numbers + 1

    defs = dg.Definitions(assets=[numbers, total], resources={"io_manager": Refuses(), "elsewhere": Loads()})
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process()
    kinds = [one.event_type for one in result.events_for_node("numbers")]
    assert dg.DagsterEventType.ASSET_OBSERVATION in kinds
    assert result.output_for_node("total") == 5
