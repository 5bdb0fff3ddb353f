"""What automation conditions request, evaluation by evaluation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from .api import dg

AC = dg.AutomationCondition
START = datetime(2024, 1, 5, 12, 30, 7, tzinfo=UTC)


class Ticks:
    """Evaluations one after the other, of the same definitions on one instance."""

    def __init__(self, *assets, checks=()):
        self.defs = dg.Definitions(assets=list(assets), asset_checks=list(checks))
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor = None
        self.now = START

    def __call__(self, key, now=None, **later):
        """The partitions of an asset that the next evaluation requests."""
        self.now = now or self.now + timedelta(**(later or {"minutes": 1}))
        return {str(one) for one in self.result().get_requested_partitions(dg.AssetKey(key))}

    def result(self):
        """The result of the next evaluation."""
        result = dg.evaluate_automation_conditions(
            defs=self.defs, instance=self.instance, evaluation_time=self.now, cursor=self.cursor
        )
        self.cursor = result.cursor
        return result

    def requested(self):
        """The names of the assets that the next evaluation requests."""
        self.now += timedelta(minutes=1)
        return {one.key.to_user_string() for one in self.result().results if one.true_subset.size}

    def made(self, key, partition=None):
        """An asset is materialized by nobody's run."""
        self.instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))


def asset(name, condition=None, **options):
    """An asset that does nothing."""

    @dg.asset(name=name, automation_condition=condition, **options)
    def made():
        return None

    return made


YEARLY = AC.newly_updated().since(AC.cron_tick_passed("0 0 1 1 *"))


def test_an_update_after_the_tick_counts_though_one_evaluation_sees_both():
    ticks = Ticks(asset("a", YEARLY))
    assert ticks("a", datetime.now(UTC) - timedelta(days=400)) == set()
    ticks.made("a")
    assert ticks("a", datetime.now(UTC)) == {"None"}


def test_an_update_before_the_tick_does_not():
    ticks = Ticks(asset("a", YEARLY))
    assert ticks("a", datetime.now(UTC) - timedelta(hours=1)) == set()
    ticks.made("a")
    assert ticks("a", datetime.now(UTC) + timedelta(days=400)) == set()


def test_any_downstream_conditions_are_evaluated_as_its_own():
    up = asset("up", AC.any_downstream_conditions())
    middle = asset("middle", deps=["up"])
    down = asset("down", AC.missing() & ~AC.any_deps_missing(), deps=["middle"])
    ticks = Ticks(up, middle, down)
    # `down` waits for `middle`; nothing is above `up`
    assert ticks("down") == set()
    assert Ticks(up, middle, down)("up") == {"None"}


def test_a_lookback_counts_from_the_end_of_the_last_window():
    weekly = dg.WeeklyPartitionsDefinition("2023-12-03")
    assert Ticks(asset("a", AC.in_latest_time_window(timedelta(days=3)), partitions_def=weekly))("a") == set()
    two = Ticks(asset("a", AC.in_latest_time_window(timedelta(days=14)), partitions_def=weekly))("a")
    assert two == {"2023-12-17", "2023-12-24"}


def test_an_asset_that_reads_its_own_past_waits_for_it():
    mapping = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    daily = dg.DailyPartitionsDefinition("2024-01-01")
    past = dg.AssetDep("a", partition_mapping=mapping)
    own = asset("a", AC.missing() & ~AC.any_deps_missing(), partitions_def=daily, deps=[past])
    ticks = Ticks(own)
    assert ticks("a") == {"2024-01-01"}
    ticks.made("a", "2024-01-01")
    assert ticks("a") == {"2024-01-02"}


def test_checks_that_are_declared_apart_count():
    @dg.asset_check(asset="up", name="good", blocking=True)
    def good():
        return dg.AssetCheckResult(passed=True)

    ticks = Ticks(asset("up"), asset("down", AC.all_deps_blocking_checks_passed(), deps=["up"]), checks=[good])
    assert ticks("down") == set()
    ticks.made("up")
    ticks.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=dg.AssetKey("up"), check_name="good", passed=True, metadata={})
    )
    assert ticks("down") == {"None"}


def test_a_check_has_a_past():
    @dg.asset_check(asset="a", name="good")
    def good():
        return dg.AssetCheckResult(passed=True)

    ticks = Ticks(asset("a", AC.any_checks_match(AC.check_failed().newly_true())), checks=[good])
    failed = dg.AssetCheckEvaluation(asset_key=dg.AssetKey("a"), check_name="good", passed=False, metadata={})
    assert ticks("a") == set()
    ticks.instance.report_runless_asset_event(failed)
    assert ticks("a") == {"None"}
    assert ticks("a") == set()


def test_what_is_made_together_is_requested_together():
    @dg.multi_asset(specs=[dg.AssetSpec("a", automation_condition=AC.missing()), dg.AssetSpec("b")])
    def both(): ...

    ticks = Ticks(both, asset("c", AC.any_deps_match(AC.will_be_requested()), deps=["b"]))
    assert ticks("c") == {"None"}


