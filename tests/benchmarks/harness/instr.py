"""User-mode instruction counts of this process and its later children, by perf_event_open.

Wall and even CPU time of one and the same work differ by a factor of two or
three on a shared machine; the number of instructions retired hardly does.
Where the machine has no counter, count() returns None and all else goes on.
"""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess

_NR = {"x86_64": 298, "aarch64": 241}.get(os.uname().machine)
_fds: dict[str, int] = {}


def _open(config: int) -> int:
    # struct perf_event_attr, VER0..VER5: type, size, config, period, sample_type,
    # read_format, flags, ... ; the rest zero
    # user mode only: what the kernel adds depends on the neighbours
    inherit, exclude_kernel, exclude_hv = 1 << 1, 1 << 5, 1 << 6
    attr = bytearray(112)
    struct.pack_into("<IIQQQQQ", attr, 0, 0, 112, config, 0, 0, 0, inherit | exclude_kernel | exclude_hv)
    buf = (ctypes.c_char * 112).from_buffer(attr)
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(_NR, ctypes.byref(buf), 0, -1, -1, 8)


def start() -> bool:
    """Counts from here on; processes started before are not seen."""
    if _NR is None:
        return False
    fd = _open(1)  # PERF_COUNT_HW_INSTRUCTIONS, all threads
    if fd < 0:
        return False
    _fds["instr"] = fd
    return count() is not None


def count() -> int | None:
    fd = _fds.get("instr")
    if fd is None:
        return None
    try:
        return struct.unpack("<Q", os.read(fd, 8))[0]
    except OSError:
        return None


def counting(on: bool) -> None:
    """Under valgrind (instructions.py): count from here on, or no longer."""
    if os.environ.get("CB_CALLGRIND"):
        command = ["callgrind_control", "--instr=on" if on else "--instr=off", str(os.getpid())]
        subprocess.run(command, check=True, capture_output=True)
