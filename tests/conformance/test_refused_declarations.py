"""What cannot work is refused where it is declared."""

import pytest

from tests.conformance.api import dg


@pytest.mark.parametrize(("kind", "default"), [(int, "x"), (str, 3), (int, None), (float, 1), (bool, "yes")])
def test_a_default_of_another_scalar_type(kind, default):
    """A default that the input's own type would not take is refused, annotated or declared."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Type check failed for the default_value"):

        @dg.op(ins={"given": dg.In(kind, default_value=default)})
        def declared(given):
            return given

    def annotated(given=default):
        return given

    annotated.__annotations__["given"] = kind
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Type check failed for the default_value"):
        dg.op(annotated)


def test_a_default_without_a_value():
    """An input that only gives an order has no default."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.op(ins={"given": dg.In(dg.Nothing, default_value=None)})
        def waits(): ...


def test_two_ops_of_one_name_at_different_depths():
    """Names of ops and graphs are unique in a whole job."""

    @dg.op(name="same")
    def first(): ...

    @dg.op(name="same")
    def second(): ...

    @dg.graph
    def inner():
        second()

    with pytest.raises(
        dg.DagsterInvalidDefinitionError, match='conflicting node definitions with the same name "same"'
    ):

        @dg.job
        def both():
            first()
            inner()


def test_places_that_only_names_could_fill():
    """Inputs behind `**kwargs` are given by name, unless there is only one."""

    @dg.op
    def one():
        return 1

    @dg.op(ins={"a": dg.In(), "b": dg.In(), "c": dg.In()})
    def add(a, **others):
        return a + sum(others.values())

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Use keyword args instead"):

        @dg.job
        def by_place():
            add(one(), one(), one())

    @dg.job
    def by_name():
        add(one(), b=one(), c=one())

    assert by_name.execute_in_process().output_for_node("add") == 3


def test_pools_have_no_blanks():
    """The name of a concurrency pool is one word."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="not a valid pool name"):

        @dg.op(pool="my pool")
        def work(): ...


def test_specs_and_deps_that_contradict_each_other():
    """What a spec's dependency says is said there only."""

    @dg.asset
    def up(): ...

    for more in ({"metadata": {"a": 1}}, {"key_prefix": "p"}, {"dagster_type": dg.Nothing}):
        with pytest.raises(dg.DagsterInvalidDefinitionError):

            @dg.multi_asset(specs=[dg.AssetSpec("down", deps=[up])], ins={"up": dg.AssetIn(**more)})
            def makes(up): ...

    with pytest.raises(Exception, match='Param "asset" is not one of'):
        dg.AssetDep(3)


def test_what_is_known_of_an_asset_that_is_only_named():
    """Metadata of dependencies is that of the asset; two that contradict each other are refused."""

    @dg.asset(deps=[dg.AssetDep("far", metadata={"system": "erp"})])
    def one(): ...

    @dg.asset(deps=[dg.AssetDep("far")])
    def two(): ...

    @dg.asset(deps=[dg.AssetDep("far", metadata={"system": "crm"})])
    def three(): ...

    graph = dg.Definitions([one, two]).resolve_asset_graph()
    assert graph.get(dg.AssetKey("far")).metadata["system"] == "erp"
    assert graph.get(dg.AssetKey("far")).metadata["dagster/auto_created_stub_asset"] is True
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Conflicting metadata"):
        dg.Definitions([one, three]).resolve_asset_graph()


def test_resources_that_are_given_twice():
    """An asset's own resource and another one of the same key exclude each other."""

    @dg.asset(resource_defs={"rate": dg.ResourceDefinition.hardcoded_resource(1)})
    def priced(context):
        return context.resources.rate

    with pytest.raises(dg.DagsterInvalidInvocationError, match="has conflicting resource definitions"):
        dg.materialize([priced], resources={"rate": 2})
    with pytest.raises(dg.DagsterInvalidInvocationError, match="has conflicting resource definitions"):
        dg.Definitions([priced], resources={"rate": 2}).resolve_all_job_defs()


def test_a_spec_is_of_an_asset_that_nothing_here_makes():
    """A spec and a function for one key are a duplicate; a source asset only says how the value is loaded."""

    @dg.asset
    def orders():
        return 1

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Duplicate asset key"):
        dg.materialize([orders, dg.AssetSpec("orders")])
    assert dg.materialize([orders, dg.SourceAsset("orders")]).success


def test_values_in_memory_have_no_other_manager():
    """`materialize_to_memory` takes no IO manager for what it makes or loads, wherever it was given."""

    class Manager(dg.IOManager):
        def handle_output(self, context, obj): ...

        def load_input(self, context):
            return 1

    @dg.asset(io_manager_def=Manager())
    def own(): ...

    @dg.asset(io_manager_key="special")
    def keyed(): ...

    for assets, resources in (([own], {}), ([keyed], {"special": Manager()})):
        with pytest.raises(dg.DagsterInvariantViolationError, match="Do not provide resources for io manager keys"):
            dg.materialize_to_memory(assets, resources=resources)
    assert dg.materialize_to_memory([keyed], resources={"io_manager": Manager()}).success


