"""`cellmill check` on a workspace of 1,000 notebooks with 5,000 asset cells: cold, warm, and after one edit.

Run: ``python tests/benchmarks/bench_check.py [NOTEBOOKS] [--dagster PYTHON]``. Writes one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CELLS = 5


def make_workspace(root: Path, notebooks: int) -> None:
    """Write notebooks of five asset cells each; the first of each reads the last of the one before."""
    (root / "cellmill.toml").write_text('notebooks = ["nb/**/*.ipynb"]\n')
    for number in range(notebooks):
        sources = [
            "%load_ext cellmill\nimport pandas as pd\nimport numpy as np",
            f"FACTOR = {number}\n\ndef scale(x):\n    return x * FACTOR",
        ]
        above = f"a{number - 1}_{CELLS - 1}" if number else "np.arange(10)"
        for cell in range(CELLS):
            sources.append(
                f'%%asset a{number}_{cell} --group g{number % 20}\n"""Asset {cell} of notebook {number}."""\n'
                f"frame = pd.DataFrame({{'x': scale({above}), 'y': {cell}}})\n"
                "frame[frame.x > 0].groupby('y', as_index=False).x.sum()"
            )
            above = f"a{number}_{cell}"
        cells = [
            {
                "cell_type": "code",
                "id": f"c{at}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for at, source in enumerate(sources)
        ]
        notebook = {
            "cells": cells,
            "metadata": {"language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        path = root / "nb" / f"{number // 100:02d}" / f"n{number:04d}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook))
    old = time.time() - 60
    for path in root.rglob("*.ipynb"):
        os.utime(path, (old, old))


#: As many assets in chains of five: over one chain of 5,000, as in the notebooks, Dagster ends with a RecursionError.
DEFINITIONS = """
import dagster

def make(n):
    @dagster.asset(name=f"a{{n}}", deps=[f"a{{n - 1}}"] if n % 5 else [], group_name=f"g{{n % 20}}")
    def inner():
        return n
    return inner

defs = dagster.Definitions(assets=[make(n) for n in range({count})])
"""


def timed_dagster(python: str, root: Path, count: int) -> dict[str, float]:
    """Return wall and CPU seconds of one `dagster definitions validate`."""
    (root / "defs.py").write_text(DEFINITIONS.format(count=count))
    return timed([python, "-m", "dagster", "definitions", "validate", "-f", "defs.py"], root)


def timed_check(root: Path) -> dict[str, float]:
    """Return wall and CPU seconds of one `cellmill check`."""
    return timed([sys.executable, "-m", "cellmill", "check"], root)


def timed(command: list[str], root: Path) -> dict[str, float]:
    """Return wall and CPU seconds of a command, and of the processes that it waits for."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3)}


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("notebooks", nargs="?", type=int, default=1000)
    parser.add_argument("--dagster", metavar="PYTHON", help="A Python that has dagster.")
    given = parser.parse_args()
    notebooks = given.notebooks
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_workspace(root, notebooks)
        cold, warm = timed_check(root), timed_check(root)
        one = root / "nb" / "00" / "n0000.ipynb"
        one.write_text(one.read_text().replace("FACTOR = 0", "FACTOR = 7"))
        edited = timed_check(root)
        assets = notebooks * CELLS
        found: dict[str, Any] = {"notebooks": notebooks, "assets": assets, "cold": cold, "warm": warm}
        found["one_edit"] = edited
        if given.dagster:
            found["dagster"] = timed_dagster(given.dagster, root, assets)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
