"""Evaluating a schedule's or a sensor's function inside a host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from cellmill.definitions.code_location import Definitions
from cellmill.definitions.local_time import at_epoch, load_zone
from cellmill.definitions.schedule import ScheduleEvaluationContext
from cellmill.definitions.sensor import SensorEvaluationContext
from cellmill.errors import InvalidDefinitionError
from cellmill.instance.instance import Instance
from cellmill.planning.instigator import Answer, RunAsk
from cellmill.planning.run import PARTITION_TAG
from cellmill.workspace.loading import load_location_definitions


def evaluate(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a schedule answers for one tick (the request's `at`), or a sensor for what is remembered of it."""
    answer = evaluate_sensor(request) if request["at"] is None else evaluate_schedule(request)
    return answer.to_json()


def evaluate_schedule(request: Mapping[str, Any]) -> Answer:
    """Return what a schedule answers for one tick."""
    definitions, definition = _find(request, "schedule")
    context = ScheduleEvaluationContext(
        scheduled_execution_time=at_epoch(request["at"], load_zone(definition.zone_name)),
        schedule_name=definition.name,
        resources=getattr(definitions, "resources", None),
        instance=_instance(request["home"]),
        definitions=definitions,
    )
    data = definition.evaluate_tick(context)
    default = definition.target.job_name if definition.target else None
    asks = tuple(_ask(one, default, request.get("selection")) for one in data.run_requests or ())
    return Answer(runs=asks, skip_reason=data.skip_message)


def evaluate_sensor(request: Mapping[str, Any]) -> Answer:
    """Return what a sensor answers."""
    definitions, definition = _find(request, "sensor")
    payload = request["payload"]
    context = SensorEvaluationContext(
        cursor=payload.get("cursor"),
        last_run_key=payload.get("last_run_key"),
        last_tick_completion_time=payload.get("last_tick_completion_time"),
        last_sensor_start_time=payload.get("started_at"),
        sensor_name=definition.name,
        resources=getattr(definitions, "resources", None),
        instance=_instance(request["home"]),
        definitions=definitions,
    )
    data = definition.evaluate_tick(context)
    default = definition.targets[0].job_name if definition.targets else None
    changes = tuple(
        (change.partitions_def_name, keys, ())
        if type(change).__name__.startswith("Add")
        else (change.partitions_def_name, (), keys)
        for change in data.dynamic_partitions_requests or ()
        for keys in [tuple(change.partition_keys)]
    )
    return Answer(
        runs=tuple(_ask(one, default, request.get("selection")) for one in data.run_requests or ()),
        skip_reason=data.skip_message,
        cursor=data.cursor,
        dynamic_partitions=changes,
    )


@cache
def _instance(home: str) -> Instance:
    """Return the instance, opened once in a host's life."""
    return Instance.get(home)


@cache
def _definitions(location: str) -> tuple[Definitions, Mapping[tuple[str, str], Any]]:
    """Return a location's definitions with its schedules and sensors by kind and name.

    They are loaded once in a host's life: where its sources change, the location starts another host.
    """
    loaded = load_location_definitions(json.loads(location))
    found = {("schedule", item.name): item for item in loaded.get_repository_def().schedule_defs}
    return loaded, found | {("sensor", item.name): item for item in loaded.sensors or ()}


def _find(request: Mapping[str, Any], kind: str) -> tuple[Any, Any]:
    """Return the definitions and the named schedule or sensor among them."""
    name = request["name"]
    if request.get("notebook"):
        return None, import_module("cellmill.workspace.declared").declared(
            request["root"], request["notebook"], kind, name
        )
    definitions, declared = _definitions(json.dumps(request["location"], sort_keys=True))
    try:
        return definitions, declared[kind, name]
    except KeyError:
        raise InvalidDefinitionError(f"There is no {kind} {name!r} (any more).") from None


def _ask(request: Any, job_name: str | None, selection: list[str] | None) -> RunAsk:
    tags = dict(request.tags)
    if request.partition_key is not None:
        tags.setdefault(PARTITION_TAG, request.partition_key)
    keys = (
        [key.to_escaped_user_string() for key in request.asset_selection]
        if request.asset_selection is not None
        else selection
    )
    job = request.job_name or job_name
    return RunAsk(
        job_name="__ASSET_JOB" if keys and not request.job_name else job,
        run_key=request.run_key,
        run_config=request.run_config,
        tags=tags,
        asset_selection=keys,
    )
