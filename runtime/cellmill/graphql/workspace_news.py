"""News of the workspace and of the daemon, as they are followed live."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import strawberry

from cellmill.graphql.documented import said
from cellmill.graphql.repository import problem_text
from cellmill.workspace.manifest import Manifest, ProblemEntry


@strawberry.enum(description="What happened to a code location.")
class LocationStateChangeEventType(Enum):
    """What happened to a code location."""

    LOCATION_UPDATED = "LOCATION_UPDATED"
    LOCATION_ERROR = "LOCATION_ERROR"
    LOCATION_DISCONNECTED = "LOCATION_DISCONNECTED"
    LOCATION_RECONNECTED = "LOCATION_RECONNECTED"


@strawberry.type(description="A change of a code location.")
class LocationStateChangeEvent:
    """A change of a code location."""

    event_type: LocationStateChangeEventType = said("What happened.")
    message: str = said("What happened, in words.")
    location_name: str = said("The code location.")
    server_id: str | None = said("Null: locations are read by this server.", None)


@strawberry.type(description="A change of a code location, as Dagster wraps it.")
class LocationStateChangeSubscription:
    """A change of a code location."""

    event: LocationStateChangeEvent = said("The change.")


#: What a location offers, and why it could not be loaded, where it could not.
Offer = tuple[tuple[Any, ...], ProblemEntry | None]


def offers(manifest: Manifest) -> dict[str, Offer]:
    """What each location of a manifest offers."""
    entries: dict[str, list[Any]] = {}
    broken: dict[str, ProblemEntry] = {}
    for entry in manifest.entries():
        entries.setdefault(entry.location, []).append(entry)
        if isinstance(entry, ProblemEntry) and entry.kind == "location" and entry.severity == "error":
            broken.setdefault(entry.location, entry)
    return {name: (tuple(found), broken.get(name)) for name, found in entries.items()}


def location_changes(before: Mapping[str, Offer], after: Mapping[str, Offer]) -> list[LocationStateChangeEvent]:
    """What happened to each location that is not what it was."""
    nothing: Offer = ((), None)
    found = []
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name, nothing), after.get(name, nothing)
        if old != new:
            found.append(_change(name, new[1], was_broken=old[1] is not None))
    return found


def _change(name: str, problem: ProblemEntry | None, *, was_broken: bool) -> LocationStateChangeEvent:
    kinds = LocationStateChangeEventType
    if problem is not None:
        kind, message = kinds.LOCATION_ERROR, problem_text(problem)
    elif was_broken:
        kind, message = kinds.LOCATION_UPDATED, f"Code location {name} can be loaded again."
    else:
        kind, message = kinds.LOCATION_UPDATED, f"Code location {name} has changed."
    return LocationStateChangeEvent(event_type=kind, message=message, location_name=name)
