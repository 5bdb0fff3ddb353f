"""Helpers shared by adapters (standard library only)."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from harness import instr, measure


def median_ms(fn, reps: int = 5) -> float:
    ts = []
    for _ in range(reps):
        t = time.perf_counter()
        fn()
        ts.append(time.perf_counter() - t)
    return round(1000 * statistics.median(ts), 3)


def timed_command(cmd: list[str], reps: int = 7, warm: int = 1) -> dict:
    """Median and min of wall and CPU of a command; its output is discarded."""
    walls, cpus, ins = [], [], []
    for i in range(reps + warm):
        i0, t0 = instr.count(), time.perf_counter()
        p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        err = p.stderr.read()
        _, st, ru = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(st)
        if p.returncode:
            raise RuntimeError(f"{cmd}: rc {p.returncode}: {err[-400:]!r}")
        if i >= warm:
            walls.append(time.perf_counter() - t0)
            cpus.append(ru.ru_utime + ru.ru_stime)
            if i0 is not None:
                ins.append(instr.count() - i0)
    return {
        "ginstr": round(statistics.median(ins) / 1e9, 4) if ins else None,
        "walls": [round(1000 * w, 1) for w in walls],
        "cpus": [round(1000 * c, 1) for c in cpus],
        "wall_ms": round(1000 * statistics.median(walls), 1),
        "wall_min_ms": round(1000 * min(walls), 1),
        "cpu_ms": round(1000 * statistics.median(cpus), 1),
        "rss_mb": round(ru.ru_maxrss / 1024, 1),
    }


def time_commands(m, cases: dict[str, list[str]], reps: int = 3) -> None:
    res = {}
    with m.phase("main"):
        for label, cmd in cases.items():
            try:
                res[label] = timed_command(cmd, reps)
            except Exception as e:  # keep the other cases
                res[label] = {"error": str(e)[:300]}
    m.set(cases=res, n=len(cases))


def run_parallel(fn, n: int, parallel: int) -> None:
    if parallel <= 1:
        for i in range(n):
            fn(i)
        return
    with ThreadPoolExecutor(parallel) as ex:
        list(ex.map(fn, range(n)))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def http_json(url: str, body=None, timeout: float = 120):
    req = urllib.request.Request(
        url, data=None if body is None else json.dumps(body).encode(), headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(req, timeout=timeout) as r:
        raw = r.read()
    return json.loads(raw) if raw else None


def wait_http(url: str, body=None, timeout: float = 120, proc=None) -> float:
    t0 = time.perf_counter()
    while time.perf_counter() - t0 < timeout:
        try:
            http_json(url, body, timeout=30)
            return time.perf_counter() - t0
        except (urllib.error.URLError, ConnectionError, json.JSONDecodeError, OSError):
            if proc is not None and proc.poll() is not None:
                raise RuntimeError(f"server exited {proc.returncode}") from None
            time.sleep(0.02)
    raise TimeoutError(url)


@contextmanager
def server(cmd: list[str], log: Path, env: dict | None = None):
    """A child process group that ends with the block."""
    with open(log, "wb") as f:
        p = subprocess.Popen(cmd, stdout=f, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        try:
            yield p
        finally:
            kids = measure.descendants(p.pid)
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(15)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
            for k in kids:
                try:
                    os.kill(k, signal.SIGKILL)
                except ProcessLookupError:
                    pass


def tree_stats(pid: int) -> dict:
    return {
        "rss_mb": round(measure.tree_rss(pid) / 2**20, 1),
        "pss_mb": round(measure.tree_pss(pid) / 2**20, 1),
        "cpu_s": round(measure.tree_cpu(pid), 2),
        "procs": 1 + len(measure.descendants(pid)),
    }
