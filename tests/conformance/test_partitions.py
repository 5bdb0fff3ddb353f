"""Partitions, mappings, partitioned runs and config."""

from datetime import UTC, datetime

import pytest

from tests.conformance.api import dg

UTC = UTC
NOW = datetime(2023, 3, 10, 12, tzinfo=UTC)


def keys(definition, now=NOW):
    return list(definition.get_partition_keys(current_time=now))


DEFINITIONS = [
    (dg.DailyPartitionsDefinition("2023-03-07"), ["2023-03-07", "2023-03-08", "2023-03-09"]),
    (dg.DailyPartitionsDefinition("2023-03-08", end_offset=1), ["2023-03-08", "2023-03-09", "2023-03-10"]),
    (dg.DailyPartitionsDefinition("2023-03-07", end_date="2023-03-09"), ["2023-03-07", "2023-03-08"]),
    (dg.DailyPartitionsDefinition("2023-03-08", fmt="%Y-%m-%d"), ["2023-03-08", "2023-03-09"]),
    (dg.DailyPartitionsDefinition("03/08/2023", fmt="%m/%d/%Y"), ["03/08/2023", "03/09/2023"]),
    (dg.HourlyPartitionsDefinition("2023-03-10-09:00"), ["2023-03-10-09:00", "2023-03-10-10:00", "2023-03-10-11:00"]),
    (dg.WeeklyPartitionsDefinition("2023-02-26"), ["2023-02-26"]),
    (dg.WeeklyPartitionsDefinition("2023-02-24"), ["2023-02-26"]),
    (dg.WeeklyPartitionsDefinition("2023-02-27", day_offset=1), ["2023-02-27"]),
    (dg.MonthlyPartitionsDefinition("2023-01-01"), ["2023-01-01", "2023-02-01"]),
    (dg.MonthlyPartitionsDefinition("2023-01-01", day_offset=15), ["2023-01-15"]),
    (dg.StaticPartitionsDefinition(["b", "a"]), ["b", "a"]),
    (
        dg.TimeWindowPartitionsDefinition(start="2023-03-06", cron_schedule="0 0 * * 1-5", fmt="%Y-%m-%d"),
        ["2023-03-06", "2023-03-07", "2023-03-08", "2023-03-09"],
    ),
]


@pytest.mark.parametrize(("definition", "expected"), DEFINITIONS, ids=[str(i) for i in range(len(DEFINITIONS))])
def test_partition_keys(definition, expected):
    """A window is a partition once it has ended."""
    assert keys(definition) == expected


def test_multi_partitions():
    """Dimensions multiply; keys join the dimensions, sorted by name."""
    multi = dg.MultiPartitionsDefinition(
        {"date": dg.DailyPartitionsDefinition("2023-03-08"), "abc": dg.StaticPartitionsDefinition(["x", "y"])}
    )

    assert keys(multi) == ["x|2023-03-08", "x|2023-03-09", "y|2023-03-08", "y|2023-03-09"]
    assert multi.get_partition_keys(current_time=NOW)[0].keys_by_dimension == {"abc": "x", "date": "2023-03-08"}


def test_multi_partition_key():
    """A MultiPartitionKey is a string."""
    key = dg.MultiPartitionKey({"b": "2", "a": "1"})

    assert key == "1|2"
    assert key.keys_by_dimension == {"a": "1", "b": "2"}


def test_time_window_for_key():
    """Each key stands for one window."""
    window = dg.DailyPartitionsDefinition("2023-01-01").time_window_for_partition_key("2023-03-05")

    assert window.start.timestamp() == datetime(2023, 3, 5, tzinfo=UTC).timestamp()
    assert window.end.timestamp() == datetime(2023, 3, 6, tzinfo=UTC).timestamp()


def test_timezone():
    """Windows follow the local day."""
    definition = dg.DailyPartitionsDefinition("2023-03-11", timezone="America/New_York")
    window = definition.time_window_for_partition_key("2023-03-12")

    assert window.end.timestamp() - window.start.timestamp() == 23 * 3600


