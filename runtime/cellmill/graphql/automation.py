"""Schedules and sensors: their definitions, their switches, their ticks."""

from __future__ import annotations

import time
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from cellmill.definitions.cron import parse_cron, union_ticks
from cellmill.definitions.local_time import load_zone
from cellmill.graphql.assets import Info
from cellmill.graphql.conditions import ConditionEvaluation, condition_evaluations
from cellmill.graphql.context import REPOSITORY
from cellmill.graphql.documented import CursorArg, LimitArg, arg, documented, instant, page_size, said
from cellmill.graphql.pins import PinnedVersion, pinned_version
from cellmill.graphql.problems import PythonError, ScheduleNotFoundError, SensorNotFoundError, UnauthorizedError
from cellmill.instance.automation import InstigatorState, Tick
from cellmill.planning.instigator import ConditionGroup, condition_groups
from cellmill.workspace.manifest import ScheduleEntry, SensorEntry

if TYPE_CHECKING:
    from cellmill.graphql.context import Context


@strawberry.enum(description="Whether a schedule or sensor is on.")
class InstigationStatus(Enum):
    """Whether a schedule or sensor is on."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


@strawberry.enum(description="What kind of automation it is.")
class InstigationType(Enum):
    """What kind of automation it is."""

    SCHEDULE = "SCHEDULE"
    SENSOR = "SENSOR"
    AUTO_MATERIALIZE = "AUTO_MATERIALIZE"


@strawberry.enum(description="How a tick ended.")
class InstigationTickStatus(Enum):
    """How a tick ended."""

    STARTED = "STARTED"
    SKIPPED = "SKIPPED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


_TICK_WORDS = {"REQUESTED": "SUCCESS", "FAILED": "FAILURE", "MISSED": "SKIPPED"}


@strawberry.type(description="One evaluation of a schedule or sensor.")
class InstigationTick:
    """One evaluation of a schedule or sensor."""

    tick: strawberry.Private[Tick]

    @documented
    def id(self) -> strawberry.ID:
        """The tick's id."""
        return strawberry.ID(str(self.tick.id))

    @documented
    def tick_id(self) -> strawberry.ID:
        """The tick's id (the older name)."""
        return strawberry.ID(str(self.tick.id))

    @documented
    def status(self) -> InstigationTickStatus:
        """How it ended."""
        word = self.tick.status.upper()
        return InstigationTickStatus(_TICK_WORDS.get(word, word))

    @documented
    def timestamp(self) -> float:
        """The instant it was for, in seconds since the epoch."""
        return float(self.tick.at)

    @documented
    def end_timestamp(self) -> float | None:
        """When it was done, in seconds since the epoch."""
        return self.tick.ended_at

    @documented
    def run_ids(self) -> list[str]:
        """The runs it asked for."""
        return [str(run_id) for run_id in self.tick.body.get("run_ids") or ()]

    @documented
    def run_keys(self) -> list[str]:
        """The keys of the runs it asked for."""
        return [str(key) for key in self.tick.body.get("run_keys") or ()]

    @documented
    def skip_reason(self) -> str | None:
        """Why it asked for none."""
        return self.tick.body.get("reason")

    @documented
    def cursor(self) -> str | None:
        """The cursor it left."""
        return self.tick.body.get("cursor")

    @documented
    def condition_evaluations(self) -> list[ConditionEvaluation]:
        """How the conditions of assets were evaluated, those that asked for something first."""
        return condition_evaluations(self.tick.body)

    @documented
    def error(self) -> PythonError | None:
        """What it failed with."""
        error = self.tick.body.get("error")
        if error is None:
            return None
        if isinstance(error, dict):
            return PythonError.told(
                str(error.get("message", "")), error.get("class_name"), list(error.get("stack") or ())
            )
        return PythonError.told(str(error))


