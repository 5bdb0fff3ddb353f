"""Where the workspace of a folder begins, and the folder in which its instance keeps its state."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = ".cellmill"
CONFIG_FILE = "cellmill.toml"
DAGSTER_FILE = "workspace.yaml"
_TOOL_TABLE = re.compile(r"^\s*\[{1,2}tool\.cellmill\b", re.MULTILINE)
#: Everything of a user, or of the machine, lies below these: state left there is nobody else's workspace.
_SHARED = frozenset({Path("/"), Path("/tmp"), Path("/var/tmp")})


def marks_workspace(folder: Path, start: Path) -> bool:
    """Whether state kept in `folder` makes it the workspace of `start`, which is that folder or lies below it."""
    if not (folder / FOLDER).is_dir():
        return False
    return folder == start or (folder not in _SHARED and folder != Path.home())


def find_workspace_root(start: Path | None = None) -> Path:
    """The nearest folder at or above `start` (default: here) with a workspace file, state, or a repository; else it."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / CONFIG_FILE).is_file() or has_tool_table(folder) or (folder / DAGSTER_FILE).is_file():
            return folder
        if marks_workspace(folder, start) or (folder / ".git").exists():
            return folder
    return start


def has_tool_table(folder: Path) -> bool:
    """Whether the folder's `pyproject.toml` has a table of ours; the text decides, also where the rest is broken."""
    try:
        return _TOOL_TABLE.search((folder / "pyproject.toml").read_text("utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False
