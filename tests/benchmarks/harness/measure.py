"""Wall, CPU (self + reaped children + living descendants) and RSS meters.

Standard library and /proc only, so it runs in every peer's environment.
"""

from __future__ import annotations

import os
import resource
import time
from contextlib import contextmanager

from harness import instr

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    out, stack = [], [pid]
    while stack:
        p = stack.pop()
        try:
            tids = os.listdir(f"/proc/{p}/task")
        except OSError:
            continue
        for t in tids:
            try:
                with open(f"/proc/{p}/task/{t}/children") as f:
                    kids = [int(k) for k in f.read().split()]
            except OSError:
                continue
            out += kids
            stack += kids
    return out


def proc_cpu(pid: int) -> float:
    """utime+stime+cutime+cstime of one process, in seconds (10 ms steps)."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            rest = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(int(rest[i]) for i in (11, 12, 13, 14)) / _TICK


def tree_cpu(pid: int) -> float:
    return sum(proc_cpu(p) for p in [pid, *descendants(pid)])


def rss(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as f:
            return int(f.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def pss(pid: int) -> int:
    """Proportional set size: shared pages split among their owners."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            for line in f:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def tree_rss(pid: int) -> int:
    return sum(rss(p) for p in [pid, *descendants(pid)])


def tree_pss(pid: int) -> int:
    return sum(pss(p) for p in [pid, *descendants(pid)])


def own_peak_rss() -> int:
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def cpu_now() -> float:
    a = resource.getrusage(resource.RUSAGE_SELF)
    b = resource.getrusage(resource.RUSAGE_CHILDREN)
    live = sum(proc_cpu(p) for p in descendants(os.getpid()))
    return a.ru_utime + a.ru_stime + b.ru_utime + b.ru_stime + live


def machine_busy() -> float:
    """Seconds of CPU the whole machine has spent on anything."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:9]]
    return (sum(v) - v[3] - v[4]) / _TICK


class Meter:
    """Collects named phases: m.phase("run") yields run_wall_s and run_cpu_s.

    ginstr is billions of instructions retired, by this process and by those it
    has started.  The phase called "main" is what the report quotes as wall_s and cpu_s.
    """

    def __init__(self) -> None:
        self.out: dict = {}

    @contextmanager
    def phase(self, name: str):
        main = name == "main"  # phases within it are counted with it
        if main:
            instr.counting(True)
        i0, c0, w0 = instr.count(), cpu_now(), time.perf_counter()
        try:
            yield self
        finally:
            w1 = time.perf_counter()
            c1, i1 = cpu_now(), instr.count()
            if main:
                instr.counting(False)
            pre = "" if main else f"{name}_"
            self.out[f"{pre}wall_s"] = round(w1 - w0, 5)
            self.out[f"{pre}cpu_s"] = round(c1 - c0, 5)
            if i1 is not None:
                self.out[f"{pre}ginstr"] = round((i1 - i0) / 1e9, 5)

    def set(self, **kw) -> None:
        self.out.update(kw)

    def per(self, n: int, what: str = "item") -> None:
        self.out["n"] = n
        self.out[f"ms_per_{what}"] = round(1000 * self.out["wall_s"] / n, 4)
        self.out[f"cpu_ms_per_{what}"] = round(1000 * self.out["cpu_s"] / n, 4)
        if self.out.get("ginstr") is not None:
            self.out[f"minstr_per_{what}"] = round(1000 * self.out["ginstr"] / n, 4)