@strawberry.type(description="The switch and the memory of a schedule or sensor.")
class InstigationState:
    """The switch and the memory of a schedule or sensor."""

    origin: strawberry.Private[str]
    item: strawberry.Private[Any]
    kind: strawberry.Private[InstigationType]

    @documented
    def id(self) -> strawberry.ID:
        """An id that is unique among schedules and sensors."""
        return strawberry.ID(self.origin)

    @documented
    def selector_id(self) -> str:
        """An id that is unique among schedules and sensors."""
        return self.origin

    @documented
    def name(self) -> str:
        """The name of the schedule or sensor."""
        return str(self.item.name)

    @documented
    def instigation_type(self) -> InstigationType:
        """What kind of automation it is."""
        return self.kind

    @documented
    def repository_name(self) -> str:
        """The repository it is in."""
        return REPOSITORY

    @documented
    def repository_location_name(self) -> str:
        """The code location it is in."""
        return str(self.item.location)

    @documented
    def status(self, info: Info) -> InstigationStatus:
        """Whether it is on."""
        return InstigationStatus.RUNNING if is_on(info.context, self.origin, self.item) else InstigationStatus.STOPPED

    @documented
    def ticks(
        self,
        info: Info,
        limit: LimitArg = None,
        cursor: CursorArg = None,
        before_timestamp: Annotated[float | None, arg("Only before, in seconds since the epoch.")] = None,
        after_timestamp: Annotated[float | None, arg("Only after, in seconds since the epoch.")] = None,
    ) -> list[InstigationTick]:
        """Its ticks, newest first."""
        before = int(cursor) if cursor else int(before_timestamp) if before_timestamp else None
        after = int(after_timestamp) if after_timestamp else None
        found = info.context.ticks_of(self.origin, before=before, after=after, limit=page_size(limit))
        return [InstigationTick(tick=tick) for tick in found]

    @documented
    def running_count(self, info: Info) -> int:
        """1 where it is on."""
        return int(is_on(info.context, self.origin, self.item))


@strawberry.type(description="An instant at which a schedule will fire.")
class DryRunInstigationTick:
    """An instant at which a schedule will fire."""

    timestamp: float | None = said("Seconds since the epoch.")


@strawberry.type(description="The next instants of a schedule.")
class DryRunInstigationTicks:
    """The next instants of a schedule."""

    results: list[DryRunInstigationTick] = said("The instants, in order.")
    cursor: float = said("The instant up to which they were looked for, in seconds since the epoch.")


@strawberry.type(description="A schedule.")
class Schedule:
    """A schedule."""

    entry: strawberry.Private[ScheduleEntry]

    @documented
    def id(self) -> strawberry.ID:
        """An id that is unique among schedules."""
        return strawberry.ID(origin_of(self.entry))

    @documented
    def name(self) -> str:
        """The schedule's name."""
        return self.entry.name

    @documented
    def cron_schedule(self) -> str:
        """When it fires, as cron writes it."""
        return " | ".join(self.entry.cron)

    @documented
    def execution_timezone(self) -> str | None:
        """The time zone in which it is read."""
        return self.entry.timezone

    @documented
    def pipeline_name(self) -> str:
        """The job it runs, or the assets it makes."""
        return self.entry.job or self.entry.selection or ""

    @documented
    def mode(self) -> str:
        """The mode; there is only one."""
        return "default"

    @documented
    def solid_selection(self) -> list[str] | None:
        """The selected ops."""
        return None

    @documented
    def description(self) -> str | None:
        """What it is for."""
        return self.entry.description

    @documented
    def default_status(self) -> InstigationStatus:
        """Whether its code turns it on."""
        return InstigationStatus.RUNNING if self.entry.running_by_default else InstigationStatus.STOPPED

    @documented
    def schedule_state(self) -> InstigationState:
        """Its switch and its memory."""
        return InstigationState(origin=origin_of(self.entry), item=self.entry, kind=InstigationType.SCHEDULE)

    @documented
    def pinned_version(self, info: Info) -> PinnedVersion | None:
        """The version of its notebook that it runs; nothing where it runs the notebook as it is at each launch."""
        return pinned_version(info.context, self.entry)

    @documented
    def future_ticks(
        self,
        limit: LimitArg = None,
        cursor: Annotated[float | None, arg("Look from here, in seconds since the epoch.")] = None,
    ) -> DryRunInstigationTicks:
        """Its next instants."""
        instants = next_instants(self.entry, instant(cursor or time.time()), page_size(limit or 10))
        results = [DryRunInstigationTick(timestamp=instant) for instant in instants]
        return DryRunInstigationTicks(results=results, cursor=instants[-1] if instants else cursor or time.time())


