"""Which assets automation conditions request, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import cellmill as cm
import pytest
from cellmill.automation.clock import ManualClock
from cellmill.automation.conditions import ConditionLoop
from cellmill.automation.definitions_source import DefinitionsSource
from cellmill.definitions.automation_json import condition_from_json, condition_to_json
from cellmill.instance.instance import Instance

AC = cm.AutomationCondition
NOW = datetime(2024, 1, 10, 0, 30, tzinfo=UTC)


class Evaluations:
    """Evaluations of some assets one after another."""

    def __init__(self, instance: Instance, *assets: Any) -> None:
        self.instance, self.assets = instance, list(assets)
        self.now = NOW
        self.cursor: Any = None
        self.last: Any = None

    def next(self, minutes: int = 1) -> dict[str, set[str | None]]:
        """What the next evaluation requests."""
        self.now += timedelta(minutes=minutes)
        self.last = cm.evaluate_automation_conditions(
            self.assets, self.instance, evaluation_time=self.now, cursor=self.cursor
        )
        self.cursor = self.last.cursor
        return {
            found.key.to_user_string(): set(found.true_subset.keys)
            for found in self.last.results
            if found.true_subset.size
        }

    def made(self, key: str, partition: str | None = None) -> None:
        """Records a materialization."""
        self.instance.report_runless_asset_event(cm.AssetMaterialization(key, partition=partition))


def test_eager_requests_what_is_behind_an_update_once(instance: Instance) -> None:
    """An update of an upstream requests the asset once; a missing upstream holds it back."""

    @cm.asset
    def up() -> None: ...

    @cm.asset(deps=[up], automation_condition=AC.eager())
    def down() -> None: ...

    found = Evaluations(instance, up, down)
    assert {} == found.next() == found.next()
    found.made("up")
    assert {"down": {None}} == found.next()
    assert {} == found.next()


def test_eager_chains_are_requested_together(instance: Instance) -> None:
    """What will be requested in this evaluation counts as there for those behind it."""

    @cm.asset
    def a() -> None: ...

    @cm.asset(deps=[a], automation_condition=AC.eager())
    def b() -> None: ...

    @cm.asset(deps=[b], automation_condition=AC.eager())
    def c() -> None: ...

    found = Evaluations(instance, a, b, c)
    found.next()
    found.made("a")
    assert {"b": {None}, "c": {None}} == found.next()


def test_on_cron_waits_for_its_upstreams(instance: Instance) -> None:
    """After a tick every upstream must be updated before the asset is requested, once."""

    @cm.asset
    def up() -> None: ...

    @cm.asset(deps=[up], automation_condition=AC.on_cron("@hourly"))
    def down() -> None: ...

    found = Evaluations(instance, up, down)
    found.next()
    found.made("up")
    assert {} == found.next()
    assert {} == found.next(minutes=60)
    found.made("up")
    assert {"down": {None}} == found.next()
    assert {} == found.next()


def test_eager_looks_at_the_latest_window_only(instance: Instance) -> None:
    """Of a partitioned asset only the last day is requested, unless a look back is asked for."""
    daily = cm.DailyPartitionsDefinition("2024-01-01")

    @cm.asset(partitions_def=daily)
    def up() -> None: ...

    @cm.asset(partitions_def=daily, deps=[up], automation_condition=AC.eager())
    def down() -> None: ...

    found = Evaluations(instance, up, down)
    found.next()
    found.made("up", "2024-01-05")
    found.made("up", "2024-01-09")
    assert {"down": {"2024-01-09"}} == found.next()


def test_missing_partitions_and_operators(instance: Instance) -> None:
    """`&`, `|` and `~` are set operations over partitions."""
    static = cm.StaticPartitionsDefinition(["x", "y", "z"])

    @cm.asset(partitions_def=static, automation_condition=AC.missing())
    def m() -> None: ...

    @cm.asset(partitions_def=static, automation_condition=~AC.missing() | (AC.missing() & ~AC.missing()))
    def n() -> None: ...

    found = Evaluations(instance, m, n)
    found.made("m", "x")
    found.made("n", "x")
    assert {"m": {"y", "z"}, "n": {"x"}} == found.next()


def test_ignored_upstreams_do_not_count(instance: Instance) -> None:
    """`ignore` takes upstreams out of every part of the condition."""

    @cm.asset
    def loud() -> None: ...

    @cm.asset
    def quiet() -> None: ...

    condition = AC.eager().ignore(cm.AssetSelection.assets("loud"))

    @cm.asset(deps=[loud, quiet], automation_condition=condition)
    def down() -> None: ...

    found = Evaluations(instance, loud, quiet, down)
    found.next()
    found.made("loud")
    assert {} == found.next()
    found.made("quiet")
    assert {"down": {None}} == found.next()


def test_an_evaluation_explains_itself(instance: Instance) -> None:
    """Each condition says for which asset it was true, so one can see why nothing ran."""

    @cm.asset
    def up() -> None: ...

    @cm.asset(deps=[up], automation_condition=AC.eager())
    def down() -> None: ...

    found = Evaluations(instance, up, down)
    found.next()
    lines = found.last.explain("down").splitlines()

    assert "✗ eager (down)" == lines[0]
    assert "    ✓ any_deps_missing (down)" in lines
    assert "    ✗ any_deps_in_progress (down)" in lines


@pytest.mark.parametrize(
    "condition",
    [
        AC.eager(),
        AC.on_cron("0 6 * * *", "Europe/Berlin"),
        AC.on_missing(),
        AC.eager().allow(cm.AssetSelection.groups("g")),
        AC.in_latest_time_window(timedelta(days=2)) & ~AC.code_version_changed(),
        AC.all_checks_match(AC.check_passed()) | AC.any_downstream_conditions(),
        AC.eager().resolve_through_virtual(),
        AC.any_checks_match(AC.check_failed()).ignore(cm.AssetSelection.groups("g")),
        AC.any_job_root_assets_match(AC.missing()) & ~AC.newly_requested(),
        AC.asset_matches("a/b", AC.newly_updated()).since(AC.cron_tick_passed("@daily")),
    ],
)
def test_conditions_survive_json(condition: cm.AutomationCondition) -> None:
    """A host can send a condition that code has put together."""
    assert condition == condition_from_json(condition_to_json(condition))


def test_parts_can_be_taken_out_and_replaced() -> None:
    """`without` and `replace` change a ready-made condition."""
    loose = AC.eager().without(~AC.any_deps_missing())

    assert "any_deps_missing" not in repr(loose)
    assert "any_deps_missing" not in repr(AC.eager().replace("any_deps_missing", AC.code_version_changed()))
    with pytest.raises(cm.CellmillError, match="not found"):
        AC.eager().without(AC.code_version_changed())


def test_the_loop_turns_requests_into_runs_once(instance: Instance) -> None:
    """One run per partition with all its assets, and the tick keeps the explanations."""

    @cm.asset
    def up() -> None: ...

    @cm.asset(deps=[up], automation_condition=AC.eager())
    def down() -> None: ...

    @cm.asset(deps=[up], automation_condition=AC.eager())
    def other() -> None: ...

    clock = ManualClock(NOW)
    source = DefinitionsSource(instance=instance, definitions=[up, down, other])
    loop = ConditionLoop(instance, source, clock, "me")
    assert 0 == loop.run_once()
    instance.report_runless_asset_event(cm.AssetMaterialization("up"))
    clock.advance(10)
    assert 1 == loop.run_once()
    clock.advance(10)
    assert 0 == loop.run_once()
    (run,) = instance.get_runs()

    assert {"down", "other"} == {key.to_user_string() for key in run.asset_selection or ()}
    tick = instance.automation.ticks(statuses=["SUCCESS"])[0]
    first, *parts = tick.body["explained"]["down"]
    assert ("eager", "down", 0, True) == tuple(first[name] for name in ("condition", "asset", "depth", "true"))
    assert {1} <= {part["depth"] for part in parts} and {True, False} == {part["true"] for part in parts}


def test_tags_of_the_runs_that_updated_an_upstream(instance: Instance) -> None:
    """Updates by runs with a tag count, or do not count, as the condition says."""

    @cm.asset
    def up() -> None: ...

    counted = AC.newly_updated() & ~AC.all_new_updates_have_run_tags(tag_keys={"quiet"})

    @cm.asset(deps=[up], automation_condition=AC.any_deps_match(counted))
    def down() -> None: ...

    @cm.asset(
        deps=[up], automation_condition=AC.any_deps_match(AC.any_new_update_has_run_tags(tag_values={"who": "me"}))
    )
    def mine() -> None: ...

    @cm.asset(automation_condition=AC.executed_with_tags(tag_keys={"who"}, tag_values={"who": "me"}))
    def own() -> None: ...

    found = Evaluations(instance, up, down, mine, own)
    assert {} == found.next()
    cm.materialize([up, own], instance=instance, tags={"quiet": "1", "who": "me"})
    assert {"mine": {None}, "own": {None}} == found.next()
    cm.materialize([up], instance=instance, tags={"who": "you"})
    assert {"down": {None}, "own": {None}} == found.next()
    cm.materialize([own], instance=instance)
    assert {} == found.next()
    condition = AC.any_new_update_has_run_tags(tag_keys={"a"}, tag_values={"b": "c"})
    assert "any_new_update_has_run_tags(tag_keys={a}, tag_values={b:c})" == condition.name
    assert condition == condition_from_json(condition_to_json(condition))


def test_the_state_of_a_freshness_policy_is_a_condition(instance: Instance) -> None:
    """Passed, then warned, then failed as time goes by; an asset without a policy is none of them."""
    policy = cm.FreshnessPolicy.time_window(timedelta(minutes=60), timedelta(minutes=30))

    def watched(name: str, condition: cm.AutomationCondition) -> Any:
        @cm.asset(name=name, freshness_policy=policy, automation_condition=condition)
        def made() -> None: ...

        return made

    @cm.asset(automation_condition=AC.freshness_failed() | AC.freshness_passed())
    def without() -> None: ...

    names = {"passed": AC.freshness_passed(), "warned": AC.freshness_warned(), "failed": AC.freshness_failed()}
    found = Evaluations(instance, without, *(watched(name, condition) for name, condition in names.items()))
    found.now = datetime.now(UTC)
    for name in ("without", *names):
        found.made(name)
    assert {"passed": {None}} == found.next(minutes=5)
    assert {"warned": {None}} == found.next(minutes=40)
    assert {"failed": {None}} == found.next(minutes=40)


def test_blocking_checks_of_upstreams(instance: Instance) -> None:
    """The asset waits until every blocking check of its upstreams passed."""

    @cm.asset(check_specs=[cm.AssetCheckSpec("good", asset="up", blocking=True)])
    def up(context: cm.AssetExecutionContext) -> Any:
        yield cm.Output(None)
        yield cm.AssetCheckResult(passed=not context.run.tags.get("bad"), severity=cm.AssetCheckSeverity.ERROR)

    @cm.asset(deps=[up], automation_condition=AC.all_deps_blocking_checks_passed())
    def down() -> None: ...

    found = Evaluations(instance, up, down)
    assert {} == found.next()
    cm.materialize([up], instance=instance, tags={"bad": "1"}, raise_on_error=False)
    assert {} == found.next()
    cm.materialize([up], instance=instance)
    assert {"down": {None}} == found.next()


def test_checks_are_chosen(instance: Instance) -> None:
    """What is asked of checks is asked of those that are allowed, and not of those that are ignored."""

    @cm.asset
    def up() -> None: ...

    @cm.asset_check(asset=up)
    def one() -> cm.AssetCheckResult:
        return cm.AssetCheckResult(passed=False)

    @cm.asset_check(asset=up)
    def two() -> cm.AssetCheckResult:
        return cm.AssetCheckResult(passed=False)

    only = cm.AssetSelection.checks(one)
    failed = AC.any_checks_match(AC.check_failed())

    @cm.asset(deps=[up], automation_condition=AC.any_deps_match(failed.allow(only)))
    def with_one() -> None: ...

    @cm.asset(deps=[up], automation_condition=AC.any_deps_match(failed.ignore(only)))
    def without_one() -> None: ...

    defs = cm.Definitions(assets=[up, with_one, without_one], asset_checks=[one, two])
    job = defs.get_implicit_global_asset_job_def().get_subset(asset_check_selection={one.check_key})
    assert 0 == cm.evaluate_automation_conditions(defs, instance).total_requested
    job.execute_in_process(instance=instance)
    result = cm.evaluate_automation_conditions(defs, instance)

    assert {"with_one"} == {found.key.to_user_string() for found in result.results if found.true_subset.size}
