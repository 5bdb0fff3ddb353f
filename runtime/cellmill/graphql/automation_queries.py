"""What can be asked of schedules and sensors."""

from __future__ import annotations

from typing import Annotated

import strawberry

from cellmill.graphql.assets import Info
from cellmill.graphql.automation import (
    InstigationState,
    InstigationStateOrError,
    InstigationStates,
    InstigationStatesOrError,
    InstigationStatus,
    InstigationType,
    Schedule,
    ScheduleOrError,
    Schedules,
    SchedulesOrError,
    Sensor,
    SensorOrError,
    Sensors,
    SensorsOrError,
    is_on,
    no_such_schedule,
    no_such_sensor,
    no_such_state,
    origin_of,
    state_of,
)
from cellmill.graphql.documented import arg, documented
from cellmill.graphql.instigators import InstigationSelector, ScheduleSelector, SensorSelector
from cellmill.graphql.repository import RepositorySelector

SelectorArg = Annotated[RepositorySelector, arg("The repository.")]


@strawberry.type
class AutomationQueries:
    """What can be asked of schedules and sensors."""

    @documented
    def schedules_or_error(
        self,
        info: Info,
        repository_selector: SelectorArg,
        schedule_status: Annotated[InstigationStatus | None, arg("Only those on, or off.")] = None,
    ) -> SchedulesOrError:
        """The schedules of a repository."""
        found = [
            s for s in info.context.manifest.schedules if s.location == repository_selector.repository_location_name
        ]
        if schedule_status is not None:
            on = schedule_status is InstigationStatus.RUNNING
            found = [entry for entry in found if is_on(info.context, origin_of(entry), entry) is on]
        return Schedules(results=[Schedule(entry=entry) for entry in found])

    @documented
    def schedule_or_error(
        self, info: Info, schedule_selector: Annotated[ScheduleSelector, arg("The schedule.")]
    ) -> ScheduleOrError:
        """One schedule."""
        entry = info.context.schedule(schedule_selector.schedule_name, schedule_selector.repository_location_name)
        return Schedule(entry=entry) if entry is not None else no_such_schedule(schedule_selector.schedule_name)

    @documented
    def sensors_or_error(
        self,
        info: Info,
        repository_selector: SelectorArg,
        sensor_status: Annotated[InstigationStatus | None, arg("Only those on, or off.")] = None,
    ) -> SensorsOrError:
        """The sensors of a repository."""
        found = [s for s in info.context.manifest.sensors if s.location == repository_selector.repository_location_name]
        if sensor_status is not None:
            on = sensor_status is InstigationStatus.RUNNING
            found = [entry for entry in found if is_on(info.context, origin_of(entry), entry) is on]
        return Sensors(results=[Sensor(entry=entry) for entry in found])

    @documented
    def sensor_or_error(
        self, info: Info, sensor_selector: Annotated[SensorSelector, arg("The sensor.")]
    ) -> SensorOrError:
        """One sensor."""
        entry = info.context.sensor(sensor_selector.sensor_name, sensor_selector.repository_location_name)
        return Sensor(entry=entry) if entry is not None else no_such_sensor(sensor_selector.sensor_name)

    @documented
    def instigation_state_or_error(
        self,
        info: Info,
        instigation_selector: Annotated[InstigationSelector, arg("The schedule or sensor.")],
        id: Annotated[str | None, arg("The state's id, which counts instead of the name.")] = None,
    ) -> InstigationStateOrError:
        """The switch and the memory of a schedule or sensor."""
        if id is not None:
            return state_of(info.context, id) or no_such_state(id)
        name, where = instigation_selector.name, instigation_selector.repository_location_name
        schedule, sensor = info.context.schedule(name, where), info.context.sensor(name, where)
        if schedule is not None:
            return InstigationState(origin=origin_of(schedule), item=schedule, kind=InstigationType.SCHEDULE)
        if sensor is not None:
            return InstigationState(origin=origin_of(sensor), item=sensor, kind=InstigationType.SENSOR)
        return no_such_state(name)

    @documented
    def instigation_states_or_error(
        self,
        info: Info,
        repository_id: Annotated[str, strawberry.argument(name="repositoryID", description="The repository's id.")],
    ) -> InstigationStatesOrError:
        """The switches of the schedules and sensors of a repository."""
        location = repository_id.partition(".")[0]
        manifest = info.context.manifest
        schedules = [
            InstigationState(origin=origin_of(one), item=one, kind=InstigationType.SCHEDULE)
            for one in manifest.schedules
            if one.location == location
        ]
        sensors = [
            InstigationState(origin=origin_of(one), item=one, kind=InstigationType.SENSOR)
            for one in manifest.sensors
            if one.location == location
        ]
        return InstigationStates(results=[*schedules, *sensors])
