"""Luigi with its local scheduler; targets are pickles written atomically."""

from __future__ import annotations

import logging
import pickle
import sys
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


def b1(m, work: Path, **_):
    C.time_commands(
        m, {"import luigi": [sys.executable, "-c", "import luigi"], "luigi --help": [str(BIN / "luigi"), "--help"]}
    )


def _build(m, work: Path, g: W.Graph, workers: int, leaf=None):
    import luigi
    from luigi.format import Nop

    logging.getLogger("luigi").setLevel(logging.ERROR)
    deps = dict(g.nodes)
    vals = work / "values"
    vals.mkdir(exist_ok=True)

    class Step(luigi.Task):
        key = luigi.Parameter()

        def requires(self):
            return [Step(key=d) for d in deps[self.key]]

        def output(self):
            return luigi.LocalTarget(str(vals / self.key), format=Nop)

        def run(self):
            ins = []
            for t in self.input():
                with t.open("r") as f:
                    ins.append(pickle.load(f))
            out = leaf() if leaf else W.compute(ins)
            with self.output().open("w") as f:
                pickle.dump(out, f)

    class Root(luigi.WrapperTask):
        def requires(self):
            return [Step(key=s) for s in g.sinks]

    with m.phase("main"):
        ok = luigi.build([Root()], local_scheduler=True, workers=workers, log_level="ERROR")
    assert ok
    if not leaf:
        exp = g.expected()
        for s in g.sinks:
            assert pickle.loads((vals / s).read_bytes()) == exp[s]


def b2(m, work: Path, shape="chain", n=1000):
    sys.setrecursionlimit(100_000)
    g = W.graph(shape, n)
    _build(m, work, g, 1)
    m.set(shape=shape, edges=g.edges)
    m.per(n, "asset")


def b3(m, work: Path, n=W.B3_N, workers=W.B3_WORKERS):
    _build(m, work, W.graph(W.B3_SHAPE, n), workers)
    m.per(n, "step")


def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS):
    _build(m, work, W.independent(W.B4_TASKS), workers, leaf=lambda: W.LEAVES[kind](W.B4_SECONDS))
    m.set(kind=kind, ideal_s=W.B4_IDEAL, efficiency=round(W.B4_IDEAL / m.out["wall_s"], 3))


def b10(m, work: Path):
    port = C.free_port()
    with m.phase("main"):
        cm = C.server(
            [
                str(BIN / "luigid"),
                "--port",
                str(port),
                "--address",
                "127.0.0.1",
                "--logdir",
                str(work),
                "--state-path",
                str(work / "st.pickle"),
            ],
            work / "l.log",
        )
        p = cm.__enter__()
        s = C.wait_http(f"http://127.0.0.1:{port}/api/task_list?data=%7B%7D", proc=p)
    m.set(info_s=round(s, 3), server=C.tree_stats(p.pid))
    cm.__exit__(None, None, None)