def test_resources_of_ops_inside_an_asset_are_required_by_it():
    """What an asset needs counts the ops of its graph, and input managers."""

    @dg.op(required_resource_keys={"rate"})
    def price():
        return 1

    @dg.graph_asset
    def priced():
        return price()

    @dg.asset(ins={"priced": dg.AssetIn(input_manager_key="reader")})
    def total(priced):
        return priced

    assert priced.required_resource_keys == {"rate", "io_manager"}
    assert total.required_resource_keys == {"reader", "io_manager"}


def test_partitions_of_a_class_of_ones_own():
    """Only partitions that can be told to others may be those of an asset."""

    class Own(dg.PartitionsDefinition):
        def get_partition_keys(self, current_time=None, dynamic_partitions_store=None):
            return ["a"]

        def get_paginated_partition_keys(self, context, limit, ascending, cursor=None):
            raise NotImplementedError

    @dg.asset(partitions_def=Own())
    def orders(): ...

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Custom PartitionsDefinition subclasses"):
        dg.Definitions.validate_loadable(dg.Definitions([orders]))


def test_a_source_that_nothing_can_load():
    """The IO manager of a source asset is looked for when the definitions are loaded."""
    source = dg.SourceAsset("orders", io_manager_key="lake")
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="io manager with key 'lake' required by SourceAsset"):
        dg.Definitions.validate_loadable(dg.Definitions([source]))
    dg.Definitions.validate_loadable(dg.Definitions([source], resources={"lake": dg.mem_io_manager}))


def test_dependencies_that_are_taken_away():
    """A spec may lose what was only waited for, and not what the function reads."""

    @dg.multi_asset(specs=[dg.AssetSpec("a", deps=["b"])])
    def waits(): ...

    (made,) = dg.map_asset_specs(lambda spec: spec.replace_attributes(deps=[]), [waits])
    assert made.keys_by_input_name == {}
    assert len(made.op.input_defs) == 0

    @dg.asset
    def reads(b): ...

    with pytest.raises(Exception, match="b"):
        list(dg.map_asset_specs(lambda spec: spec.replace_attributes(deps=[]), [reads]))


def test_results_are_of_the_type_that_they_promise():
    """The value of a `MaterializeResult[T]` is checked, and its absence too."""

    @dg.asset
    def wrong() -> dg.MaterializeResult[int]:
        return dg.MaterializeResult(value="text")

    @dg.asset
    def absent() -> dg.MaterializeResult[int]:
        return dg.MaterializeResult()

    @dg.asset
    def right() -> dg.MaterializeResult[int]:
        return dg.MaterializeResult(value=3)

    for one in (wrong, absent):
        with pytest.raises(dg.DagsterTypeCheckDidNotPass):
            dg.materialize([one])
    assert dg.materialize([right]).asset_value("right") == 3


DAILY = dg.DailyPartitionsDefinition("2024-01-01")
LETTERS = dg.StaticPartitionsDefinition(["a", "b"])


@pytest.mark.parametrize(
    ("above", "below", "mapping"),
    [
        (LETTERS, DAILY, dg.TimeWindowPartitionMapping()),
        (DAILY, LETTERS, dg.TimeWindowPartitionMapping()),
        (DAILY, None, dg.TimeWindowPartitionMapping()),
        (LETTERS, LETTERS, dg.StaticPartitionMapping({"a": "nowhere"})),
        (LETTERS, LETTERS, dg.StaticPartitionMapping({"nowhere": "a"})),
        (DAILY, LETTERS, dg.StaticPartitionMapping({"a": "a"})),
        (LETTERS, DAILY, dg.IdentityPartitionMapping()),
        (LETTERS, DAILY, dg.MultiToSingleDimensionPartitionMapping()),
        (
            LETTERS,
            LETTERS,
            dg.MultiPartitionMapping({"x": dg.DimensionPartitionMapping("x", dg.AllPartitionMapping())}),
        ),
    ],
)
def test_mappings_that_cannot_join_the_partitions(above, below, mapping):
    """A declared partition mapping that does not fit the partitions of both assets is refused where they are loaded."""

    @dg.asset(partitions_def=above)
    def source():
        return None

    @dg.asset(partitions_def=below, deps=[dg.AssetDep("source", partition_mapping=mapping)])
    def reader():
        return None

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Invalid partition mapping from reader to source"):
        dg.Definitions.validate_loadable(dg.Definitions(assets=[source, reader]))


@pytest.mark.parametrize(
    ("above", "below", "mapping"),
    [
        (None, DAILY, dg.TimeWindowPartitionMapping()),
        (LETTERS, None, dg.LastPartitionMapping()),
        (dg.HourlyPartitionsDefinition("2024-01-01-00:00"), DAILY, dg.TimeWindowPartitionMapping()),
        (LETTERS, LETTERS, dg.IdentityPartitionMapping()),
        (LETTERS, DAILY, dg.AllPartitionMapping()),
    ],
)
def test_mappings_that_join_the_partitions(above, below, mapping):
    """What fits is loaded; a mapping to an upstream without partitions has nothing to say."""

    @dg.asset(partitions_def=above)
    def source():
        return None

    @dg.asset(partitions_def=below, deps=[dg.AssetDep("source", partition_mapping=mapping)])
    def reader():
        return None

    dg.Definitions.validate_loadable(dg.Definitions(assets=[source, reader]))
