#!/usr/bin/env python3
"""The whole side-by-side, as a list of cells; runs what is not yet recorded.

    python suite.py                 # everything missing
    python suite.py --only b2 --lib dagster,cellmill
    python suite.py --again         # ignore what is recorded
Cells run strictly one after another (two at once would time each other).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGINES = ["floor", "cellmill", "dagster", "hamilton", "redun", "luigi", "doit", "ploomber", "prefect"]
CAP = 300


def cells():  # noqa: C901 - a table, written as a generator
    """(bench, lib, params, repeats), the dearest cells last."""
    fast = ["hamilton", "luigi", "doit", "ploomber", "redun"]
    for what, n in [
        ("sqlite_txn", 1000),
        ("sqlite_txn_full", 1000),
        ("sqlite_batch", 1000),
        ("fork", 200),
        ("fork_big", 100),
        ("spawn", 20),
        ("spawn_isolated", 20),
        ("pipe_roundtrip", 5000),
        ("kernel_start", 3),
        ("kernel_roundtrip", 200),
        ("ipython_inprocess", 1000),
    ]:
        yield "raw", "floor", {"what": what, "n": n}, 5
    for mode in ("call", "pickle", "pickle_fsync", "engine_txn", "engine_txn_full", "engine_batch"):
        yield "b2", "floor", {"shape": "chain", "n": 1000, "mode": mode}, 5
    # engine overhead
    for lib in fast:
        yield "b2", lib, {"shape": "layered", "n": 100 if lib == "redun" else 1000}, 3
    yield "b2", "dagster", {"shape": "layered", "n": 100}, 3
    yield "b2", "prefect", {"shape": "layered", "n": 100}, 3
    # multiprocess, parallel efficiency
    for mode in ("fork_per_step", "pool"):
        yield "b3", "floor", {"n": 200, "mode": mode}, 5
    for lib in ("luigi", "doit", "ploomber", "redun"):
        yield "b3", lib, {"n": 50 if lib == "redun" else 200}, 2
    yield "b3", "dagster", {"n": 10}, 2
    yield "b3", "dagster", {"n": 30, "start": "forkserver"}, 2
    yield "b3", "prefect", {"n": 30}, 2
    for kind in ("sleep", "burn"):
        yield "b4", "floor", {"kind": kind}, 5
        for lib in ("luigi", "doit", "redun", "ploomber", "hamilton"):
            yield "b4", lib, {"kind": kind}, 3
        yield "b4", "prefect", {"kind": kind}, 2
        yield "b4", "dagster", {"kind": kind}, 2
    # notebooks, one at a time
    for mode in ("kernel", "ipython", "exec", "fork_ipython"):
        yield "b7", "floor", {"n": 1, "mode": mode}, 5
    for lib, modes in NOTEBOOKS:
        for mode in modes:
            yield "b7", lib, {"n": 1, "mode": mode}, 4
    # definitions
    for n in (1000, 5000):
        yield "b5", "floor", {"n": n}, 3
        yield "b5", "hamilton", {"n": n}, 3
        yield "b5", "dagster", {"n": n}, 3
    yield "b5_cli", "dagster", {"n": 1000}, 2
    # imports and command lines
    for lib in ENGINES + ["papermill", "nbclient", "marimo"]:
        yield "b1", lib, {}, 3
    # servers
    for lib in ("dagster", "prefect", "luigi", "marimo", "jupyter_scheduler"):
        yield "b10", lib, {}, 3
    # partitions, event log, daemon
    yield "b9", "floor", {"n": 1000}, 3
    yield "b9", "redun", {"n": 30}, 2
    yield "b9", "hamilton", {"n": 300}, 2
    yield "b9", "dagster", {"n": 30}, 2
    yield "b9", "prefect", {"n": 20}, 2
    yield "b9_status", "floor", {"n": 10000}, 3
    yield "b6", "floor", {}, 3
    yield "b8", "dagster", {"schedules": 500, "ticks": 1}, 1
    yield "b8", "dagster", {"schedules": 0, "sensors": 100}, 1
    yield "b9_status", "dagster", {"n": 2000}, 1
    yield "b9_backfill", "dagster", {"n": 6}, 1
    yield "b5_stale", "dagster", {"n": 100}, 1
    yield "b6", "dagster", {"runs": 100, "n": 100}, 1
    yield "b6", "prefect", {"runs": 50, "n": 50}, 1
    # growth with n, other shapes, ten notebooks
    for lib, ns in (
        ("hamilton", (100, 5000)),
        ("doit", (100, 5000)),
        ("luigi", (100, 2000)),
        ("ploomber", (100, 300)),
        ("redun", (300,)),
    ):
        for n in ns:
            yield "b2", lib, {"shape": "layered", "n": n}, 1
    for lib in fast:
        yield "b2", lib, {"shape": "chain", "n": 300}, 1
    for n in (100, 1000, 5000):
        yield "b2", "floor", {"shape": "layered", "n": n, "mode": "engine_txn"}, 3
    yield "b2", "dagster", {"shape": "layered", "n": 100, "quiet": 1}, 2
    yield "b2", "dagster", {"shape": "chain", "n": 100}, 2
    yield "b2", "prefect", {"shape": "chain", "n": 100}, 1
    yield "b2", "prefect", {"shape": "layered", "n": 100, "submit": 1}, 1
    for lib, modes in (("floor", ["kernel", "fork_ipython"]), *NOTEBOOKS):
        for mode in modes:
            yield "b7", lib, {"n": 10, "mode": mode}, 1
            if mode not in ("inproc", "fork_ipython"):
                yield "b7", lib, {"n": 10, "mode": mode, "parallel": 2}, 1
    yield "b10", "dagster", {"n": 1000}, 1
    yield "b2", "dagster", {"shape": "layered", "n": 300}, 1
    yield "b2", "prefect", {"shape": "layered", "n": 300}, 1
    yield "b5_cli", "dagster", {"n": 5000}, 1
    yield "b4", "dagster", {"kind": "burn", "start": "forkserver"}, 1
    # the full sizes; on a loaded machine they meet the cap
    yield "b2", "dagster", {"shape": "layered", "n": 1000}, 1
    yield "b2", "prefect", {"shape": "layered", "n": 1000}, 1
    yield "b6", "dagster", {"runs": 1000, "n": 1000}, 1
    yield "b9_status", "dagster", {"n": 10000}, 1


NOTEBOOKS = (
    ("nbclient", ["api"]),
    ("papermill", ["api", "cli"]),
    ("ploomber", ["notebook"]),
    ("marimo", ["script", "export", "inproc"]),
    ("dagstermill", ["asset"]),
    ("jupyter_scheduler", ["rest"]),
)


#: What `make bench` compares when no one asks for everything: minutes, not hours, on two cores.
QUICK = {
    ("b1", "dagster"), ("b1", "papermill"), ("b2", "dagster"), ("b3", "dagster"), ("b5", "dagster"), ("b9", "dagster"),
    ("b7", "papermill"), ("b6", "dagster"), ("b8", "dagster"),
}  # fmt: skip


def ours():
    """cellmill's own cells: each workload, and the curves that must stay flat."""
    yield "b1", "cellmill", {}, 3
    for n in (100, 1000, 5000, 10_000):
        yield "b2", "cellmill", {"shape": "layered", "n": n}, 3
    yield "b2", "cellmill", {"shape": "chain", "n": 1000}, 3
    yield "b3", "cellmill", {"n": 200}, 3
    for kind in ("sleep", "burn"):
        yield "b4", "cellmill", {"kind": kind}, 3
    for n in (1000, 5000):
        yield "b5", "cellmill", {"n": n}, 3
        yield "b5_cli", "cellmill", {"n": n}, 3
    yield "b6", "cellmill", {"runs": 100, "n": 100}, 2
    for mode in ("warm", "cold", "cli"):
        yield "b7", "cellmill", {"n": 1, "mode": mode}, 3
        yield "b7", "cellmill", {"n": 10, "mode": mode}, 1
        yield "b7", "cellmill", {"n": 10, "mode": mode, "parallel": 2}, 1
    for schedules in (100, 200, 500):
        yield "b8", "cellmill", {"schedules": schedules, "ticks": 1}, 2
    yield "b8", "cellmill", {"schedules": 500, "ticks": 1, "mode": "data"}, 2
    for sensors in (100, 200, 400):
        yield "b8", "cellmill", {"schedules": 0, "sensors": sensors}, 2
    for mode in ("bare", "cellmill"):
        yield "b10", "cellmill", {"mode": mode}, 3
    yield "b10", "cellmill", {"n": 1000}, 1
    yield "b9_backfill", "cellmill", {"n": 20}, 2
    for n in (1000, 10_000):
        yield "b9_backfill", "cellmill", {"n": n, "mode": "single"}, 1
    for n in (100, 1000):
        yield "b9", "cellmill", {"n": n}, 3
    for n in (100, 1000):
        yield "b9_status", "cellmill", {"n": n}, 1
    yield "b9_status", "cellmill", {"n": 10000}, 3


