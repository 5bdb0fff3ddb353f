"""The folder in which an instance keeps its state, and when it marks a workspace."""

from __future__ import annotations

from pathlib import Path

FOLDER = ".cellmill"
#: Everything of a user, or of the machine, lies below these: state left there is nobody else's workspace.
_SHARED = frozenset({Path("/"), Path("/tmp"), Path("/var/tmp")})


def marks_workspace(folder: Path, start: Path) -> bool:
    """Whether state kept in `folder` makes it the workspace of `start`, which is that folder or lies below it."""
    if not (folder / FOLDER).is_dir():
        return False
    return folder == start or (folder not in _SHARED and folder != Path.home())
