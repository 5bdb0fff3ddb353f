"""What is refused where it is declared, and what is refused of an op's result."""

from functools import partial
from typing import Any

import pytest

from tests.conformance.api import dg


@dg.op(out=dg.DynamicOut())
def numbers():
    yield dg.DynamicOutput(1, "one")
    yield dg.DynamicOutput(2, "two")


@dg.op(out=dg.DynamicOut())
def parts(x):
    yield dg.DynamicOutput(x, "only")


@dg.op
def echo(x):
    return x


@dg.op
def add(x, y):
    return x, y


# -- annotations and outputs ----------------------------------------------------------------------------------------


def test_several_outputs_need_a_tuple():
    """A function with two outputs that is annotated with one type contradicts itself."""
    with pytest.raises(dg.DagsterInvariantViolationError, match="non-tuple annotation"):

        @dg.op(out={"low": dg.Out(), "high": dg.Out()})
        def bounds() -> int: ...


def test_several_outputs_need_as_many_types():
    """The tuple has one type for each output."""
    with pytest.raises(dg.DagsterInvariantViolationError, match="Expected 2 outputs but annotation has 3"):

        @dg.op(out={"low": dg.Out(), "high": dg.Out()})
        def bounds() -> tuple[int, int, int]: ...


def test_results_may_stand_for_several_outputs():
    """Results name their assets, so that a single annotation does for several."""

    @dg.multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec("b")])
    def both() -> tuple[dg.MaterializeResult, dg.MaterializeResult]:
        return dg.MaterializeResult(asset_key="a"), dg.MaterializeResult(asset_key="b")

    assert dg.materialize([both]).success


def test_a_bare_dynamic_output_is_no_result():
    """Dynamic outputs are returned in lists."""
    with pytest.raises(dg.DagsterInvariantViolationError, match="DynamicOutput"):

        @dg.op
        def made() -> dg.DynamicOutput: ...

    with pytest.raises(dg.DagsterInvariantViolationError, match="DynamicOutput"):

        @dg.op
        def made_of() -> dg.DynamicOutput[int]: ...


def test_a_promised_output_must_come():
    """Where `Output` is annotated, the value alone will not do, in a run or called directly."""

    @dg.op
    def forgetful() -> dg.Output[int]:
        return 42

    @dg.job
    def forgets():
        forgetful()

    with pytest.raises(dg.DagsterInvariantViolationError, match="did not receive an Output object"):
        forgets.execute_in_process()
    with pytest.raises(dg.DagsterInvariantViolationError, match="did not receive an Output object"):
        forgetful()


def test_an_output_must_be_promised():
    """Where a type is annotated, an `Output` is not returned."""

    @dg.op
    def generous() -> int:
        return dg.Output(42)

    @dg.job
    def gives():
        generous()

    with pytest.raises(dg.DagsterInvariantViolationError, match="does not have an Output annotation"):
        gives.execute_in_process()
    with pytest.raises(dg.DagsterInvariantViolationError, match="does not have an Output annotation"):
        generous()


def test_a_parameter_cannot_be_nothing():
    """No value is passed for Nothing, so no parameter can take it."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Nothing"):

        @dg.op
        def takes(value: None): ...


def test_metadata_comes_before_its_output():
    """What is added behind an output would be lost."""

    @dg.op
    def late(context):
        yield dg.Output(1)
        context.add_output_metadata({"rows": 1})

    @dg.op(out=dg.DynamicOut())
    def late_of_key(context):
        context.add_output_metadata({"rows": 1}, mapping_key="one")
        yield dg.DynamicOutput(1, mapping_key="one")
        context.add_output_metadata({"rows": 2}, mapping_key="two")
        yield dg.DynamicOutput(1, mapping_key="two")
        context.add_output_metadata({"rows": 3}, mapping_key="one")

    for op, words in ((late, "output 'result' which"), (late_of_key, "mapping_key 'one' which")):
        with pytest.raises(dg.DagsterInvariantViolationError, match=words):
            dg.GraphDefinition("g", node_defs=[op]).execute_in_process()


def test_an_input_given_twice():
    """By place and by name is once too often."""
    with pytest.raises(dg.DagsterInvalidInvocationError, match="multiple values for argument 'x'"):

        @dg.graph
        def collide(x):
            partial(echo, x=x)(x)


# -- dynamic outputs ------------------------------------------------------------------------------------------------


def refused(body: Any, words: str) -> None:
    """The body of a job is refused with these words."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=words):
        dg.job(name="refused")(body)


