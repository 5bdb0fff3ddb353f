"""Rules of the older auto-materialization, each as the automation condition that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cellmill.definitions.automation_condition import AutomationCondition


class AutoMaterializeDecisionType(Enum):
    """What a rule decides where it holds."""

    MATERIALIZE = "MATERIALIZE"
    SKIP = "SKIP"
    DISCARD = "DISCARD"


@dataclass(frozen=True)
class AutoMaterializeRule:
    """A rule: when it holds, an asset is made, or is not."""

    description: str
    condition: AutomationCondition
    decision_type: AutoMaterializeDecisionType = AutoMaterializeDecisionType.MATERIALIZE

    def to_asset_condition(self) -> AutomationCondition:
        """Return the condition that the rule stands for."""
        return self.condition

    @staticmethod
    def materialize_on_missing() -> AutoMaterializeRule:
        """Return the rule that makes an asset that was never made."""
        return AutoMaterializeRule("materialization is missing", AutomationCondition.missing())

    @staticmethod
    def materialize_on_parent_updated() -> AutoMaterializeRule:
        """Return the rule that makes an asset when an upstream was updated."""
        return AutoMaterializeRule(
            "upstream data has changed since latest materialization", AutomationCondition.any_deps_updated()
        )

    @staticmethod
    def materialize_on_cron(
        cron_schedule: str, timezone: str = "UTC", all_partitions: bool = False
    ) -> AutoMaterializeRule:
        """Return the rule that makes an asset once after each tick of a cron schedule."""
        return AutoMaterializeRule(
            f"not materialized since last cron schedule tick of '{cron_schedule}' (timezone: {timezone})",
            AutomationCondition.cron_tick_passed(cron_schedule, timezone).since_last_handled(),
        )

    @staticmethod
    def skip_on_parent_missing() -> AutoMaterializeRule:
        """Return the rule that waits for upstreams that were never made."""
        return _skip("waiting on upstream data to be present", AutomationCondition.any_deps_missing())

    @staticmethod
    def skip_on_parent_outdated() -> AutoMaterializeRule:
        """Return the rule that waits for upstreams that are about to change."""
        return _skip("waiting on upstream data to be up to date", AutomationCondition.any_deps_in_progress())

    @staticmethod
    def skip_on_not_all_parents_updated(require_update_for_all_parent_partitions: bool = False) -> AutoMaterializeRule:
        """Return the rule that waits until every upstream was updated."""
        updated = AutomationCondition.all_deps_match(AutomationCondition.newly_updated())
        return _skip("waiting on upstream data to be updated", ~updated)

    @staticmethod
    def skip_on_backfill_in_progress(all_partitions: bool = False) -> AutoMaterializeRule:
        """Return the rule that waits while a backfill works on the asset."""
        return _skip("targeted by an in-progress backfill", AutomationCondition.backfill_in_progress())

    @staticmethod
    def skip_on_run_in_progress() -> AutoMaterializeRule:
        """Return the rule that waits while a run works on the asset."""
        return _skip("in-progress run for asset", AutomationCondition.run_in_progress())


def _skip(description: str, condition: AutomationCondition) -> AutoMaterializeRule:
    return AutoMaterializeRule(description, condition, AutoMaterializeDecisionType.SKIP)
