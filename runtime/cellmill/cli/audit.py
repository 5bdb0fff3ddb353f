"""`cellmill check --audit`: do cells do what their text says, and come out the same, in a clean kernel?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cellmill.cli.app import App
from cellmill.cli.state import asset_states
from cellmill.workspace.manifest import AssetEntry, ProblemEntry
from cellmill.workspace.verify import verify_assets

_REMEDY = "See 'cellmill verify' and 'cellmill diff'; seed random draws, and pass hidden values through cells."


def audit_notebooks(app: App) -> list[ProblemEntry]:
    """Return what a clean kernel shows of each fresh asset cell.

    Cells that read, bind or change what their text does not say, and assets that do not come out as they are stored.
    """
    states = asset_states(app)
    entries = [
        entry
        for entry in app.workspace.select("*")
        if entry.notebook and not entry.partitions and _is_fresh(states.get(entry.asset_key))
    ]
    if not entries:
        return []
    by_name = {entry.name: entry for entry in entries}
    problems = []
    recorded: list[dict[str, str]] = []
    for found in verify_assets(app.workspace, app.instance, entries, audit=recorded):
        if found.ok:
            continue
        entry = by_name[found.asset]
        problems.append(
            ProblemEntry(
                message=f"asset {found.asset!r} is not reproducible ({found.verdict}): {found.why}",
                kind="audit",
                remedy=_REMEDY,
                notebook=entry.notebook,
                cell_id=entry.cell_id,
                cell=entry.cell,
                location=entry.location,
            )
        )
    return [*problems, *_unsaid(recorded, entries)]


def _unsaid(recorded: Sequence[Mapping[str, str]], entries: Sequence[AssetEntry]) -> list[ProblemEntry]:
    """Return a warning for each thing that a cell did and its text does not say."""
    by_cell = {entry.cell_id: entry for entry in entries}
    problems = []
    for finding in recorded:
        entry = by_cell.get(finding["cell_id"])
        problems.append(
            ProblemEntry(
                message=(f"asset {entry.name!r}: " if entry is not None else "") + finding["what"],
                severity="warning",
                kind="audit",
                remedy=finding["remedy"],
                notebook=entry.notebook if entry is not None else None,
                cell_id=finding["cell_id"],
                cell=entry.cell if entry is not None else None,
                location=entry.location if entry is not None else "",
            )
        )
    return problems


def _is_fresh(state: object) -> bool:
    return getattr(state, "state", "") == "fresh"
