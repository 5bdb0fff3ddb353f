"""A kernel's private folder: its sockets, its connection file, what its process wrote.

Who starts a kernel holds a lock in its folder, and removes the folder with the kernel. A killed process removes
nothing, but holds no lock any more: the next one that starts a kernel removes what is left.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "cellmill-kernel-"
_LOCK = "held"


class KernelFolder:
    """A new private folder, held until it is closed or this process is gone."""

    def __init__(self) -> None:
        sweep_once()
        # under another name until it is held: one that is not held is removed by anybody
        made = Path(tempfile.mkdtemp(prefix="cellmill-new-"))
        self._held = os.open(made / _LOCK, os.O_RDONLY | os.O_CREAT, 0o600)
        # a file system without locks: then nobody else gets one there either
        with contextlib.suppress(OSError):
            fcntl.flock(self._held, fcntl.LOCK_EX)
        self.path = made.rename(made.with_name(PREFIX + made.name.removeprefix("cellmill-new-")))

    def close(self) -> None:
        """Remove it; a second time does nothing."""
        held, self._held = self._held, -1
        if held >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(held)


@functools.cache
def sweep_once() -> None:
    """Remove, once a process, the folders of this user that killed processes left."""
    sweep()


def sweep() -> None:
    """Remove the folders of this user that nobody holds."""
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(PREFIX) and _is_own(entry)]
    for folder in found:
        with contextlib.suppress(OSError):
            held = os.open(Path(folder) / _LOCK, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


def _is_own(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
    return False
