"""A workspace's schedules and sensors as the daemon takes them; users' functions run in their location's host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.automation_sensor import AutomationConditionSensorDefinition
from cellmill.definitions.tick_policy import CatchUp, CatchUpKind, OverlapPolicy
from cellmill.errors import DefinitionError
from cellmill.planning.instigator import Answer, Question, ScheduleSpec, SensorSpec, observing_sensors
from cellmill.workspace.host import EVALUATION_TIMEOUT_S
from cellmill.workspace.location import Hosted, location_request
from cellmill.workspace.manifest import Manifest, ScheduleEntry, SensorEntry
from cellmill.workspace.workspace import Workspace

#: Job of a run that makes a selection of assets.
ASSET_JOB = "__ASSET_JOB"
_EVALUATE = "cellmill.workspace.evaluate:evaluate"


class WorkspaceSource:
    """What the workspace declares: as it was read, or as `look` (`Workspace.follow`, `refresh`) says now."""

    def __init__(
        self, workspace: Workspace, look: Callable[[], Manifest] | None = None, *, timeout_s: float | None = None
    ) -> None:
        self.workspace = workspace
        self._look = look
        host = workspace.config.settings.get("host")
        settings: Mapping[str, Any] = host if isinstance(host, dict) else {}
        self._timeout_s = timeout_s or float(settings.get("evaluation_timeout_s", EVALUATION_TIMEOUT_S))

    def manifest(self) -> Manifest:
        """Return what the workspace offers now."""
        return self.workspace.manifest if self._look is None else self._look()

    def schedules(self) -> Sequence[ScheduleSpec]:
        """Return all schedules; one that cannot be understood is left out (`cellmill check` names it)."""
        return [spec for entry in self.manifest().schedules if (spec := self.schedule(entry)) is not None]

    def sensors(self) -> Sequence[SensorSpec]:
        """Return all sensors, those too that have assets observed at their intervals."""
        manifest = self.manifest()
        found = [self._sensor(entry) for entry in manifest.sensors]
        for location in self.workspace.locations:
            intervals = {
                entry.asset_key.to_escaped_user_string(): entry.observe_every_min
                for entry in manifest.assets
                if entry.location == location and entry.observe_every_min is not None
            }
            found += observing_sensors(intervals, ASSET_JOB, location, [spec.name for spec in found])
        return found

    def has_job(self, location: str, job_name: str) -> bool:
        """Return whether the job (still) exists."""
        if job_name.startswith("__"):
            return True
        return any(job.name == job_name and location in ("", job.location) for job in self.workspace.manifest.jobs)

    def job_assets(self, location: str, job_name: str) -> frozenset[AssetKey]:
        """Return the assets that a job makes; none for one that is gone or makes none."""
        for job in self.workspace.manifest.jobs:
            if job.name == job_name and location in ("", job.location):
                return frozenset(entry.asset_key for entry in self.workspace.assets_of(job))
        return frozenset()

    def schedule(self, entry: ScheduleEntry) -> ScheduleSpec | None:
        """Return a schedule as the daemon needs it; None for one that cannot be understood."""
        try:
            keys = self._selected(entry.selection) if entry.selection else None
            return ScheduleSpec(
                name=entry.name,
                crons=entry.cron,
                timezone=entry.timezone or "UTC",
                job_name=entry.job or (ASSET_JOB if keys else ""),
                location=entry.location,
                running_by_default=entry.running_by_default,
                evaluated=entry.evaluated,
                run_config=dict(entry.run_config),
                tags=dict(entry.tags),
                asset_selection=keys,
                catch_up=_catch_up(entry.catch_up),
                overlap=OverlapPolicy(entry.overlap) if entry.overlap else OverlapPolicy.SKIP,
            )
        except Exception:  # one bad schedule must not stop the others
            return None

    def _sensor(self, entry: SensorEntry) -> SensorSpec:
        automates = None
        if entry.kind == AutomationConditionSensorDefinition.__name__:
            # a notebook's sensor says what it watches by a selection over all notebooks
            watched = entry.watches if entry.selection is None else self._watched(entry.selection)
            automates = frozenset(AssetKey(path) for path in watched or ())
        return SensorSpec(
            name=entry.name,
            jobs=entry.jobs,
            location=entry.location,
            minimum_interval_s=entry.minimum_interval_s,
            running_by_default=entry.running_by_default,
            automates=automates,
            run_tags=entry.run_tags,
            default_condition=entry.default_condition,
            emits_backfills=entry.emits_backfills,
            user_code=entry.user_code and isinstance(self.workspace.locations.get(entry.location), Hosted),
        )

    def _watched(self, selection: str) -> Sequence[tuple[str, ...]]:
        try:
            return [entry.key for entry in self.workspace.select(selection)]
        except DefinitionError:  # `cellmill check` names it
            return ()

    def _selected(self, selection: str) -> tuple[str, ...]:
        chosen = self.workspace.select(selection)
        return tuple(entry.asset_key.to_escaped_user_string() for entry in chosen if entry.materializable)

    # -- users' functions --------------------------------------------------------------------------------------

    def evaluate(self, questions: Sequence[Question]) -> Iterator[Answer | Exception]:
        """Return what functions of one location answer, in order, each as soon as its host has it.

        What went wrong with one is its answer; where it took the host with it, the others are asked of a new one.
        """
        asked: list[dict[str, Any]] = []
        for question in questions:
            if isinstance(question.spec, SensorSpec) and question.spec.observes:
                yield from self._answers(question.spec.location, asked)
                yield question.spec.plain_answer()
                asked = []
                continue
            try:
                asked.append(self._request(question))
            except LookupError as error:  # it went with the last change of the workspace
                yield from self._answers(questions[0].spec.location, asked)
                yield error
                asked = []
        yield from self._answers(questions[0].spec.location, asked)

    def _answers(self, name: str, requests: Sequence[dict[str, Any]]) -> Iterator[Answer | Exception]:
        if not requests:
            return
        location = self.workspace.locations[name]
        assert isinstance(location, Hosted)
        for answer in location.host.call_many(_EVALUATE, requests, timeout_s=self._timeout_s):
            yield answer if isinstance(answer, Exception) else Answer.from_json(answer)

    def ask_host(self, name: str, function: str, payload: Mapping[str, Any]) -> Any:
        """Return what a function answers in the host of a location, which is told where it and the instance are.

        Raises: HostError where the host, or the user's code in it, fails.
        """
        location = self.workspace.locations[name]
        assert isinstance(location, Hosted)
        places = {"location": location_request(location.config), "home": str(self.workspace.home)}
        return location.host.call(function, {**places, **payload}, timeout_s=self._timeout_s)

    def _request(self, question: Question) -> dict[str, Any]:
        """Return a question as plain data. Raises: LookupError where what is asked is not declared any more."""
        spec, manifest = question.spec, self.workspace.manifest
        entries: Sequence[ScheduleEntry | SensorEntry] = (
            manifest.schedules if isinstance(spec, ScheduleSpec) else manifest.sensors
        )
        entry = next((one for one in entries if (one.location, one.name) == (spec.location, spec.name)), None)
        location = self.workspace.locations.get(spec.location)
        if entry is None or location is None:
            raise LookupError(f"The {question.who} is not declared any more")
        return {
            "location": location_request(location.config),
            "root": str(self.workspace.config.root),
            "home": str(self.workspace.home),
            "notebook": entry.notebook,
            "name": entry.name,
            "selection": list(self._selected(entry.selection)) if entry.selection else None,
            "at": question.at,
            "payload": dict(question.payload),
        }


def _catch_up(data: Mapping[str, Any] | None) -> CatchUp:
    if data is None:
        return CatchUp()
    return CatchUp(kind=CatchUpKind(data["kind"]), limit=data["limit"], window_s=data["window_s"])
