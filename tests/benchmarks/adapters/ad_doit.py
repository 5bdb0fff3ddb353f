"""doit with its SQLite state file; targets are pickles."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


def b1(m, work: Path, **_):
    C.time_commands(m, {"import doit": [sys.executable, "-c", "import doit"], "doit help": [str(BIN / "doit"), "help"]})


def _run(m, work: Path, g: W.Graph, workers: int = 0, leaf=None):
    from doit.cmd_base import ModuleTaskLoader
    from doit.doit_cmd import DoitMain

    vals = work / "values"
    vals.mkdir(exist_ok=True)
    v = str(vals)

    def body(name, deps):
        if leaf:
            out = leaf()
        else:
            ins = []
            for d in deps:
                with open(f"{v}/{d}", "rb") as f:
                    ins.append(pickle.load(f))
            out = W.compute(ins)
        tmp = f"{v}/{name}.tmp"
        with open(tmp, "wb") as f:
            pickle.dump(out, f)
        os.replace(tmp, f"{v}/{name}")

    def task_steps():
        for name, deps in g.nodes:
            yield {
                "name": name,
                "actions": [(body, [name, deps])],
                "file_dep": [f"{v}/{d}" for d in deps],
                "targets": [f"{v}/{name}"],
            }

    args = ["run", "--db-file", str(work / "doit.db"), "--backend", "sqlite3", "--reporter", "zero"]
    if workers:
        args += ["-n", str(workers)]
    with m.phase("main"):
        rc = DoitMain(ModuleTaskLoader({"task_steps": task_steps})).run(args)
    assert rc == 0
    if not leaf:
        exp = g.expected()
        for s in g.sinks:
            assert pickle.loads((vals / s).read_bytes()) == exp[s]


def b2(m, work: Path, shape="chain", n=1000):
    g = W.graph(shape, n)
    _run(m, work, g)
    m.set(shape=shape, edges=g.edges)
    m.per(n, "asset")


def b3(m, work: Path, n=W.B3_N, workers=W.B3_WORKERS):
    _run(m, work, W.graph(W.B3_SHAPE, n), workers)
    m.per(n, "step")


def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS):
    _run(m, work, W.independent(W.B4_TASKS), workers, leaf=lambda: W.LEAVES[kind](W.B4_SECONDS))
    m.set(kind=kind, ideal_s=W.B4_IDEAL, efficiency=round(W.B4_IDEAL / m.out["wall_s"], 3))
