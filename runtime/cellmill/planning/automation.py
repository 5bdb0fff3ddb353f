"""Automation conditions evaluated over the asset graph and its state: what is requested, and for each condition why.

Responsibilities: pure evaluation; the state comes in through a view, the memory through a cursor; every part of every
condition leaves the partitions for which it was true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.automation_condition import (
    AndCondition,
    AssetMatchesCondition,
    AutomationCondition,
    ChecksCondition,
    DepsCondition,
    DownstreamCondition,
    JobRootsCondition,
    NewlyTrueCondition,
    NotCondition,
    OperandCondition,
    OrCondition,
    SinceCondition,
)
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.time_window import TimeWindowPartitionsDefinition
from cellmill.errors import InvariantViolationError
from cellmill.planning.automation_facts import AutomationFacts, memory_name
from cellmill.planning.automation_partitions import AssetPartitions
from cellmill.planning.automation_view import (
    EMPTY,
    WHOLE,
    AutomationAsset,
    AutomationCheck,
    AutomationJob,
    EntityKey,
    Keys,
    StateView,
)
from cellmill.planning.evaluation import ConditionsResult, Evaluation
from cellmill.planning.own_condition import evaluate_own


def evaluate(
    assets: Sequence[AutomationAsset],
    view: StateView,
    cursor: Mapping[str, Any] | None,
    now: datetime,
    jobs: Sequence[AutomationJob] = (),
) -> ConditionsResult:
    """Evaluates every condition once; `assets` are in topological order, `cursor` is that of the last result."""
    return _Evaluator(AssetPartitions(assets, jobs, now), view, cursor or {}).run()


def _digest(of: object) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()[:16]


def _kind(partitions: PartitionsDefinition | None) -> str:
    """What kind of partitions these are: what is remembered of one kind says nothing of another."""
    if partitions is None:
        return "none"
    return "windows" if isinstance(partitions, TimeWindowPartitionsDefinition) else "keys"


def _memory(node: AutomationCondition, subject: AutomationAsset) -> str:
    """Where a condition keeps what it remembers: it finds that again wherever a changed condition has it in."""
    return f"{_digest(node)}@{memory_name(subject)}"


class _Evaluator:
    #: What is known where the condition in question is evaluated.
    facts: AutomationFacts

    def __init__(self, parts: AssetPartitions, view: StateView, cursor: Mapping[str, Any]) -> None:
        self.parts = parts
        self.view = view
        self.cursor = cursor
        self.requested: dict[EntityKey, Keys] = {}
        #: Conditions that are being evaluated, outermost first.
        self.stack: list[AutomationCondition] = []
        self.memory: dict[str, Any] = {}

    def run(self) -> ConditionsResult:
        """Evaluates assets, then checks, then jobs: each may look at what is requested of those before it."""
        assets = self.parts.assets.values()
        subjects = [
            *(asset for asset in assets if asset.condition is not None),
            *(check for asset in assets for check in asset.conditioned_checks()),
            *(job.as_subject() for job in self.parts.jobs.values()),
        ]
        evaluations = {subject.entity_key: self._evaluate(subject) for subject in subjects}
        requested = {key: self.requested[key] for key in evaluations if self.requested[key]}
        now = self.parts.now.timestamp()
        cursor = {"event_id": self.view.last_event_id(), "time": now, "assets": self.memory}
        return ConditionsResult(requested=requested, evaluations=evaluations, cursor=cursor)

    def _evaluate(self, subject: AutomationAsset) -> Evaluation:
        condition = subject.condition
        assert condition is not None
        name = memory_name(subject)
        old = self.cursor.get("assets", {}).get(name, {})
        partitions = _kind(subject.partitions_def)
        is_initial = old.get("partitions") != partitions
        nodes = {} if is_initial else old.get("nodes", {})
        self.facts = AutomationFacts(
            subject, self.parts, self.view, self.cursor, self.requested, nodes, is_initial=is_initial
        )
        found = self.node(condition, subject, "0", self.parts.universe(subject))
        for key in {subject.entity_key, *subject.siblings}:
            self.requested[key] = self.requested.get(key, EMPTY) | found.true
        self.memory[name] = {
            "partitions": partitions,
            "code": subject.code_version,
            "requested": _stored(found.true),
            "nodes": self.facts.nodes,
        }
        return found

    # ---- conditions

    def node(self, node: AutomationCondition, subject: AutomationAsset, path: str, candidates: Keys) -> Evaluation:
        """Evaluates a condition for some partitions of a subject; `path` is its place in the whole."""
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
            true = self.facts.found(node, subject) & candidates
            times = self.facts.times(node, subject, true)
        elif isinstance(node, AndCondition):
            true, children = self._and(node, subject, path, candidates)
        elif isinstance(node, OrCondition):
            children = self._children(node, subject, path, candidates)
            true = frozenset().union(*(child.true for child in children))
        elif isinstance(node, NotCondition):
            children = self._children(node, subject, path, candidates)
            true = candidates - children[0].true
        elif isinstance(node, NewlyTrueCondition):
            children = self._children(node, subject, path, self.parts.universe(subject))
            memory = _memory(node, subject)
            true = (children[0].true - self._recall(memory)) & candidates
            self.facts.nodes[memory] = _stored(children[0].true)
        elif isinstance(node, SinceCondition):
            children = self._children(node, subject, path, self.parts.universe(subject))
            memory = _memory(node, subject)
            kept = (self._recall(memory) | children[0].true) - children[1].true | _came_later(*children)
            self.facts.nodes[memory] = _stored(kept)
            true, times = kept & candidates, children[0].times
        elif isinstance(node, DepsCondition):
            true, children, times = self._deps(node, subject, path, candidates)
        elif isinstance(node, ChecksCondition):
            true, children = self._checks(node, subject, path, candidates)
        elif isinstance(node, AssetMatchesCondition):
            true, children = self._other(node, subject, path, candidates)
        elif isinstance(node, DownstreamCondition):
            true, children = self._downstream(subject, path, candidates)
        elif isinstance(node, JobRootsCondition):
            true, children = self._roots(node, subject, path, candidates)
        else:
            return evaluate_own(self, node, subject, path, candidates)
        return Evaluation(
            condition=node,
            true=frozenset(true),
            candidates=candidates,
            asset=subject.key,
            children=children,
            times=times,
        )

    def _recall(self, memory: str) -> Keys:
        return frozenset(self.facts.old_nodes.get(memory, ()))

    def _children(
        self, node: AutomationCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Evaluation, ...]:
        return tuple(self.node(child, subject, f"{path}.{n}", candidates) for n, child in enumerate(node.children))

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
            parent = self.parts.assets[key]
            found = self.node(node.operand, parent, f"{path}/{key.to_user_string()}", self.parts.universe(parent))
            children.append(found)
            mapped = self.parts.down(found.true, parent, subject) & candidates
            true = true & mapped if node.every else true | mapped
            if not node.every:
                for at in sorted(set(found.times.values())):
                    then = frozenset(one for one, time in found.times.items() if time == at)
                    times |= dict.fromkeys(self.parts.down(then, parent, subject), at)
        return true, tuple(children), times

    def _dep_keys(self, node: DepsCondition, subject: AutomationAsset) -> list[AssetKey]:
        keys = self.parts.upstreams(subject, through_virtual=node.through_virtual)
        if node.allow_selection is not None:
            allowed = self.parts.resolved(node.allow_selection)
            keys = [key for key in keys if key in allowed]
        if node.ignore_selection is not None:
            ignored = self.parts.resolved(node.ignore_selection)
            keys = [key for key in keys if key not in ignored]
        return keys

    def _checks(
        self, node: ChecksCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Keys, tuple[Evaluation, ...]]:
        children = []
        for check in sorted(subject.checks, key=lambda check: check.name):
            if (check.blocking or not node.blocking_only) and self._is_seen(node, subject, check):
                alone = AutomationAsset(key=subject.key, check=check)  # of all partitions as one
                children.append(self.node(node.operand, alone, f"{path}:{check.name}", WHOLE))
        hold = [bool(child.true) for child in children]
        return candidates if (all(hold) if node.every else any(hold)) else EMPTY, tuple(children)

    def _is_seen(self, node: ChecksCondition, subject: AutomationAsset, check: AutomationCheck) -> bool:
        key = AssetCheckKey(subject.key, check.name)
        allowed, ignored = node.allow_selection, node.ignore_selection
        if allowed is not None and key not in self.parts.resolved_checks(allowed):
            return False
        return ignored is None or key not in self.parts.resolved_checks(ignored)

    def _roots(
        self, node: JobRootsCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Keys, tuple[Evaluation, ...]]:
        """For which partitions of a job the operand holds for its roots; one without partitions is in all of them."""
        if subject.job is None:
            raise InvariantViolationError(
                f"The condition {node.name} of {subject.entity_key.to_user_string()!r} is one of jobs: give it to "
                "define_asset_job(automation_condition=…)."
            )
        children = []
        true: Keys = candidates if node.every else EMPTY
        for key in subject.job.roots(self.parts.assets):
            root = self.parts.assets[key]
            children.append(self.node(node.operand, root, f"{path}/{key.to_user_string()}", self.parts.universe(root)))
            mapped = self.parts.down(children[-1].true, root, subject) & candidates
            true = true & mapped if node.every else true | mapped
        return (true if children else EMPTY), tuple(children)

    def _other(
        self, node: AssetMatchesCondition, subject: AutomationAsset, path: str, candidates: Keys
    ) -> tuple[Keys, tuple[Evaluation, ...]]:
        other = self.parts.assets.get(node.key)
        if other is None:
            return EMPTY, ()
        found = self.node(node.operand, other, f"{path}/{node.key.to_user_string()}", self.parts.universe(other))
        below = subject.key in other.parents and other.key != subject.key
        mapped = self.parts.up(found.true, other, subject) if below else self.parts.down(found.true, other, subject)
        return mapped & candidates, (found,)

    def _downstream(self, subject: AutomationAsset, path: str, candidates: Keys) -> tuple[Keys, tuple[Evaluation, ...]]:
        """Every condition of what is downstream, as if it were this asset's own."""
        true: Keys = EMPTY
        children: list[Evaluation] = []
        for number, condition in enumerate(self._conditions_below(subject)):
            if condition not in self.stack:
                children.append(self.node(condition, subject, f"{path}\\{number}", candidates))
                true = true | children[-1].true
        return true, tuple(children)

    def _conditions_below(self, subject: AutomationAsset) -> list[AutomationCondition]:
        """The different conditions of all assets downstream, without their own looks downstream."""
        below = {subject.key}
        found: dict[AutomationCondition, None] = {}
        for asset in self.parts.assets.values():
            if asset.key != subject.key and not below.isdisjoint(asset.parents):
                below.add(asset.key)
                condition = None if asset.condition is None else _without_downstream(asset.condition)
                if condition is not None:
                    found.setdefault(condition)
        return list(found)


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
