"""Automation conditions evaluated inside a location's host, where those that users write can run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellmill.automation.asset_view import automation_assets
from cellmill.automation.conditions import evaluate_group
from cellmill.definitions.asset_key import AssetKey
from cellmill.planning.instigator import ConditionGroup
from cellmill.workspace.evaluate import instance_of, loaded


def evaluate(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return one evaluation of the conditions that a sensor has, as plain data."""
    definitions, declared = loaded(request["location"])
    sensor = declared["sensor", request["sensor"]]
    keys = frozenset(AssetKey.from_escaped_user_string(name) for name in request["assets"])
    group = ConditionGroup(id=sensor.name, name=sensor.name, assets=keys)
    assets, instance = automation_assets(definitions), instance_of(request["home"])
    return evaluate_group(assets, (), instance, group, request["cursor"], request["now"], sensor.default_condition)
