"""A workspace's schedules and sensors as the daemon takes them; users' functions run in their location's host."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cellmill.definitions.tick_policy import CatchUp, CatchUpKind, OverlapPolicy
from cellmill.planning.instigator import Answer, RunAsk, ScheduleSpec, SensorSpec
from cellmill.workspace.host import EVALUATION_TIMEOUT_S
from cellmill.workspace.location import Hosted, location_request
from cellmill.workspace.manifest import Manifest, ScheduleEntry, SensorEntry
from cellmill.workspace.workspace import Workspace

#: Job of a run that makes a selection of assets.
ASSET_JOB = "__ASSET_JOB"
_EVALUATE = "cellmill.workspace.evaluate:"
#: Seconds between two looks at whether the workspace's files changed.
REFRESH_S = 1.0


class WorkspaceSource:
    """What the workspace declares, read again when its files change."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        refresh_s: float = REFRESH_S,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float | None = None,
    ) -> None:
        self.workspace = workspace
        self._refresh_s = refresh_s
        self._clock = clock
        self._read_at = clock()
        host = workspace.config.settings.get("host")
        settings: Mapping[str, Any] = host if isinstance(host, dict) else {}
        self._timeout_s = timeout_s or float(settings.get("evaluation_timeout_s", EVALUATION_TIMEOUT_S))

    def manifest(self) -> Manifest:
        """Return what the workspace offers now."""
        if self._clock() - self._read_at >= self._refresh_s:
            self.workspace.refresh()
            self._read_at = self._clock()
        return self.workspace.manifest

    def schedules(self) -> Sequence[ScheduleSpec]:
        """Return all schedules; one that cannot be understood is left out (`cellmill check` names it)."""
        return [spec for entry in self.manifest().schedules if (spec := self._schedule(entry)) is not None]

    def sensors(self) -> Sequence[SensorSpec]:
        """Return all sensors."""
        return [sensor_spec(entry) for entry in self.manifest().sensors]

    def has_job(self, location: str, job_name: str) -> bool:
        """Return whether the job (still) exists."""
        if job_name.startswith("__"):
            return True
        return any(job.name == job_name and location in ("", job.location) for job in self.workspace.manifest.jobs)

    def _schedule(self, entry: ScheduleEntry) -> ScheduleSpec | None:
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

    def _selected(self, selection: str) -> tuple[str, ...]:
        chosen = self.workspace.select(selection)
        return tuple(entry.asset_key.to_escaped_user_string() for entry in chosen if entry.materializable)

    # -- users' functions --------------------------------------------------------------------------------------

    def evaluate_schedule(self, spec: ScheduleSpec, at_epoch_s: int) -> Answer:
        """Return what a schedule answers for a tick; raises whatever went wrong."""
        if not spec.evaluated:
            selection = list(spec.asset_selection) if spec.asset_selection is not None else None
            ask = RunAsk(
                job_name=spec.job_name, run_config=spec.run_config, tags=dict(spec.tags), asset_selection=selection
            )
            return Answer(runs=(ask,))
        entry = next(e for e in self.workspace.manifest.schedules if (e.location, e.name) == (spec.location, spec.name))
        return self._ask("schedule", entry, {"at": at_epoch_s})

    def evaluate_sensor(self, spec: SensorSpec, payload: dict[str, Any]) -> Answer:
        """Return what a sensor's function answers."""
        entry = next(e for e in self.workspace.manifest.sensors if (e.location, e.name) == (spec.location, spec.name))
        return self._ask("sensor", entry, {"payload": payload})

    def _ask(self, kind: str, entry: ScheduleEntry | SensorEntry, question: dict[str, Any]) -> Answer:
        location = self.workspace.locations[entry.location]
        assert isinstance(location, Hosted)
        request = {
            "location": location_request(location.config),
            "root": str(self.workspace.config.root),
            "home": str(self.workspace.home),
            "notebook": entry.notebook,
            "name": entry.name,
            "selection": list(self._selected(entry.selection)) if entry.selection else None,
            **question,
        }
        answer = location.host.call(_EVALUATE + f"evaluate_{kind}", request, timeout_s=self._timeout_s)
        return Answer.from_json(answer)


def _catch_up(data: Mapping[str, Any] | None) -> CatchUp:
    if data is None:
        return CatchUp()
    return CatchUp(kind=CatchUpKind(data["kind"]), limit=data["limit"], window_s=data["window_s"])


def sensor_spec(entry: SensorEntry) -> SensorSpec:
    """Return a sensor as the daemon needs it."""
    return SensorSpec(
        name=entry.name,
        jobs=entry.jobs,
        location=entry.location,
        minimum_interval_s=entry.minimum_interval_s,
        running_by_default=entry.running_by_default,
    )
