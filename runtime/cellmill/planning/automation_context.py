"""What a condition of one's own is told, and what it answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol

from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.errors import InvariantViolationError
from cellmill.planning.automation_facts import AutomationFacts, memory_name
from cellmill.planning.automation_partitions import AssetPartitions
from cellmill.planning.automation_view import AutomationAsset, EntityKey, Keys
from cellmill.planning.entity_subset import AssetGraphView, EntitySubset
from cellmill.planning.evaluation import Evaluation

log = logging.getLogger("cellmill.automation")


class NodeEvaluator(Protocol):
    """What evaluates conditions inside of conditions."""

    parts: AssetPartitions
    facts: AutomationFacts

    def node(self, node: AutomationCondition, subject: AutomationAsset, path: str, candidates: Keys) -> Evaluation:
        """Evaluates a condition for some partitions of a subject; `path` is its place in the whole."""
        ...


class _Prefixed(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"{self.extra['who'] if self.extra else ''} - {msg}", kwargs


class AutomationContext:
    """What the `evaluate` of a condition of one's own is asked about: one asset, check or job, at one moment.

    Made by the evaluation; not to be constructed.

    Args:
        evaluator: What evaluates conditions inside of it.
        condition: The condition that is evaluated.
        subject: What it is asked about.
        path: Its place in the whole condition.
        candidates: The partitions that it is asked about.
        parent: The context of the condition that it is a part of.
    """

    def __init__(
        self,
        evaluator: NodeEvaluator,
        condition: AutomationCondition,
        subject: AutomationAsset,
        path: str,
        candidates: Keys,
        parent: AutomationContext | None = None,
    ) -> None:
        self._evaluator = evaluator
        #: What stands for the asset, check or job in question.
        self.subject = subject
        self.path = path
        self.condition = condition
        self.candidate_subset = self._subset(candidates)
        self.parent_context = parent
        self.create_time = datetime.now(UTC)

    @property
    def key(self) -> EntityKey:
        """The asset, check or job in question."""
        return self.subject.entity_key

    @property
    def partitions_def(self) -> Any:
        """Its partitions; None where it has none."""
        return self.subject.partitions_def

    @property
    def root_context(self) -> AutomationContext:
        """The context of the outermost condition of one's own."""
        return self if self.parent_context is None else self.parent_context.root_context

    @property
    def evaluation_time(self) -> datetime:
        """The moment for which is evaluated."""
        return self._evaluator.parts.now

    @property
    def previous_evaluation_time(self) -> datetime | None:
        """The moment of the last evaluation; None in the first one."""
        at = self._evaluator.facts.last_time
        return None if at is None else datetime.fromtimestamp(at, UTC)

    @property
    def max_storage_id(self) -> int:
        """The id of the newest event."""
        return self._evaluator.facts.view.last_event_id()

    @property
    def previous_max_storage_id(self) -> int | None:
        """The id of the newest event at the last evaluation; None in the first one."""
        return self._evaluator.facts.last_event

    @property
    def _memory(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._evaluator.facts.old_nodes.get(self.path) or {}
        return found

    @property
    def cursor(self) -> str | None:
        """What this condition gave as `cursor` in the last evaluation; None where there is none."""
        found: str | None = self._memory.get("cursor")
        return found

    @property
    def previous_true_subset(self) -> EntitySubset | None:
        """For which partitions it was true in the last evaluation; None in the first one."""
        return self._subset(frozenset(self._memory["true"])) if self._memory else None

    @property
    def previous_candidate_subset(self) -> EntitySubset | None:
        """Which partitions it was asked about in the last evaluation; None in the first one."""
        return self._subset(frozenset(self._memory["candidates"])) if self._memory else None

    @cached_property
    def asset_graph_view(self) -> AssetGraphView:
        """All assets, checks and jobs with their partitions and their state."""
        return AssetGraphView(self._evaluator.parts, self._evaluator.facts)

    @cached_property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that names the asset and the condition."""
        return _Prefixed(log, {"who": f"{self.key.to_user_string()} - {self.condition.name}"})

    def get_empty_subset(self) -> EntitySubset:
        """No partition of what is in question."""
        return self._subset(frozenset())

    def get_previous_requested_subset(self, key: EntityKey) -> EntitySubset | None:
        """What the last evaluation requested; None where it did not look at it.

        Args:
            key: The asset, check or job.
        """
        subject = self._evaluator.parts.subject(key)
        found = self._evaluator.facts.before.get(memory_name(subject))
        return None if found is None else EntitySubset(self._evaluator.parts, subject, frozenset(found["requested"]))

    def for_child_condition(
        self,
        child_condition: AutomationCondition,
        child_indices: Sequence[int | None] = (0,),
        candidate_subset: EntitySubset | None = None,
    ) -> AutomationContext:
        """The context of another condition that this one asks; `await` its `evaluate_async()`.

        Args:
            child_condition: The other condition.
            child_indices: Its place among those that this one asks: the first is kept.
            candidate_subset: The partitions that it is asked about, of any asset; None takes those of this one.
        """
        subset = candidate_subset or self.candidate_subset
        subject = self._evaluator.parts.subject(subset.key)
        path = f"{self.path}.{child_indices[0]}"
        return AutomationContext(self._evaluator, child_condition, subject, path, subset.keys, self)

    async def evaluate_async(self) -> AutomationResult:
        """What the condition of this context finds."""
        return self.of_builtin(self.condition)

    def of_builtin(self, condition: AutomationCondition) -> AutomationResult:
        """What one of the engine's conditions finds in the place of this one.

        Args:
            condition: The condition.
        """
        found = self._evaluator.node(condition, self.subject, self.path, self.candidate_subset.keys)
        return AutomationResult(self, self._subset(found.true), evaluation=found)

    def _subset(self, keys: Keys) -> EntitySubset:
        return EntitySubset(self._evaluator.parts, self.subject, keys)


class AutomationResult:
    """What the `evaluate` of a condition of one's own answers.

    Args:
        context: The context that `evaluate` was called with.
        true_subset: The partitions for which the condition is true, such as `context.candidate_subset` or
            `context.get_empty_subset()`.
        cursor: A text that the next evaluation finds as `context.cursor`.
        child_results: The results of the conditions that it asked, for the explanation.
        evaluation: The explanation, where the engine made one.
    """

    def __init__(
        self,
        context: AutomationContext,
        true_subset: EntitySubset,
        cursor: str | None = None,
        child_results: Sequence[AutomationResult] | None = None,
        *,
        evaluation: Evaluation | None = None,
    ) -> None:
        if not isinstance(true_subset, EntitySubset):
            raise InvariantViolationError(
                f"true_subset of {context.condition.name} is a set of partitions, as context.candidate_subset and "
                f"context.get_empty_subset() are; got {true_subset!r}."
            )
        if true_subset.key != context.key:
            raise InvariantViolationError(
                f"{context.condition.name} was asked about {context.key!r}, and its true_subset is of "
                f"{true_subset.key!r}: map it with compute_mapped_subset."
            )
        self.condition = context.condition
        self.key = context.key
        self.true_subset = true_subset
        self.cursor = cursor
        self.child_results = list(child_results or ())
        self._evaluation = evaluation
        self._context = context

    @property
    def evaluation(self) -> Evaluation:
        """The explanation: for which partitions this was true, and the conditions that it asked."""
        if self._evaluation is not None:
            return self._evaluation
        return Evaluation(
            condition=self.condition,
            true=self.true_subset.keys,
            candidates=self._context.candidate_subset.keys,
            asset=self._context.subject.key,
            children=tuple(child.evaluation for child in self.child_results),
        )