def test_values_of_a_dynamic_output_are_not_listed_by_hand():
    """A list of what was mapped is not known when the job is declared; `collect` is."""

    def body():
        found: list[Any] = []
        numbers().map(found.append)
        echo(found)

    refused(body, 'Problematic dependency on dynamic output "numbers:result"')


def test_a_dynamic_output_below_another():
    """It may be made there, but not be mapped over or collected."""

    @dg.job
    def fine():
        numbers().map(parts)

    assert fine.execute_in_process().success

    def maps():
        numbers().map(lambda x: parts(x).map(echo))

    def collects():
        echo(numbers().map(parts).collect())

    refused(maps, "more than one dynamic output")
    refused(collects, "more than one dynamic output")


def test_a_graph_that_maps_inside_cannot_be_mapped_over():
    """Whatever enters it would be multiplied twice; however deep, and where it feeds the dynamic output itself."""

    @dg.graph
    def adds(x):
        numbers().map(lambda y: add(x, y))

    @dg.graph
    def splits(x):
        parts(x).map(echo)

    def wrapping(inner: Any) -> Any:
        mapping = dg.InputMapping(graph_input_name="x", mapped_node_name=inner.name, mapped_node_input_name="x")
        return dg.GraphDefinition("wrapping", node_defs=[inner], input_mappings=[mapping])

    def mapped(graph: Any) -> Any:
        def body():
            numbers().map(lambda x: graph(echo(x)))

        return body

    for graph in (adds, splits, wrapping(adds), wrapping(splits)):
        refused(mapped(graph), "already downstream of another dynamic output")


def test_collecting_and_depending_at_once():
    """One node cannot be there once and several times."""

    def first():
        found = numbers()
        found.map(lambda y: add(y, found.collect()))

    def second():
        found = numbers()
        found.map(lambda y: add(found.collect(), y))

    refused(first, "cannot both collect over dynamic output")
    refused(second, "cannot be both downstream of dynamic output")


def test_a_dynamic_output_is_unpacked():
    """It is no value by itself."""

    def body():
        echo(numbers())

    refused(body, "must be unpacked by invoking map or collect")


# -- assets -----------------------------------------------------------------------------------------------------------


def test_a_job_selects_a_definition_of_several_assets():
    """A multi-asset in a selection stands for all its assets."""

    @dg.multi_asset(outs={"a": dg.AssetOut(), "b": dg.AssetOut()})
    def both():
        return 1, 2

    job = dg.define_asset_job("of_both", selection=[both])
    assert dg.Definitions(assets=[both], jobs=[job]).resolve_job_def("of_both").execute_in_process().success


def test_an_upstream_that_nobody_declares():
    """What an asset loads must be declared; near names are told, also behind a wrong prefix."""

    @dg.asset(key_prefix=["raw"])
    def orders(): ...

    @dg.asset
    def total(ordrs): ...

    @dg.asset(ins={"orders": dg.AssetIn(["rw", "orders"])})
    def share(orders): ...

    @dg.asset(deps=["made_elsewhere"])
    def ordered(): ...

    def refused_with(defs: Any, words: str) -> None:
        with pytest.raises(dg.DagsterInvalidDefinitionError, match=words):
            dg.Definitions.validate_loadable(defs)

    refused_with(dg.Definitions(assets=[orders, total]), 'Input asset .*"ordrs".* is not produced by any')
    refused_with(dg.Definitions(assets=[orders, share]), r'(?s)Did you mean one of the following.*"raw", "orders"')
    dg.Definitions.validate_loadable(dg.Definitions(assets=[orders, ordered]))


@pytest.mark.parametrize(
    "more", [{"metadata": {"a": 1}}, {"key_prefix": "p"}, {"dagster_type": int}, {"partition_mapping": True}]
)
def test_an_upstream_declared_twice(more):
    """An asset in `deps` can be loaded by a parameter, but only one of them says how."""
    if "partition_mapping" in more:
        more = {"partition_mapping": dg.IdentityPartitionMapping()}

    @dg.asset
    def above(): ...

    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.asset(deps=[above], ins={"above": dg.AssetIn(**more)})
        def below(above): ...


def test_with_specs_every_upstream_is_in_their_deps():
    """A parameter of a multi-asset of specs must be a dependency of one of them."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):

        @dg.multi_asset(specs=[dg.AssetSpec("a")])
        def made(above): ...


def test_a_kind_is_told_in_one_place():
    """Specs with kinds exclude the kind of the op."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="compute_kind"):

        @dg.multi_asset(compute_kind="sql", specs=[dg.AssetSpec("a", kinds={"python"})])
        def made(): ...