def quick(cell) -> bool:
    """Whether `--quick` keeps this cell: all of ours, the floor, and the small cells of the peers named in QUICK."""
    bench, lib, params, _ = cell
    if lib in ("cellmill", "floor"):
        return params.get("n", 0) <= 5000 and bench != "raw"
    return (bench, lib) in QUICK and params.get("n", 0) <= 100 and params.get("runs", 0) <= 100


def key(bench, lib, params):
    return bench, lib, json.dumps(params, sort_keys=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--only", default="")
    ap.add_argument("--lib", default="")
    ap.add_argument("--quick", action="store_true", help="the cells that fit into a coffee break")
    ap.add_argument("--again", action="store_true")
    ap.add_argument("--quiet", type=float, default=10)
    ap.add_argument("--plan", action="store_true")
    a = ap.parse_args()
    only, libs = set(filter(None, a.only.split(","))), set(filter(None, a.lib.split(",")))
    done: Counter = Counter()
    dead: set = set()
    if not a.again:
        for f in (HERE / "results").glob("*.jsonl"):
            for line in f.read_text().splitlines():
                r = json.loads(line)
                if r["ok"] or r.get("timed_out"):
                    done[key(r["name"], r["lib"], r["params"])] += 1 if r["ok"] else 99
    registry = json.loads((HERE / "adapters" / "registry.json").read_text())
    todo = [
        (b, lib, p, r - done[key(b, lib, p)])
        for b, lib, p, r in filter(quick if a.quick else None, [*ours(), *cells()])
        if (not only or b in only) and (not libs or lib in libs) and lib in registry
    ]
    for rnd in range(max((r for *_, r in todo), default=0)):
        for bench, lib, params, left in todo:  # one repetition of each a round:
            if left <= rnd or key(bench, lib, params) in dead:  # spreads the noise
                continue
            cmd = [
                sys.executable,
                str(HERE / "bench.py"),
                bench,
                lib,
                *(f"{k}={v}" for k, v in params.items()),
                "--timeout",
                str(CAP),
                "--quiet",
                str(a.quiet),
            ]
            print(f"# round {rnd}", " ".join(cmd[2:]), flush=True)
            if not a.plan and subprocess.run(cmd).returncode:
                dead.add(key(bench, lib, params))  # failed or ran out of time: not again


if __name__ == "__main__":
    main()
