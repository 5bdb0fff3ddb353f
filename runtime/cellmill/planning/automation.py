"""Automation conditions evaluated over the asset graph and its state: what is requested, and for each condition why.

Responsibilities: pure evaluation; the state comes in through a view, the memory through a cursor; every part of every
condition leaves the partitions for which it was true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, cast

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
from cellmill.definitions.freshness import FreshnessPolicy, FreshnessState
from cellmill.definitions.local_time import load_zone
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.mapping import PartitionMapping
from cellmill.definitions.partitions.multi import MultiPartitionsDefinition
from cellmill.definitions.partitions.multi_mapping import infer_partition_mapping
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.definitions.selection_graph import AssetFacts, SelectionGraph

#: Partitions of an asset; None stands for the whole of one without partitions.
Keys = frozenset[str | None]
EMPTY: Keys = frozenset()
WHOLE: Keys = frozenset({None})
#: Partitions that the explanation of a condition names.
MAX_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationAsset:
    """What the evaluation needs to know of an asset."""

    key: AssetKey
    condition: AutomationCondition | None = None
    partitions_def: PartitionsDefinition | None = None
    parents: Mapping[AssetKey, PartitionMapping | None] = field(default_factory=dict)
    code_version: str | None = None
    #: (check name, blocking)
    checks: tuple[tuple[str, bool], ...] = ()
    freshness_policy: FreshnessPolicy | None = None
    #: What selections see of it; by default its key and upstreams only.
    facts: AssetFacts | None = None


class StateView(Protocol):
    """What happened, as of one moment."""

    def last_event_id(self) -> int:
        """The id of the newest event."""
        ...

    def materialized(self, key: AssetKey) -> Keys:
        """The partitions that were ever materialized."""
        ...

    def in_progress(self, key: AssetKey) -> Keys:
        """The partitions that runs are making."""
        ...

    def failed(self, key: AssetKey) -> Keys:
        """The partitions whose last attempt failed."""
        ...

    def backfilling(self, key: AssetKey) -> Keys:
        """The partitions that a backfill still wants."""
        ...

    def updated_since(self, key: AssetKey, event_id: int) -> Mapping[str | None, Sequence[str]]:
        """The partitions materialized after an event, with the runs that did it, the last one last."""
        ...

    def data_versions(self, key: AssetKey) -> Mapping[str | None, str | None]:
        """The data version of each materialized partition."""
        ...

    def last_runs(self, key: AssetKey) -> Mapping[str | None, str]:
        """The run that materialized each partition last."""
        ...

    def materialized_at(self, key: AssetKey) -> datetime | None:
        """When any partition was materialized last."""
        ...

    def run_tags(self, run_id: str) -> Mapping[str, str]:
        """The tags of a run; none of one that is not known."""
        ...

    def run_makes(self, run_id: str, key: AssetKey) -> bool:
        """Whether a run also makes this asset."""
        ...

    def check_passed(self, key: AssetKey, check: str) -> bool | None:
        """Whether a check passed last; None when it never ran."""
        ...


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
    """What is requested, why, and the memory for the next evaluation."""

    requested: Mapping[AssetKey, Keys]
    evaluations: Mapping[AssetKey, Evaluation]
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
        self.last_event: int | None = cursor.get("event_id")
        self.last_time: float | None = cursor.get("time")
        self.requested: dict[AssetKey, Keys] = {}
        self.root = next(iter(self.assets.values()), None)
        self.memory: dict[str, Any] = {}
        self.nodes: dict[str, Any] = {}
        self.old_nodes: Mapping[str, Any] = {}
        self.is_initial = True

    def run(self) -> AutomationResult:
        evaluations: dict[AssetKey, Evaluation] = {}
        for asset in self.assets.values():
            if asset.condition is None:
                continue
            evaluations[asset.key] = self._evaluate_asset(asset, asset.condition)
        requested = {key: keys for key, keys in self.requested.items() if keys}
        cursor = {"event_id": self.view.last_event_id(), "time": self.now.timestamp(), "assets": self.memory}
        return AutomationResult(requested=requested, evaluations=evaluations, cursor=cursor)

    def _evaluate_asset(self, asset: AutomationAsset, condition: AutomationCondition) -> Evaluation:
        name = asset.key.to_user_string()
        old = self.before.get(name, {})
        self.root = asset
        self.is_initial = old.get("hash") != _hash(condition)
        self.nodes, self.old_nodes = {}, {} if self.is_initial else old.get("nodes", {})
        found = self._node(condition, asset, "0", self._universe(asset))
        self.requested[asset.key] = found.true
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

    # ---- conditions

    def _node(self, node: AutomationCondition, subject: AutomationAsset, path: str, candidates: Keys) -> Evaluation:
        children: tuple[Evaluation, ...] = ()
        if isinstance(node, OperandCondition):
            true = self._operand(node, subject) & candidates
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
            kept = (self._recall(path) | children[0].true) - children[1].true
            self.nodes[path] = _stored(kept)
            true = kept & candidates
        elif isinstance(node, DepsCondition):
            true, children = self._deps(node, subject, path, candidates)
        elif isinstance(node, ChecksCondition):
            true = self._checks(node, subject) & candidates
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
    ) -> tuple[Keys, tuple[Evaluation, ...]]:
        children = []
        true: Keys = candidates if node.every else EMPTY
        for key in self._dep_keys(node, subject):
            parent = self.assets[key]
            found = self._node(node.operand, parent, f"{path}/{key.to_user_string()}", self._universe(parent))
            children.append(found)
            mapped = self._down(found.true, parent, subject) & candidates
            true = true & mapped if node.every else true | mapped
        return true, tuple(children)

    def _dep_keys(self, node: DepsCondition, subject: AutomationAsset) -> list[AssetKey]:
        keys = [key for key in subject.parents if key in self.assets and key != subject.key]
        if node.allow_selection is not None:
            allowed = _resolved(node.allow_selection, self.assets)
            keys = [key for key in keys if key in allowed]
        if node.ignore_selection is not None:
            ignored = _resolved(node.ignore_selection, self.assets)
            keys = [key for key in keys if key not in ignored]
        return keys

    def _checks(self, node: ChecksCondition, subject: AutomationAsset) -> Keys:
        names = [name for name, blocking in subject.checks if blocking or not node.blocking_only]
        wanted = [self._check(node.operand, subject, name) for name in names]
        holds = all(wanted) if node.every else any(wanted)
        return self._universe(subject) if holds else EMPTY

    def _check(self, node: AutomationCondition, subject: AutomationAsset, name: str) -> bool:
        passed = self.view.check_passed(subject.key, name)
        if isinstance(node, NotCondition):
            return not self._check(node.operand, subject, name)
        if isinstance(node, (AndCondition, OrCondition)):
            found = [self._check(child, subject, name) for child in node.operands]
            return all(found) if isinstance(node, AndCondition) else any(found)
        kind = getattr(node, "kind", "")
        if kind == "will_be_requested":
            # A check is made together with its asset.
            return bool(self._fact_will_be_requested(cast("OperandCondition", node), subject))
        return {"check_passed": passed is True, "check_failed": passed is False, "missing": passed is None}.get(
            kind, False
        )

    def _other(
        self, node: AssetMatchesCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Keys, tuple[Evaluation, ...]]:
        other = self.assets.get(node.key)
        if other is None:
            return EMPTY, ()
        found = self._node(node.operand, other, f"{path}/{node.key.to_user_string()}", self._universe(other))
        same = other.partitions_def == subject.partitions_def
        true = found.true & candidates if same else (candidates if found.true else EMPTY)
        return true, (found,)

    def _downstream(self, subject: AutomationAsset, path: str, candidates: Keys) -> tuple[Keys, tuple[Evaluation, ...]]:
        true: Keys = EMPTY
        children = []
        for child in self.assets.values():
            if subject.key not in child.parents or child.condition is None or child.key == subject.key:
                continue
            found = self._node(child.condition, child, f"{path}\\{child.key.to_user_string()}", self._universe(child))
            children.append(found)
            if found.true:
                same = child.partitions_def == subject.partitions_def
                true = true | (found.true & candidates if same else candidates)
        return true, tuple(children)

    # ---- facts

    def _operand(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        rule = getattr(self, f"_fact_{node.kind}")
        found: Keys = rule(node, subject)
        return found

    def _fact_missing(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self._universe(subject) - self.view.materialized(subject.key)

    def _fact_run_in_progress(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self.view.in_progress(subject.key)

    def _fact_backfill_in_progress(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self.view.backfilling(subject.key)

    def _fact_execution_failed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return self.view.failed(subject.key)

    def _updates(self, subject: AutomationAsset) -> Mapping[str | None, Sequence[str]]:
        return {} if self.last_event is None else self.view.updated_since(subject.key, self.last_event)

    def _fact_newly_updated(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return frozenset(self._updates(subject))

    def _fact_executed_with_root_target(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        assert self.root is not None
        root = self.root.key
        return frozenset(
            key for key, runs in self._updates(subject).items() if runs[-1] and self.view.run_makes(runs[-1], root)
        )

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
        return frozenset(self.before.get(subject.key.to_user_string(), {}).get("requested", ()))

    def _fact_will_be_requested(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        # Only what can be made in one run with the asset in question counts as if it were there already.
        assert self.root is not None
        if subject.partitions_def != self.root.partitions_def:
            return EMPTY
        return self.requested.get(subject.key, EMPTY)

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
        return EMPTY

    def _fact_check_failed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        return EMPTY

    def _fact_cron_tick_passed(self, node: OperandCondition, subject: AutomationAsset) -> Keys:
        if self.last_time is None or node.cron_schedule is None:
            return EMPTY
        tick = parse_cron(node.cron_schedule).next(self.last_time, load_zone(node.cron_timezone))
        return self._universe(subject) if tick <= self.now.timestamp() else EMPTY

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
            start = max(definition.first_number, min(start, definition.cadence.ceil(earliest)))
        return [definition.key_of(number) for number in range(start, stop)]


def _stored(keys: Keys) -> list[str | None]:
    return sorted(keys, key=lambda key: (key is not None, key or ""))


def _resolved(selection: Any, assets: Mapping[AssetKey, AutomationAsset]) -> frozenset[AssetKey]:
    facts = [asset.facts or AssetFacts(key=key, parents=frozenset(asset.parents)) for key, asset in assets.items()]
    return frozenset(selection.resolve(SelectionGraph(facts), allow_missing=True))
