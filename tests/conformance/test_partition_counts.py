"""Partitions: how many, which keys, and which definitions are refused."""

import pytest

from tests.conformance.api import dg


@pytest.mark.parametrize(
    ("definition", "count"),
    [
        (dg.StaticPartitionsDefinition(["a", "b"]), 2),
        (dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-11"), 10),
        (dg.WeeklyPartitionsDefinition("2024-01-01", end_date="2024-02-01"), 3),
        (dg.MonthlyPartitionsDefinition("2024-01-01", end_date="2024-12-01"), 11),
        (dg.HourlyPartitionsDefinition("2024-01-01-00:00", end_date="2024-01-02-00:00"), 24),
        (
            dg.TimeWindowPartitionsDefinition(
                cron_schedule="0 */6 * * *", start="2024-01-01-00:00", end="2024-01-02-00:00", fmt="%Y-%m-%d-%H:%M"
            ),
            4,
        ),
        (
            dg.MultiPartitionsDefinition(
                {"x": dg.StaticPartitionsDefinition(["a", "b"]), "y": dg.StaticPartitionsDefinition(["1", "2", "3"])}
            ),
            6,
        ),
    ],
)
def test_partition_counts(definition, count):
    """How many partitions there are, and that each is known."""
    keys = definition.get_partition_keys()

    assert len(keys) == count
    assert all(definition.has_partition_key(key) for key in keys)
    assert not definition.has_partition_key("nope") if not isinstance(definition, dg.MultiPartitionsDefinition) else 1
    assert definition.get_first_partition_key() == keys[0]
    assert definition.get_last_partition_key() == keys[-1]
    assert definition == definition
    assert definition.subset_with_all_partitions().get_partition_keys() is not None
    assert definition.empty_subset().is_empty if hasattr(definition.empty_subset(), "is_empty") else True


@pytest.mark.parametrize(
    "make",
    [
        lambda: dg.StaticPartitionsDefinition(["a", "a"]),
        lambda: dg.StaticPartitionsDefinition(["a...b"]),
        lambda: dg.StaticPartitionsDefinition([1]),
        lambda: dg.DailyPartitionsDefinition("yesterday"),
        lambda: dg.DailyPartitionsDefinition("2024-01-01", timezone="Nowhere/Land"),
        lambda: dg.MultiPartitionsDefinition({"a": dg.StaticPartitionsDefinition(["x"])}),
        lambda: dg.TimeWindowPartitionsDefinition(start="2024-01-01", fmt="%Y-%m-%d", cron_schedule="nope"),
        lambda: dg.DynamicPartitionsDefinition(),
    ],
)
def test_bad_partitions(make):
    """What makes no partitions is refused at once."""
    with pytest.raises(Exception, match=r".+"):
        make()