@strawberry.type(description="A job that a sensor can start.")
class Target:
    """A job that a sensor can start."""

    pipeline_name: str = said("The job's name.")
    mode: str = said("The mode; there is only one.", "default")
    solid_selection: list[str] | None = said("The selected ops.", None)


@strawberry.type(description="A sensor.")
class Sensor:
    """A sensor."""

    entry: strawberry.Private[SensorEntry]

    @documented
    def id(self) -> strawberry.ID:
        """An id that is unique among sensors."""
        return strawberry.ID(origin_of(self.entry))

    @documented
    def name(self) -> str:
        """The sensor's name."""
        return self.entry.name

    @documented
    def sensor_type(self) -> str:
        """What it looks at."""
        return self.entry.kind

    @documented
    def targets(self) -> list[Target]:
        """The jobs it can start."""
        return [Target(pipeline_name=name) for name in self.entry.jobs]

    @documented
    def min_interval_seconds(self) -> int:
        """Seconds between two looks, at least."""
        return int(self.entry.minimum_interval_s)

    @documented
    def description(self) -> str | None:
        """What it is for."""
        return self.entry.description

    @documented
    def default_status(self) -> InstigationStatus:
        """Whether its code turns it on."""
        return InstigationStatus.RUNNING if self.entry.running_by_default else InstigationStatus.STOPPED

    @documented
    def job_origin_id(self) -> str:
        """An id that is unique among sensors (the older name)."""
        return origin_of(self.entry)

    @documented
    def sensor_state(self) -> InstigationState:
        """Its switch and its memory."""
        return InstigationState(origin=origin_of(self.entry), item=self.entry, kind=InstigationType.SENSOR)


@strawberry.type(description="A list of schedules.")
class Schedules:
    """A list of schedules."""

    results: list[Schedule] = said("The schedules.")


@strawberry.type(description="A list of sensors.")
class Sensors:
    """A list of sensors."""

    results: list[Sensor] = said("The sensors.")


@strawberry.type(description="The switches of schedules and sensors.")
class InstigationStates:
    """The switches of schedules and sensors."""

    results: list[InstigationState] = said("The states.")


@strawberry.type(description="A schedule's switch was moved.")
class ScheduleStateResult:
    """A schedule's switch was moved."""

    schedule_state: InstigationState = said("The state now.")


@strawberry.type(description="A sensor was turned off.")
class StopSensorMutationResult:
    """A sensor was turned off."""

    instigation_state: InstigationState | None = said("The state now.")


@strawberry.type(description="No state is known under this id.")
class InstigationStateNotFoundError:
    """No state is known under this id."""

    name: str = said("What was asked for.")
    message: str = said("What went wrong and what to do.")


ScheduleOrError = Annotated[
    Schedule | ScheduleNotFoundError | PythonError, strawberry.union("ScheduleOrError", description="A schedule.")
]
SchedulesOrError = Annotated[Schedules | PythonError, strawberry.union("SchedulesOrError", description="Schedules.")]
SensorOrError = Annotated[
    Sensor | SensorNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("SensorOrError", description="A sensor."),
]
SensorsOrError = Annotated[Sensors | PythonError, strawberry.union("SensorsOrError", description="Sensors.")]
InstigationStateOrError = Annotated[
    InstigationState | InstigationStateNotFoundError | PythonError,
    strawberry.union("InstigationStateOrError", description="The switch of a schedule or sensor."),
]
InstigationStatesOrError = Annotated[
    InstigationStates | PythonError,
    strawberry.union("InstigationStatesOrError", description="The switches of schedules and sensors."),
]
ScheduleMutationResult = Annotated[
    ScheduleStateResult | ScheduleNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("ScheduleMutationResult", description="The outcome of moving a schedule's switch."),
]
StopSensorMutationResultOrError = Annotated[
    StopSensorMutationResult | SensorNotFoundError | UnauthorizedError | PythonError,
    strawberry.union("StopSensorMutationResultOrError", description="The outcome of turning a sensor off."),
]


