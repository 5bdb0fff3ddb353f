"""The one function that turns a path from a request into a path below a folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from cellmill.errors import SecurityError

#: Longest path a request may name, in characters; file systems stop at 4,096 bytes.
MAX_LENGTH = 1024


def contained(root: Path, user_path: str) -> Path:
    """The real path of ``user_path`` below ``root``; ``SecurityError`` if it could lead anywhere else."""
    if (
        not user_path
        or len(user_path) > MAX_LENGTH
        or any(ord(char) < 32 or char in "%\\\u2215\u2044\uff0f" for char in user_path)
    ):
        raise SecurityError("A path was refused: it is empty, too long, or holds characters that no path here has.")
    posix, windows = PurePosixPath(user_path), PureWindowsPath(user_path)
    if posix.is_absolute() or windows.is_absolute() or windows.drive or ".." in posix.parts:
        raise SecurityError("A path was refused: it must be relative and stay below its folder.")
    base = root.resolve()
    try:
        target = (base / posix).resolve()
    except (OSError, RuntimeError, ValueError):
        raise SecurityError("A path was refused: it cannot be resolved.") from None
    if not target.is_relative_to(base) or target == base:
        raise SecurityError("A path was refused: it leaves its folder.")
    return target
