"""redun: lazy expressions, every call recorded in a SQLite call graph."""

from __future__ import annotations

import sys
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


def _tasks():
    from adapters import redun_tasks

    return redun_tasks


def _scheduler(work: Path, workers=2):
    from redun import Scheduler
    from redun.config import Config

    s = Scheduler(
        config=Config(
            {
                "backend": {"db_uri": f"sqlite:///{work}/redun.db", "automigrate": "True"},
                "executors.default": {"type": "local", "mode": "thread", "max_workers": str(workers)},
                "executors.process": {"type": "local", "mode": "process", "max_workers": str(workers)},
            }
        )
    )
    s.load()
    return s


def b1(m, work: Path, **_):
    C.time_commands(
        m, {"import redun": [sys.executable, "-c", "import redun"], "redun --help": [str(BIN / "redun"), "--help"]}
    )


def _expr(g: W.Graph, task):
    v = {}
    for name, deps in g.nodes:
        v[name] = task(name, [v[d] for d in deps])
    return {s: v[s] for s in g.sinks}


def b2(m, work: Path, shape="chain", n=1000):
    sys.setrecursionlimit(100_000)
    import logging

    logging.getLogger("redun").setLevel(logging.ERROR)
    t = _tasks()
    g = W.graph(shape, n)
    with m.phase("define"):
        s = _scheduler(work)
    with m.phase("main"):
        out = s.run(_expr(g, t.step))
    exp = g.expected()
    assert out == {k: exp[k] for k in g.sinks}
    m.set(shape=shape, edges=g.edges, disk_mb=round((work / "redun.db").stat().st_size / 2**20, 2))
    m.per(n, "asset")


def b3(m, work: Path, n=W.B3_N, workers=W.B3_WORKERS):
    import logging

    logging.getLogger("redun").setLevel(logging.ERROR)
    t = _tasks()
    g = W.graph(W.B3_SHAPE, n)
    s = _scheduler(work, workers)
    with m.phase("main"):
        out = s.run(_expr(g, t.step_process))
    exp = g.expected()
    assert out == {k: exp[k] for k in g.sinks}
    m.per(n, "step")


def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS):
    import logging

    logging.getLogger("redun").setLevel(logging.ERROR)
    t = _tasks()
    s = _scheduler(work, workers)
    with m.phase("main"):
        s.run([t.leaf(kind, i) for i in range(W.B4_TASKS)])
    m.set(kind=kind, ideal_s=W.B4_IDEAL, efficiency=round(W.B4_IDEAL / m.out["wall_s"], 3))


def b9(m, work: Path, n=1000):
    import logging

    logging.getLogger("redun").setLevel(logging.ERROR)
    t = _tasks()
    s = _scheduler(work)
    with m.phase("main"):
        for k in W.daily_keys(n):
            assert s.run(t.part(k)) == W.partition_value(k)
    m.per(n, "partition")
