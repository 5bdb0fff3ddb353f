"""Conditions of one's own, evaluated: their `evaluate` is called, as a function or as a coroutine."""

from __future__ import annotations

import inspect

from cellmill.awaiting import awaited
from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.errors import InvariantViolationError
from cellmill.planning.automation_context import AutomationContext, AutomationResult, NodeEvaluator
from cellmill.planning.automation_view import AutomationAsset, Keys
from cellmill.planning.evaluation import Evaluation


def evaluate_own(
    evaluator: NodeEvaluator, node: AutomationCondition, subject: AutomationAsset, path: str, candidates: Keys
) -> Evaluation:
    """What a condition of the user's own finds; its cursor is kept for the next evaluation.

    Raises: InvariantViolationError where it answers something else than an AutomationResult.
    """
    context = AutomationContext(evaluator, node, subject, path, candidates)
    result = node.evaluate(context)
    if inspect.iscoroutine(result):
        result = awaited(result)
    if not isinstance(result, AutomationResult):
        raise InvariantViolationError(
            f"The condition {node.name} of {context.key.to_user_string()!r} must return an AutomationResult from "
            f"`evaluate`; it returned {result!r}. Write for example AutomationResult(context, "
            "true_subset=context.candidate_subset)."
        )
    true = result.true_subset.keys
    evaluator.facts.nodes[path] = {"cursor": result.cursor, "true": list(true), "candidates": list(candidates)}
    return result.evaluation