def test_minute_and_hour_offset():
    """Offsets move the window's start."""
    definition = dg.DailyPartitionsDefinition("2023-03-07", hour_offset=6, minute_offset=30)

    assert keys(definition) == ["2023-03-07", "2023-03-08", "2023-03-09"][:3]
    assert definition.cron_schedule == "30 6 * * *"


def test_first_and_last_key():
    """The ends are known without listing all."""
    definition = dg.DailyPartitionsDefinition("2023-03-07")

    assert definition.get_first_partition_key() == "2023-03-07"
    assert definition.get_last_partition_key() > "2026-01-01"
    assert definition.has_partition_key("2023-03-08")
    assert not definition.has_partition_key("2023-03-06")


def test_keys_in_range():
    """A range of keys is inclusive."""
    definition = dg.StaticPartitionsDefinition(["a", "b", "c", "d"])

    assert list(definition.get_partition_keys_in_range(dg.PartitionKeyRange("b", "d"))) == ["b", "c", "d"]


def test_duplicate_static_keys():
    """Static keys are unique."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.StaticPartitionsDefinition(["a", "a"])


def test_dynamic_partitions():
    """Dynamic partitions live in the instance."""
    instance = dg.DagsterInstance.ephemeral()
    definition = dg.DynamicPartitionsDefinition(name="d")
    instance.add_dynamic_partitions("d", ["x", "y"])

    assert list(definition.get_partition_keys(dynamic_partitions_store=instance)) == ["x", "y"]
    assert instance.has_dynamic_partition("d", "x")
    instance.delete_dynamic_partition("d", "x")
    assert instance.get_dynamic_partitions("d") == ["y"]


def test_dynamic_partition_run():
    """A dynamic partition has to exist before it is made."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="d"))
    def a(context):
        return context.partition_key

    instance.add_dynamic_partitions("d", ["x"])

    assert dg.materialize_to_memory([a], partition_key="x", instance=instance).output_for_node("a") == "x"
    with pytest.raises(dg.DagsterUnknownPartitionError):
        dg.materialize_to_memory([a], partition_key="nope", instance=instance)


def test_unknown_partition_key():
    """A key that is no partition is refused."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def x(context):
        return 1

    with pytest.raises(dg.DagsterUnknownPartitionError):
        dg.materialize([x], partition_key="zzz")


def test_partition_key_on_unpartitioned():
    """A partition key for something unpartitioned is refused."""

    @dg.asset
    def x():
        return 1

    with pytest.raises(Exception, match="(?i)partition"):
        dg.materialize([x], partition_key="zzz")


def test_context_time_window():
    """The context knows the window of its partition."""

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2023-01-01"))
    def a(context: dg.AssetExecutionContext):
        window = context.partition_time_window
        return window.start.strftime("%Y-%m-%d"), window.end.strftime("%Y-%m-%d")

    assert dg.materialize_to_memory([a], partition_key="2023-02-01").output_for_node("a") == (
        "2023-02-01",
        "2023-02-02",
    )


def test_upstream_partition_key():
    """The context knows which partition of an upstream belongs to this one."""

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2023-01-01"))
    def up(context):
        return context.partition_key

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2023-01-01"))
    def down(context: dg.AssetExecutionContext, up):
        return context.asset_partition_key_for_input("up"), up

    result = dg.materialize_to_memory([up, down], partition_key="2023-02-01")

    assert result.output_for_node("down") == ("2023-02-01", "2023-02-01")


def test_time_window_mapping_offset(tmp_path):
    """An offset reads an earlier window."""
    daily = dg.DailyPartitionsDefinition("2023-01-01")

    @dg.asset(partitions_def=daily)
    def up(context):
        return context.partition_key

    @dg.asset(
        partitions_def=daily,
        ins={"up": dg.AssetIn(partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1))},
    )
    def down(up):
        return up

    resources = {"io_manager": dg.FilesystemIOManager(base_dir=str(tmp_path))}
    assert dg.materialize([up], partition_key="2023-01-31", resources=resources).success
    result = dg.materialize([up, down], selection=[down], partition_key="2023-02-01", resources=resources)

    assert result.output_for_node("down") == "2023-01-31"


def test_all_partition_mapping(tmp_path):
    """An unpartitioned asset reads all partitions of its upstream."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def up(context):
        return context.partition_key

    @dg.asset
    def down(up):
        return up

    resources = {"io_manager": dg.FilesystemIOManager(base_dir=str(tmp_path))}
    for key in "ab":
        dg.materialize([up], partition_key=key, resources=resources)

    assert dg.materialize([up, down], selection=[down], resources=resources).output_for_node("down") == {
        "a": "a",
        "b": "b",
    }


