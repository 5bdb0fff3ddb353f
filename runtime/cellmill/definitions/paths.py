"""Paths beside the file that names them."""

from __future__ import annotations

import os


def file_relative_path(dunderfile: str, relative_path: str) -> str:
    """Return `relative_path` as seen from the folder of the file `dunderfile` (usually `__file__`)."""
    if not isinstance(dunderfile, str) or not isinstance(relative_path, str):
        from cellmill.errors import CheckError

        raise CheckError(f"Two strings make a path; got {dunderfile!r} and {relative_path!r}.")
    return os.path.normpath(os.path.join(os.path.dirname(dunderfile), relative_path))
