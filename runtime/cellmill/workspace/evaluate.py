"""Evaluating a schedule's or a sensor's function inside a host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cellmill.definitions.code_location import Definitions
from cellmill.errors import InvalidDefinitionError
from cellmill.instance.instance import Instance
from cellmill.workspace import declared as declared_in_notebook
from cellmill.workspace.loading import load_location_definitions
from cellmill.workspace.tick_answers import schedule_answer, sensor_answer


def evaluate(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a schedule answers for one tick (the request's `at`), or a sensor for what is remembered of it."""
    definitions, definition = _find(request, "sensor" if request["at"] is None else "schedule")
    instance, resources = instance_of(request["home"]), getattr(definitions, "resources", None)
    selection = request.get("selection")
    if request["at"] is None:
        answer = sensor_answer(definition, request["payload"], instance, resources, definitions, selection)
    else:
        answer = schedule_answer(definition, request["at"], instance, resources, definitions, selection)
    return answer.to_json()


@cache
def instance_of(home: str) -> Instance:
    """Return the instance, opened once in a host's life."""
    return Instance.get(home)


def loaded(location: Mapping[str, Any]) -> tuple[Definitions, Mapping[tuple[str, str], Any]]:
    """Return a location's definitions with its schedules and sensors by kind and name."""
    return _definitions(json.dumps(location, sort_keys=True))


@cache
def _definitions(location: str) -> tuple[Definitions, Mapping[tuple[str, str], Any]]:
    """Return a location's definitions with its schedules and sensors by kind and name.

    They are loaded once in a host's life: where its sources change, the location starts another host.
    """
    loaded = load_location_definitions(json.loads(location))
    found = {("schedule", item.name): item for item in loaded.bound_repository().schedule_defs}
    return loaded, found | {("sensor", item.name): item for item in loaded.sensors or ()}


def _find(request: Mapping[str, Any], kind: str) -> tuple[Any, Any]:
    """Return the definitions and the named schedule or sensor among them."""
    name = request["name"]
    if request.get("notebook"):
        return None, declared_in_notebook.declared(request["root"], request["notebook"], kind, name)
    definitions, declared = loaded(request["location"])
    try:
        return definitions, declared[kind, name]
    except KeyError:
        raise InvalidDefinitionError(f"There is no {kind} {name!r} (any more).") from None
