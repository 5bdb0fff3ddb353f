"""Events of assets: materializations, plans, checks."""

import pytest

from tests.conformance.api import dg

NOISE = {"ENGINE_EVENT", "LOGS_CAPTURED", "RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS"}


def kinds(events):
    """The types of the events, those of the engine left out."""
    return [event.event_type_value for event in events if event.event_type_value not in NOISE]


@dg.op
def one():
    return 1


@dg.op
def plus(x):
    return x + 1


@dg.job
def chain():
    plus(one())


@pytest.fixture(scope="module")
def result():
    """A finished run of two ops."""
    return chain.execute_in_process()


def test_materialization_payload():
    """The payload of a materialization."""

    @dg.asset(metadata={"d": 1})
    def a(context):
        context.add_output_metadata({"m": 2})
        return 1

    result = dg.materialize([a])
    (event,) = result.get_asset_materialization_events()
    found = event.step_materialization_data.materialization

    assert event.is_step_materialization
    assert event.asset_key == dg.AssetKey("a")
    assert event.partition is None
    assert event.materialization == found
    assert found.asset_key == dg.AssetKey("a")
    assert found.metadata["m"] == dg.MetadataValue.int(2)
    assert result.asset_materializations_for_node("a") == [found]
    assert event.event_specific_data.materialization is found


def test_partitioned_materialization_payload():
    """A partition's event tells its key."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["x", "y"]))
    def a():
        return 1

    (event,) = dg.materialize([a], partition_key="y").get_asset_materialization_events()

    assert event.partition == "y"
    assert event.materialization.partition == "y"


def test_asset_event_order():
    """An asset's step: output, stored, materialized."""

    @dg.asset
    def a():
        return 1

    result = dg.materialize([a])

    assert kinds(result.events_for_node("a")) == [
        "ASSET_MATERIALIZATION_PLANNED",
        "STEP_START",
        "STEP_OUTPUT",
        "ASSET_MATERIALIZATION",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
    ] or kinds(result.events_for_node("a")) == [
        "STEP_START",
        "STEP_OUTPUT",
        "ASSET_MATERIALIZATION",
        "HANDLED_OUTPUT",
        "STEP_SUCCESS",
    ]


def test_planned_materializations():
    """A run plans what it will make."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b(a):
        return a

    run_id = dg.materialize([a, b], instance=instance).run_id
    planned = [
        one.dagster_event.asset_key.to_user_string()
        for one in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    ]

    assert sorted(planned) == ["a", "b"]


def test_check_evaluation_payload():
    """The payload of a check's evaluation."""

    @dg.asset
    def a():
        return 1

    @dg.asset_check(asset=a)
    def c():
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"k": 1}, description="d"
        )

    result = dg.materialize([a, c])
    (found,) = result.get_asset_check_evaluations()

    assert found.check_name == "c"
    assert found.asset_key == dg.AssetKey("a")
    assert found.asset_check_key == dg.AssetCheckKey(dg.AssetKey("a"), "c")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.metadata == {"k": dg.MetadataValue.int(1)}
    assert found.description == "d"
    assert not found.blocking
    assert found.target_materialization_data.run_id == result.run_id


def test_materialization_equality():
    """Materializations are equal when all they say is."""
    assert dg.AssetMaterialization("a", metadata={"k": 1}) == dg.AssetMaterialization("a", metadata={"k": 1})
    assert dg.AssetMaterialization("a") != dg.AssetMaterialization("b")
    assert dg.AssetMaterialization(["a", "b"]).asset_key == dg.AssetKey(["a", "b"])
    assert dg.AssetMaterialization("a", tags={"x": "y"}).tags == {"x": "y"}


def test_materialization_file():
    """A materialization of a file has its path in the metadata."""
    found = dg.AssetMaterialization.file("/tmp/x", asset_key="a")

    assert found.metadata == {"path": dg.MetadataValue.path("/tmp/x")}
