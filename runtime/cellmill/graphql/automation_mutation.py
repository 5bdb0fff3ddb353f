"""What can be changed of schedules, sensors, conditions, pools and the daemon."""

from __future__ import annotations

from typing import Annotated

import strawberry

from cellmill.errors import CellmillError
from cellmill.graphql import deployment
from cellmill.graphql.assets import Info
from cellmill.graphql.automation import (
    InstigationState,
    InstigationType,
    ScheduleMutationResult,
    ScheduleStateResult,
    Sensor,
    SensorOrError,
    StopSensorMutationResult,
    StopSensorMutationResultOrError,
    no_such_schedule,
    no_such_sensor,
    origin_of,
    set_cursor,
    switch,
    switch_conditions,
)
from cellmill.graphql.deployment import DaemonMutationResult
from cellmill.graphql.documented import arg, documented
from cellmill.graphql.dry_runs import ScheduleDryRunResult, SensorDryRunResult, dry_run_schedule, dry_run_sensor
from cellmill.graphql.instigators import ScheduleSelector, SensorSelector
from cellmill.graphql.pins import set_pin
from cellmill.graphql.problems import PythonError

#: Slots that a pool may have.
MAX_SLOTS = 1000


@strawberry.type(description="What can be changed of what runs by itself.")
class AutomationMutations:
    """What can be changed of what runs by itself."""

    # -- schedules and sensors -----------------------------------------------------------------------------------

    @documented
    def start_schedule(
        self, info: Info, schedule_selector: Annotated[ScheduleSelector, arg("The schedule.")]
    ) -> ScheduleMutationResult:
        """Turns a schedule on."""
        entry = info.context.schedule(schedule_selector.schedule_name, schedule_selector.repository_location_name)
        if entry is None:
            return no_such_schedule(schedule_selector.schedule_name)
        return ScheduleStateResult(schedule_state=switch(info.context, InstigationType.SCHEDULE, entry, True))

    @documented
    def reset_schedule(
        self, info: Info, schedule_selector: Annotated[ScheduleSelector, arg("The schedule.")]
    ) -> ScheduleMutationResult:
        """Turns a schedule on or off, as its code says."""
        entry = info.context.schedule(schedule_selector.schedule_name, schedule_selector.repository_location_name)
        if entry is None:
            return no_such_schedule(schedule_selector.schedule_name)
        state = switch(info.context, InstigationType.SCHEDULE, entry, entry.running_by_default)
        return ScheduleStateResult(schedule_state=state)

    @documented
    def reset_sensor(self, info: Info, sensor_selector: Annotated[SensorSelector, arg("The sensor.")]) -> SensorOrError:
        """Turns a sensor on or off, as its code says."""
        entry = info.context.sensor(sensor_selector.sensor_name, sensor_selector.repository_location_name)
        if entry is None:
            return no_such_sensor(sensor_selector.sensor_name)
        switch(info.context, InstigationType.SENSOR, entry, entry.running_by_default)
        return Sensor(entry=entry)

    @documented
    def free_concurrency_slots(
        self,
        info: Info,
        run_id: Annotated[str, arg("The run that holds them.")],
        step_key: Annotated[str | None, arg("Only those of this step.")] = None,
    ) -> bool:
        """Frees the slots of pools that a run holds, whatever has become of it."""
        info.context.instance.leases.free_slots(run_id, step_key)
        return True

    @documented
    def pin_schedule(
        self,
        info: Info,
        schedule_selector: Annotated[ScheduleSelector, arg("The schedule.")],
        pinned: Annotated[bool, arg("Whether it is pinned; false lets it run what is saved at each launch.")] = True,
    ) -> ScheduleMutationResult:
        """Pins a schedule to its notebook as it is now; one that is pinned already is promoted to it."""
        entry = info.context.schedule(schedule_selector.schedule_name, schedule_selector.repository_location_name)
        if entry is None:
            return no_such_schedule(schedule_selector.schedule_name)
        try:
            set_pin(info.context, entry, pinned=pinned)
        except CellmillError as error:
            return PythonError.of(error)
        state = InstigationState(origin=origin_of(entry), item=entry, kind=InstigationType.SCHEDULE)
        return ScheduleStateResult(schedule_state=state)

    @documented
    def stop_running_schedule(
        self,
        info: Info,
        id: Annotated[str | None, arg("The id of the schedule's state.")] = None,
        schedule_origin_id: Annotated[str | None, arg("The same (the older name).")] = None,
        schedule_selector_id: Annotated[str | None, arg("The same (the older name).")] = None,
    ) -> ScheduleMutationResult:
        """Turns a schedule off."""
        wanted = id or schedule_origin_id or schedule_selector_id or ""
        for entry in info.context.manifest.schedules:
            if origin_of(entry) == wanted:
                return ScheduleStateResult(schedule_state=switch(info.context, InstigationType.SCHEDULE, entry, False))
        return no_such_schedule(wanted)

    @documented
    def start_sensor(self, info: Info, sensor_selector: Annotated[SensorSelector, arg("The sensor.")]) -> SensorOrError:
        """Turns a sensor on."""
        entry = info.context.sensor(sensor_selector.sensor_name, sensor_selector.repository_location_name)
        if entry is None:
            return no_such_sensor(sensor_selector.sensor_name)
        switch(info.context, InstigationType.SENSOR, entry, True)
        return Sensor(entry=entry)

    @documented
    def stop_sensor(
        self,
        info: Info,
        id: Annotated[str | None, arg("The id of the sensor's state.")] = None,
        job_origin_id: Annotated[str | None, arg("The same (the older name).")] = None,
        job_selector_id: Annotated[str | None, arg("The same (the older name).")] = None,
    ) -> StopSensorMutationResultOrError:
        """Turns a sensor off."""
        wanted = id or job_origin_id or job_selector_id or ""
        for entry in info.context.manifest.sensors:
            if origin_of(entry) == wanted:
                return StopSensorMutationResult(
                    instigation_state=switch(info.context, InstigationType.SENSOR, entry, False)
                )
        return no_such_sensor(wanted)

    @documented
    def set_sensor_cursor(
        self,
        info: Info,
        sensor_selector: Annotated[SensorSelector, arg("The sensor.")],
        cursor: Annotated[str | None, arg("Where the sensor is to go on; nothing for its beginning.")] = None,
    ) -> SensorOrError:
        """Sets where a sensor goes on."""
        entry = info.context.sensor(sensor_selector.sensor_name, sensor_selector.repository_location_name)
        if entry is None:
            return no_such_sensor(sensor_selector.sensor_name)
        set_cursor(info.context, InstigationType.SENSOR, entry, cursor)
        return Sensor(entry=entry)

    @documented
    def schedule_dry_run(
        self,
        info: Info,
        selector_data: Annotated[ScheduleSelector, arg("The schedule.")],
        timestamp: Annotated[float | None, arg("As of this instant, in seconds since the epoch; now if none.")] = None,
    ) -> ScheduleDryRunResult:
        """Calls the function of a schedule, and says what it would run; nothing is started or remembered."""
        name, location = selector_data.schedule_name, selector_data.repository_location_name
        return dry_run_schedule(info.context, name, location, timestamp)

    @documented
    def sensor_dry_run(
        self,
        info: Info,
        selector_data: Annotated[SensorSelector, arg("The sensor.")],
        cursor: Annotated[str | None, arg("Where it is to go on; where it stands if none.")] = None,
    ) -> SensorDryRunResult:
        """Calls the function of a sensor, and says what it would run; nothing is started or remembered."""
        name, location = selector_data.sensor_name, selector_data.repository_location_name
        return dry_run_sensor(info.context, name, location, cursor)

    @documented
    def switch_automation_conditions(
        self, info: Info, on: Annotated[bool, arg("Whether they are evaluated.")]
    ) -> InstigationState | None:
        """Turns the conditions of the assets that no sensor has on or off; null where no asset has a condition."""
        return switch_conditions(info.context, on)

    # -- daemon and pools ----------------------------------------------------------------------------------------

    @documented
    def start_daemon(self, info: Info) -> DaemonMutationResult:
        """Starts a daemon on the server's machine, which goes on when the server ends."""
        return deployment.start(info.context)

    @documented
    def stop_daemon(self, info: Info) -> DaemonMutationResult:
        """Stops the daemons of the server's machine; runs that go on are not stopped."""
        return deployment.stop(info.context)

    @documented
    def set_concurrency_limit(
        self,
        info: Info,
        concurrency_key: Annotated[str, arg("The pool.")],
        limit: Annotated[int, arg("How many steps may run at once, at most 1,000.")],
    ) -> bool:
        """Limits how many steps of a pool run at once."""
        if not 0 <= limit <= MAX_SLOTS or not concurrency_key.strip():
            raise ValueError(f"A pool has a name and between 0 and {MAX_SLOTS} slots.")
        info.context.instance.leases.set_pool_limit(concurrency_key.strip(), limit)
        return True

    @documented
    def delete_concurrency_limit(self, info: Info, concurrency_key: Annotated[str, arg("The pool.")]) -> bool:
        """Removes the limit of a pool."""
        info.context.instance.leases.delete_pool(concurrency_key)
        return True