def test_resources_are_asked_for_in_one_way():
    """Keys in the decorator exclude resources as arguments."""
    for decorate in (
        dg.asset(required_resource_keys={"one"}),
        dg.multi_asset(specs=[dg.AssetSpec("a")], required_resource_keys={"one"}),
    ):
        with pytest.raises(Exception, match="Cannot specify resource requirements in both"):

            @decorate
            def made(context, other: dg.ResourceParam[str]) -> None: ...


def test_hooks_of_a_job_need_their_resources():
    """A resource that only a hook reads is missed too."""

    @dg.success_hook(required_resource_keys={"missing"})
    def tell(_): ...

    @dg.asset
    def a(): ...

    defs = dg.Definitions(assets=[a], jobs=[dg.define_asset_job("hooked", selection="a", hooks={tell})])
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="hook 'tell'|asset job hooked"):
        dg.Definitions.validate_loadable(defs)


# -- schedules, sensors and events ----------------------------------------------------------------------------------


def test_owners_of_automation():
    """Teams of jobs, schedules and sensors may have any name but the empty one."""
    good = ["user@example.com", "team:Data Engineering"]

    @dg.asset
    def a(): ...

    job = dg.define_asset_job("owned", selection="a", owners=good)
    makers = (
        lambda owners: dg.define_asset_job("owned", selection="a", owners=owners),
        lambda owners: dg.ScheduleDefinition("daily", cron_schedule="@daily", job=job, owners=owners),
        lambda owners: dg.sensor(job=job, name="watching", owners=owners)(lambda _: None),
    )
    for make in makers:
        assert list(make(good).owners) == good
        for bad, words in ((["team:"], "Team name cannot be empty"), (["nobody"], "Owner must be an email address")):
            with pytest.raises(dg.DagsterInvalidDefinitionError, match=words):
                make(bad)


def test_tags_of_a_sensor_are_its_own():
    """A run request has the tags that it was given; only a schedule without a function hands on its own."""

    @dg.sensor(job_name="j", tags={"about": "sensor"})
    def watching():
        return dg.RunRequest(tags={"about_run": "1"})

    @dg.schedule(job_name="j", cron_schedule="@daily", tags={"about": "schedule"})
    def asking():
        return dg.RunRequest()

    plain = dg.ScheduleDefinition("plain", job_name="j", cron_schedule="@daily", tags={"about": "schedule"})
    with dg.instance_for_test() as instance:
        (found,) = watching.evaluate_tick(dg.build_sensor_context(instance)).run_requests
    assert "about" not in found.tags
    assert found.tags["about_run"] == "1"
    context = dg.build_schedule_context()
    assert "about" not in asking.evaluate_tick(context).run_requests[0].tags
    assert plain.evaluate_tick(context).run_requests[0].tags["about"] == "schedule"


def test_events_with_other_metadata():
    """The event stays what it is but for its metadata."""
    seen = dg.AssetObservation("a", metadata={"old": 1}, partition="p", tags={"t": "1"})
    evaluated = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("a"), check_name="c", passed=True, metadata={"old": dg.MetadataValue.int(1)}
    )
    assert seen.with_metadata({"new": 2}) == dg.AssetObservation(
        "a", metadata={"new": 2}, partition="p", tags={"t": "1"}
    )
    assert evaluated.with_metadata({"new": 2}).metadata == {"new": dg.MetadataValue.int(2)}
    assert evaluated.with_metadata({"new": 2}).passed


@pytest.mark.parametrize(
    "offsets",
    [None, (0, 0), (-1, 0)],
    ids=["no mapping", "the same partition", "up to the same partition"],
)
def test_an_asset_depends_on_its_earlier_partitions_only(offsets):
    """A dependency on itself is refused where it is declared, but for partitions that came before."""
    days = dg.DailyPartitionsDefinition("2024-01-01")

    def declared(mapping):
        @dg.asset(partitions_def=days, deps=[dg.AssetDep("total", partition_mapping=mapping)])
        def total():
            return 1

        return total

    mapping = None if offsets is None else dg.TimeWindowPartitionMapping(*offsets)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match='Asset "total" depends on itself'):
        declared(mapping)
    assert declared(dg.TimeWindowPartitionMapping(-1, -1)).keys == {dg.AssetKey("total")}
