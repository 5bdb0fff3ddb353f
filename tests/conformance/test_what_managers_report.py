"""What IO managers report and are told beside values: metadata, events, the metadata of definitions."""

import pytest

from tests.conformance.api import dg


def reporting(handle):
    """Return an IO manager that keeps nothing and reports."""

    return type("Reporting", (dg.IOManager,), {"handle_output": handle, "load_input": lambda *_: None})()


def made(handle):
    """Make one asset by an IO manager and return the result."""

    @dg.asset
    def shelf():
        return 5

    return dg.materialize([shelf], resources={"io_manager": reporting(handle)})


def test_metadata_of_a_manager_is_of_all_that_it_reports():
    """Added or yielded, before a materialization or behind it: on it, on the asset's own and on the handled output."""

    def handle(self, context, obj):
        context.add_output_metadata({"added": "a"})
        yield {"yielded": "y"}
        yield dg.AssetMaterialization("aside")
        context.add_output_metadata({"late": "l"})

    result = made(handle)
    names = {"added", "yielded", "late"}
    events = result.get_asset_materialization_events()
    assert [event.asset_key.path for event in events] == [["aside"], ["shelf"]]
    assert all(set(event.materialization.metadata) == names for event in events)
    (handled,) = (event for event in result.all_events if event.event_type_value == "HANDLED_OUTPUT")
    assert set(handled.event_specific_data.metadata) == names


def test_metadata_in_two_places_is_refused():
    """Of a materialization's own and that of the output nobody knows which counts."""

    def handle(self, context, obj):
        context.add_output_metadata({"here": 1})
        yield dg.AssetMaterialization("aside", metadata={"there": 2})

    with pytest.raises(dg.DagsterInvariantViolationError, match="received a materialization with metadata, while"):
        made(handle)


def test_an_event_that_a_manager_logs_is_recorded_at_once():
    """Before what it logs next, and even if storing fails."""

    def handle(self, context, obj):
        context.log_event(dg.AssetMaterialization("first"))
        context.log.info("between")
        context.log_event(dg.AssetMaterialization("second"))
        raise ValueError("no room")

    @dg.op
    def five():
        return 5

    @dg.job(resource_defs={"io_manager": dg.IOManagerDefinition.hardcoded_io_manager(reporting(handle))})
    def work():
        five()

    instance = dg.DagsterInstance.ephemeral()
    result = work.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    told = [
        one.user_message if one.dagster_event is None else one.dagster_event.asset_key.path[0]
        for one in instance.all_logs(result.run_id)
        if one.dagster_event is None or one.dagster_event.is_step_materialization
    ]
    assert told == ["first", "between", "second"]


def test_the_metadata_of_a_graph_asset_is_that_of_its_definition():
    """For the manager that stores what an op of the graph gives, and for the one that reads it."""
    seen = []

    class Noting(dg.IOManager):
        def handle_output(self, context, obj):
            if context.asset_key.path == ["basket"]:
                seen.append(context.definition_metadata["fruit"])

        def load_input(self, context):
            seen.append(context.upstream_output.definition_metadata["fruit"])

    @dg.op
    def pick(): ...

    @dg.graph_multi_asset(outs={"basket": dg.AssetOut(metadata={"fruit": "apple"})})
    def picked():
        return pick()

    @dg.asset
    def eaten(basket): ...

    assert dg.materialize([picked, eaten], resources={"io_manager": Noting()}).success
    assert seen == ["apple", "apple"]
