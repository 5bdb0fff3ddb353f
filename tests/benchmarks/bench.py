#!/usr/bin/env python3
"""Runs one cell of the benchmark (bench x library x parameters) and records it.

    python bench.py b2 dagster shape=chain n=1000 --repeat 3
    python bench.py --list

Every repetition is a fresh process in the library's own environment and a fresh
work directory.  One JSON line per repetition goes to results/<bench>.jsonl and
to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from harness import measure  # noqa: E402

REGISTRY = json.loads((HERE / "adapters" / "registry.json").read_text())

QUIET_ENV = {  # no peer may reach for the network or a user's settings
    "PYTHONPATH": str(HERE),
    "PYTHONDONTWRITEBYTECODE": "",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HAMILTON_TELEMETRY_ENABLED": "false",
    "PLOOMBER_STATS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_COLORS": "false",
    "REDUN_USER": "bench",
    "JUPYTER_PLATFORM_DIRS": "1",
    "NO_COLOR": "1",
}


def interpreter(venv: str) -> Path:
    """The Python of that environment; cellmill and the floor, without their own, run in the one that called us."""
    py = HERE / "envs" / venv / "bin" / "python"
    if not py.exists() and venv in ("v_cellmill", "v_base"):
        return Path(sys.executable)
    if not py.exists():
        raise SystemExit(f"no environment {venv}: python tests/benchmarks/envs.py {venv}")
    return py


def coerce(v: str):
    for f in (int, float):
        try:
            return f(v)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(v.lower(), v)


CALIB_REF_MS = 60.0  # calib_ms() of this machine when idle; set once, by hand


def calib_ms() -> float:
    """CPU milliseconds of a fixed pure-Python loop: how fast this core is now.

    On a shared machine the same work costs more CPU time when the neighbours
    are busy (shared caches, SMT).  Dividing by this corrects most of that."""
    best = 1e9
    for _ in range(2):
        t = time.thread_time()
        x = 0
        for i in range(700_000):
            x = (x * 31 + i) % 1_000_003
        best = min(best, time.thread_time() - t)
    return 1000 * best


def wait_quiet(limit: float, below: float = 0.35) -> float:
    """Waits, at most `limit` seconds, for a second in which the rest of the
    machine used less than `below` cores.  Returns how long it waited."""
    t0 = time.perf_counter()
    while time.perf_counter() - t0 < limit:
        b = measure.machine_busy()
        time.sleep(1.0)
        if measure.machine_busy() - b < below:
            break
    return time.perf_counter() - t0


def run_once(
    bench: str,
    lib: str,
    params: dict,
    timeout: float,
    rep: int,
    keep: bool = False,
    profile: str = "",
    profile_out: str = "",
) -> dict:
    reg = REGISTRY[lib]
    py = interpreter(reg["venv"])
    work = Path(tempfile.mkdtemp(prefix=f"{bench}_{lib}_"))
    env = {
        **os.environ,
        **QUIET_ENV,
        "HOME": str(work),
        "CB_WORK": str(work),
        "CB_PARAMS": json.dumps(params),
        "PATH": f"{py.parent}:{os.environ['PATH']}",
    }
    for k in ("PYTHONDONTWRITEBYTECODE",):
        env.pop(k, None)
    cmd = [
        str(py),
        "-m",
        "harness.child",
        "--module",
        reg["module"],
        "--bench",
        bench,
        "--params",
        json.dumps(params),
        "--workdir",
        str(work),
    ]
    if profile:
        cmd += ["--profile", profile, "--profile-out", profile_out]
    out_f, err_f = open(work / "_stdout", "w+"), open(work / "_stderr", "w+")
    cal0 = calib_ms()
    busy0, w0 = measure.machine_busy(), time.perf_counter()
    p = subprocess.Popen(cmd, stdout=out_f, stderr=err_f, env=env, cwd=HERE, start_new_session=True)
    peak = {"rss": 0, "pss": 0}
    stop = threading.Event()

    def sample():
        tick = 0
        while not stop.wait(0.2):
            peak["rss"] = max(peak["rss"], measure.tree_rss(p.pid))
            if reg.get("pss", True) and tick % 10 == 0:
                peak["pss"] = max(peak["pss"], measure.tree_pss(p.pid))
            tick += 1

    th = threading.Thread(target=sample, daemon=True)
    th.start()
    timed_out = False
    killer = threading.Timer(timeout, lambda: os.killpg(p.pid, signal.SIGKILL))
    killer.start()
    _, status, ru = os.wait4(p.pid, 0)
    wall = time.perf_counter() - w0
    timed_out = not killer.is_alive()
    killer.cancel()
    stop.set()
    th.join()
    p.returncode = os.waitstatus_to_exitcode(status)
    try:  # stragglers of our own session only
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    busy = measure.machine_busy() - busy0
    cpu = ru.ru_utime + ru.ru_stime
    cal = (cal0 + calib_ms()) / 2
    out_f.seek(0)
    line = next((ln for ln in reversed(out_f.read().splitlines()) if ln.startswith("@@RESULT ")), None)
    rec = {"ts": time.strftime("%Y-%m-%dT%H:%M:%S"), "name": bench, "lib": lib, "params": params, "rep": rep}
    if line and not timed_out:
        rec.update(json.loads(line[9:]))
        rec["ok"] = True
    else:
        err_f.seek(0)
        rec.update(ok=False, timed_out=timed_out, rc=p.returncode, stderr_tail=err_f.read()[-1500:])
    rec.update(
        proc_wall_s=round(wall, 4),
        proc_cpu_s=round(cpu, 4),
        peak_rss_mb=round(max(peak["rss"] / 2**20, rec.get("self_peak_rss_mb", 0)), 1),
        peak_pss_mb=round(peak["pss"] / 2**20, 1),
        other_load=round(max(0.0, busy - cpu) / wall, 2),
        calib_ms=round(cal, 1),
    )
    if "cpu_s" in rec:
        rec["cpu_norm_s"] = round(rec["cpu_s"] * CALIB_REF_MS / cal, 5)
    out_f.close(), err_f.close()
    if not keep:
        shutil.rmtree(work, ignore_errors=True)
    else:
        print("kept", work, file=sys.stderr)
    return rec


def main() -> int:
    ap = argparse.ArgumentParser()
    ap.add_argument("bench", nargs="?")
    ap.add_argument("lib", nargs="?")
    ap.add_argument("set", nargs="*", help="key=value parameters")
    ap.add_argument("--repeat", type=int, default=1)
    ap.add_argument("--timeout", type=float, default=300)
    ap.add_argument(
        "--quiet", type=float, default=0, help="wait up to this many seconds for a quiet machine before each"
    )
    ap.add_argument("--keep", action="store_true")
    ap.add_argument("--dry", action="store_true", help="do not record")
    ap.add_argument("--profile", default="", choices=("", "cprofile", "pyinstrument"))
    ap.add_argument("--list", action="store_true")
    a = ap.parse_args()
    if a.list:
        for k, v in REGISTRY.items():
            print(f"{k:14} {v['venv']:12} {v['module']}")
        return 0
    params = {k: coerce(v) for k, v in (s.split("=", 1) for s in a.set)}
    bad = 0
    for rep in range(a.repeat):
        tag = "_".join([a.bench, a.lib, *(f"{k}-{v}" for k, v in params.items())])
        waited = wait_quiet(a.quiet) if a.quiet else 0
        rec = run_once(
            a.bench, a.lib, params, a.timeout, rep, a.keep, a.profile, str(HERE / "profiles" / f"{tag}.{a.profile}.txt")
        )
        if a.quiet:
            rec["waited_s"] = round(waited, 1)
        print(json.dumps(rec), flush=True)
        bad += not rec["ok"]
        if not a.dry and not a.profile:
            (HERE / "results").mkdir(exist_ok=True)
            with open(HERE / "results" / f"{a.bench}.jsonl", "a") as f:
                f.write(json.dumps(rec) + "\n")
        if not rec["ok"] and rec.get("timed_out"):
            break
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
