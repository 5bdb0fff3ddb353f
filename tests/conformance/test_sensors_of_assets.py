"""Sensors of one and of several assets."""

import pytest

from tests.conformance.api import dg


@dg.op
def nop():
    return 1


@dg.job
def target():
    nop()


def tick(sensor, **context):
    return sensor.evaluate_tick(dg.build_sensor_context(**context))


def test_asset_sensor():
    """An asset sensor sees materializations past its cursor."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def watched():
        return 1

    @dg.asset_sensor(asset_key=dg.AssetKey("watched"), job=target)
    def s(context, event):
        return dg.RunRequest(run_key=event.dagster_event.asset_key.to_user_string())

    assert tick(s, instance=instance).run_requests == []
    dg.materialize_to_memory([watched], instance=instance)
    data = tick(s, instance=instance)
    assert [r.run_key for r in data.run_requests] == ["watched"]
    assert tick(s, instance=instance, cursor=data.cursor).run_requests == []


def test_multi_asset_sensor():
    """A multi-asset sensor sees the latest materialization of each asset."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset
    def a():
        return 1

    @dg.asset
    def b():
        return 1

    @dg.multi_asset_sensor(monitored_assets=[a.key, b.key], job=target)
    def s(context):
        records = context.latest_materialization_records_by_key()
        if all(records.values()):
            context.advance_all_cursors()
            return dg.RunRequest()

    def context(cursor=None):
        return dg.build_multi_asset_sensor_context(
            monitored_assets=[a.key, b.key], instance=instance, cursor=cursor, definitions=dg.Definitions(assets=[a, b])
        )

    assert s(context()) is None
    dg.materialize_to_memory([a, b], instance=instance)
    assert isinstance(s(context()), dg.RunRequest)


def test_sensor_on_assets():
    """A sensor may target assets."""

    @dg.asset
    def a():
        return 1

    @dg.sensor(target=[a])
    def s(context):
        return dg.RunRequest()

    defs = dg.Definitions(assets=[a], sensors=[s])
    assert defs.get_sensor_def("s").name == "s"


DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-10")


def multi_context(instance, cursor=None, keys=("watched",)):
    @dg.asset(partitions_def=DAYS)
    def watched(): ...

    @dg.asset
    def plain(): ...

    return dg.build_multi_asset_sensor_context(
        monitored_assets=[dg.AssetKey(key) for key in keys],
        instance=instance,
        cursor=cursor,
        definitions=dg.Definitions([watched, plain]),
    )


def ticked(instance, cursor, function):
    """The cursor after one evaluation of a multi-asset sensor."""

    @dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("watched")], job_name="j")
    def watching(context):
        function(context)
        return dg.SkipReason("looked")

    return watching.evaluate_tick(multi_context(instance, cursor)).cursor


def test_a_partition_that_was_passed_over_stays_unconsumed():
    key = dg.AssetKey("watched")
    instance = dg.DagsterInstance.ephemeral()
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        instance.report_runless_asset_event(dg.AssetMaterialization("watched", partition=day))
    seen = []

    def consume(*days):
        def function(context):
            records = context.latest_materialization_records_by_partition(key)
            seen.append([list(records), len(context.get_trailing_unconsumed_events(key))])
            for day in days:
                context.advance_cursor({key: records[day]})

        return function

    cursor = ticked(instance, None, consume("2024-01-02"))
    cursor = ticked(instance, cursor, consume("2024-01-01"))
    cursor = ticked(instance, cursor, consume("2024-01-03"))
    cursor = ticked(instance, cursor, consume())
    instance.report_runless_asset_event(dg.AssetMaterialization("watched", partition="2024-01-04"))
    instance.report_runless_asset_event(dg.AssetMaterialization("watched", partition="2024-01-05"))
    cursor = ticked(instance, cursor, lambda context: context.advance_all_cursors())
    ticked(instance, cursor, consume())
    assert seen == [
        [["2024-01-01", "2024-01-02", "2024-01-03"], 0],
        [["2024-01-01", "2024-01-03"], 1],
        [["2024-01-03"], 0],
        [[], 0],
        [[], 0],
    ]