def test_what_another_run_makes_is_not_as_if_it_were_there():
    mapping = dg.StaticPartitionMapping({"x": "x", "y": "y"})
    static = dg.StaticPartitionsDefinition(["x", "y"])
    up = asset("up", AC.missing(), partitions_def=static)
    wanted = AC.any_deps_match(AC.will_be_requested())
    same = asset("same", wanted, partitions_def=static, deps=["up"])
    other = dg.AssetDep("up", partition_mapping=mapping)
    mapped = asset("mapped", wanted, partitions_def=static, deps=[other])
    assert Ticks(up, same, mapped)("same") == {"x", "y"}
    assert Ticks(up, same, mapped)("mapped") == set()


@pytest.mark.parametrize("below", [True, False])
def test_another_asset_is_looked_at_through_its_mapping(below):
    mapping = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    daily = dg.DailyPartitionsDefinition("2024-01-01")
    missing = ~AC.missing()
    up = asset("up", AC.asset_matches("down", missing) if below else None, partitions_def=daily)
    condition = None if below else AC.asset_matches("up", missing)
    down = asset("down", condition, partitions_def=daily, deps=[dg.AssetDep("up", partition_mapping=mapping)])
    ticks = Ticks(up, down)
    ticks.made("down" if below else "up", "2024-01-03")
    assert ticks("up" if below else "down") == ({"2024-01-02"} if below else {"2024-01-04"})


def test_what_is_only_observed_is_updated_by_another_version():
    """An observable source is updated where another data version was observed, and missing before the first."""

    @dg.observable_source_asset
    def source():
        return dg.DataVersion("1")

    ticks = Ticks(
        source,
        asset("lost", AC.any_deps_match(AC.missing()), deps=["source"]),
        asset("keen", AC.eager(), deps=["source"]),
    )

    def observed(version):
        tags = {"dagster/data_version": version}
        ticks.instance.report_runless_asset_event(dg.AssetObservation("source", tags=tags))
        return ticks.requested()

    assert ticks.requested() == {"lost"}
    assert observed("1") == {"keen"}
    assert observed("1") == set()
    assert observed("2") == {"keen"}


def test_a_requested_observation_is_no_update():
    """What is asked to be observed may turn out to be what it was: nothing behind it is requested with it."""

    @dg.observable_source_asset(automation_condition=AC.missing())
    def source():
        return dg.DataVersion("1")

    ticks = Ticks(source, asset("behind", AC.any_deps_match(AC.will_be_requested()), deps=["source"]))
    assert ticks.requested() == {"source"}


def test_a_changed_condition_keeps_its_memory():
    """Parts that a changed condition still has remember what they did, and it is no first evaluation."""
    due = AC.missing().since_last_handled()

    def definitions(condition):
        return dg.Definitions(assets=[asset("a", condition)])

    instance = dg.DagsterInstance.ephemeral()
    found, cursor = [], None
    for condition in (due, due, due & ~AC.in_progress(), (due & ~AC.in_progress()) | AC.execution_failed()):
        result = dg.evaluate_automation_conditions(definitions(condition), instance, cursor=cursor)
        found.append(result.total_requested)
        cursor = result.cursor
    assert found == [0, 1, 0, 1]


def test_other_partitions_are_a_first_evaluation():
    """An asset that gets partitions starts anew; more partitions of the same kind do not."""

    def requested(*definitions):
        instance, cursor, found = dg.DagsterInstance.ephemeral(), None, []
        for partitions in definitions:
            defs = dg.Definitions(assets=[asset("a", AC.initial_evaluation(), partitions_def=partitions)])
            result = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
            cursor = result.cursor
            found.append(result.total_requested)
        return found

    few, many = dg.StaticPartitionsDefinition(["x", "y"]), dg.StaticPartitionsDefinition(["x", "y", "z"])
    assert requested(None, None, few, many, None) == [1, 0, 2, 0, 1]


def test_the_parts_of_a_result_are_told():
    """A result holds its condition and the results of its parts."""
    ticks = Ticks(asset("a", AC.missing() & ~AC.in_progress()))
    (found,) = ticks.result().results
    missing, idle = found.child_results
    assert found.condition == AC.missing() & ~AC.in_progress()
    assert (missing.condition, missing.true_subset.size, idle.true_subset.size) == (AC.missing(), 1, 1)


def test_an_asset_that_reads_its_own_last_partition_goes_on():
    """The run that made a partition did not make the one that reads it: that is requested."""
    last = dg.AssetDep("a", partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1))
    daily = dg.DailyPartitionsDefinition("2024-01-01")
    ticks = Ticks(asset("a", AC.eager(), partitions_def=daily, deps=[last]))
    assert ticks.requested() == set()
    dg.materialize(ticks.defs.assets, instance=ticks.instance, partition_key="2024-01-03")
    assert ticks("a") == {"2024-01-04"}
    assert ticks("a") == set()
