"""Compares a notebook of five cells in a warm kernel with `papermill.execute_notebook`, both already imported.

    python tests/benchmarks/warm_vs_papermill.py [--rounds 5] [--many 10]

One after the other in alternating rounds: papermill, a cold kernel, a warm kernel; then `--many` notebooks, two at a
time, with warm kernels against papermill one by one (it has no other way in one process). Wall and CPU seconds, the
server of warm kernels and its kernels counted; medians and ratios are printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import papermill
from cellmill.execution.notebook.forkserver import stop_servers
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step

CELLS = ("import json", "values = list(range(1000))", "total = sum(values)", "print(total)", "json.dumps(values[:10])")
_TICKS = os.sysconf("SC_CLK_TCK")


def write_notebook(path: Path) -> None:
    """Write the notebook of five cells."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [
        {"cell_type": "code", "id": f"c{at}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for at, text in enumerate(CELLS)
    ]
    path.write_text(
        json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})
    )


def server_cpu(runtime: Path) -> float:
    """CPU seconds of the servers below `runtime` and of the kernels that they have reaped."""
    spent = 0.0
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(runtime).encode() in (entry / "cmdline").read_bytes():
                spent += sum(map(int, (entry / "stat").read_text().rpartition(")")[2].split()[11:15])) / _TICKS
        except OSError:
            continue
    return spent


def cost(work: Callable[[], object], runtime: Path) -> dict[str, float]:
    """Wall and CPU seconds of `work`."""

    def spent() -> float:
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in own) + server_cpu(runtime)

    before, began = spent(), time.perf_counter()
    work()
    return {"wall": time.perf_counter() - began, "cpu": spent() - before}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=10)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cellmill-bench-"))
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    path = folder / "notebook.ipynb"
    write_notebook(path)

    def ours(number: int = 0, *, warm: bool = True) -> None:
        request = NotebookStepRequest(path=path, artifacts=folder / f"artifacts-{number}", warm=warm)
        assert run_notebook_step(request).result.succeeded

    def theirs() -> None:
        papermill.execute_notebook(path, folder / "out.ipynb", progress_bar=False)

    def many() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(ours, range(given.many)))

    works: dict[str, Callable[[], object]] = {
        "papermill": theirs, "cold": lambda: ours(warm=False), "warm": ours,
        "papermill_many": lambda: [theirs() for _ in range(given.many)], "warm_many": many,
    }  # fmt: skip
    try:
        ours()  # the server's start is the cost of the first notebook, which `flights_vs_papermill.py` counts
        theirs()
        rounds = {name: [] for name in works}
        for _ in range(given.rounds):
            for name, work in works.items():
                rounds[name].append(cost(work, folder))
    finally:
        stop_servers()
        shutil.rmtree(folder, ignore_errors=True)
    found = {
        name: {key: statistics.median(one[key] for one in costs) for key in ("wall", "cpu")}
        for name, costs in rounds.items()
    }
    pairs = {"cold": "papermill", "warm": "papermill", "warm_many": "papermill_many"}
    ratios = {
        name: {key: round(found[name][key] / found[other][key], 3) for key in found[name]}
        for name, other in pairs.items()
    }
    seconds = {name: {key: round(value, 3) for key, value in one.items()} for name, one in found.items()}
    print(json.dumps({"seconds": seconds, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main()
