"""Schedules and sensors as plain data, and what their evaluation answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.cron import parse_cron, union_ticks
from cellmill.definitions.local_time import load_zone
from cellmill.definitions.tick_policy import CatchUp, OverlapPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAsk:
    """One run that an evaluation asks for."""

    job_name: str | None = None
    run_key: str | None = None
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    asset_selection: Sequence[str] | None = None
    #: Pairs of asset and name of the checks to run; None means all of the selected assets.
    check_selection: Sequence[tuple[str, str]] | None = None
    #: Whether only those of the assets are made that are stale or missing when the run is recorded.
    stale_assets_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an evaluation asks for; crosses process boundaries as JSON."""

    runs: tuple[RunAsk, ...] = ()
    skip_reason: str | None = None
    cursor: str | None = None
    #: (name, keys to add, keys to remove)
    dynamic_partitions: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()
    #: What happened to assets outside of runs: events in the form in which an instance stores them.
    asset_events: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The answer as plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Answer:
        """The answer of `to_json`."""
        changes = tuple((name, tuple(add), tuple(remove)) for name, add, remove in data.get("dynamic_partitions", ()))
        return Answer(
            runs=tuple(RunAsk(**run) for run in data.get("runs", ())),
            skip_reason=data.get("skip_reason"),
            cursor=data.get("cursor"),
            dynamic_partitions=changes,
            asset_events=tuple(data.get("asset_events", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec:
    """A schedule as the daemon needs it."""

    name: str
    crons: tuple[str, ...]
    timezone: str = "UTC"
    job_name: str = ""
    location: str = ""
    running_by_default: bool = False
    #: Whether a user's function decides each tick.
    evaluated: bool = False
    run_config: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    asset_selection: tuple[str, ...] | None = None
    catch_up: CatchUp = field(default_factory=CatchUp)
    overlap: OverlapPolicy = OverlapPolicy.SKIP

    @property
    def id(self) -> str:
        """The stable name under which state is kept."""
        return f"{self.location}:schedule:{self.name}"

    def plain_answer(self) -> Answer:
        """What each tick asks for where no user's function decides."""
        ask = RunAsk(
            job_name=self.job_name, run_config=self.run_config, tags=self.tags, asset_selection=self.asset_selection
        )
        return Answer(runs=(ask,))

    @property
    def definition_hash(self) -> str:
        """Changes with what decides when it is due: a change starts its cursor anew."""
        return hashlib.sha256(json.dumps([self.crons, self.timezone]).encode()).hexdigest()[:16]

    def ticks_after(self, epoch_s: float) -> Iterator[int]:
        """The instants after `epoch_s` at which it is due."""
        return union_ticks([parse_cron(text) for text in self.crons], epoch_s, load_zone(self.timezone))


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorSpec:
    """A sensor as the daemon needs it."""

    name: str
    jobs: tuple[str, ...] = ()
    location: str = ""
    minimum_interval_s: float = 30.0
    running_by_default: bool = False
    #: The assets whose data it has looked at each time, by keys as text; nobody's function is asked then.
    observes: tuple[str, ...] = ()
    #: The assets whose automation conditions it evaluates; None where it is a function of the user.
    automates: frozenset[AssetKey] | None = None
    #: Of such a sensor: the tags of its runs, and the condition of assets that have none.
    run_tags: Mapping[str, str] = field(default_factory=dict)
    default_condition: str | None = None
    #: Whether several partitions of an asset are asked for as one backfill.
    emits_backfills: bool = False
    #: Whether the conditions are evaluated where the user's code is.
    user_code: bool = False

    @property
    def id(self) -> str:
        """The stable name under which state is kept."""
        return f"{self.location}:sensor:{self.name}"

    def plain_answer(self) -> Answer:
        """What each evaluation asks for where no user's function decides: a run that observes."""
        return Answer(runs=(RunAsk(job_name=self.jobs[0], asset_selection=self.observes),))


def observing_sensors(
    intervals: Mapping[str, float], observing_job: str, location: str, names: Iterable[str] = ()
) -> Iterator[SensorSpec]:
    """Yield a sensor for each interval, in minutes by asset, at which assets of a location are to be observed.

    It is on by itself, and has a name that none of the location's own sensors (`names`) has.
    """
    taken = set(names)
    by_interval: dict[float, list[str]] = {}
    for asset, minutes in intervals.items():
        by_interval.setdefault(minutes, []).append(asset)
    for minutes, assets in sorted(by_interval.items()):
        name = f"observe_every_{minutes:g}_minutes".replace(".", "_")
        while name in taken:
            name += "_"
        yield SensorSpec(
            name=name,
            jobs=(observing_job,),
            location=location,
            minimum_interval_s=minutes * 60,
            running_by_default=True,
            observes=tuple(sorted(assets)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionGroup:
    """Assets whose automation conditions are evaluated together, with a cursor and a switch of their own."""

    id: str
    name: str = "conditions"
    kind: str = "automation"
    location: str = ""
    running_by_default: bool = True
    #: None for the loop's own.
    minimum_interval_s: float | None = None
    #: None for all assets but those `without`.
    assets: frozenset[AssetKey] | None = None
    without: frozenset[AssetKey] = frozenset()
    run_tags: Mapping[str, str] = field(default_factory=dict)
    default_condition: str | None = None
    #: Whether several partitions of an asset are asked for as one backfill, not as a run of each.
    emits_backfills: bool = False
    #: Whether the conditions are evaluated where the user's code is.
    user_code: bool = False

    def __contains__(self, key: AssetKey) -> bool:
        return key not in self.without if self.assets is None else key in self.assets


def condition_groups(sensors: Iterable[SensorSpec], locations: Iterable[str]) -> Iterator[ConditionGroup]:
    """Yield the groups of `sensors` and, for each of `locations`, that of the assets that no sensor has.

    An asset that several sensors select belongs to the first of them.
    """
    taken: frozenset[AssetKey] = frozenset()
    for spec in sensors:
        if spec.automates is not None:
            yield ConditionGroup(
                id=spec.id,
                name=spec.name,
                kind="sensor",
                location=spec.location,
                running_by_default=spec.running_by_default,
                minimum_interval_s=spec.minimum_interval_s,
                assets=spec.automates - taken,
                run_tags=spec.run_tags,
                default_condition=spec.default_condition,
                emits_backfills=spec.emits_backfills,
                user_code=spec.user_code,
            )
            taken |= spec.automates
    for location in locations:
        yield ConditionGroup(id=f"{location}:automation:conditions", location=location, without=taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a user's function is asked."""

    spec: ScheduleSpec | SensorSpec
    #: Of a schedule: the tick's instant, in whole seconds since the epoch.
    at: int | None = None
    #: Of a sensor: cursor, last_run_key, last_tick_completion_time, started_at.
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def who(self) -> str:
        """Whose function it is, for messages."""
        return f"{'schedule' if isinstance(self.spec, ScheduleSpec) else 'sensor'} {self.spec.name!r}"
