"""What partitions exist, what they are called and which of two assets' partitions correspond."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import cellmill as cm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.work import calls

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


def test_daily_keys_exist_once_their_day_is_over() -> None:
    """The last daily partition is yesterday's."""
    daily = cm.DailyPartitionsDefinition("2024-02-26")

    assert ["2024-02-26", "2024-02-27", "2024-02-28", "2024-02-29"] == daily.get_partition_keys(NOW)
    assert "2024-02-29" == daily.get_last_partition_key(NOW)
    assert not daily.has_partition_key("2024-03-01", NOW)


@pytest.mark.parametrize(("offset", "last"), [(1, "2024-03-01"), (2, "2024-03-02"), (-1, "2024-02-28")])
def test_end_offset_shifts_the_last_partition(offset: int, last: str) -> None:
    """`end_offset` counts whole windows from the last one that ended."""
    assert last == cm.DailyPartitionsDefinition("2024-02-26", end_offset=offset).get_last_partition_key(NOW)


def test_the_hour_that_comes_twice_has_two_partitions() -> None:
    """The second of two hours with one name carries its UTC offset."""
    hourly = cm.HourlyPartitionsDefinition("2021-11-07-00:00", end_date="2021-11-07-03:00", timezone="America/Chicago")

    keys = hourly.get_partition_keys()

    assert ["2021-11-07-00:00", "2021-11-07-01:00", "2021-11-07-01:00-0600", "2021-11-07-02:00"] == keys
    first, second = (hourly.time_window_for_partition_key(key) for key in keys[1:3])
    assert first.end.astimezone(UTC) == second.start.astimezone(UTC)


def test_exclusions_leave_out_windows_by_cron_and_by_date() -> None:
    """An excluded day has no partition, and its neighbours keep their length."""
    daily = cm.DailyPartitionsDefinition(
        "2021-11-05", end_date="2021-11-10", exclusions=["0 0 * * 0", datetime(2021, 11, 9)]
    )

    assert ["2021-11-05", "2021-11-06", "2021-11-08"] == daily.get_partition_keys()
    assert "2021-11-07" == daily.time_window_for_partition_key("2021-11-06").end.strftime("%Y-%m-%d")


ZONES = ["UTC", "Europe/Berlin", "America/Chicago", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu"]


@settings(max_examples=examples(60))
@given(
    zone=st.sampled_from(ZONES),
    kind=st.sampled_from(["hourly", "daily", "weekly", "monthly", "*/15 * * * *", "30 2 * * 1-5"]),
    day=st.dates(datetime(1990, 1, 1).date(), datetime(2036, 1, 1).date()),
)
def test_windows_tile_time_and_keys_name_them(zone: str, kind: str, day: object) -> None:
    """Keys are unique, name exactly one window each, and the windows leave no gap and do not overlap."""
    start = datetime(day.year, day.month, day.day)  # type: ignore[attr-defined]
    if kind in ("hourly", "daily", "weekly", "monthly"):
        make = getattr(cm, f"{kind.capitalize()}PartitionsDefinition")
        definition = make(start, timezone=zone)
    else:
        definition = cm.TimeWindowPartitionsDefinition(start, fmt="%Y-%m-%dT%H:%M", cron_schedule=kind, timezone=zone)
    span = {"hourly": 4, "monthly": 400, "weekly": 60}.get(kind, 9)
    keys = definition.get_partition_keys(start + timedelta(days=span))
    windows = [definition.time_window_for_partition_key(key) for key in keys]

    assert len(set(keys)) == len(keys)
    for left, right in zip(windows, windows[1:], strict=False):
        assert left.end.timestamp() == right.start.timestamp()
    assert all(window.start.timestamp() < window.end.timestamp() for window in windows)
    assert keys == [definition.get_partition_key_for_timestamp(window.start.timestamp()) for window in windows]
    assert definition.get_num_partitions(start + timedelta(days=span)) == len(keys)


def test_ten_thousand_partitions_are_two_numbers() -> None:
    """Set operations on 10,000 daily partitions do not look at each of them."""
    daily = cm.DailyPartitionsDefinition("1990-01-01", timezone="Europe/Berlin")
    everything = daily.subset_with_all_partitions(NOW)
    part = daily.subset_in_range(cm.PartitionKeyRange("2000-01-01", "2009-12-31"))
    rest = everything - part

    assert 2 == len(rest.ranges) and (rest | part) & everything == everything and len(part) == 3653
    assert calls(lambda: ((everything - part) | part) & everything) < 500
    assert rest == daily.deserialize_subset(rest.serialize())


def test_a_subset_survives_an_earlier_start_of_its_definition() -> None:
    """Serialised windows are instants, so moving the start of the definition does not shift them."""
    old = cm.HourlyPartitionsDefinition("2024-01-02-00:00", timezone="Europe/Berlin")
    subset = old.subset_with_partition_keys(["2024-01-02-03:00", "2024-01-02-04:00"])
    new = cm.HourlyPartitionsDefinition("2023-12-01-00:00", timezone="Europe/Berlin")

    assert ["2024-01-02-03:00", "2024-01-02-04:00"] == new.deserialize_subset(subset.serialize()).get_partition_keys()


def test_multi_keys_are_in_the_order_of_the_dimension_names() -> None:
    """A multi-partition key is text with parts."""
    multi = cm.MultiPartitionsDefinition(
        {"letter": cm.StaticPartitionsDefinition(["x", "y"]), "date": cm.DailyPartitionsDefinition("2024-02-28")}
    )

    assert ["2024-02-28|x", "2024-02-28|y", "2024-02-29|x", "2024-02-29|y"] == multi.get_partition_keys(NOW)
    key = multi.get_partition_key_from_str("2024-02-29|y")
    assert {"date": "2024-02-29", "letter": "y"} == key.keys_by_dimension
    assert key == pickle.loads(pickle.dumps(key))
    assert "date" == multi.primary_dimension.name


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: cm.StaticPartitionsDefinition(["a", "a"]), "Duplicate"),
        (lambda: cm.StaticPartitionsDefinition(["a...b"]), "not allowed"),
        (lambda: cm.StaticPartitionsDefinition("abc"), "list of keys"),
        (lambda: cm.DailyPartitionsDefinition("2021-13-05"), "2024-01-31"),
        (lambda: cm.DailyPartitionsDefinition("2021-01-05", timezone="Europe/Berln"), "Europe/Berlin"),
        (lambda: cm.WeeklyPartitionsDefinition("2021-01-05", day_offset=9), "day of week"),
        (lambda: cm.DynamicPartitionsDefinition(), "partition_fn or name"),
        (lambda: cm.BackfillPolicy.multi_run(0), "max_partitions_per_run"),
    ],
)
def test_bad_partitions_are_refused_where_they_are_declared(make: object, part: str) -> None:
    """The error says what would be right."""
    with pytest.raises(cm.InvalidDefinitionError, match=part):
        make()  # type: ignore[operator]


