"""The workloads, in one place and free of any library.

Every adapter runs exactly these graphs, leaf functions and notebooks, so that
two libraries' numbers differ only by the engine between them.  Standard library
only: this file is imported inside every peer's virtual environment.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

MOD = 1_000_003


# --------------------------------------------------------------------- graphs
@dataclass(frozen=True)
class Graph:
    """nodes: (name, names of direct upstreams), in topological order."""

    shape: str
    nodes: tuple[tuple[str, tuple[str, ...]], ...]

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def edges(self) -> int:
        return sum(len(d) for _, d in self.nodes)

    @property
    def sinks(self) -> tuple[str, ...]:
        used = {d for _, deps in self.nodes for d in deps}
        return tuple(n for n, _ in self.nodes if n not in used)

    def expected(self) -> dict[str, int]:
        out: dict[str, int] = {}
        for name, deps in self.nodes:
            out[name] = compute([out[d] for d in deps])
        return out


def chain(n: int) -> Graph:
    return Graph("chain", tuple((f"n{i:05d}", (f"n{i - 1:05d}",) if i else ()) for i in range(n)))


def layered(n: int, layers: int = 10, fan_in: int = 4) -> Graph:
    """`layers` layers of n/layers nodes; each node reads `fan_in` nodes of the
    layer above, chosen by a fixed rule (so fan-out is `fan_in` too)."""
    width = n // layers
    k = min(fan_in, width)
    nodes: list[tuple[str, tuple[str, ...]]] = []
    for layer in range(layers):
        for i in range(width):
            if layer == 0:
                deps: tuple[str, ...] = ()
            else:
                base = (layer - 1) * width
                picks = {(i + j * 7 + j * j) % width for j in range(k)}
                deps = tuple(f"n{base + p:05d}" for p in sorted(picks))
            nodes.append((f"n{layer * width + i:05d}", deps))
    return Graph("layered", tuple(nodes))


def fan(n: int) -> Graph:
    """One source, n-2 middles, one sink that reads them all."""
    mids = tuple(f"n{i:05d}" for i in range(1, n - 1))
    return Graph("fan", (("n00000", ()), *((m, ("n00000",)) for m in mids), (f"n{n - 1:05d}", mids)))


def independent(n: int) -> Graph:
    return Graph("independent", tuple((f"n{i:05d}", ()) for i in range(n)))


SHAPES = {"chain": chain, "layered": layered, "fan": fan, "independent": independent}


def graph(shape: str, n: int) -> Graph:
    return SHAPES[shape](n)


# ------------------------------------------------------------- leaf functions
def compute(inputs) -> int:
    """The trivial asset body: microseconds of work, checkable result."""
    return (1 + sum(inputs)) % MOD


def sleep_task(seconds: float = 0.5) -> int:
    time.sleep(seconds)
    return 1


def burn_task(seconds: float = 0.5) -> int:
    """Burns `seconds` of this thread's own CPU time, whatever else runs."""
    end = time.thread_time() + seconds
    x = 0
    while time.thread_time() < end:
        for i in range(2000):
            x = (x * 31 + i) % MOD
    return x


LEAVES = {"sleep": sleep_task, "burn": burn_task}

# ---------------------------------------------------------- fixed task counts
B3_SHAPE, B3_N, B3_WORKERS = "layered", 200, 2
B4_TASKS, B4_SECONDS, B4_WORKERS = 8, 0.5, 2
B4_IDEAL = B4_TASKS * B4_SECONDS / B4_WORKERS
EVENTS_PER_STEP = 8  # what Dagster records for a trivial asset, about

# ------------------------------------------------------------------ notebooks
NOTEBOOK_CELLS = (
    ("parameters", "x = 1\ny = 2"),
    (None, "import json"),
    (None, "z = [x * i + y for i in range(10)]"),
    (None, "print(json.dumps(z))"),
    (None, "total = sum(z)\ntotal"),
)


def notebook_json(kernel: str = "python3", first_cell_prefix: str = "", tag: bool = True) -> dict:
    cells = []
    for i, (cell_tag, src) in enumerate(NOTEBOOK_CELLS):
        cells.append(
            {
                "cell_type": "code",
                "id": f"cell{i}",
                "execution_count": None,
                "metadata": {"tags": [cell_tag] if cell_tag and tag else []},
                "outputs": [],
                "source": (first_cell_prefix + src) if i == 0 else src,
            }
        )
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "cells": cells,
        "metadata": {
            "kernelspec": {"name": kernel, "display_name": kernel, "language": "python"},
            "language_info": {"name": "python"},
        },
    }


def write_notebook(path: Path, **kw) -> Path:
    import json

    path.write_text(json.dumps(notebook_json(**kw)))
    return path


def notebook_total(x: int = 1, y: int = 2) -> int:
    return sum(x * i + y for i in range(10))


# ----------------------------------------------------------------- partitions
PARTITION_START = "1990-01-01"  # 10,000 days end before today


def daily_keys(n: int) -> list[str]:
    import datetime as dt

    d0 = dt.date.fromisoformat(PARTITION_START)
    return [(d0 + dt.timedelta(days=i)).isoformat() for i in range(n)]


def partition_value(key: str) -> int:
    return sum(int(p) for p in key.split("-")) % MOD
