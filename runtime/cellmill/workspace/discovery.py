"""Which notebooks belong to a workspace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

#: Folders that never hold a workspace's notebooks.
SKIPPED = frozenset(
    {"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist", "_build", "virtual_documents"}
)
#: A notebook without one of these words loads no cellmill, and its metadata ask nothing of it.
_MEANS_CELLMILL = re.compile(
    rb'load_ext cellmill|%%asset|#\s?\|\s?asset\b|import cellmill|from cellmill\b|"cellmill"\s*:\s*\{'
)
_SUFFIXES = (".ipynb", ".py")


def find_notebooks(
    root: Path, globs: Sequence[str], *, exclude: Sequence[str] = (), only_cellmill: bool = False
) -> list[Path]:
    """Return the notebooks under `root` that match a glob, sorted; hidden and tool folders are left out.

    `only_cellmill` keeps those that load cellmill, or have metadata for it.
    """
    patterns = [_glob_pattern(glob) for glob in globs]
    refused = [_glob_pattern(glob) for glob in exclude]
    found = []
    for relative in _files(root):
        if any(p.fullmatch(relative) for p in patterns) and not any(p.fullmatch(relative) for p in refused):
            path = root / relative
            if not only_cellmill or _means_cellmill(path):
                found.append(path)
    return sorted(found)


def is_tool_folder(name: str) -> bool:
    """Return whether a folder of this name is hidden, or belongs to a tool."""
    return name.startswith(".") or name in SKIPPED


def _files(root: Path) -> Iterator[str]:
    """Yield the paths from `root`; written for workspaces of thousands of files."""
    base = os.fspath(root)
    for folder, folders, names in os.walk(base):
        folders[:] = [name for name in folders if not is_tool_folder(name)]
        below = "" if folder == base else os.path.relpath(folder, base).replace(os.sep, "/") + "/"
        for name in names:
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield below + name


def _glob_pattern(glob: str) -> re.Pattern[str]:
    """Return a glob as a regular expression: ``**`` spans folders, ``*`` and ``?`` do not."""
    glob = glob.removeprefix("./")
    if glob.endswith("/"):
        glob += "**/*.ipynb"
    out, at = [], 0
    while at < len(glob):
        if glob.startswith("**/", at):
            out.append("(?:[^/]+/)*")
            at += 3
        elif glob.startswith("**", at):
            out.append(".*")
            at += 2
        elif glob[at] == "*":
            out.append("[^/]*")
            at += 1
        elif glob[at] == "?":
            out.append("[^/]")
            at += 1
        else:
            out.append(re.escape(glob[at]))
            at += 1
    return re.compile("".join(out))


def _means_cellmill(path: Path) -> bool:
    try:
        return _MEANS_CELLMILL.search(path.read_bytes()) is not None
    except OSError:
        return True  # kept, so that the error is shown
