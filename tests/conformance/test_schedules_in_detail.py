"""What schedules, sensors and partitions tell of themselves, and which requests they make."""

from datetime import UTC, datetime

import pytest

from tests.conformance.api import dg

DAYS = dg.DailyPartitionsDefinition("2020-01-01")


def test_a_schedule_of_partitions_has_metadata_and_owners():
    """Both are known before the partitions are, and may be replaced until then."""

    @dg.asset(partitions_def=DAYS)
    def orders(): ...

    made = dg.build_schedule_from_partitioned_job(
        dg.define_asset_job("daily", [orders]), metadata={"a": "b", "n": 4}, owners=["team:sales"]
    )
    assert list(made.owners) == ["team:sales"]
    assert dict(made.metadata) == {"a": "b", "n": 4}
    changed = made.with_metadata({**made.metadata, "a": "c"})
    schedule = dg.Definitions(assets=[orders], schedules=[changed]).resolve_schedule_def("daily_schedule")
    assert schedule.metadata["a"] == dg.MetadataValue.text("c")
    assert schedule.metadata["n"] == dg.MetadataValue.int(4)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Team name cannot be empty"):
        dg.build_schedule_from_partitioned_job(dg.define_asset_job("other", [orders]), owners=["team:"])


def test_two_dimensions_without_time_need_a_cron():
    """Nothing says when such a job is due."""
    static = dg.StaticPartitionsDefinition(["a"])
    both = dg.MultiPartitionsDefinition({"one": static, "two": static})
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.build_schedule_from_partitioned_job(dg.define_asset_job("work", partitions_def=both))


def test_the_tick_of_an_excluded_window_starts_nothing():
    """The partition before it was started by the tick before."""

    @dg.daily_partitioned_config(start_date="2021-05-05", exclusions=[datetime(2021, 5, 6)])
    def config(start, end):
        return {}

    @dg.op
    def nothing(): ...

    @dg.job(config=config)
    def work():
        nothing()

    schedule = dg.build_schedule_from_partitioned_job(work)
    asked = [
        [
            request.partition_key
            for request in schedule.evaluate_tick(
                dg.build_schedule_context(scheduled_execution_time=datetime(2021, 5, day, tzinfo=UTC))
            ).run_requests
        ]
        for day in (6, 7, 8)
    ]
    assert asked == [["2021-05-05"], [], ["2021-05-07"]]


def test_new_metadata_is_metadata():
    """Metadata that a copy gets is shown as what it is given first."""
    schedule = dg.ScheduleDefinition(job_name="work", cron_schedule="@daily").with_attributes(metadata={"a": "b"})
    assert schedule.metadata == {"a": dg.MetadataValue.text("b")}
    sensor = dg.SensorDefinition("watch", evaluation_fn=lambda _: None).with_attributes(metadata={"a": "b"})
    assert sensor.metadata == {"a": dg.MetadataValue.text("b")}


def test_a_zone_that_is_none():
    """The message names the schedule."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Invalid execution timezone Mars/Base for nightly"):
        dg.ScheduleDefinition("nightly", cron_schedule="@daily", job_name="work", execution_timezone="Mars/Base")


def test_the_context_stands_anywhere():
    """A parameter named `context` is the context, behind resources too; resources are given by name."""

    class Shop(dg.ConfigurableResource):
        name: str

    @dg.sensor(job_name="work")
    def watch(shop: Shop, context):
        return dg.RunRequest(run_config={"shop": shop.name, "cursor": context.cursor})

    context = dg.build_sensor_context(cursor="3")
    assert watch(context, shop=Shop(name="x")).run_config == {"shop": "x", "cursor": "3"}
    with pytest.raises(dg.DagsterInvalidInvocationError, match="may not provide resources as positional"):
        watch(Shop(name="x"))


def test_a_sensor_of_assets_asks_for_them():
    """A request of a sensor over a selection has the assets' keys."""

    @dg.sensor(asset_selection=dg.AssetSelection.assets("orders"))
    def watch():
        return dg.RunRequest(partition_key="a")

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def orders(): ...

    defs = dg.Definitions(assets=[orders], sensors=[watch])
    with dg.build_sensor_context(repository_def=defs.get_repository_def()) as context:
        (request,) = watch.evaluate_tick(context).run_requests
    assert request.asset_selection == [dg.AssetKey("orders")]


def test_a_sensor_without_a_function():
    """It is refused as a definition."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Must provide evaluation_fn"):
        dg.SensorDefinition()


def test_keys_of_dynamic_partitions_need_a_store():
    """Without an instance nobody knows them; a job of them makes no request for a key that may not exist."""
    fruits = dg.DynamicPartitionsDefinition(name="fruits")
    with pytest.raises(Exception, match="instance"):
        fruits.get_partition_keys()
    with pytest.raises(Exception, match="not supported for dynamic partitions"):
        dg.define_asset_job("work", partitions_def=fruits).run_request_for_partition("apple")


def test_an_io_manager_sees_dynamic_dimensions():
    """The range of partitions that is stored is known though one dimension is kept by the instance."""
    both = dg.MultiPartitionsDefinition({"day": DAYS, "who": dg.DynamicPartitionsDefinition(name="who")})
    seen = []

    class Manager(dg.IOManager):
        def handle_output(self, context, obj):
            seen.append((context.asset_partition_key_range.start, context.asset_partitions_time_window.end.day))

        def load_input(self, context): ...

    @dg.asset(partitions_def=both)
    def orders(context):
        assert isinstance(context.partition_key_range.start, dg.MultiPartitionKey)

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("who", ["ann"])
        assert dg.materialize(
            [orders], instance=instance, partition_key="2020-01-01|ann", resources={"io_manager": Manager()}
        ).success
    assert seen == [("2020-01-01|ann", 2)]


def test_tags_of_a_partition_are_json():
    """A tag that is no text is written as JSON, as other tags are."""

    @dg.static_partitioned_config(partition_keys=["a"], tags_for_partition_key_fn=lambda key: {"about": {"key": key}})
    def config(key):
        return {}

    assert config.get_tags_for_partition_key("a")["about"] == '{"key": "a"}'


@pytest.mark.parametrize("key", ["a|b", "a[b", "a,b"])
def test_keys_that_would_end_a_dimension(key):
    """Keys of a dimension have none of the signs that separate dimensions and keys."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.MultiPartitionsDefinition(
            {"a": dg.StaticPartitionsDefinition([key]), "b": dg.StaticPartitionsDefinition(["x"])}
        )


def test_windows_that_go_on_tell_so():
    """The text of a definition says by how many partitions it ends later."""
    assert str(dg.DailyPartitionsDefinition("2020-01-01", end_offset=1)).endswith("End offsetted by 1 partition.")


def test_the_failure_of_a_run_says_what_failed():
    """The event of a failed run has the error of the step."""

    @dg.op
    def fails():
        raise ValueError("no data")

    @dg.job
    def work():
        fails()

    event = work.execute_in_process(raise_on_error=False).get_run_failure_event()
    assert event.event_specific_data.error.cause.cls_name == "ValueError"


def test_results_keep_metadata_as_given():
    """A result that a test gets by calling an asset has the plain values."""

    @dg.asset
    def orders():
        return dg.MaterializeResult(metadata={"rows": 3})

    assert orders().metadata == {"rows": 3}
    (event,) = dg.materialize([orders]).get_asset_materialization_events()
    assert event.materialization.metadata["rows"] == dg.MetadataValue.int(3)