def origin_of(entry: ScheduleEntry | SensorEntry) -> str:
    """The id under which the instance remembers a schedule or sensor."""
    kind = "schedule" if isinstance(entry, ScheduleEntry) else "sensor"
    return f"{entry.location}:{kind}:{entry.name}"


def is_on(context: Context, origin: str, entry: Any) -> bool:
    """Whether a schedule or sensor is on: as it was switched, else as its code says."""
    state = context.instigators.get(origin)
    if state is None or state.status not in ("RUNNING", "STOPPED"):
        return bool(entry.running_by_default)
    return state.status == "RUNNING"


def switch(context: Context, kind: InstigationType, entry: Any, on: bool) -> InstigationState:
    """Turn a schedule or sensor on or off, and return its state."""
    origin, status = origin_of(entry), "RUNNING" if on else "STOPPED"
    context.instance.automation.switch(
        InstigatorState(id=origin, kind=kind.value.lower(), name=entry.name, location=entry.location, status=status)
    )
    context.__dict__.pop("instigators", None)
    return InstigationState(origin=origin, item=entry, kind=kind)


def conditions_state(context: Context) -> InstigationState | None:
    """Switch and ticks of the conditions of the assets that no sensor has; None where no asset has a condition."""
    if not any(entry.automation for entry in context.assets.values()):
        return None
    # Assets of all locations see each other, so the group belongs to none.
    (group,) = condition_groups((), [""])
    return InstigationState(origin=group.id, item=group, kind=InstigationType.AUTO_MATERIALIZE)


def state_of(context: Context, origin: str) -> InstigationState | None:
    """The state of this id, of a schedule, a sensor or the conditions."""
    entries: list[tuple[Any, InstigationType]] = [
        *((one, InstigationType.SCHEDULE) for one in context.manifest.schedules),
        *((one, InstigationType.SENSOR) for one in context.manifest.sensors),
    ]
    for entry, kind in entries:
        if origin_of(entry) == origin:
            return InstigationState(origin=origin, item=entry, kind=kind)
    found = conditions_state(context)
    return found if found is not None and found.origin == origin else None


def no_such_state(name: str) -> InstigationStateNotFoundError:
    """The answer where no schedule or sensor has this name or id."""
    return InstigationStateNotFoundError(name=name, message=f"No schedule or sensor is named {name}.")


def switch_conditions(context: Context, on: bool) -> InstigationState | None:
    """Turn the conditions on or off, and return their state."""
    found = conditions_state(context)
    if found is not None:
        group: ConditionGroup = found.item
        status = "RUNNING" if on else "STOPPED"
        context.instance.automation.switch(
            InstigatorState(id=group.id, kind=group.kind, name=group.name, location=group.location, status=status)
        )
        context.__dict__.pop("instigators", None)
    return found


def set_cursor(context: Context, kind: InstigationType, entry: Any, cursor: str | None) -> None:
    """Set where a sensor goes on; the rest of what is remembered of it stays."""
    if not context.instance.automation.set_cursor(origin_of(entry), cursor):
        switch(context, kind, entry, bool(entry.running_by_default))
        context.instance.automation.set_cursor(origin_of(entry), cursor)
    context.__dict__.pop("instigators", None)


def next_instants(entry: ScheduleEntry, after: float, count: int) -> list[float]:
    """The next instants at which a schedule fires, in seconds since the epoch."""
    crons = [parse_cron(text) for text in entry.cron]
    return [float(at) for at in islice(union_ticks(crons, after, load_zone(entry.timezone or "UTC")), count)]


def no_such_schedule(name: str) -> ScheduleNotFoundError:
    """The answer where no schedule has this name."""
    return ScheduleNotFoundError(message=f"No schedule is named {name}.", schedule_name=name)


def no_such_sensor(name: str) -> SensorNotFoundError:
    """The answer where no sensor has this name."""
    return SensorNotFoundError(message=f"No sensor is named {name}.", sensor_name=name)
