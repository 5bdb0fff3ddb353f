"""Schedules and sensors as manifest entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cellmill.definitions.automation_json import condition_to_json
from cellmill.definitions.automation_sensor import AutomationConditionSensorDefinition
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.selection import AssetSelection
from cellmill.definitions.selection_graph import SelectionGraph
from cellmill.definitions.sensor import SensorDefinition
from cellmill.errors import CellmillError
from cellmill.workspace.manifest import AssetEntry, ScheduleEntry, SensorEntry


def schedule_entry(schedule: ScheduleDefinition) -> ScheduleEntry:
    """Return a schedule as plain data."""
    cron = schedule.cron_schedule
    return ScheduleEntry(
        name=schedule.name,
        cron=(cron,) if isinstance(cron, str) else tuple(cron),
        timezone=schedule.execution_timezone,
        job=schedule.target.job_name if schedule.target is not None else None,
        running_by_default=schedule.default_status.value == "RUNNING",
        evaluated=schedule.needs_evaluation,
        run_config=schedule.plain_run_config,
        tags={name: str(value) for name, value in (schedule.tags or {}).items()},
        catch_up={
            "kind": schedule.catch_up.kind.value,
            "limit": schedule.catch_up.limit,
            "window_s": schedule.catch_up.window_s,
        },
        overlap=schedule.overlap.value,
        description=schedule.description,
    )


def sensor_entry(sensor: SensorDefinition, assets: Iterable[AssetEntry] | None) -> SensorEntry:
    """Return a sensor as plain data; what one of automation conditions watches is looked up among `assets`.

    Without them its selection is sent, for whoever knows the assets.
    """
    automates = isinstance(sensor, AutomationConditionSensorDefinition)
    return SensorEntry(
        name=sensor.name,
        kind=type(sensor).__name__,
        jobs=tuple(target.job_name for target in sensor.targets if target.job_name),
        minimum_interval_s=float(sensor.minimum_interval_seconds or 30),
        running_by_default=sensor.default_status.value == "RUNNING",
        description=sensor.description,
        **(_automated(sensor, assets) if automates else {}),
    )


def _automated(sensor: Any, assets: Iterable[AssetEntry] | None) -> dict[str, Any]:
    """Return what a sensor of automation conditions evaluates, and how its runs are marked."""
    selection = AssetSelection.from_coercible(sensor.asset_selection)
    more: Mapping[str, Any] = {"selection": str(selection)}
    if assets is not None:
        chosen = selection.resolve(SelectionGraph(entry.facts() for entry in assets), allow_missing=True)
        more = {"watches": tuple(sorted(key.parts for key in chosen))}
    return {
        **more,
        "run_tags": {name: str(value) for name, value in (sensor.run_tags or {}).items()},
        "default_condition": condition_text(sensor.default_condition),
        "emits_backfills": sensor.emit_backfills,
        "user_code": sensor.use_user_code_server,
    }


def condition_text(condition: Any) -> str | None:
    """Return an automation condition as JSON, or its own words where there is none for it."""
    if condition is None:
        return None
    try:
        return condition_to_json(condition)
    except (CellmillError, TypeError, ValueError):
        return str(condition)
