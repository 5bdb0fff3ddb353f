#!/usr/bin/env python3
"""Turns results/*.jsonl into Markdown tables: the ratios (ratios.py), then each benchmark's medians and minima.

python report.py            # every benchmark
python report.py b2 b7      # some
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

import ratios

HERE = Path(__file__).resolve().parent
EXTRA = {
    "b2": ["minstr_per_asset_with_drain"],
    "b5": ["exec_module_cpu_s", "repository_cpu_s", "asset_graph_cpu_s", "validate_cpu_s"],
    "b4": ["efficiency"],
    "b10": ["info_s", "graphql_s", "scheduler_s", "first_query_s"],
    "b6": [
        "py_run_list_25_ms",
        "py_run_list_1000_ms",
        "py_run_events_ms",
        "py_latest_1000_ms",
        "http_trivial_ms",
        "http_run_list_25_ms",
        "http_run_list_1000_ms",
        "http_run_list_200_ms",
        "http_run_events_ms",
        "http_latest_1000_ms",
        "http_task_runs_200_ms",
        "http_events_50_ms",
        "run_list_25_ms",
        "run_list_1000_ms",
        "run_events_10k_ms",
        "latest_1000_ms",
        "populate_ms_per_run",
        "big_events",
        "disk_mb",
        "db_files",
    ],
    "b9_status": [
        "py_status_ms",
        "http_stats_ms",
        "http_ranges_ms",
        "http_keys_ms",
        "http_first_ms",
        "http_after_new_event_ms",
        "status_ms",
    ],
    "b8": ["ticks_per_s", "loop_s", "cpu_ms_per_tick", "spread_s"],
}


def load():
    rows = defaultdict(list)
    for f in sorted((HERE / "results").glob("*.jsonl")):
        for line in f.read_text().splitlines():
            r = json.loads(line)
            rows[r["name"], r["lib"], json.dumps(r["params"], sort_keys=True)].append(r)
    return rows


def f(x, nd=3):
    return "" if x is None else f"{x:.{nd}g}" if isinstance(x, float) else str(x)


def med(rs, k):
    v = [r[k] for r in rs if isinstance(r.get(k), (int, float))]
    return median(v) if v else None


def low(rs, k):
    v = [r[k] for r in rs if isinstance(r.get(k), (int, float))]
    return min(v) if v else None


def table(rows, only):
    by = defaultdict(list)
    for (b, lib, p), rs in rows.items():
        by[b].append((lib, p, rs))
    for b in sorted(by):
        if only and b not in only:
            continue
        print(f"\n### {b}\n")
        if b == "b1":
            print("| lib | command | wall ms med | wall ms min | cpu ms med | cpu ms min | Ginstr | rss MB | runs |")
            print("|---|---|---|---|---|---|---|---|---|")
            for lib, _, rs in by[b]:
                cases = defaultdict(lambda: [[], [], [], []])
                for r in rs:
                    for c, v in r.get("cases", {}).items():
                        if "walls" in v:
                            cases[c][0] += v["walls"]
                            cases[c][1] += v["cpus"]
                            cases[c][2].append(v["rss_mb"])
                            cases[c][3].append(v["ginstr"] or 0)
                        elif "error" in v:
                            print(f"| {lib} | {c} | error {v['error'][:80]} | | | | | |")
                for c, (w, u, m, g) in cases.items():
                    print(
                        f"| {lib} | `{c}` | {median(w):.0f} | {min(w):.0f} | {median(u):.0f} "
                        f"| {min(u):.0f} | {median(g):.3f} | {median(m):.0f} | {len(w)} |"
                    )
            continue
        unit = next((k[7:] for _, _, rs in by[b] for r in rs for k in r if k.startswith("ms_per_")), None)
        ex = [k for k in EXTRA.get(b, []) if any(k in r for _, _, rs in by[b] for r in rs)]
        head = [
            "lib",
            "params",
            "ok/runs",
            "wall s med",
            "wall s min",
            "cpu s med",
            "cpu s min",
            "Ginstr",
            *([f"ms/{unit} min", f"cpu ms/{unit} min", f"Minstr/{unit}"] if unit else []),
            "rss MB",
            *ex,
        ]
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
        notes: list = []
        for lib, p, rs in by[b]:
            ok = [r for r in rs if r["ok"]]
            ok = [r for r in ok if "note" not in r] or ok  # prefer unflagged records
            notes += [f"{lib} {p}: {n}" for n in sorted({r["note"] for r in rs if "note" in r})]
            pp = " ".join(f"{k}={v}" for k, v in json.loads(p).items())
            if not ok:
                why = "over the cap" if any(r.get("timed_out") for r in rs) else "failed"
                print(f"| {lib} | {pp} | 0/{len(rs)} {why} |" + " |" * (len(head) - 3))
                continue
            cells = [
                lib,
                pp,
                f"{len(ok)}/{len(rs)}",
                f(med(ok, "wall_s")),
                f(low(ok, "wall_s")),
                f(med(ok, "cpu_s")),
                f(low(ok, "cpu_s")),
                f(med(ok, "ginstr"), 4),
            ]
            if unit:
                cells += [
                    f(low(ok, f"ms_per_{unit}")),
                    f(low(ok, f"cpu_ms_per_{unit}")),
                    f(med(ok, f"minstr_per_{unit}"), 4),
                ]
            cells += [f(med(ok, "peak_rss_mb"), 4), *(f(med(ok, k), 4) for k in ex)]
            print("| " + " | ".join(cells) + " |")
        for n in notes:
            print(f"\nNote: {n}")


if __name__ == "__main__":
    ratios.table(set(sys.argv[1:]))
    table(load(), set(sys.argv[1:]))
