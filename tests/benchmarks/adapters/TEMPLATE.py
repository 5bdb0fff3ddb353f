"""Copy to ad_<lib>.py, add a line to registry.json, fill in what applies.

Each function is one benchmark.  It gets a Meter `m`, an empty work directory
(also the current directory, $HOME and $CB_WORK) and the cell's parameters as
keywords ($CB_PARAMS holds them as JSON, for processes you start).  Leave a
benchmark out by leaving its function out.  Rules:

* workloads come from harness.workloads, never from here;
* only what a user would pay goes inside `with m.phase("main")`;
* after the clock stops, check the result (g.expected(), notebook_total(), ...);
* end with m.per(n, "asset" | "step" | "partition" | "notebook").
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


def b1(m, work: Path, **_):
    """import and CLI: medians, minima and instructions of each command."""
    C.time_commands(m, {"import LIB": [sys.executable, "-c", "import LIB"], "LIB --help": [str(BIN / "LIB"), "--help"]})


def b2(m, work: Path, shape="chain", n=1000):
    """n trivial assets in one process: values to the default file store, events
    to the default on-disk log.  Definitions may be built in phase("define")."""
    g = W.graph(shape, n)  # g.nodes: (name, upstream names), in order
    with m.phase("define"):
        ...  # each asset's body: return W.compute(inputs)
    with m.phase("main"):
        ...  # materialise all of them
    g.expected()
    for _s in g.sinks:
        ...  # assert the stored value of s == exp[s]
    m.set(shape=shape, edges=g.edges)
    m.per(n, "asset")


def b3(m, work: Path, n=W.B3_N, workers=W.B3_WORKERS):
    """W.graph(W.B3_SHAPE, n) on worker processes, `workers` at once."""


def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS):
    """W.B4_TASKS independent W.LEAVES[kind](W.B4_SECONDS); set efficiency."""


def b5(m, work: Path, n=1000, shape="layered"):
    """Load a file of n decorated functions and build the graph."""


def b6(m, work: Path, runs=1000, n=1000, reps=5):
    """Query run list, one run's events, latest materialisations (see floor.b6)."""


def b7(m, work: Path, n=1, parallel=1, mode="api"):
    """Run W.write_notebook(...) n times, `parallel` at once; check the total."""


def b9(m, work: Path, n=1000):
    """n runs of one asset, one a key of W.daily_keys(n)."""


def b10(m, work: Path):
    """Start the server; set info_s and server=C.tree_stats(pid)."""