def test_static_partition_mapping():
    """A static mapping says which upstream keys feed which downstream keys."""
    mapping = dg.StaticPartitionMapping({"a": "x", "b": ["x", "y"]})
    up, down = dg.StaticPartitionsDefinition(["a", "b"]), dg.StaticPartitionsDefinition(["x", "y"])
    subset = down.empty_subset().with_partition_keys(["y"])

    got = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, down, up)

    assert set(got.partitions_subset.get_partition_keys()) == {"b"}


def test_last_partition_mapping():
    """Everything downstream reads the last partition."""
    up, down = dg.StaticPartitionsDefinition(["a", "b"]), dg.StaticPartitionsDefinition(["x"])
    subset = down.empty_subset().with_partition_keys(["x"])

    got = dg.LastPartitionMapping().get_upstream_mapped_partitions_result_for_partitions(subset, down, up)

    assert list(got.partitions_subset.get_partition_keys()) == ["b"]


def test_default_mapping_daily_to_hourly():
    """Between grains, time windows that overlap belong together."""
    hourly = dg.HourlyPartitionsDefinition("2023-01-01-00:00")
    daily = dg.DailyPartitionsDefinition("2023-01-01")
    subset = daily.empty_subset().with_partition_keys(["2023-01-02"])

    got = dg.TimeWindowPartitionMapping().get_upstream_mapped_partitions_result_for_partitions(subset, daily, hourly)
    names = list(got.partitions_subset.get_partition_keys())

    assert len(names) == 24
    assert names[0] == "2023-01-02-00:00"


def test_subset_operations():
    """Subsets of partitions are sets."""
    definition = dg.DailyPartitionsDefinition("2023-01-01")
    a = definition.empty_subset().with_partition_keys(["2023-01-01", "2023-01-02"])
    b = definition.empty_subset().with_partition_keys(["2023-01-02", "2023-01-03"])

    assert sorted((a | b).get_partition_keys()) == ["2023-01-01", "2023-01-02", "2023-01-03"]
    assert list((a & b).get_partition_keys()) == ["2023-01-02"]
    assert list((a - b).get_partition_keys()) == ["2023-01-01"]
    assert "2023-01-01" in a
    assert len(a) == 2


def test_daily_partitioned_config():
    """Config can be computed from a partition's window."""

    @dg.daily_partitioned_config(start_date="2023-01-01")
    def config(start, end):
        return {"ops": {"f": {"config": {"day": start.strftime("%Y-%m-%d")}}}}

    @dg.op(config_schema={"day": str})
    def f(context):
        return context.op_config["day"]

    @dg.job(config=config)
    def j():
        f()

    assert j.execute_in_process(partition_key="2023-01-05").output_for_node("f") == "2023-01-05"
    assert j.partitions_def.get_first_partition_key() == "2023-01-01"


def test_static_partitioned_config():
    """Config can be computed from a static key."""

    @dg.static_partitioned_config(partition_keys=["a", "b"])
    def config(key):
        return {"ops": {"f": {"config": {"k": key}}}}

    @dg.op(config_schema={"k": str})
    def f(context):
        return context.op_config["k"]

    @dg.job(config=config)
    def j():
        f()

    assert j.execute_in_process(partition_key="b").output_for_node("f") == "b"


