"""Ploomber: File products, serial or parallel executor, and notebooks."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


def b1(m, work: Path, **_):
    C.time_commands(
        m,
        {
            "import ploomber": [sys.executable, "-c", "import ploomber"],
            "ploomber --help": [str(BIN / "ploomber"), "--help"],
        },
    )


def _dag(work: Path, g: W.Graph, executor, leaf=None):
    from ploomber import DAG
    from ploomber.products import File
    from ploomber.tasks import PythonCallable

    from adapters import ploomber_tasks as T

    dag = DAG(executor=executor)
    tasks = {}
    for n, deps in g.nodes:
        fn = T.leaf if leaf else (T.step if deps else T.root)
        kw = {"params": {"kind": leaf}} if leaf else {}
        t = tasks[n] = PythonCallable(fn, File(work / "values" / n), dag, name=n, **kw)
        for d in deps:
            tasks[d] >> t
    return dag


def b2(m, work: Path, shape="chain", n=1000):
    from ploomber.executors import Serial

    sys.setrecursionlimit(100_000)
    g = W.graph(shape, n)
    (work / "values").mkdir()
    with m.phase("define"):
        dag = _dag(work, g, Serial(build_in_subprocess=False))
    with m.phase("main"):
        dag.build()
    exp = g.expected()
    for s in g.sinks:
        assert pickle.loads((work / "values" / s).read_bytes()) == exp[s]
    m.set(shape=shape, edges=g.edges)
    m.per(n, "asset")


def b3(m, work: Path, n=W.B3_N, workers=W.B3_WORKERS):
    from ploomber.executors import Parallel

    (work / "values").mkdir()
    dag = _dag(work, W.graph(W.B3_SHAPE, n), Parallel(processes=workers))
    with m.phase("main"):
        dag.build()
    m.per(n, "step")


def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS):
    from ploomber.executors import Parallel

    (work / "values").mkdir()
    dag = _dag(work, W.independent(W.B4_TASKS), Parallel(processes=workers), leaf=kind)
    with m.phase("main"):
        dag.build()
    m.set(kind=kind, ideal_s=W.B4_IDEAL, efficiency=round(W.B4_IDEAL / m.out["wall_s"], 3))


def b7(m, work: Path, n=1, parallel=1, mode="notebook"):
    """n NotebookRunner tasks through DAG.build (papermill beneath)."""
    from ploomber import DAG
    from ploomber.executors import Parallel, Serial
    from ploomber.products import File
    from ploomber.tasks import NotebookRunner

    nb = W.write_notebook(work / "nb.ipynb", first_cell_prefix="upstream = None\nproduct = None\n")
    dag = DAG(executor=Parallel(processes=parallel) if parallel > 1 else Serial(build_in_subprocess=False))
    for i in range(n):
        NotebookRunner(nb, File(work / f"out{i}.ipynb"), dag, name=f"nb{i}", kernelspec_name="python3", params={"x": 1})
    with m.phase("main"):
        dag.build()
    m.set(parallel=parallel, mode=mode)
    m.per(n, "notebook")
