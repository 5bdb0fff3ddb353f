"""The pinned version of a schedule's notebook, and what changed in the file since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from cellmill.graphql.documented import said
from cellmill.planning.instigator import ScheduleSpec
from cellmill.workspace.manifest import ScheduleEntry
from cellmill.workspace.pins import changes_since, pin_of, pin_schedule, unpin_schedule

if TYPE_CHECKING:
    from cellmill.graphql.context import Context


@strawberry.type(description="A code cell that is not what it was when its notebook was pinned.")
class ChangedCell:
    """A code cell that is not what it was when its notebook was pinned."""

    kind: str = said('"changed", "added" or "removed".')
    cell: int = said("Its position in the notebook as it is now; of a removed one, in the pinned version.")
    before: str = said("Its source when the notebook was pinned.")
    now: str = said("Its source now.")


@strawberry.type(description="The version of a notebook that a schedule runs, whatever is saved later.")
class PinnedVersion:
    """The version of a notebook that a schedule runs, whatever is saved later."""

    snapshot: str = said("The hash of the version's content.")
    notebook: str = said("The notebook's path in the workspace.")
    pinned_at: float = said("When it was pinned, in seconds since the epoch.")
    changed_cells: list[ChangedCell] = said("What changed since; where there is something, offer to promote.")


def _spec(entry: ScheduleEntry) -> ScheduleSpec:
    return ScheduleSpec(
        name=entry.name,
        crons=entry.cron,
        job_name=entry.job or "",
        location=entry.location,
        running_by_default=entry.running_by_default,
        tags=entry.tags,
    )


def pinned_version(context: Context, entry: ScheduleEntry) -> PinnedVersion | None:
    """The version that a schedule is pinned to; None where it runs its notebook as it is."""
    pin = pin_of(context.instigators.get(_spec(entry).id))
    if pin is None:
        return None
    changes = changes_since(context.instance, context.workspace.config.root, pin)
    return PinnedVersion(
        snapshot=pin.snapshot,
        notebook=pin.notebook,
        pinned_at=pin.pinned_at,
        changed_cells=[ChangedCell(kind=one.kind, cell=one.cell, before=one.before, now=one.now) for one in changes],
    )


def set_pin(context: Context, entry: ScheduleEntry, *, pinned: bool) -> None:
    """Pins a schedule to its notebook as it is now, or lets it run what is there at each launch.

    Raises: InvalidInvocationError for a schedule that runs no whole notebook.
    """
    if pinned:
        pin_schedule(context.instance, context.workspace.config.root, _spec(entry))
    else:
        unpin_schedule(context.instance, _spec(entry))
    context.__dict__.pop("instigators", None)
