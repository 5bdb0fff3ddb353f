"""Facts about one asset, check or job that conditions are made of, read from the state and from earlier evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.automation_condition import OperandCondition
from cellmill.definitions.cron import parse_cron
from cellmill.definitions.freshness import FreshnessState
from cellmill.definitions.local_time import load_zone
from cellmill.definitions.partitions.mapping import IdentityPartitionMapping
from cellmill.definitions.partitions.multi import MultiPartitionsDefinition
from cellmill.definitions.partitions.multi_mapping import infer_partition_mapping
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.partitions.time_window_mapping import TimeWindowPartitionMapping
from cellmill.planning.automation_partitions import AssetPartitions
from cellmill.planning.automation_view import EMPTY, WHOLE, AutomationAsset, EntityKey, Keys, StateView


def memory_name(subject: AutomationAsset) -> str:
    """The name under which the cursor keeps what is remembered of an asset, a check or a job."""
    return subject.entity_key.to_user_string() if subject.job is None else f"job:{subject.job.name}"


class AutomationFacts:
    """What is known where the condition of one asset, check or job (`root`) is evaluated."""

    def __init__(
        self,
        root: AutomationAsset,
        parts: AssetPartitions,
        view: StateView,
        cursor: Mapping[str, Any],
        requested: Mapping[EntityKey, Keys],
        old_nodes: Mapping[str, Any],
        *,
        is_initial: bool,
    ) -> None:
        self.root = root
        self.parts = parts
        self.view = view
        #: What is requested so far, in this evaluation.
        self.requested = requested
        self.before: Mapping[str, Any] = cursor.get("assets", {})
        known = memory_name(root) in self.before
        #: Event and time of the last evaluation of the root; None where this is its first.
        self.last_event: int | None = cursor.get("event_id") if known else None
        self.last_time: float | None = cursor.get("time") if known else None
        self.is_initial = is_initial
        #: What the parts of the condition remember of the last evaluation, and what they hand to the next.
        self.old_nodes = old_nodes
        self.nodes: dict[str, Any] = {}

    def found(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        """For which partitions of an asset, a check or a job the fact holds."""
        rule = getattr(self, f"_fact_{node.kind}")
        found: Keys = rule(node, subject)
        return found

    def times(self, node: OperandCondition, subject: AutomationAsset, true: Keys) -> Mapping[str | None, float]:
        """Since when a fact holds, of those facts that come at an instant."""
        if node.kind == "newly_updated" and subject.check is None and true:
            at = self.view.updated_at(subject.key)
            return {key: at[key] for key in true if key in at}
        if node.kind == "newly_requested" and self.last_time is not None:
            return dict.fromkeys(true, self.last_time)
        if node.kind == "cron_tick_passed" and true:
            return dict.fromkeys(true, float(self._last_tick(node)))
        return {}

    def _fact_missing(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        if subject.check is not None:
            return self.parts.universe(subject) - self._check_results(subject).keys()
        made = self.view.materialized(subject.key)
        return self.parts.universe(subject) - (made | self._observed(subject).keys() if subject.observable else made)

    def _check_results(self, subject: AutomationAsset) -> Mapping[str | None, bool]:
        assert subject.check is not None
        if subject.partitions_def is not None:
            return self.view.check_results(subject.key, subject.check.name)
        passed = self.view.check_passed(subject.key, subject.check.name)
        return {} if passed is None else {None: passed}

    def _fact_run_in_progress(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self.view.in_progress(subject.key)

    def _fact_backfill_in_progress(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self.view.backfilling(subject.key)

    def _fact_execution_failed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self.view.failed(subject.key)

    def _updates(self, subject: AutomationAsset) -> Mapping[str | None, Sequence[str]]:
        return {} if self.last_event is None else self.view.updated_since(subject.key, self.last_event)

    def _fact_newly_updated(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        if subject.job is not None:
            return EMPTY
        if subject.check is not None:
            name, since = subject.check.name, self.last_event
            return EMPTY if since is None else self.view.check_updates(subject.key, name, since)
        updated: Keys = frozenset(self._updates(subject))
        return updated | self._newly_observed(subject) if subject.observable else updated

    def _observed(self, subject: AutomationAsset) -> Mapping[str | None, str]:
        return self.view.observed_versions(subject.key)

    def _newly_observed(self, subject: AutomationAsset) -> Keys:
        """The partitions in which another data version was observed than at the last evaluation."""
        name = f"observed@{memory_name(subject)}"
        versions = {str(key): version for key, version in self._observed(subject).items()}
        self.nodes[name] = versions
        old = self.old_nodes.get(name, versions)
        return frozenset(key for key in self._observed(subject) if old.get(str(key)) != versions[str(key)])

    def _fact_executed_with_root_target(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        job = self.root.job
        roots = [self.root.key] if job is None else job.roots(self.parts.assets)
        last = self.view.last_runs(subject.key).items()
        found = frozenset(key for key, run in last if any(self.view.run_makes(run, root) for root in roots))
        return self._with_those_behind(found, subject) if subject.key in roots else found

    def _with_those_behind(self, keys: Keys, subject: AutomationAsset) -> Keys:
        """Those partitions that were made by one run with the later partitions of the asset that read them."""
        runs = self.view.last_runs(subject.key)
        behind = {key: self.parts.down(frozenset({key}), subject, subject) for key in keys}
        return frozenset(key for key in keys if any(runs.get(later) == runs[key] for later in behind[key]))

    def _fact_executed_with_tags(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return frozenset(key for key, run in self.view.last_runs(subject.key).items() if self._tagged(run, node))

    def _fact_any_new_update_has_run_tags(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        updates = self._updates(subject).items()
        return frozenset(key for key, runs in updates if any(self._tagged(run, node) for run in runs))

    def _fact_all_new_updates_have_run_tags(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        updates = self._updates(subject).items()
        return frozenset(key for key, runs in updates if all(self._tagged(run, node) for run in runs))

    def _tagged(self, run_id: str, node: OperandCondition) -> bool:
        if not run_id:
            return False
        tags = self.view.run_tags(run_id)
        return tags.keys() >= set(node.tag_keys) and tags.items() >= set(node.tag_values)

    def _fact_freshness_passed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self._where_freshness_is(FreshnessState.PASS, subject)

    def _fact_freshness_warned(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self._where_freshness_is(FreshnessState.WARN, subject)

    def _fact_freshness_failed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self._where_freshness_is(FreshnessState.FAIL, subject)

    def _where_freshness_is(self, state: FreshnessState, subject: AutomationAsset) -> Keys:
        policy = subject.freshness_policy
        if policy is None or policy.state(self.view.materialized_at(subject.key), self.parts.now) is not state:
            return EMPTY
        return self.parts.universe(subject)

    def _fact_newly_requested(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        # What a job's condition asks of its roots counts as requested with the job.
        asked = self.root if self.root.job is not None and subject.key in self.root.job.members else subject
        requested: Keys = frozenset(self.before.get(memory_name(asked), {}).get("requested", ()))
        return requested if asked is subject else self.parts.down(requested, asked, subject)

    def _fact_will_be_requested(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        # Only what can be made in one run with the asset in question counts as if it were there already.
        if self.root.job is not None or subject.observable:
            return EMPTY
        if subject.check is not None:
            if not subject.check.with_asset:
                return EMPTY
            asset = self.parts.assets[subject.key]
            return WHOLE if self._fact_will_be_requested(node, asset) else EMPTY
        if self.root.check is not None and subject.key != self.root.key:
            return EMPTY
        if subject.partitions_def != self.root.partitions_def or not self._same_partitions(subject, self.root):
            return EMPTY
        return self.requested.get(subject.key, EMPTY)

    def _same_partitions(self, parent: AutomationAsset, child: AutomationAsset) -> bool:
        if child.partitions_def is None:
            return True
        mapping = infer_partition_mapping(child.parents.get(parent.key), child.partitions_def, parent.partitions_def)
        return isinstance(mapping, (IdentityPartitionMapping, TimeWindowPartitionMapping))

    def _fact_initial_evaluation(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self.parts.universe(subject) if self.is_initial else EMPTY

    def _fact_code_version_changed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        old = self.before.get(subject.key.to_user_string())
        changed = old is not None and old.get("code") != subject.code_version
        return self.parts.universe(subject) if changed else EMPTY

    def _fact_data_version_changed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        name = f"data:{subject.key.to_user_string()}"
        versions = self.view.data_versions(subject.key)
        digest = {str(key): version for key, version in versions.items()}
        old = self.old_nodes.get(name)
        self.nodes[name] = digest
        if old is None:
            return EMPTY
        return frozenset(key for key, version in versions.items() if old.get(str(key)) != version)

    def _fact_check_passed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self._where_check_is(True, subject)

    def _fact_check_failed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self._where_check_is(False, subject)

    def _where_check_is(self, passed: bool, subject: AutomationAsset) -> Keys:
        if subject.check is None:
            return EMPTY
        return frozenset(key for key, found in self._check_results(subject).items() if found is passed)

    def _fact_cron_tick_passed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        if self.last_time is None or node.cron_schedule is None:
            return EMPTY
        tick = parse_cron(node.cron_schedule).next(self.last_time, load_zone(node.cron_timezone))
        return self.parts.universe(subject) if tick <= self.parts.now.timestamp() else EMPTY

    def _last_tick(self, node: OperandCondition) -> int:
        """The last of the ticks that came since the last evaluation."""
        assert node.cron_schedule is not None and self.last_time is not None
        cron, zone = parse_cron(node.cron_schedule), load_zone(node.cron_timezone)
        found = tick = cron.next(self.last_time, zone)
        while tick <= self.parts.now.timestamp():
            found, tick = tick, cron.next(tick, zone)
        return found

    def _fact_in_latest_time_window(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        definition = subject.partitions_def
        universe = self.parts.universe(subject)
        if isinstance(definition, TimeWindowPartitionsDefinition):
            return frozenset(self._latest(definition, node)) & universe
        if isinstance(definition, MultiPartitionsDefinition) and definition.has_time_window_dimension:
            name = definition.time_window_dimension.name
            keys = list(self._latest(definition.time_window_partitions_def, node))
            return (
                frozenset(definition.get_multipartition_keys_with_dimension_values(name, keys, None, self.parts.now))
                & universe
            )
        return universe

    def _latest(self, definition: TimeWindowPartitionsDefinition, node: OperandCondition) -> Sequence[str]:
        stop = definition.stop_number(self.parts.now)
        if stop == definition.first_number:
            return []
        start = stop - 1
        if node.lookback_delta is not None:
            earliest = definition.cadence.end(stop - 1) - node.lookback_delta.total_seconds()
            start = max(definition.first_number, definition.cadence.ceil(earliest))
        return [definition.key_of(number) for number in range(start, stop)]
