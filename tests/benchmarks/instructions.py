#!/usr/bin/env python3
"""Counts user-space instructions by valgrind's callgrind, on machines whose processors keep no count for us.

    python instructions.py                 # every cell below whose environment is there
    python instructions.py b2 b9           # some
    python instructions.py b2 --lib cellmill,floor

Of a cell its phase "main" is counted, at two sizes; the difference of the totals over the difference of the sizes is
what one unit costs, free of imports and of what a first unit pays. Commands (b1) are counted whole. One line a cell
goes to results/instructions.jsonl.

Only what stays in one process (or starts others by `exec`) is counted: a forked child carries its parent's count, so
worker processes and daemons are compared by CPU time instead (`notebook_instructions.py` counts forked kernels).
callgrind is about fifty times slower than the processor; hence the small sizes, smaller still for the peers that need
more of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bench

HERE = Path(__file__).resolve().parent
#: How much slower a step may be here than in life: what waits for a while must wait that much longer.
SLOWNESS = 1000
RESULTS = HERE / "results" / "instructions.jsonl"
_TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """One workload of one library at two sizes."""

    bench: str
    lib: str
    sizes: tuple[int, int]
    params: dict[str, Any] = field(default_factory=dict)


def cells() -> Iterator[Cell]:
    """Every cell, ours and the floor's first."""
    for shape in ("layered", "chain"):
        given = {"shape": shape}
        yield Cell("b2", "floor", (200, 600), given | {"mode": "engine_txn"})
        yield Cell("b2", "cellmill", (200, 600), given)
        for lib in ("hamilton", "doit", "luigi"):
            yield Cell("b2", lib, (100, 300), given)
        yield Cell("b2", "dagster", (4, 10), given)
    for lib in ("floor", "cellmill", "hamilton", "dagster"):
        yield Cell("b5", lib, (100, 300))
    yield Cell("b9", "floor", (100, 300))
    yield Cell("b9", "cellmill", (100, 300))
    yield Cell("b9", "dagster", (1, 3))


#: Commands counted whole: the library whose environment has them, and the words after its Python's folder.
COMMANDS = {
    "python -c pass": ("cellmill", ["python", "-c", "pass"]),
    "import cellmill": ("cellmill", ["python", "-c", "import cellmill"]),
    "from cellmill import asset, job": ("cellmill", ["python", "-c", "from cellmill import asset, job"]),
    "cellmill --help": ("cellmill", ["cellmill", "--help"]),
    "import dagster": ("dagster", ["python", "-c", "import dagster"]),
    "dagster --help": ("dagster", ["dagster", "--help"]),
    "papermill --help": ("papermill", ["papermill", "--help"]),
}


def counted(command: list[str], env: dict[str, str], cwd: Path, *options: str) -> int:
    """Instructions of a command and of what it starts by `exec`, in user space; `options` are callgrind's.

    Raises RuntimeError with the end of its standard error where it fails.
    """
    folder = Path(tempfile.mkdtemp(prefix="callgrind_"))
    try:
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/%p", *options]
        done = subprocess.run([*valgrind, *command], env=env, cwd=cwd, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-1500:]}")
        return sum(int(found[1]) for file in folder.iterdir() if (found := _TOTALS.search(file.read_text())))
    finally:
        shutil.rmtree(folder)


def _run(cell: Cell, n: int) -> int:
    registered = bench.REGISTRY[cell.lib]
    work = Path(tempfile.mkdtemp(prefix="instructions_"))
    params = json.dumps(cell.params | {"n": n})
    python = str(bench.interpreter(registered["venv"]))
    command = [python, "-m", "harness.child", "--module", registered["module"], "--bench", cell.bench]
    try:
        env = os.environ | bench.QUIET_ENV | {"HOME": str(work), "CB_WORK": str(work), "PYTHONHASHSEED": "0"}
        env.pop("PYTHONDONTWRITEBYTECODE")
        whole = [*command, "--params", params, "--workdir", str(work / "run")]
        # once before, in life's own speed, so that no bytecode is compiled while it is counted
        subprocess.run([*whole[:-1], str(work / "first")], env=env, cwd=HERE, capture_output=True, check=True)
        env |= {"CB_SLOWNESS": str(SLOWNESS), "CB_CALLGRIND": "1"}
        # its own children are callgrind_control's
        return counted(whole, env, HERE, "--instr-atstart=no")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _of_cell(cell: Cell) -> dict[str, Any]:
    small, large = (_run(cell, n) for n in cell.sizes)
    span = cell.sizes[1] - cell.sizes[0]
    return {"minstr_per_unit": round((large - small) / span / 1e6, 4), "sizes": cell.sizes}


def _of_command(lib: str, words: list[str]) -> dict[str, Any]:
    binaries = bench.interpreter(bench.REGISTRY[lib]["venv"]).parent
    env = os.environ | bench.QUIET_ENV | {"PYTHONHASHSEED": "0"}
    # once before, so that no bytecode is written while it is counted
    command = [str(binaries / words[0]), *words[1:]]
    subprocess.run(command, env=env, capture_output=True, check=True)
    return {"minstr_per_unit": round(counted(command, env, HERE, "--trace-children=yes") / 1e6, 1)}


def _there(lib: str) -> bool:
    try:
        bench.interpreter(bench.REGISTRY[lib]["venv"])
    except SystemExit as missing:
        print(f"# {lib}: {missing}", flush=True)
        return False
    return True


def main() -> int:
    """Count the cells and commands that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help="benchmarks: b1, b2, b5, b9")
    parser.add_argument("--lib", default="", help="libraries, with commas between")
    given = parser.parse_args()
    if not shutil.which("valgrind"):
        print("no valgrind on this machine: apt install valgrind", file=sys.stderr)
        return 0
    RESULTS.parent.mkdir(exist_ok=True)
    libs = set(filter(None, given.lib.split(",")))
    todo: list[tuple[dict[str, Any], Any]] = [
        ({"name": "b1", "lib": lib, "params": {"command": name}}, lambda lib=lib, words=words: _of_command(lib, words))
        for name, (lib, words) in COMMANDS.items()
    ] + [({"name": c.bench, "lib": c.lib, "params": c.params}, lambda c=c: _of_cell(c)) for c in cells()]
    for about, count in todo:
        if (given.only and about["name"] not in given.only) or (libs and about["lib"] not in libs):
            continue
        if not _there(about["lib"]):
            continue
        record = about | {"ts": time.strftime("%Y-%m-%dT%H:%M:%S")} | count()
        print(json.dumps(record), flush=True)
        with RESULTS.open("a") as file:
            file.write(json.dumps(record) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