def test_records_of_all_assets_by_partition_need_the_same_partitions():
    context = multi_context(dg.DagsterInstance.ephemeral(), keys=("watched", "plain"))
    with pytest.raises(dg.DagsterInvalidInvocationError, match="share the same partitions"):
        context.latest_materialization_records_by_partition_and_asset()


def test_a_request_without_an_advanced_cursor_is_refused():
    @dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("watched")], job_name="j")
    def forgets(context):
        return dg.RunRequest(run_key="1")

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="cursor was not updated"):
        forgets.evaluate_tick(multi_context(dg.DagsterInstance.ephemeral()))


def test_too_many_partitions_that_were_passed_over_are_refused():
    key = dg.AssetKey("watched")
    instance = dg.DagsterInstance.ephemeral()
    for number in range(30):
        instance.report_runless_asset_event(dg.AssetMaterialization("watched", partition=f"p{number}"))

    def newest(context):
        context.advance_cursor({key: context.latest_materialization_records_by_key()[key]})

    with pytest.raises(dg.DagsterInvariantViolationError, match="at most 25|maximum number of trailing"):
        ticked(instance, None, newest)


@pytest.mark.parametrize("as_generator", [True, False], ids=["yields", "returns"])
def test_a_context_goes_on_where_the_last_call_ended(as_generator):
    """A multi-asset sensor that is called twice with one context deals with each materialization once."""

    def requests(context):
        for key, record in context.latest_materialization_records_by_key().items():
            if record is not None:
                context.advance_cursor({key: record})
                yield dg.RunRequest(run_key=str(record.storage_id))

    @dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("prices")], job_name="any")
    def yields(context):
        yield from requests(context)

    @dg.multi_asset_sensor(monitored_assets=[dg.AssetKey("prices")], job_name="any")
    def returns(context):
        return list(requests(context))

    @dg.asset
    def prices():
        return 1

    instance = dg.DagsterInstance.ephemeral()
    context = dg.build_multi_asset_sensor_context(
        monitored_assets=[dg.AssetKey("prices")], instance=instance, definitions=dg.Definitions(assets=[prices])
    )
    sensor = yields if as_generator else returns
    counts = []
    for _ in range(2):
        instance.report_runless_asset_event(dg.AssetMaterialization("prices"))
        counts += [len(list(sensor(context))), len(list(sensor(context)))]
    assert counts == [1, 0, 1, 0]


def test_an_asset_sensor_called_directly():
    """Called with a context alone, it is evaluated for the newest materialization, and moves the cursor on."""

    @dg.asset
    def watched():
        return 1

    @dg.asset_sensor(asset_key=dg.AssetKey("watched"), job=target)
    def follows(context, event):
        yield dg.RunRequest(run_key=event.dagster_event.asset_key.to_user_string())

    instance = dg.DagsterInstance.ephemeral()
    context = dg.build_sensor_context(instance)
    [skipped] = list(follows(context))
    assert isinstance(skipped, dg.SkipReason)
    assert context.cursor is None

    dg.materialize_to_memory([watched], instance=instance)
    [request] = list(follows(context))
    assert request.run_key == "watched"
    assert int(context.cursor) > 0
    assert isinstance(next(iter(follows(context))), dg.SkipReason)


def test_an_asset_sensor_with_resources_called_directly():
    """The resources of its function come from the context, and one that is missing is named."""

    class Prefix(dg.ConfigurableResource):
        text: str

    @dg.asset_sensor(asset_key=dg.AssetKey("outside"), job=target)
    def follows(context, event, prefix: Prefix):
        return dg.RunRequest(run_key=prefix.text)

    instance = dg.DagsterInstance.ephemeral()
    instance.report_runless_asset_event(dg.AssetMaterialization("outside"))
    [request] = follows(dg.build_sensor_context(instance, resources={"prefix": Prefix(text="new")}))
    assert request.run_key == "new"
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Resource with key 'prefix' required by sensor"):
        list(follows(dg.build_sensor_context(instance)))
