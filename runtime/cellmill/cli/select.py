"""The assets that the words of a command line select."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from cellmill.cli.app import App, problem_text
from cellmill.cli.state import asset_states
from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import InvalidSubsetError
from cellmill.workspace.manifest import AssetEntry, ProblemEntry


def select(app: App, selection: Sequence[str] | str) -> list[AssetEntry]:
    """Return the assets that the words of a command line select, upstreams first.

    Several words are a union. Raises: click.UsageError where nothing is selected.
    """
    words = [selection] if isinstance(selection, str) else list(selection)
    text: Any = words[0] if len(words) == 1 else words
    status_of = _status_of(app) if any("status:" in word for word in words) else None
    try:
        found = app.workspace.select(text or "*", status_of)
    except InvalidSubsetError as error:
        if suspects := _suspects(app.workspace.manifest.problems):
            error.add_note(suspects)
        raise
    if not found:
        raise click.UsageError(f"{' '.join(words)!r} selects no asset. See 'cellmill assets list'.")
    return found


def _status_of(app: App) -> Callable[[AssetKey], str]:
    """Return what tells the stored state of an asset."""
    states = asset_states(app)
    return lambda key: states[key].state if key in states else "missing"


#: Problems of unreadable cells that an error about an unknown name shows.
_SUSPECTS = 3


def _suspects(problems: Sequence[ProblemEntry]) -> str:
    """Return the places that could not be read, where a name that nothing defines may stand."""
    unread = [problem for problem in problems if problem.severity == "error" and problem.kind in _HIDING]
    if not unread:
        return ""
    unread.sort(key=lambda problem: _HIDING.index(problem.kind))
    lines = "\n".join(f"  {problem_text(problem).splitlines()[0]}" for problem in unread[:_SUSPECTS])
    return f"These could not be read, and may define it (cellmill check):\n{lines}"


#: Kinds of problems that hide definitions.
_HIDING = ("CellSyntaxError", "CellMagicError", "location", "NotebookFormatError", "notebook")
