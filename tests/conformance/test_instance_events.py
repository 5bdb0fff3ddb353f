"""Event records of an instance."""

from tests.conformance.api import dg


@dg.op
def one():
    return 1


@dg.op
def plus(x):
    return x + 1


@dg.job
def chain():
    plus(one())


def test_instance_event_records():
    """The instance finds events by type and asset."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b():
        return 2

    dg.materialize([a, b], instance=instance)
    records = instance.get_event_records(
        dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION, asset_key=dg.AssetKey("a"))
    )

    assert len(records) == 1
    assert records[0].event_log_entry.dagster_event.asset_key == dg.AssetKey("a")
    assert records[0].event_log_entry.asset_materialization.asset_key == dg.AssetKey("a")
    assert records[0].storage_id > 0
    assert records[0].timestamp > 0


def test_instance_event_records_limit_and_order():
    """Records come newest first, as many as asked for; a cursor goes on."""
    instance = dg.DagsterInstance.ephemeral()
    for number in range(4):
        instance.report_runless_asset_event(dg.AssetMaterialization("a", metadata={"n": number}))

    def numbers(**kwargs):
        found = instance.fetch_materializations(dg.AssetKey("a"), **kwargs)
        return [one.asset_materialization.metadata["n"].value for one in found.records], found

    newest, page = numbers(limit=2)
    assert newest == [3, 2]
    assert page.has_more
    assert numbers(limit=2, cursor=page.cursor)[0] == [1, 0]
    assert numbers(limit=9, ascending=True)[0] == [0, 1, 2, 3]


def test_instance_latest_materialization():
    """The last materialization of an asset."""
    instance = dg.DagsterInstance.ephemeral()
    assert instance.get_latest_materialization_event(dg.AssetKey("a")) is None
    instance.report_runless_asset_event(dg.AssetMaterialization("a", partition="p", metadata={"n": 1}))
    event = instance.get_latest_materialization_event(dg.AssetKey("a"))

    assert event.asset_materialization.partition == "p"
    assert event.dagster_event.event_specific_data.materialization.metadata["n"].value == 1
    assert event.asset_materialization.asset_key == dg.AssetKey("a")


def test_instance_observations():
    """Observations are found like materializations."""
    instance = dg.DagsterInstance.ephemeral()
    instance.report_runless_asset_event(dg.AssetObservation("a", metadata={"n": 1}))
    (record,) = instance.fetch_observations(dg.AssetKey("a"), limit=3).records

    assert record.asset_observation.metadata["n"].value == 1


def test_instance_run_status_changes():
    """Changes of runs' states are events too."""
    instance = dg.DagsterInstance.ephemeral()
    chain.execute_in_process(instance=instance)
    found = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_SUCCESS, limit=5).records

    assert [one.event_log_entry.dagster_event.event_type_value for one in found] == ["PIPELINE_SUCCESS"]


def test_log_lines():
    """Messages of user code are in the log with their level."""

    @dg.op
    def talks(context):
        context.log.warning("careful %s", "now")
        context.log.info("plain")

    @dg.job
    def j():
        talks()

    instance = dg.DagsterInstance.ephemeral()
    run_id = j.execute_in_process(instance=instance).run_id
    lines = [one for one in instance.all_logs(run_id) if not one.is_dagster_event]

    assert [(one.level, one.user_message) for one in lines] == [(30, "careful now"), (20, "plain")]
    assert {one.step_key for one in lines} == {"talks"}
    assert {one.job_name for one in lines} == {"j"}
