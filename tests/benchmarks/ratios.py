#!/usr/bin/env python3
"""The table of ratios: each library's cost of one unit of the same work, and how many times cellmill's that is.

    python ratios.py            # every benchmark with a record of cellmill
    python ratios.py b2 b7      # some

Instructions come first: they hardly change with the load of the machine. They are those the processor counted
(results/b*.jsonl), or else callgrind's (results/instructions.jsonl). The rest are medians over the repetitions: CPU
time (user and system, children included), wall time, and the peak of the process tree's memory. Where a library was
measured at several sizes, the size nearest to cellmill's is compared; it is named.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
Record = dict[str, Any]

#: Parameters that change how much is measured, not what.
SIZES = {"n", "runs", "ticks"}
#: Of a peer's or the floor's ways to do one work, the one that is compared.
CHOSEN = {
    ("b2", "floor"): {"mode": "engine_txn"},
    ("b3", "floor"): {"mode": "pool"},
    ("b3", "dagster"): {"start": "forkserver"},
    ("b7", "floor"): {"mode": "kernel"},
    ("b7", "papermill"): {"mode": "api"},
}
WORK = {
    "b2": "trivial asset in process",
    "b3": "trivial step on 2 worker processes",
    "b4": "8 tasks of 0.5 s on 2 workers",
    "b5": "load definitions, an asset",
    "b5_cli": "check a file of definitions, an asset",
    "b6": "queries of the log",
    "b7": "a notebook of 5 cells",
    "b8": "the daemon, a tick",
    "b9": "a run of one partition",
    "b9_backfill": "a partition of a backfill",
    "b9_status": "status of the partitions",
    "b10": "server start",
}
#: Queries that b6 and b9_status time by themselves, in milliseconds.
QUERIES = {
    "b6": {
        "py_run_list_25_ms": "list of 25 runs",
        "py_run_events_ms": "a run's events",
        "py_latest_1000_ms": "latest materializations",
    },
    "b9_status": {"py_status_ms": "status of the partitions"},
}


def load() -> list[Record]:
    """Every record that went well."""
    lines = (line for file in (HERE / "results").glob("b*.jsonl") for line in file.read_text().splitlines())
    return [record for record in map(json.loads, lines) if record["ok"]]


def callgrind() -> dict[tuple[str, str, str], float]:
    """Million instructions a unit, by benchmark, library and what is measured; the newest count of each."""
    file = HERE / "results" / "instructions.jsonl"
    records = map(json.loads, file.read_text().splitlines()) if file.exists() else ()
    return {(r["name"], r["lib"], _kind(r["params"])): r["minstr_per_unit"] for r in records}


def _kind(params: Record) -> str:
    """What is measured, without its size and without the choices that only one library has."""
    return " ".join(f"{k}={v}" for k, v in sorted(params.items()) if k in ("shape", "kind", "parallel", "command"))


def _chosen(record: Record) -> bool:
    wanted = CHOSEN.get((record["name"], record["lib"]), {})
    given = record["params"]
    others = {k for k in given if k not in SIZES | {"shape", "kind", "parallel", "schedules", "sensors"}}
    if record["lib"] != "cellmill" and not wanted:
        return others <= {"mode"}
    return record["lib"] == "cellmill" or {k: given.get(k) for k in others} == wanted


def _per_unit(record: Record, measure: str) -> float | None:
    """Milliseconds (or million instructions) of one unit, where the workload has units; else of the whole."""
    prefix = {"cpu_s": "cpu_ms_per_", "wall_s": "ms_per_", "ginstr": "minstr_per_"}[measure]
    by_unit = [v for k, v in record.items() if k.startswith(prefix) and k != "minstr_per_asset_with_drain"]
    if by_unit and by_unit[0] is not None:
        return float(by_unit[0])
    return None if record.get(measure) is None else record[measure] * 1000


def _median(records: Iterable[Record], read: Callable[[Record], float | None]) -> float | None:
    values = [value for record in records if (value := read(record)) is not None]
    return median(values) if values else None


def _cell(value: float | None, ours: float | None) -> str:
    if value is None:
        return "–"
    ratio = f" ({value / ours:.2g}×)" if ours else ""
    return f"{value:.3g}{ratio}"


def _nearest(groups: dict[int, list[Record]], size: int) -> tuple[int, list[Record]]:
    n = min(groups, key=lambda have: abs(have - size))
    return n, groups[n]


def rows(only: set[str]) -> Iterable[str]:
    """The lines of the table."""
    counted = callgrind()
    by_work: dict[tuple[str, str], dict[str, dict[str, dict[int, list[Record]]]]] = defaultdict(dict)
    for record in load():
        if record["name"] == "b1" or (only and record["name"] not in only) or not _chosen(record):
            continue
        mode = record["params"].get("mode", "") if record["lib"] == "cellmill" else ""
        libs = by_work[record["name"], _kind(record["params"])]
        sizes = libs.setdefault(record["lib"], {}).setdefault(mode, defaultdict(list))
        sizes[record["params"].get("n", record["params"].get("schedules", 0))].append(record)
    for (bench, kind), libs in sorted(by_work.items()):
        if "cellmill" not in libs:
            continue
        for mode, sizes in libs["cellmill"].items():
            size = sorted(sizes)[len(sizes) // 2]
            title = " ".join(filter(None, [WORK.get(bench, bench), kind, mode]))
            yield from _work(bench, kind, title, size, libs, sizes[size], counted)
    yield from _commands(only, counted)


def _work(
    bench: str,
    kind: str,
    title: str,
    size: int,
    libs: dict[str, dict[str, dict[int, list[Record]]]],
    ours: list[Record],
    counted: dict[tuple[str, str, str], float],
) -> Iterable[str]:
    compared = {"cellmill": (size, ours)}
    for lib, modes in libs.items():
        if lib != "cellmill":
            compared[lib] = _nearest(next(iter(modes.values())), size)
    if bench in QUERIES:
        for name, what in QUERIES[bench].items():
            own = _median(ours, lambda r, name=name: r.get(name))
            for lib, (n, records) in compared.items():
                value = _median(records, lambda r, name=name: r.get(name))
                if value is not None:
                    yield f"| {what}, n={n} | {lib} | – | – | {_cell(value, own if lib != 'cellmill' else None)} | – |"
        return
    base: dict[str, float | None] = {}
    for lib, (n, records) in compared.items():
        values = {
            "instructions": _median(records, lambda r: _per_unit(r, "ginstr")) or counted.get((bench, lib, kind)),
            "cpu": _median(records, lambda r: _per_unit(r, "cpu_s")),
            "wall": _median(records, lambda r: _per_unit(r, "wall_s")),
            "memory": _median(records, lambda r: r.get("peak_rss_mb")),
        }
        cells = " | ".join(_cell(value, base.get(what)) for what, value in values.items())
        base = base or values
        yield f"| {title}{f', n={n}' if n else ''} | {lib} | {cells} |"


def _commands(only: set[str], counted: dict[tuple[str, str, str], float]) -> Iterable[str]:
    if only and "b1" not in only:
        return
    times: dict[str, list[Record]] = defaultdict(list)
    for record in load():
        for command, case in record.get("cases", {}).items():
            if record["name"] == "b1" and "walls" in case:
                times[command].append(case | {"lib": record["lib"]})
    counts = {kind.removeprefix("command="): (lib, mi) for (bench, lib, kind), mi in counted.items() if bench == "b1"}
    help_ = "cellmill --help"
    ours = {"import": times.get("import cellmill", []), "help": times.get(help_, [])}
    for command in sorted(set(times) | set(counts)):
        cases = times.get(command, [])
        lib = cases[0]["lib"] if cases else counts[command][0]
        against = "help" if "--help" in command else "import"
        own = ours[against] if lib != "cellmill" else []
        own_count = counts.get(help_ if against == "help" else "import cellmill", ("", None))[1]
        cells = [_cell(counts.get(command, ("", None))[1], own_count if lib != "cellmill" else None)]
        for key in ("cpus", "walls"):
            mine = median([v for case in own for v in case[key]]) if own else None
            cells.append(_cell(median([v for case in cases for v in case[key]]) if cases else None, mine))
        mine = median(case["rss_mb"] for case in own) if own else None
        cells.append(_cell(median(case["rss_mb"] for case in cases) if cases else None, mine))
        yield f"| `{command}` | {lib} | {' | '.join(cells)} |"


def table(only: set[str]) -> None:
    """Print the table; in brackets, how many times cellmill's figure of the same work it is."""
    print("| work, a unit | library | Mi | CPU ms | wall ms | memory MB |\n|---|---|---|---|---|---|")
    for row in rows(only):
        print(row)


if __name__ == "__main__":
    table(set(sys.argv[1:]))
