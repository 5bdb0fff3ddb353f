"""Automation conditions as JSON text and back, so that a location's host can send those that code has put together."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from cellmill.definitions.asset_key import AssetKey
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
from cellmill.definitions.selection import AssetSelection
from cellmill.errors import InvalidDefinitionError

_JOINED: dict[str, type[AndCondition] | type[OrCondition]] = {"and": AndCondition, "or": OrCondition}
_UNARY: dict[str, type[NotCondition] | type[NewlyTrueCondition]] = {
    "not": NotCondition,
    "newly_true": NewlyTrueCondition,
}


def condition_to_json(condition: AutomationCondition) -> str:
    """The condition as JSON text; of one that a user has written only its name, so that it can be told."""
    return json.dumps(_encoded(condition))


def condition_from_json(text: str) -> AutomationCondition:
    """The condition of `condition_to_json`.

    Raises: InvalidDefinitionError where a part of it is one that a user has written.
    """
    return _decoded(json.loads(text))


def _encoded(node: AutomationCondition) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if isinstance(node, OperandCondition):
        data = {"op": "fact", "kind": node.kind, "cron": node.cron_schedule, "zone": node.cron_timezone}
        data["lookback_s"] = node.lookback_delta.total_seconds() if node.lookback_delta is not None else None
        if node.tag_keys or node.tag_values:
            data["tag_keys"], data["tag_values"] = list(node.tag_keys), dict(node.tag_values)
    elif isinstance(node, (AndCondition, OrCondition)):
        data = {"op": "and" if isinstance(node, AndCondition) else "or"}
    elif isinstance(node, (NotCondition, NewlyTrueCondition)):
        data = {"op": "not" if isinstance(node, NotCondition) else "newly_true"}
    elif isinstance(node, SinceCondition):
        data = {"op": "since"}
    elif isinstance(node, DepsCondition):
        data = {"op": "deps", "every": node.every}
        data["allow"] = _selection_text(node.allow_selection)
        data["ignore"] = _selection_text(node.ignore_selection)
        if node.through_virtual:
            data["through_virtual"] = True
    elif isinstance(node, ChecksCondition):
        data = {"op": "checks", "every": node.every, "blocking_only": node.blocking_only}
        data["allow"] = _selection_text(node.allow_selection)
        data["ignore"] = _selection_text(node.ignore_selection)
    elif isinstance(node, AssetMatchesCondition):
        data = {"op": "asset", "key": list(node.key.path)}
    elif isinstance(node, JobRootsCondition):
        data = {"op": "job_roots", "every": node.every}
    elif isinstance(node, DownstreamCondition):
        data = {"op": "downstream"}
    else:
        data = {"op": "own", "name": node.name}
    if node.label is not None:
        data["label"] = node.label
    if node.children:
        data["children"] = [_encoded(child) for child in node.children]
    return data


def _selection_text(selection: Any) -> str | None:
    return None if selection is None else str(selection.to_selection_str())


def _selection(text: str | None) -> Any:
    return None if text is None else AssetSelection.from_coercible(text)


def _decoded(data: dict[str, Any]) -> AutomationCondition:
    children = [_decoded(child) for child in data.get("children", ())]
    label, op = data.get("label"), data["op"]
    if op == "fact":
        seconds = data.get("lookback_s")
        return OperandCondition(
            kind=data["kind"],
            cron_schedule=data.get("cron"),
            cron_timezone=data.get("zone", "UTC"),
            lookback_delta=None if seconds is None else timedelta(seconds=seconds),
            tag_keys=tuple(data.get("tag_keys", ())),
            tag_values=tuple(data.get("tag_values", {}).items()),
            label=label,
        )
    if op in _JOINED:
        return _JOINED[op](operands=tuple(children), label=label)
    if op in _UNARY:
        return _UNARY[op](operand=children[0], label=label)
    if op == "since":
        return SinceCondition(trigger=children[0], reset=children[1], label=label)
    if op == "deps":
        allow, ignore = _selection(data.get("allow")), _selection(data.get("ignore"))
        return DepsCondition(
            operand=children[0],
            every=data["every"],
            allow_selection=allow,
            ignore_selection=ignore,
            through_virtual=data.get("through_virtual", False),
            label=label,
        )
    if op == "checks":
        return ChecksCondition(
            operand=children[0],
            every=data["every"],
            blocking_only=data["blocking_only"],
            allow_selection=_selection(data.get("allow")),
            ignore_selection=_selection(data.get("ignore")),
            label=label,
        )
    if op == "asset":
        return AssetMatchesCondition(key=AssetKey(data["key"]), operand=children[0], label=label)
    if op == "own":
        raise InvalidDefinitionError(
            f"the condition {data['name']} runs code of its own: select the asset by an "
            "AutomationConditionSensorDefinition with use_user_code_server=True"
        )
    if op == "job_roots":
        return JobRootsCondition(operand=children[0], every=data["every"], label=label)
    if op == "downstream":
        return DownstreamCondition(label=label)
    raise InvalidDefinitionError(f"There is no automation condition {op!r}; it was written by a newer version")
