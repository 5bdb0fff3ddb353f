"""Paths beside the file that names them."""

from __future__ import annotations

import os

from cellmill.errors import CheckError


def file_relative_path(dunderfile: str, relative_path: str) -> str:
    """Return a path as seen from the folder of a file.

    Args:
        dunderfile: The file, usually `__file__`.
        relative_path: The path from that file's folder.

    Raises:
        CheckError: where one of them is no string.
    """
    if not isinstance(dunderfile, str) or not isinstance(relative_path, str):
        raise CheckError(f"Two strings make a path; got {dunderfile!r} and {relative_path!r}.")
    return os.path.normpath(os.path.join(os.path.dirname(dunderfile), relative_path))
