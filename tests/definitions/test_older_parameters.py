"""Parameters of older code mean what they say, or are refused with what to write instead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import cellmill as cm
import pytest
from cellmill.testing import instance_for_test

WEEK = cm.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-08")


def test_the_policy_of_outputs_is_that_of_the_function() -> None:
    """One policy, wherever it is said; two different ones are refused with the place to say it."""
    single, pair = cm.BackfillPolicy.single_run(), cm.BackfillPolicy.multi_run(2)

    @cm.multi_asset(outs={"a": cm.AssetOut(backfill_policy=pair), "b": cm.AssetOut()}, partitions_def=WEEK)
    def both() -> Any:
        return 1, 2

    assert pair == both.backfill_policy
    with pytest.raises(cm.InvalidDefinitionError, match=r"output 'a'.*output 'b'.*to the @multi_asset only"):

        @cm.multi_asset(
            outs={"a": cm.AssetOut(backfill_policy=single), "b": cm.AssetOut(backfill_policy=pair)},
            partitions_def=WEEK,
        )
        def at_odds() -> Any:
            return 1, 2


def test_the_older_name_of_a_freshness_policy_counts() -> None:
    """`legacy_freshness_policy` is `freshness_policy` on specs and outputs too."""
    policy = cm.FreshnessPolicy.time_window(fail_window=timedelta(hours=1))

    assert policy == cm.AssetSpec("a", legacy_freshness_policy=policy).freshness_policy
    assert policy == cm.AssetOut(legacy_freshness_policy=policy).to_spec(cm.AssetKey("a")).freshness_policy


def test_settings_of_an_instance_cannot_be_overridden() -> None:
    """There are none; the message says where settings stand."""
    with pytest.raises(cm.InvalidInvocationError, match="run_launcher.*cellmill.toml"):
        cm.Instance.local_temp(overrides={"run_launcher": {}})
    with (
        pytest.raises(cm.InvalidInvocationError, match=r"cellmill\.toml"),
        instance_for_test(overrides={"telemetry": {"enabled": False}}),
    ):
        pass
    with instance_for_test(overrides={}) as instance:
        assert [] == instance.get_runs()


def requested(policy: cm.AutoMaterializePolicy, times: list[datetime], instance: cm.Instance) -> set[str | None]:
    """What the last of several evaluations requests of a daily asset with this policy."""

    @cm.asset(partitions_def=WEEK, auto_materialize_policy=policy)
    def daily() -> None: ...

    result = cm.evaluate_automation_conditions([daily], instance, evaluation_time=times[0])
    for time in times[1:]:
        result = cm.evaluate_automation_conditions([daily], instance, evaluation_time=time, cursor=result.cursor)
    return result.get_requested_partitions("daily")


@pytest.mark.parametrize(("everywhere", "count"), [(False, 1), (True, 7)])
def test_a_tick_of_a_cron_rule_makes_the_latest_or_all_partitions(everywhere: bool, count: int) -> None:
    """Without `all_partitions` the latest window is made, with it all of them."""
    rule = cm.AutoMaterializeRule.materialize_on_cron("0 * * * *", all_partitions=everywhere)
    times = [datetime(2024, 1, 9, hour, 30, tzinfo=UTC) for hour in (1, 2)]
    with cm.Instance.ephemeral() as instance:
        found = requested(cm.AutoMaterializePolicy({rule}), times, instance)

    assert count == len(found)
    assert "2024-01-07" in found


@pytest.mark.parametrize(("every", "expected"), [(False, {None}), (True, set())])
def test_every_partition_of_an_upstream_has_to_be_updated(every: bool, expected: set[None]) -> None:
    """One updated partition of the upstream is enough, unless all that are read are required."""
    rules = {
        cm.AutoMaterializeRule.materialize_on_parent_updated(),
        cm.AutoMaterializeRule.skip_on_not_all_parents_updated(require_update_for_all_parent_partitions=every),
    }

    @cm.asset(partitions_def=WEEK)
    def daily() -> int:
        return 1

    @cm.asset(auto_materialize_policy=cm.AutoMaterializePolicy(rules), deps=[daily])
    def total() -> None: ...

    with cm.Instance.ephemeral() as instance:
        time = datetime(2024, 1, 9, tzinfo=UTC)
        first = cm.evaluate_automation_conditions([daily, total], instance, evaluation_time=time)
        cm.materialize([daily], partition_key="2024-01-02", instance=instance)
        again = cm.evaluate_automation_conditions(
            [daily, total], instance, evaluation_time=time + timedelta(minutes=1), cursor=first.cursor
        )
        assert expected == again.get_requested_partitions("total")
        if every:
            for key in WEEK.get_partition_keys():
                cm.materialize([daily], partition_key=key, instance=instance)
            last = cm.evaluate_automation_conditions(
                [daily, total], instance, evaluation_time=time + timedelta(minutes=2), cursor=again.cursor
            )
            assert {None} == last.get_requested_partitions("total")


def test_a_backfill_holds_back_its_own_partitions_only() -> None:
    """What is not there is refused with what to do instead."""
    with pytest.raises(cm.CheckError, match="all_partitions=True"):
        cm.AutoMaterializeRule.skip_on_backfill_in_progress(all_partitions=True)
