"""Whether a workspace's files were touched: told by the system (watchfiles), or looked for where it cannot tell."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from cellmill.workspace.discovery import is_tool_folder

#: Seconds between two looks where the system tells nothing; more where a look takes long.
POLL_S = 0.5
#: The time of such a look against the time until the next one: at most a twentieth goes into looking.
POLL_SHARE = 20.0
#: Seconds after which files are looked at though nothing was told: what lies elsewhere is not watched.
ANYWAY_S = 10.0
#: The rest after a look that was told of, as a multiple of its time: a folder that is written to all the time.
REST_SHARE = 2.0
#: More folders than this are not watched: the system has few watches for each user, and editors want some.
MOST_FOLDERS = 4_000
#: Milliseconds: changes are told when there were no more for a step, or after this long; a turn ends without any.
_STEP_MS, _DEBOUNCE_MS, _TURN_MS = 100, 300, 400
#: File systems that tell of this machine's changes only.
_REMOTE = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "ceph", "glusterfs", "lustre", "afs", "fuse.s3", "fuse.gcs")
#: The variable by which watchfiles is told not to trust the system; it is so here too.
_POLLING_VARIABLE = "WATCHFILES_FORCE_POLLING"


class FileWatch:
    """Says whether files below some folders may have changed since they were looked at.

    - hidden folders and those of tools are not watched: a virtual environment costs nothing
    - where the system tells nothing (a network's file system, no watches left), files are to be looked at now and then,
      the less often the longer it takes
    - a thread watches, from the first question after a moment on: what is asked once and closed needs none
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = list(roots)
        self._state = _State()
        self._thread: threading.Thread | None = None
        self._watch_from = time.monotonic() + POLL_S
        self._looked_at, self._took_s = -math.inf, 0.0

    @property
    def watches(self) -> bool:
        """Whether the system tells of every change from now on."""
        return self._state.watches.is_set()

    @property
    def gave_up(self) -> bool:
        """Whether the system does not tell of changes here."""
        return self._state.gave_up.is_set()

    def touched(self) -> bool:
        """Return whether files should be looked at now; what is told from here on counts for the next time."""
        now = time.monotonic()
        if self._thread is None and now >= self._watch_from:
            # not a daemon: one inside watchfiles while the interpreter goes away would take the process with it
            self._thread = threading.Thread(target=_follow, args=(self._roots, self._state), name="cellmill-files")
            self._thread.start()
        passed = now - self._looked_at
        if passed < self._took_s * (REST_SHARE if self.watches else POLL_SHARE):
            return False
        told = self._state.touched.is_set()
        self._state.touched.clear()
        return told or passed >= max(ANYWAY_S if self.watches else POLL_S, self._took_s * POLL_SHARE)

    def looked(self, took_s: float) -> None:
        """Note that files were looked at, and how long that took."""
        self._looked_at, self._took_s = time.monotonic(), took_s

    def close(self) -> None:
        """End the thread."""
        self._state.stop.set()
        if self._thread is not None:
            self._thread.join()


class _State:
    """What the thread and its owner share."""

    def __init__(self) -> None:
        self.touched = threading.Event()
        self.watches = threading.Event()
        self.gave_up = threading.Event()
        self.stop = threading.Event()

    def is_set(self) -> bool:
        """Whether to end, as watchfiles asks for it: the program ends where nobody closed the watch."""
        return self.stop.is_set() or not threading.main_thread().is_alive()


def _follow(roots: list[Path], state: _State) -> None:
    """Watch the folders until told to stop; anew whenever one came or went."""
    # it would tell of every change where a user has all logs shown
    logging.getLogger("watchfiles.main").setLevel(logging.WARNING)
    while not state.is_set():
        try:
            folders = folders_to_watch(roots)
            if folders is None:
                break
            _watch(folders, roots, state)
        except FileNotFoundError:
            # one that went while it was to be watched. Not at once: a root may be gone for good
            state.stop.wait(POLL_S)
        except (OSError, RuntimeError):  # no watches left, or a system that has none
            break
    state.watches.clear()
    state.gave_up.set()


def _watch(folders: list[str], roots: list[Path], state: _State) -> None:
    """Note changes in these folders, until there are others to be watched."""
    # 25 ms, for who follows a workspace; commands do not
    import watchfiles  # 20 ms of CPU, for what lives longer than a moment only

    changes = watchfiles.watch(
        *folders,
        watch_filter=_counts,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        stop_event=state,
        rust_timeout=_TURN_MS,
        yield_on_timeout=True,
        recursive=False,
        raise_interrupt=False,
        ignore_permission_denied=True,
    )
    first = True
    for found in changes:
        if found or first:
            # at first for what was written after it was read and before it was watched
            state.touched.set()
            state.watches.set()
        came = any(change == watchfiles.Change.added and os.path.isdir(path) for change, path in found)
        if came or (first and folders_to_watch(roots) != folders):
            return
        first = False


def _counts(change: object, path: str) -> bool:
    name = os.path.basename(path)
    return not name.endswith(("~", ".tmp", ".swp")) and not is_tool_folder(name)


def folders_to_watch(roots: Iterable[Path]) -> list[str] | None:
    """Return all folders to watch; None where watching them would not tell."""
    if os.environ.get(_POLLING_VARIABLE, "").lower() not in ("", "false", "disable", "disabled"):
        return None
    found: dict[str, None] = {}
    for root in dict.fromkeys(os.path.realpath(root) for root in roots):
        if _is_remote(root):
            return None
        for folder in _below(root):
            found[folder] = None
            if len(found) > MOST_FOLDERS:
                return None
    return list(found)


def _below(root: str) -> Iterator[str]:
    for folder, folders, _ in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_tool_folder(name))
        yield folder


def _is_remote(path: str) -> bool:
    """Return whether other machines may write below a folder without this one being told."""
    if not sys.platform.startswith("linux"):
        return False
    best, kind = "", ""
    with open("/proc/mounts", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            _, point, file_system, *_ = line.split(" ")
            point = point.replace("\\040", " ").rstrip("/")
            if len(point) >= len(best) and (path == point or path.startswith(point + "/")):
                best, kind = point, file_system
    return kind.startswith(_REMOTE)
