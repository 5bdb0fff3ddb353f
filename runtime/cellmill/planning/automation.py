"""Automation conditions evaluated over the asset graph and its state: what is requested, and for each condition why.

Responsibilities: pure evaluation; the state comes in through a view, the memory through a cursor; every part of every
condition leaves the partitions for which it was true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.automation_condition import (
    AndCondition,
    AssetMatchesCondition,
    AutomationCondition,
    ChecksCondition,
    DepsCondition,
    DownstreamCondition,
    NewlyTrueCondition,
    NotCondition,
    OperandCondition,
    OrCondition,
    SinceCondition,
)
from cellmill.definitions.cron import parse_cron
from cellmill.definitions.freshness import FreshnessState
from cellmill.definitions.local_time import load_zone
from cellmill.definitions.partitions.mapping import IdentityPartitionMapping
from cellmill.definitions.partitions.multi import MultiPartitionsDefinition
from cellmill.definitions.partitions.multi_mapping import infer_partition_mapping
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.partitions.time_window_mapping import TimeWindowPartitionMapping
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph
from cellmill.planning.automation_view import EMPTY, WHOLE, AutomationAsset, EntityKey, Keys, StateView

#: Partitions that the explanation of a condition names.
MAX_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """For which partitions a condition was true, and the same of its parts."""

    name: str
    description: str
    label: str | None
    true: Keys
    candidates: Keys
    #: The asset that the condition looked at.
    asset: AssetKey
    children: tuple[Evaluation, ...] = ()
    #: Since when it is true, for those partitions of which that is known.
    times: Mapping[str | None, float] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The condition in words."""
        return self.label or self.description

    @property
    def partitions(self) -> list[str]:
        """The partitions for which it was true, in order; none of an asset without partitions."""
        return sorted(key for key in self.true if key is not None)

    def explain(self, indent: int = 0) -> str:
        """The evaluation as lines of text, one for each condition."""
        sign = "✓" if self.true else "✗"
        keys = self.partitions
        which = f" [{', '.join(keys[:5])}{' …' if len(keys) > 5 else ''}]" if keys else ""
        line = f"{'  ' * indent}{sign} {self.shown} ({self.asset.to_user_string()}){which}"
        return "\n".join([line, *(child.explain(indent + 1) for child in self.children)])

    def rows(self, depth: int = 0) -> Iterator[dict[str, Any]]:
        """The evaluation as plain data: a row for each condition, those that it is made of right behind it."""
        keys = self.partitions
        yield {
            "depth": depth,
            "condition": self.shown,
            "asset": self.asset.to_user_string(),
            "true": bool(self.true),
            "count": len(keys),
            "partitions": keys[:MAX_SHOWN],
        }
        for child in self.children:
            yield from child.rows(depth + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationResult:
    """What is requested, why, and the memory for the next evaluation.

    Args:
        requested: The partitions that are requested by asset or check; {None} of one without partitions.
        evaluations: The evaluation of each condition, by asset or check.
        cursor: What the next evaluation gets; plain data.
    """

    requested: Mapping[EntityKey, Keys]
    evaluations: Mapping[EntityKey, Evaluation]
    cursor: dict[str, Any]

    @property
    def total_requested(self) -> int:
        """How many partitions are requested, all assets together."""
        return sum(len(keys) for keys in self.requested.values())


def evaluate(
    assets: Sequence[AutomationAsset], view: StateView, cursor: Mapping[str, Any] | None, now: datetime
) -> AutomationResult:
    """Evaluates every condition once; `assets` are in topological order, `cursor` is that of the last result."""
    return _Evaluator(assets, view, cursor or {}, now).run()


def _hash(condition: AutomationCondition) -> str:
    return hashlib.sha256(repr(condition).encode()).hexdigest()[:16]


class _Evaluator:
    def __init__(
        self, assets: Sequence[AutomationAsset], view: StateView, cursor: Mapping[str, Any], now: datetime
    ) -> None:
        self.assets = {asset.key: asset for asset in assets}
        self.view = view
        self.now = now if now.tzinfo is not None else now.replace(tzinfo=UTC)
        self.before: Mapping[str, Any] = cursor.get("assets", {})
        self.cursor = cursor
        #: Event and time of the last evaluation of the asset in question; None where this is its first.
        self.last_event: int | None = None
        self.last_time: float | None = None
        self.requested: dict[EntityKey, Keys] = {}
        self.root = next(iter(self.assets.values()), None)
        #: Conditions that are being evaluated, outermost first.
        self.stack: list[AutomationCondition] = []
        self.memory: dict[str, Any] = {}
        self.nodes: dict[str, Any] = {}
        self.old_nodes: Mapping[str, Any] = {}
        self.is_initial = True

    def run(self) -> AutomationResult:
        evaluations: dict[EntityKey, Evaluation] = {}
        for asset in self.assets.values():
            if asset.condition is not None:
                evaluations[asset.key] = self._evaluate_asset(asset, asset.condition)
        for asset in self.assets.values():
            for check in asset.conditioned_checks():
                assert check.condition is not None
                evaluations[check.entity_key] = self._evaluate_asset(check, check.condition)
        requested = {key: self.requested[key] for key in evaluations if self.requested[key]}
        cursor = {"event_id": self.view.last_event_id(), "time": self.now.timestamp(), "assets": self.memory}
        return AutomationResult(requested=requested, evaluations=evaluations, cursor=cursor)

    def _evaluate_asset(self, asset: AutomationAsset, condition: AutomationCondition) -> Evaluation:
        name = asset.entity_key.to_user_string()
        old = self.before.get(name, {})
        self.root = asset
        self.last_event = self.cursor.get("event_id") if name in self.before else None
        self.last_time = self.cursor.get("time") if name in self.before else None
        self.is_initial = old.get("hash") != _hash(condition)
        self.nodes, self.old_nodes = {}, {} if self.is_initial else old.get("nodes", {})
        found = self._node(condition, asset, "0", self._universe(asset))
        for key in {asset.entity_key, *asset.siblings}:
            self.requested[key] = self.requested.get(key, EMPTY) | found.true
        self.memory[name] = {
            "hash": _hash(condition),
            "code": asset.code_version,
            "requested": _stored(found.true),
            "nodes": self.nodes,
        }
        return found

    # ---- partitions

    def _universe(self, asset: AutomationAsset) -> Keys:
        if asset.partitions_def is None:
            return WHOLE
        return frozenset(asset.partitions_def.get_partition_keys(self.now))

    def _down(self, keys: Keys, parent: AutomationAsset, child: AutomationAsset) -> Keys:
        """The partitions of `child` that read any of these of `parent`."""
        if not keys:
            return EMPTY
        if child.partitions_def is None:
            return WHOLE
        if parent.partitions_def is None:
            return self._universe(child)
        mapping = infer_partition_mapping(child.parents.get(parent.key), child.partitions_def, parent.partitions_def)
        subset = parent.partitions_def.subset_with_partition_keys([key for key in keys if key is not None])
        found = mapping.get_downstream_partitions_for_partitions(
            subset, parent.partitions_def, child.partitions_def, self.now
        )
        return frozenset(found.get_partition_keys())

    def _up(self, keys: Keys, child: AutomationAsset, parent: AutomationAsset) -> Keys:
        """The partitions of `parent` that any of these of `child` read."""
        if not keys:
            return EMPTY
        if parent.partitions_def is None:
            return WHOLE
        if child.partitions_def is None:
            return self._universe(parent)
        mapping = infer_partition_mapping(child.parents.get(parent.key), child.partitions_def, parent.partitions_def)
        subset = child.partitions_def.subset_with_partition_keys([key for key in keys if key is not None])
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(
            subset, child.partitions_def, parent.partitions_def, self.now
        )
        return frozenset(found.partitions_subset.get_partition_keys())

    # ---- conditions

    def _node(self, node: AutomationCondition, subject: AutomationAsset, path: str, candidates: Keys) -> Evaluation:
        self.stack.append(node)
        try:
            return self._evaluated(node, subject, path, candidates)
        finally:
            self.stack.pop()

    def _evaluated(
        self, node: AutomationCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> Evaluation:
        children: tuple[Evaluation, ...] = ()
        times: Mapping[str | None, float] = {}
        if isinstance(node, OperandCondition):
            true = self._operand(node, subject) & candidates
            times = self._times(node, subject, true)
        elif isinstance(node, AndCondition):
            true, children = self._and(node, subject, path, candidates)
        elif isinstance(node, OrCondition):
            children = self._children(node, subject, path, candidates)
            true = frozenset().union(*(child.true for child in children))
        elif isinstance(node, NotCondition):
            children = self._children(node, subject, path, candidates)
            true = candidates - children[0].true
        elif isinstance(node, NewlyTrueCondition):
            children = self._children(node, subject, path, self._universe(subject))
            true = (children[0].true - self._recall(path)) & candidates
            self.nodes[path] = _stored(children[0].true)
        elif isinstance(node, SinceCondition):
            children = self._children(node, subject, path, self._universe(subject))
            kept = (self._recall(path) | children[0].true) - children[1].true | _came_later(*children)
            self.nodes[path] = _stored(kept)
            true, times = kept & candidates, children[0].times
        elif isinstance(node, DepsCondition):
            true, children, times = self._deps(node, subject, path, candidates)
        elif isinstance(node, ChecksCondition):
            true, children = self._checks(node, subject, path, candidates)
        elif isinstance(node, AssetMatchesCondition):
            true, children = self._other(node, subject, path, candidates)
        elif isinstance(node, DownstreamCondition):
            true, children = self._downstream(subject, path, candidates)
        else:
            raise TypeError(f"There is no rule for the condition {node!r}")
        return Evaluation(
            name=node.name,
            description=node.description,
            label=node.label,
            true=frozenset(true),
            candidates=candidates,
            asset=subject.key,
            children=children,
            times=times,
        )

    def _recall(self, path: str) -> Keys:
        return frozenset(self.old_nodes.get(path, ()))

    def _children(
        self, node: AutomationCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Evaluation, ...]:
        return tuple(self._node(child, subject, f"{path}.{n}", candidates) for n, child in enumerate(node.children))

    def _and(
        self, node: AndCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Keys, tuple[Evaluation, ...]]:
        # Every operand is evaluated for all candidates, also when nothing is left: conditions with a memory must not
        # miss an evaluation, and the explanation of each must hold by itself.
        children = self._children(node, subject, path, candidates)
        true = candidates
        for child in children:
            true = true & child.true
        return true, children

    def _deps(
        self, node: DepsCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Keys, tuple[Evaluation, ...], dict[str | None, float]]:
        children = []
        times: dict[str | None, float] = {}
        true: Keys = candidates if node.every else EMPTY
        for key in self._dep_keys(node, subject):
            parent = self.assets[key]
            found = self._node(node.operand, parent, f"{path}/{key.to_user_string()}", self._universe(parent))
            children.append(found)
            mapped = self._down(found.true, parent, subject) & candidates
            true = true & mapped if node.every else true | mapped
            if not node.every:
                for at in sorted(set(found.times.values())):
                    then = frozenset(one for one, time in found.times.items() if time == at)
                    times |= dict.fromkeys(self._down(then, parent, subject), at)
        return true, tuple(children), times

    def _dep_keys(self, node: DepsCondition, subject: AutomationAsset) -> list[AssetKey]:
        keys = [key for key in subject.parents if key in self.assets]
        if node.allow_selection is not None:
            allowed = _resolved(node.allow_selection, self.assets)
            keys = [key for key in keys if key in allowed]
        if node.ignore_selection is not None:
            ignored = _resolved(node.ignore_selection, self.assets)
            keys = [key for key in keys if key not in ignored]
        return keys

    def _checks(
        self, node: ChecksCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Keys, tuple[Evaluation, ...]]:
        children = []
        for check in sorted(subject.checks, key=lambda check: check.name):
            if check.blocking or not node.blocking_only:
                alone = AutomationAsset(key=subject.key, check=check)
                children.append(self._node(node.operand, alone, f"{path}:{check.name}", WHOLE))
        hold = [bool(child.true) for child in children]
        return candidates if (all(hold) if node.every else any(hold)) else EMPTY, tuple(children)

    def _other(
        self, node: AssetMatchesCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Keys, tuple[Evaluation, ...]]:
        other = self.assets.get(node.key)
        if other is None:
            return EMPTY, ()
        found = self._node(node.operand, other, f"{path}/{node.key.to_user_string()}", self._universe(other))
        below = subject.key in other.parents and other.key != subject.key
        mapped = self._up(found.true, other, subject) if below else self._down(found.true, other, subject)
        return mapped & candidates, (found,)

    def _downstream(self, subject: AutomationAsset, path: str, candidates: Keys) -> tuple[Keys, tuple[Evaluation, ...]]:
        """Every condition of what is downstream, as if it were this asset's own."""
        true: Keys = EMPTY
        children: list[Evaluation] = []
        for number, condition in enumerate(self._conditions_below(subject)):
            if condition not in self.stack:
                children.append(self._node(condition, subject, f"{path}\\{number}", candidates))
                true = true | children[-1].true
        return true, tuple(children)

    def _conditions_below(self, subject: AutomationAsset) -> list[AutomationCondition]:
        """The different conditions of all assets downstream, without their own looks downstream."""
        below = {subject.key}
        found: dict[AutomationCondition, None] = {}
        for asset in self.assets.values():
            if asset.key != subject.key and not below.isdisjoint(asset.parents):
                below.add(asset.key)
                condition = None if asset.condition is None else _without_downstream(asset.condition)
                if condition is not None:
                    found.setdefault(condition)
        return list(found)

    # ---- facts

    def _operand(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        rule = getattr(self, f"_fact_{node.kind}")
        found: Keys = rule(node, subject)
        return found

    def _times(self, node: OperandCondition, subject: AutomationAsset, true: Keys) -> Mapping[str | None, float]:
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
            return self._universe(subject) - self._check_results(subject).keys()
        return self._universe(subject) - self.view.materialized(subject.key)

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
        if subject.check is not None:
            name, since = subject.check.name, self.last_event
            return EMPTY if since is None else self.view.check_updates(subject.key, name, since)
        return frozenset(self._updates(subject))

    def _fact_executed_with_root_target(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        assert self.root is not None
        root = self.root.key
        return frozenset(key for key, run in self.view.last_runs(subject.key).items() if self.view.run_makes(run, root))

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
        if policy is None or policy.state(self.view.materialized_at(subject.key), self.now) is not state:
            return EMPTY
        return self._universe(subject)

    def _fact_newly_requested(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return frozenset(self.before.get(subject.entity_key.to_user_string(), {}).get("requested", ()))

    def _fact_will_be_requested(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        # Only what can be made in one run with the asset in question counts as if it were there already.
        assert self.root is not None
        if subject.check is not None:
            if not subject.check.with_asset:
                return EMPTY
            asset = self.assets[subject.key]
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
        return self._universe(subject) if self.is_initial else EMPTY

    def _fact_code_version_changed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        old = self.before.get(subject.key.to_user_string())
        changed = old is not None and old.get("code") != subject.code_version
        return self._universe(subject) if changed else EMPTY

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
        return self._universe(subject) if tick <= self.now.timestamp() else EMPTY

    def _last_tick(self, node: OperandCondition) -> int:
        """The last of the ticks that came since the last evaluation."""
        assert node.cron_schedule is not None and self.last_time is not None
        cron, zone = parse_cron(node.cron_schedule), load_zone(node.cron_timezone)
        found = tick = cron.next(self.last_time, zone)
        while tick <= self.now.timestamp():
            found, tick = tick, cron.next(tick, zone)
        return found

    def _fact_in_latest_time_window(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        definition = subject.partitions_def
        universe = self._universe(subject)
        if isinstance(definition, TimeWindowPartitionsDefinition):
            return frozenset(self._latest(definition, node)) & universe
        if isinstance(definition, MultiPartitionsDefinition) and definition.has_time_window_dimension:
            name = definition.time_window_dimension.name
            keys = list(self._latest(definition.time_window_partitions_def, node))
            return (
                frozenset(definition.get_multipartition_keys_with_dimension_values(name, keys, None, self.now))
                & universe
            )
        return universe

    def _latest(self, definition: TimeWindowPartitionsDefinition, node: OperandCondition) -> Sequence[str]:
        stop = definition.stop_number(self.now)
        if stop == definition.first_number:
            return []
        start = stop - 1
        if node.lookback_delta is not None:
            earliest = definition.cadence.end(stop - 1) - node.lookback_delta.total_seconds()
            start = max(definition.first_number, definition.cadence.ceil(earliest))
        return [definition.key_of(number) for number in range(start, stop)]


def _stored(keys: Keys) -> list[str | None]:
    return sorted(keys, key=lambda key: (key is not None, key or ""))


def _came_later(trigger: Evaluation, reset: Evaluation) -> Keys:
    """The partitions for which trigger and reset became true in one evaluation, the trigger after the reset."""
    if not trigger.times or not reset.times:
        return EMPTY
    return frozenset(
        key
        for key in trigger.true & reset.true
        if key in trigger.times and (key not in reset.times or trigger.times[key] > reset.times[key])
    )


def _without_downstream(condition: AutomationCondition) -> AutomationCondition | None:
    """A condition without its looks downstream, which hold where nothing is downstream of them: never."""
    if condition.label is not None:
        return condition
    if isinstance(condition, DownstreamCondition):
        return None
    if not isinstance(condition, (AndCondition, OrCondition)):
        return condition
    kept = [_without_downstream(operand) for operand in condition.operands]
    left = tuple(operand for operand in kept if operand is not None)
    if left == condition.operands:
        return condition
    if not left or isinstance(condition, AndCondition):
        return None
    return left[0] if len(left) == 1 else replace(condition, operands=left)


def _resolved(selection: Any, assets: Mapping[AssetKey, AutomationAsset]) -> frozenset[AssetKey]:
    facts = [asset.facts or AssetFacts(key=key, parents=frozenset(asset.parents)) for key, asset in assets.items()]
    return frozenset(selection.resolve(SelectionGraph(facts), allow_missing=True))