def upstream_of(mapping: cm.PartitionMapping, key: str, down: object, up: object) -> list[str]:
    result = mapping.get_upstream_mapped_partitions_result_for_partitions(
        down.subset_with_partition_keys([key]),
        down,
        up,
        NOW,  # type: ignore[attr-defined, arg-type]
    )
    return sorted(result.partitions_subset.get_partition_keys())


def test_a_day_reads_its_hours_and_a_week_its_days() -> None:
    """Windows of different lengths correspond where they overlap."""
    hourly, daily = cm.HourlyPartitionsDefinition("2024-02-01-00:00"), cm.DailyPartitionsDefinition("2024-02-01")
    weekly = cm.WeeklyPartitionsDefinition("2024-02-01")
    mapping = cm.TimeWindowPartitionMapping()

    assert 24 == len(upstream_of(mapping, "2024-02-10", daily, hourly))
    assert [f"2024-02-{day:02d}" for day in range(4, 11)] == upstream_of(mapping, "2024-02-04", weekly, daily)
    back = mapping.get_downstream_partitions_for_partitions(
        hourly.subset_with_partition_keys(["2024-02-10-05:00"]), hourly, daily, NOW
    )
    assert ["2024-02-10"] == list(back.get_partition_keys())


def test_offsets_reach_back_and_report_what_does_not_exist() -> None:
    """What only an offset reaches, before the start, is not required; what the window itself needs is."""
    daily = cm.DailyPartitionsDefinition("2024-02-01")
    mapping = cm.TimeWindowPartitionMapping(start_offset=-2, end_offset=-1)
    subset = daily.subset_with_partition_keys(["2024-02-02"])

    result = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, daily, daily, NOW)

    assert ["2024-02-01"] == list(result.partitions_subset.get_partition_keys())
    assert [] == result.required_but_nonexistent_partition_keys

    earlier = cm.DailyPartitionsDefinition("2024-01-31")
    subset = earlier.subset_with_partition_keys(["2024-01-31"])
    missing = cm.TimeWindowPartitionMapping().get_upstream_mapped_partitions_result_for_partitions(
        subset, earlier, daily, NOW
    )
    assert ["2024-01-31"] == missing.required_but_nonexistent_partition_keys


def test_multi_to_single_finds_its_dimension() -> None:
    """The dimension with the same partitions is the one that is joined."""
    letters = cm.StaticPartitionsDefinition(["x", "y"])
    multi = cm.MultiPartitionsDefinition({"letter": letters, "date": cm.DailyPartitionsDefinition("2024-02-28")})
    mapping = cm.MultiToSingleDimensionPartitionMapping()

    assert ["2024-02-28|x", "2024-02-29|x"] == upstream_of(mapping, "x", letters, multi)
    assert ["y"] == upstream_of(mapping, "2024-02-28|y", multi, letters)


def test_static_mapping_checks_its_keys() -> None:
    """A key that one of the sides does not have is an error that lists the keys there are."""
    up, down = cm.StaticPartitionsDefinition(["a", "b"]), cm.StaticPartitionsDefinition(["1", "2"])
    mapping = cm.StaticPartitionMapping({"a": "1", "b": ["1", "2"]})

    assert ["a", "b"] == upstream_of(mapping, "1", down, up)
    with pytest.raises(cm.InvalidDefinitionError, match="keys \\['z'\\]"):
        cm.StaticPartitionMapping({"z": "1"}).validate_partition_mapping(up, down)


def test_a_daily_partitioned_config_gets_the_window() -> None:
    """The decorated function receives the window of the key and can still be called itself."""

    @cm.daily_partitioned_config("2024-01-01", tags_for_partition_fn=lambda start, _end: {"day": start.strftime("%d")})
    def config(start: datetime, end: datetime) -> dict[str, object]:
        return {"ops": {"o": {"config": {"start": start.strftime("%F"), "end": end.strftime("%F")}}}}

    found = config.get_run_config_for_partition_key("2024-01-31")

    assert {"start": "2024-01-31", "end": "2024-02-01"} == found["ops"]["o"]["config"]
    assert {"day": "31", "dagster/partition": "2024-01-31"} == config.get_tags_for_partition_key("2024-01-31")
    assert config(datetime(2024, 1, 1), datetime(2024, 1, 2))["ops"]
