"""Rules of the older auto-materialization, each as the automation condition that says the same."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from operator import or_

from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.errors import CheckError


class AutoMaterializeDecisionType(Enum):
    """What a rule decides where it holds."""

    MATERIALIZE = "MATERIALIZE"
    SKIP = "SKIP"
    DISCARD = "DISCARD"


@dataclass(frozen=True)
class AutoMaterializeAssetPartitionsFilter:
    """Which updates of upstreams count: those by runs that have all of these tags.

    Args:
        latest_run_required_tags: The tags, text to text; None lets every update count.
    """

    latest_run_required_tags: Mapping[str, str] | None = None

    @property
    def description(self) -> str:
        """The filter in words."""
        return f"latest run includes required tags: {self.latest_run_required_tags}"

    def as_condition(self) -> AutomationCondition:
        """The condition on an upstream that says the same."""
        return AutomationCondition.executed_with_tags(tag_values=self.latest_run_required_tags)


@dataclass(frozen=True)
class AutoMaterializeRule:
    """A rule: when it holds, an asset is made, or is not.

    Made by the static methods; automation conditions are the newer way.

    Args:
        description: The rule in words.
        condition: The automation condition that says the same.
        decision_type: Whether the asset is made or held back where the rule holds.
        all_partitions: Whether a rule that makes the asset is about all of its partitions; otherwise, of windows of
            time, about the latest.
    """

    description: str
    condition: AutomationCondition
    decision_type: AutoMaterializeDecisionType = AutoMaterializeDecisionType.MATERIALIZE
    all_partitions: bool = False

    def to_asset_condition(self) -> AutomationCondition:
        """Return the condition that the rule stands for."""
        return self.condition

    @staticmethod
    def materialize_on_missing() -> AutoMaterializeRule:
        """Return the rule that makes an asset that was never made."""
        return AutoMaterializeRule("materialization is missing", AutomationCondition.missing())

    @staticmethod
    def materialize_on_required_for_freshness() -> AutoMaterializeRule:
        """Return the rule that makes an asset when its freshness policy does not hold any more."""
        return AutoMaterializeRule(
            "required to meet this or downstream asset's freshness policy", AutomationCondition.freshness_failed()
        )

    @staticmethod
    def materialize_on_parent_updated(
        updated_parent_filter: AutoMaterializeAssetPartitionsFilter | None = None,
    ) -> AutoMaterializeRule:
        """Return the rule that makes an asset when an upstream was updated.

        Args:
            updated_parent_filter: Which updates count; None lets every update count.
        """
        words = "upstream data has changed since latest materialization"
        if updated_parent_filter is None or updated_parent_filter.latest_run_required_tags is None:
            return AutoMaterializeRule(words, AutomationCondition.any_deps_updated())
        updated = AutomationCondition.newly_updated() & updated_parent_filter.as_condition()
        return AutoMaterializeRule(
            f"{words} and matches filter '{updated_parent_filter.description}'",
            AutomationCondition.any_deps_match(updated | AutomationCondition.will_be_requested()),
        )

    @staticmethod
    def materialize_on_cron(
        cron_schedule: str, timezone: str = "UTC", all_partitions: bool = False
    ) -> AutoMaterializeRule:
        """Return the rule that makes an asset once after each tick of a cron schedule.

        Args:
            cron_schedule: Cron expression of five fields, or an alias such as `@daily`.
            timezone: IANA name of the zone whose wall-clock time the expression means.
            all_partitions: Whether all partitions are made after each tick; otherwise, of windows of time, the latest.
        """
        return AutoMaterializeRule(
            f"not materialized since last cron schedule tick of '{cron_schedule}' (timezone: {timezone})",
            AutomationCondition.cron_tick_passed(cron_schedule, timezone).since_last_handled(),
            all_partitions=all_partitions,
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
        """Return the rule that waits until every upstream was updated.

        Args:
            require_update_for_all_parent_partitions: Whether all partitions that are read of an upstream have to be
                updated; otherwise one of each upstream is enough.
        """
        updated = AutomationCondition.newly_updated()
        words = "waiting on upstream data to be updated"
        if require_update_for_all_parent_partitions:
            return _skip(f"{words} in all of its partitions", AutomationCondition.any_deps_match(~updated))
        return _skip(words, ~AutomationCondition.all_deps_match(updated))

    @staticmethod
    def skip_on_not_all_parents_updated_since_cron(cron_schedule: str, timezone: str = "UTC") -> AutoMaterializeRule:
        """Return the rule that waits until every upstream was updated since the last tick of a cron schedule.

        Args:
            cron_schedule: Cron expression of five fields, or an alias such as `@daily`.
            timezone: IANA name of the zone whose wall-clock time the expression means.
        """
        return _skip(
            "waiting until all upstream assets have updated since the last cron schedule tick of "
            f"'{cron_schedule}' (timezone: {timezone})",
            ~AutomationCondition.all_deps_updated_since_cron(cron_schedule, timezone),
        )

    @staticmethod
    def skip_on_required_but_nonexistent_parents() -> AutoMaterializeRule:
        """Return the rule that waits where a partition reads one that its upstream does not have.

        Such partitions are never requested here, so the rule holds nothing back.
        """
        never = AutomationCondition.missing() & ~AutomationCondition.missing()
        return _skip("required parent partitions do not exist", never)

    @staticmethod
    def skip_on_backfill_in_progress(all_partitions: bool = False) -> AutoMaterializeRule:
        """Return the rule that waits while a backfill works on the asset.

        Args:
            all_partitions: Only False: each partition waits for the backfill that wants it.

        Raises:
            CheckError: for `all_partitions=True`.
        """
        if all_partitions:
            raise CheckError(
                "skip_on_backfill_in_progress(all_partitions=True) is not there: a partition waits for the backfills "
                "that want it. Leave all_partitions out, or switch the asset's automation off while a backfill lasts."
            )
        return _skip("targeted by an in-progress backfill", AutomationCondition.backfill_in_progress())

    @staticmethod
    def skip_on_run_in_progress() -> AutoMaterializeRule:
        """Return the rule that waits while a run works on the asset."""
        return _skip("in-progress run for asset", AutomationCondition.run_in_progress())


def _skip(description: str, condition: AutomationCondition) -> AutoMaterializeRule:
    return AutoMaterializeRule(description, condition, AutoMaterializeDecisionType.SKIP)


_EAGER = frozenset(
    {
        AutoMaterializeRule.materialize_on_missing(),
        AutoMaterializeRule.materialize_on_parent_updated(),
        AutoMaterializeRule.materialize_on_required_for_freshness(),
        AutoMaterializeRule.skip_on_parent_missing(),
        AutoMaterializeRule.skip_on_parent_outdated(),
        AutoMaterializeRule.skip_on_required_but_nonexistent_parents(),
        AutoMaterializeRule.skip_on_backfill_in_progress(),
    }
)
_LAZY = _EAGER - {
    AutoMaterializeRule.materialize_on_missing(),
    AutoMaterializeRule.materialize_on_parent_updated(),
}


class AutoMaterializePolicy:
    """The older way to write an automation condition: a set of rules, or a condition itself.

    Args:
        rules: The rules: one that makes the asset must hold, and none that holds it back.
        max_materializations_per_minute: Only kept, as an attribute, for code that reads it: nothing is discarded here
            that a rule wants made. How much runs at once is set by pools and by the limits of the run queue.
        asset_condition: The condition itself, instead of `rules`.

    Raises:
        CheckError: for both rules and a condition, or neither.
    """

    def __init__(
        self,
        rules: AbstractSet[AutoMaterializeRule] | None = None,
        max_materializations_per_minute: int | None = 1,
        asset_condition: AutomationCondition | None = None,
    ) -> None:
        if (rules is None) == (asset_condition is None):
            raise CheckError("An AutoMaterializePolicy has either rules or an asset_condition.")
        if max_materializations_per_minute is not None and max_materializations_per_minute < 1:
            raise CheckError(
                "max_materializations_per_minute must be positive. To disable rate-limiting, set it to None."
            )
        self.rules = frozenset(rules or ())
        self.max_materializations_per_minute = max_materializations_per_minute
        self.asset_condition = asset_condition

    @staticmethod
    def eager(max_materializations_per_minute: int | None = 1) -> AutoMaterializePolicy:
        """Makes the asset whenever an upstream is updated.

        Args:
            max_materializations_per_minute: Only kept.
        """
        return AutoMaterializePolicy(_EAGER, max_materializations_per_minute)

    @staticmethod
    def lazy(max_materializations_per_minute: int | None = 1) -> AutoMaterializePolicy:
        """Makes the asset when its freshness asks for it.

        Args:
            max_materializations_per_minute: Only kept.
        """
        return AutoMaterializePolicy(_LAZY, max_materializations_per_minute)

    @staticmethod
    def from_automation_condition(automation_condition: AutomationCondition) -> AutoMaterializePolicy:
        """The policy of a condition.

        Args:
            automation_condition: The condition.
        """
        return AutoMaterializePolicy(None, None, automation_condition)

    @property
    def materialize_rules(self) -> AbstractSet[AutoMaterializeRule]:
        """The rules that make the asset."""
        return self._deciding(AutoMaterializeDecisionType.MATERIALIZE)

    @property
    def skip_rules(self) -> AbstractSet[AutoMaterializeRule]:
        """The rules that hold it back."""
        return self._deciding(AutoMaterializeDecisionType.SKIP)

    def _deciding(self, kind: AutoMaterializeDecisionType) -> AbstractSet[AutoMaterializeRule]:
        return frozenset(rule for rule in self.rules if rule.decision_type is kind)

    def with_rules(self, *rules_to_add: AutoMaterializeRule) -> AutoMaterializePolicy:
        """The policy with more rules.

        Args:
            rules_to_add: The rules.
        """
        return AutoMaterializePolicy(self.rules | set(rules_to_add), self.max_materializations_per_minute)

    def without_rules(self, *rules_to_remove: AutoMaterializeRule) -> AutoMaterializePolicy:
        """The policy without some of its rules.

        Args:
            rules_to_remove: The rules.

        Raises:
            CheckError: for a rule that it does not have.
        """
        strange = set(rules_to_remove) - self.rules
        if strange:
            raise CheckError(
                f"Rules {[rule.description for rule in strange]} do not exist in this policy, which has "
                f"{sorted(rule.description for rule in self.rules)}."
            )
        return AutoMaterializePolicy(self.rules - set(rules_to_remove), self.max_materializations_per_minute)

    def to_automation_condition(self) -> AutomationCondition:
        """The condition that it stands for: a rule that makes the asset holds, and none that holds it back."""
        if self.asset_condition is not None:
            return self.asset_condition
        if self.rules == _EAGER:
            return AutomationCondition.eager()
        latest = _any({rule for rule in self.materialize_rules if not rule.all_partitions})
        everywhere = _any({rule for rule in self.materialize_rules if rule.all_partitions})
        if latest is None and everywhere is None:
            raise CheckError("A policy needs at least one rule that makes the asset.")
        parts: list[AutomationCondition] = []
        if latest is not None:
            parts.append(AutomationCondition.in_latest_time_window() & latest.since_last_handled())
        if everywhere is not None:
            parts.append(everywhere.since_last_handled())
        held = _any(self.skip_rules)
        condition = reduce(or_, parts)
        return condition if held is None else condition & ~held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AutoMaterializePolicy) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.rules, self.asset_condition, self.max_materializations_per_minute))


def _any(rules: AbstractSet[AutoMaterializeRule]) -> AutomationCondition | None:
    found: list[AutomationCondition] = [rule.condition for rule in sorted(rules, key=lambda rule: rule.description)]
    return reduce(or_, found) if found else None
