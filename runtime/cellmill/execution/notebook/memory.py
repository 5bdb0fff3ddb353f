"""How much memory a process and its group hold, read from the system."""

from __future__ import annotations

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_CGROUP_EVENTS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


def peak_memory(pid: int | None) -> int | None:
    """Return the largest resident size that `pid` has had, in bytes; None where it cannot be read."""
    if pid is None:
        return None
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return None
    return None


def memory_of_group(leader: int) -> int:
    """Return the resident bytes of all processes in the group that `leader` leads."""
    total = 0
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            if os.getpgid(int(entry.name)) != leader:
                continue
            with open(f"/proc/{entry.name}/statm", "rb") as file:
                fields = file.read().split()
        except (OSError, ProcessLookupError):
            continue
        # shared pages of a forked kernel belong to its server too; count what is its own
        total += (int(fields[1]) - int(fields[2])) * _PAGE
    return total


def out_of_memory_kills() -> int | None:
    """Return how many processes of this control group the system has killed for want of memory; None when it does not
    tell.
    """
    for file in _CGROUP_EVENTS:
        try:
            for line in file.read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        except OSError:
            continue
    return None
