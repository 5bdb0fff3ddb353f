"""Definitions of this process as the daemon's source: for tests, and for daemons without a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cellmill.automation import asset_view, backfills, conditions, stale_requests
from cellmill.automation.evaluation_process import call_in_process
from cellmill.definitions.automation_json import condition_to_json
from cellmill.definitions.automation_sensor import AutomationConditionSensorDefinition
from cellmill.definitions.run_request import DefaultScheduleStatus, DefaultSensorStatus
from cellmill.definitions.schedule import ScheduleDefinition
from cellmill.definitions.sensor import SensorDefinition
from cellmill.planning.instigator import Answer, ConditionGroup, Question, RunAsk, ScheduleSpec, SensorSpec
from cellmill.workspace.tick_answers import schedule_answer, sensor_answer

#: Seconds that one evaluation of a user's function may take.
EVALUATION_TIMEOUT_S = 60.0


class DefinitionsSource:
    """The schedules and sensors of definitions that this process has loaded.

    Functions run in a forked child with a time limit.
    """

    def __init__(
        self,
        schedules: Sequence[ScheduleDefinition] = (),
        sensors: Sequence[SensorDefinition] = (),
        *,
        job_names: Sequence[str] | None = None,
        instance: Any = None,
        resources: Any = None,
        definitions: Any = None,
        timeout_s: float = EVALUATION_TIMEOUT_S,
        location: str = "",
    ) -> None:
        self._schedules = {schedule_spec(item, location).id: item for item in schedules}
        self._sensors = {sensor_spec(item, location).id: item for item in sensors}
        self._schedule_specs = [schedule_spec(item, location) for item in schedules]
        self._sensor_specs = [sensor_spec(item, location, definitions) for item in sensors]
        self._job_names = None if job_names is None else frozenset(job_names)
        self._instance = instance
        self._resources = resources
        self._definitions = definitions
        self._timeout_s = timeout_s
        self._location = location

    def schedules(self) -> Sequence[ScheduleSpec]:
        """All schedules."""
        return self._schedule_specs

    def sensors(self) -> Sequence[SensorSpec]:
        """All sensors."""
        return self._sensor_specs

    def has_job(self, location: str, job_name: str) -> bool:
        """Whether the job exists."""
        return self._job_names is None or job_name in self._job_names

    def automated_locations(self) -> Sequence[str]:
        """The one location, if definitions were given."""
        return [self._location] if self._definitions is not None else []

    def evaluate_conditions(self, group: ConditionGroup, cursor: str | None, now_s: float) -> dict[str, Any]:
        """One evaluation, in this process: the user's code is here."""
        sensor = self._sensors.get(group.id)
        default = getattr(sensor, "default_condition", None)
        assets = asset_view.automation_assets(self._definitions)
        jobs = asset_view.automation_jobs(self._definitions)
        return conditions.evaluate_group(assets, jobs, self._instance, group, cursor, now_s, default)

    def plan_backfill(self, location: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The units of an asset backfill."""
        units: list[dict[str, Any]] = backfills.plan_request(self._definitions, self._instance, request, location)
        return units

    def stale_assets(self, location: str, ask: RunAsk) -> Sequence[str]:
        """Those of the assets that are stale or missing now."""
        names: list[str] = stale_requests.stale_assets_of(self._definitions or (), self._instance, ask)
        return names

    def evaluate(self, questions: Sequence[Question]) -> Iterator[Answer | Exception]:
        """What functions answer, each from a child process of its own."""
        for question in questions:
            try:
                yield Answer.from_json(call_in_process(self._work(question), self._timeout_s, question.who))
            except Exception as error:  # the shell of an evaluation
                yield error

    def _work(self, question: Question) -> Callable[[], dict[str, Any]]:
        spec, with_these = question.spec, (self._instance, self._resources, self._definitions)
        if isinstance(spec, ScheduleSpec):
            schedule, at = self._schedules[spec.id], question.at or 0
            return lambda: schedule_answer(schedule, at, *with_these).to_json()
        sensor = self._sensors[spec.id]
        return lambda: sensor_answer(sensor, question.payload, *with_these).to_json()


def schedule_spec(definition: ScheduleDefinition, location: str = "") -> ScheduleSpec:
    """A schedule as plain data."""
    crons = definition.cron_schedule
    return ScheduleSpec(
        name=definition.name,
        crons=(crons,) if isinstance(crons, str) else tuple(crons),
        timezone=definition.zone_name,
        job_name=definition.target.job_name if definition.target else "",
        location=location,
        running_by_default=definition.default_status is DefaultScheduleStatus.RUNNING,
        evaluated=definition.needs_evaluation,
        run_config=definition.plain_run_config,
        tags=dict(definition.tags),
        catch_up=definition.catch_up,
        overlap=definition.overlap,
    )


def sensor_spec(definition: SensorDefinition, location: str = "", definitions: Any = None) -> SensorSpec:
    """A sensor as plain data; the assets that it automates are looked up among `definitions`."""
    more: dict[str, Any] = {}
    if isinstance(definition, AutomationConditionSensorDefinition):
        default = definition.default_condition
        more = {
            "automates": asset_view.selected_keys(definitions or (), definition.asset_selection),
            "run_tags": {name: str(value) for name, value in (definition.run_tags or {}).items()},
            "default_condition": None if default is None else condition_to_json(default),
            "user_code": definition.use_user_code_server,
            "emits_backfills": definition.emit_backfills,
        }
    return SensorSpec(
        name=definition.name,
        jobs=tuple(target.job_name for target in definition.targets),
        location=location,
        minimum_interval_s=float(definition.minimum_interval_seconds),
        running_by_default=definition.default_status is DefaultSensorStatus.RUNNING,
        **more,
    )
