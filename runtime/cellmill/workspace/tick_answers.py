"""What the function of a schedule or a sensor answers, as plain data that crosses processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cellmill.definitions.local_time import at_epoch, load_zone
from cellmill.definitions.location_selectors import CodeLocationSelector
from cellmill.definitions.partitions.requests import AddDynamicPartitionsRequest
from cellmill.definitions.run_request import RunRequest
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.schedule_context import ScheduleEvaluationContext
from cellmill.definitions.sensor import SensorDefinition
from cellmill.definitions.sensor_context import SensorEvaluationContext
from cellmill.definitions.target import ANONYMOUS_JOB_PREFIX
from cellmill.instance.wire import dumps
from cellmill.planning.instigator import Answer, RunAsk
from cellmill.planning.run import PARTITION_TAG
from cellmill.workspace.run_names import ASSET_JOB


def schedule_answer(
    definition: ScheduleDefinition,
    at_epoch_s: int,
    instance: Any,
    resources: Any = None,
    definitions: Any = None,
    selection: Sequence[str] | None = None,
) -> Answer:
    """Return what a schedule answers for one tick, evaluated here; `selection` is what it makes if it names nothing."""
    context = ScheduleEvaluationContext(
        scheduled_execution_time=at_epoch(at_epoch_s, load_zone(definition.zone_name)),
        schedule_name=definition.name,
        resources=resources,
        instance=instance,
        definitions=definitions,
    )
    data = definition.evaluate_tick(context)
    job = definition.target.job_name if definition.target else None
    runs = tuple(_ask(request, job, selection) for request in data.run_requests or ())
    return Answer(runs=runs, skip_reason=data.skip_message)


def sensor_answer(
    definition: SensorDefinition,
    payload: Mapping[str, Any],
    instance: Any,
    resources: Any = None,
    definitions: Any = None,
    selection: Sequence[str] | None = None,
) -> Answer:
    """Return what a sensor answers, evaluated here; `selection` is what it makes if it names nothing."""
    context = SensorEvaluationContext(
        cursor=payload.get("cursor"),
        last_run_key=payload.get("last_run_key"),
        last_tick_completion_time=payload.get("last_tick_completion_time"),
        last_sensor_start_time=payload.get("started_at"),
        sensor_name=definition.name,
        resources=resources,
        instance=instance,
        definitions=definitions,
        code_location_origin=CodeLocationSelector(location_name=payload.get("location", "")),
    )
    data = definition.evaluate_tick(context)
    job = definition.targets[0].job_name if definition.targets else None
    changes = tuple(
        (change.partitions_def_name, keys, ())
        if isinstance(change, AddDynamicPartitionsRequest)
        else (change.partitions_def_name, (), keys)
        for change in data.dynamic_partitions_requests or ()
        for keys in [tuple(change.partition_keys)]
    )
    return Answer(
        runs=tuple(_ask(request, job, selection) for request in data.run_requests or ()),
        skip_reason=data.skip_message,
        cursor=data.cursor,
        dynamic_partitions=changes,
        asset_events=tuple(dumps(event) for event in data.asset_events),
    )


def _ask(request: RunRequest, job_name: str | None, selection: Sequence[str] | None) -> RunAsk:
    tags = dict(request.tags)
    if request.partition_key is not None:
        tags.setdefault(PARTITION_TAG, request.partition_key)
    keys = selection
    if request.asset_selection is not None:
        keys = [key.to_escaped_user_string() for key in request.asset_selection]
    checks = request.asset_check_keys
    return RunAsk(
        job_name=request.job_name or _default_job(job_name, keys is not None or checks is not None),
        run_key=request.run_key,
        run_config=request.run_config,
        tags=tags,
        asset_selection=keys,
        check_selection=None
        if checks is None
        else [(key.asset_key.to_escaped_user_string(), key.name) for key in checks],
        stale_assets_only=request.stale_assets_only,
    )


def _default_job(job_name: str | None, selects: bool) -> str | None:
    """Return the job that the schedule or sensor names itself; a job made of its selection is that of all assets."""
    named = job_name is not None and not job_name.startswith(ANONYMOUS_JOB_PREFIX)
    return job_name if named or not selects else ASSET_JOB
