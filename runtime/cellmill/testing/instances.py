"""Instances that a test makes and forgets."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from cellmill.instance.instance import Instance


@contextmanager
def instance_for_test(
    overrides: Mapping[str, Any] | None = None, set_dagster_home: bool = True, temp_dir: str | None = None
) -> Generator[Instance, None, None]:
    """Give an instance on disk that is the one of this process while the block lasts, and gone afterwards.

    Args:
        overrides: `{"python_logs": {…}}`, as the workspace's file would say it; nothing else.
        set_dagster_home: Whether `CELLMILL_HOME` names it inside the block, so that `Instance.get()` finds it.
        temp_dir: The folder to use, which then stays; None makes one.

    Raises:
        InvalidInvocationError: for overrides of other settings.
    """
    with tempfile.TemporaryDirectory() as made:
        before = os.environ.get("CELLMILL_HOME")
        folder = temp_dir or made
        if set_dagster_home:
            os.environ["CELLMILL_HOME"] = folder
        try:
            with Instance.local_temp(folder, overrides) as instance:
                yield instance
        finally:
            if before is None:
                os.environ.pop("CELLMILL_HOME", None)
            else:
                os.environ["CELLMILL_HOME"] = before


def ephemeral_instance() -> Instance:
    """Return an instance in memory; it forgets everything when it is closed."""
    return Instance.ephemeral()
