"""Contexts of IO managers, and their failures."""

import pytest

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus(x):
    return x + 1


def test_output_context():
    """What an IO manager is told about an output."""
    seen = {}

    class Manager(dg.IOManager):
        def handle_output(self, context, obj):
            if context.name == "result" and context.step_key == "one":
                seen.update(
                    step=context.step_key,
                    name=context.name,
                    job=context.job_name,
                    op=context.op_def.name,
                    run=context.run_id,
                    type=context.dagster_type.display_name,
                    identifier=context.get_run_scoped_output_identifier(),
                    asset=context.has_asset_key,
                    partition=context.has_partition_key,
                    mapping=context.mapping_key,
                )

        def load_input(self, context):
            seen["upstream"] = (context.upstream_output.step_key, context.upstream_output.name)
            seen["input"] = context.name
            return 5

    @dg.job(resource_defs={"io_manager": dg.IOManagerDefinition.hardcoded_io_manager(Manager())})
    def j():
        plus(one())

    result = j.execute_in_process()

    assert seen == {
        "step": "one",
        "name": "result",
        "job": "j",
        "op": "one",
        "run": result.run_id,
        "type": "Any",
        "identifier": [result.run_id, "one", "result"],
        "asset": False,
        "partition": False,
        "mapping": None,
        "upstream": ("one", "result"),
        "input": "x",
    }


def test_io_manager_failures():
    """A failing IO manager fails the step with the user's error."""

    class Bad(dg.IOManager):
        def handle_output(self, context, obj):
            raise ValueError("cannot store")

        def load_input(self, context):
            return 1

    @dg.asset
    def a():
        return 1

    with pytest.raises(ValueError, match="cannot store"):
        dg.materialize([a], resources={"io_manager": Bad()})
    result = dg.materialize([a], resources={"io_manager": Bad()}, raise_on_error=False)
    (event,) = [one_ for one_ in result.all_events if one_.is_step_failure]
    assert event.step_failure_data.error.cls_name == "DagsterExecutionHandleOutputError"


def test_build_contexts():
    """Contexts for tests of IO managers."""
    output = dg.build_output_context(
        step_key="s", name="n", asset_key=dg.AssetKey("a"), partition_key="p", definition_metadata={"k": "v"}
    )
    context = dg.build_input_context(name="i", upstream_output=output, asset_key=dg.AssetKey("a"), partition_key="q")

    assert (output.step_key, output.name, output.asset_key, output.partition_key) == (
        "s",
        "n",
        dg.AssetKey("a"),
        "p",
    )
    assert output.definition_metadata == {"k": "v"}
    assert context.upstream_output is output
    assert context.partition_key == "q"
    assert output.get_asset_identifier() == ["a", "p"]


def test_input_manager_with_config():
    """An input may be loaded by a manager of its own."""

    @dg.input_manager(input_config_schema={"n": int})
    def loads(context):
        return context.config["n"] * 10

    @dg.op(ins={"x": dg.In(input_manager_key="mine")})
    def takes(x):
        return x

    @dg.job(resource_defs={"mine": loads})
    def j():
        takes()

    result = j.execute_in_process(run_config={"ops": {"takes": {"inputs": {"x": {"n": 2}}}}})
    assert result.output_for_node("takes") == 20


@pytest.mark.parametrize("build", [dg.build_input_context, dg.build_output_context])
def test_resources_of_a_built_context_are_made_and_taken_down(build):
    """Definitions of resources are made; generators need `with`, and are taken down with the context in any case."""
    ended = []

    @dg.resource
    def connection():
        try:
            yield "open"
        finally:
            ended.append("closed")

    @dg.resource
    def plain():
        return 1

    assert build(resources={"plain": plain, "value": 2}).resources.plain == 1
    context = build(resources={"connection": connection})
    with pytest.raises(dg.DagsterInvariantViolationError, match="At least one provided resource is a generator"):
        _ = context.resources
    del context
    assert ended == ["closed"]
    with build(resources={"connection": connection}) as context:
        assert context.resources.connection == "open"
    assert ended == ["closed", "closed"]


@pytest.mark.parametrize("build", [dg.build_input_context, dg.build_output_context])
def test_a_partition_of_a_built_context_is_that_of_its_asset(build):
    """A context built with an asset and a partition is about that partition, also where the definition is not given."""
    context = build(asset_key=dg.AssetKey("orders"), partition_key="2024-01-02")
    assert context.has_asset_partitions
    assert context.asset_partition_key == "2024-01-02"
    assert list(context.asset_partition_keys) == ["2024-01-02"]
    assert context.asset_partition_key_range == dg.PartitionKeyRange("2024-01-02", "2024-01-02")
    with pytest.raises(dg.DagsterInvariantViolationError):
        _ = context.asset_partitions_time_window
    without = build(asset_key=dg.AssetKey("orders"))
    assert not without.has_asset_partitions
    assert not build(partition_key="2024-01-02").has_asset_partitions
