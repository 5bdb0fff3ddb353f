"""`cellmill check --audit`: does every stored asset still come out the same in a clean kernel?"""

from __future__ import annotations

from cellmill.cli.app import App
from cellmill.cli.state import asset_states
from cellmill.workspace.manifest import ProblemEntry
from cellmill.workspace.verify import verify_assets

_REMEDY = "See 'cellmill verify' and 'cellmill diff'; seed random draws, and pass hidden values through cells."


def audit_notebooks(app: App) -> list[ProblemEntry]:
    """Return a problem for each fresh asset cell that a clean kernel does not make as it is stored."""
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
    for found in verify_assets(app.workspace, app.instance, entries):
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
    return problems


def _is_fresh(state: object) -> bool:
    return getattr(state, "state", "") == "fresh"
