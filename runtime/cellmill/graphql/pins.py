"""The pinned version of a schedule's notebook, and what changed in the file since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from cellmill.graphql.documented import said
from cellmill.planning.instigator import ScheduleSpec
from cellmill.workspace.manifest import ScheduleEntry
from cellmill.workspace.pins import changes_since, pin_of, pin_schedule, unpin_schedule
from cellmill.workspace.source import WorkspaceSource

if TYPE_CHECKING:
    from cellmill.graphql.context import Context


@strawberry.type(description="A code cell that is not what it was when its notebook was pinned.")
class ChangedCell:
    """A code cell that is not what it was when its notebook was pinned."""

    notebook: str = said("The notebook's path in the workspace.")
    kind: str = said('"changed", "added" or "removed".')
    cell: int = said("Its position in the notebook as it is now; of a removed one, in the pinned version.")
    before: str = said("Its source when the notebook was pinned.")
    now: str = said("Its source now.")


@strawberry.type(description="The version of its notebooks that a schedule runs, whatever is saved later.")
class PinnedVersion:
    """The version of its notebooks that a schedule runs, whatever is saved later."""

    snapshot: str = said("The hash of the version's content.")
    notebooks: list[str] = said("The notebooks' paths in the workspace.")
    pinned_at: float = said("When it was pinned, in seconds since the epoch.")
    changed_cells: list[ChangedCell] = said("What changed since; where there is something, offer to promote.")


def _spec(context: Context, entry: ScheduleEntry) -> ScheduleSpec:
    found = WorkspaceSource(context.workspace).schedule(entry)
    return found or ScheduleSpec(name=entry.name, crons=entry.cron, location=entry.location)


def pinned_version(context: Context, entry: ScheduleEntry) -> PinnedVersion | None:
    """The version that a schedule is pinned to; None where it runs its notebooks as they are."""
    pin = pin_of(context.instigators.get(_spec(context, entry).id))
    if pin is None:
        return None
    changes = changes_since(context.instance, context.workspace.config.root, pin)
    return PinnedVersion(
        snapshot=pin.snapshot,
        notebooks=list(pin.notebooks),
        pinned_at=pin.pinned_at,
        changed_cells=[
            ChangedCell(notebook=one.notebook, kind=one.kind, cell=one.cell, before=one.before, now=one.now)
            for one in changes
        ],
    )


def set_pin(context: Context, entry: ScheduleEntry, *, pinned: bool) -> None:
    """Pins a schedule to its notebooks as they are now, or lets it run what is there at each launch.

    Raises: InvalidInvocationError for a schedule that runs nothing of a notebook.
    """
    if pinned:
        pin_schedule(context.instance, context.workspace, _spec(context, entry))
    else:
        unpin_schedule(context.instance, _spec(context, entry))
    context.__dict__.pop("instigators", None)
