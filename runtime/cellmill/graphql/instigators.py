"""How schedules and sensors are named in questions and changes."""

from __future__ import annotations

import strawberry

from cellmill.graphql.documented import said


@strawberry.input(description="Names a schedule.")
class ScheduleSelector:
    """Names a schedule."""

    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")
    schedule_name: str = said("The schedule.")


@strawberry.input(description="Names a sensor.")
class SensorSelector:
    """Names a sensor."""

    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")
    sensor_name: str = said("The sensor.")


@strawberry.input(description="Names a schedule or a sensor.")
class InstigationSelector:
    """Names a schedule or a sensor."""

    repository_name: str = said("The repository.")
    repository_location_name: str = said("The code location.")
    name: str = said("The schedule or sensor.")