def test_partitioned_config_direct_call():
    """A partitioned config's function can be called in a test."""

    @dg.daily_partitioned_config(start_date="2023-01-01")
    def config(start, end):
        return {"d": start.strftime("%Y-%m-%d")}

    assert config(datetime(2023, 1, 3), datetime(2023, 1, 4)) == {"d": "2023-01-03"}


def test_schedule_from_partitioned_job():
    """A partitioned job's schedule runs at the end of each window."""

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2023-01-01"))
    def a(context):
        return 1

    job = dg.define_asset_job("j", selection=[a], partitions_def=a.partitions_def)
    schedule = dg.build_schedule_from_partitioned_job(job, hour_of_day=3)
    defs = dg.Definitions(assets=[a], jobs=[job], schedules=[schedule])
    resolved = defs.get_schedule_def("j_schedule")

    assert resolved.cron_schedule == "0 3 * * *"
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2023, 2, 2, 3, tzinfo=UTC))
    tick = resolved.evaluate_tick(context)
    assert [r.partition_key for r in tick.run_requests] == ["2023-02-01"]


def test_backfill_policy_single_run():
    """A range can be made in one run."""

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2023-01-01"), backfill_policy=dg.BackfillPolicy.single_run())
    def a(context: dg.AssetExecutionContext):
        return list(context.partition_keys)

    class Keeps(dg.IOManager):
        def handle_output(self, context, obj):
            self.value = obj
            self.keys = list(context.asset_partition_keys)

        def load_input(self, context):
            return self.value

    manager = Keeps()
    result = dg.materialize(
        [a],
        resources={"io_manager": manager},
        tags={
            "dagster/asset_partition_range_start": "2023-01-02",
            "dagster/asset_partition_range_end": "2023-01-04",
        },
    )

    assert result.success
    assert manager.keys == ["2023-01-02", "2023-01-03", "2023-01-04"]
    assert [m.partition for m in result.asset_materializations_for_node("a")] == [
        "2023-01-02",
        "2023-01-03",
        "2023-01-04",
    ]


def test_materialized_partitions():
    """The instance knows which partitions were made."""
    instance = dg.DagsterInstance.ephemeral()

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]))
    def x(context):
        return 1

    for key in "ac":
        dg.materialize_to_memory([x], partition_key=key, instance=instance)

    assert instance.get_materialized_partitions(x.key) == {"a", "c"}


def test_invalid_partition_arguments():
    """Impossible offsets and crons are refused."""
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.TimeWindowPartitionsDefinition(start="2023-01-01", cron_schedule="not a cron", fmt="%Y-%m-%d")


def test_multi_dimension_in_context():
    """A run of a multi-partition sees each dimension."""
    multi = dg.MultiPartitionsDefinition(
        {"color": dg.StaticPartitionsDefinition(["red"]), "day": dg.DailyPartitionsDefinition("2023-01-01")}
    )

    @dg.asset(partitions_def=multi)
    def a(context: dg.AssetExecutionContext):
        return context.partition_key.keys_by_dimension["color"]

    key = dg.MultiPartitionKey({"color": "red", "day": "2023-01-02"})

    assert dg.materialize_to_memory([a], partition_key=key).output_for_node("a") == "red"


def test_a_range_of_partitions_in_memory():
    """What one step makes of several partitions is what the next gets for the same ones."""
    days = dg.DailyPartitionsDefinition("2024-01-01")
    got = []

    @dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
    def prices(context):
        return {key: number for number, key in enumerate(context.partition_keys)}

    @dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
    def rates(prices):
        got.append(prices)

    tags = {
        "dagster/asset_partition_range_start": "2024-01-01",
        "dagster/asset_partition_range_end": "2024-01-03",
    }
    assert dg.materialize([prices, rates], tags=tags, resources={"io_manager": dg.mem_io_manager}).success
    assert got == [{"2024-01-01": 0, "2024-01-02": 1, "2024-01-03": 2}]
