"""Compares `cellmill run flights.ipynb` with the `papermill` command on the same notebook without its magics.

    python tests/benchmarks/flights_vs_papermill.py [--rounds 5] [--notebook notebooks/flights.ipynb]

It also compares both commands on a notebook of one trivial cell, which shows what starting costs. Each pair runs in
turn, so load on the machine hits both alike; the medians of wall and CPU seconds are printed as JSON. The CPU time is
that of every process that the command leaves, the server of warm kernels too: this program takes in what is orphaned,
ends it and counts it. Each round starts without such a server, without an instance and without a cache of scans.
Both run from bytecode, as installed packages do: a first round, which is not counted, compiles what has none.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import ctypes
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cellmill.execution.notebook.forkserver import stop_servers

#: prctl's option by which orphans below this process become its children.
_SUBREAPER = 36
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def plain_source(source: str) -> str:
    """The cell as papermill can run it: an asset's body with its value bound to the asset's name, no other magics."""
    first, _, rest = source.partition("\n")
    if first.startswith("%%asset"):
        lines = rest.rstrip().split("\n")
        last = ast.parse(rest).body[-1]
        name = first.split()[1]
        head = lines[: last.lineno - 1]
        tail = "\n".join(lines[last.lineno - 1 :])
        # what the value is called in the cells below
        return "\n".join([*head, tail if isinstance(last, ast.Assign) else f"{name} = ({tail}\n)", name])
    if first.startswith("%%check"):
        return f"assert {rest.strip()}"
    return "\n".join(line for line in source.split("\n") if not line.startswith("%"))


def write_plain(notebook: Path, target: Path) -> None:
    """Write the notebook without cellmill's magics."""
    document = json.loads(notebook.read_text())
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = plain_source("".join(cell["source"]))
    target.write_text(json.dumps(document))


def write_trivial(target: Path) -> None:
    """Write a notebook of one cell."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cell = {"cell_type": "code", "id": "one", "metadata": {}, "source": "1 + 1", "execution_count": None, "outputs": []}
    document = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    target.write_text(json.dumps(document))


def cost(command: list[str], folder: Path) -> dict[str, float]:
    """Wall seconds of a command, and CPU seconds of everything that it started."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ.update(CELLMILL_HOME=str(folder / ".cellmill"), XDG_RUNTIME_DIR=str(runtime))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    wall = time.perf_counter() - began
    stop_servers()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def compare(
    commands: dict[str, Callable[[Path], list[str]]], prepare: Callable[[Path], None], rounds: int
) -> dict[str, Any]:
    """The medians of every command, each round in a fresh folder, one command after the other."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            folder = Path(tempfile.mkdtemp(prefix="cellmill-bench-"))
            try:
                prepare(folder)
                spent = cost(command(folder), folder)
                if number:
                    found[name].append(spent)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    medians: dict[str, Any] = {
        name: {key: round(statistics.median(one[key] for one in costs), 2) for key in ("wall", "cpu")}
        for name, costs in found.items()
    }
    ours, theirs = medians["cellmill"], medians["papermill"]
    medians["ratio"] = {key: round(ours[key] / theirs[key], 2) for key in ("wall", "cpu")}
    return medians


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--notebook", type=Path, default=ROOT / "notebooks" / "flights.ipynb")
    parser.add_argument("--only", choices=("flights", "trivial"))
    given = parser.parse_args()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

    def flights(folder: Path) -> None:
        shutil.copy(given.notebook, folder / "notebook.ipynb")
        write_plain(given.notebook, folder / "plain.ipynb")

    def trivial(folder: Path) -> None:
        write_trivial(folder / "notebook.ipynb")
        write_trivial(folder / "plain.ipynb")

    commands = {
        "papermill": lambda folder: [str(BIN / "papermill"), "plain.ipynb", "out.ipynb", "--no-progress-bar"],
        "cellmill": lambda folder: [str(BIN / "cellmill"), "run", "notebook.ipynb"],
    }
    pairs = {"flights": flights, "trivial": trivial}
    for name, prepare in pairs.items():
        if given.only in (None, name):
            print(json.dumps({name: compare(commands, prepare, given.rounds)}), flush=True)


if __name__ == "__main__":
    main()
