"""Apache Hamilton: functions named by what they make, parameters are edges."""

from __future__ import annotations

import sys
import types
from pathlib import Path

from harness import workloads as W

from adapters import common as C


def _module(work: Path, g: W.Graph, name="ham_defs"):
    src = ["from harness import workloads as W"]
    for n, deps in g.nodes:
        args = ", ".join(f"{d}: int" for d in deps)
        src.append(f"def {n}({args}) -> int:\n    return W.compute([{', '.join(deps)}])")
    (work / f"{name}.py").write_text("\n".join(src))
    sys.path.insert(0, str(work))
    return __import__(name)


def b1(m, work: Path, **_):
    py = sys.executable
    C.time_commands(
        m,
        {
            "import hamilton": [py, "-c", "import hamilton"],
            "from hamilton import driver": [py, "-c", "from hamilton import driver"],
        },
    )


def b2(m, work: Path, shape="chain", n=1000, cache=1):
    from hamilton import driver

    sys.setrecursionlimit(50_000)
    g = W.graph(shape, n)
    with m.phase("define"):
        mod = _module(work, g)
        b = driver.Builder().with_modules(mod)
        if cache:
            b = b.with_cache(path=str(work / "cache"))
        dr = b.build()
    with m.phase("main"):
        out = dr.execute(list(g.sinks))
    exp = g.expected()
    assert {s: out[s] for s in g.sinks} == {s: exp[s] for s in g.sinks}
    m.set(shape=shape, edges=g.edges, cache=cache)
    m.per(n, "asset")


def _par_module(kind: str):
    from hamilton.htypes import Collect, Parallelizable

    types.ModuleType("ham_par")

    def item(count: int) -> Parallelizable[int]:
        yield from range(count)

    def done(item: int) -> int:
        return W.LEAVES[kind](W.B4_SECONDS) if kind else W.compute([item])

    def total(done: Collect[int]) -> int:
        return sum(done)

    return item, done, total


def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS):
    """Parallelizable/Collect on the multiprocessing executor."""
    from hamilton import driver
    from hamilton.execution import executors

    src = (
        "from harness import workloads as W\n"
        "from hamilton.htypes import Collect, Parallelizable\n"
        "def item(count: int) -> Parallelizable[int]:\n    yield from range(count)\n"
        f"def done(item: int) -> int:\n    return W.LEAVES[{kind!r}](W.B4_SECONDS)\n"
        "def total(done: Collect[int]) -> int:\n    return sum(done)\n"
    )
    (work / "ham_par.py").write_text(src)
    sys.path.insert(0, str(work))
    import ham_par

    dr = (
        driver.Builder()
        .with_modules(ham_par)
        .enable_dynamic_execution(allow_experimental_mode=True)
        .with_remote_executor(executors.MultiProcessingExecutor(max_tasks=workers))
        .build()
    )
    with m.phase("main"):
        dr.execute(["total"], inputs={"count": W.B4_TASKS})
    m.set(kind=kind, ideal_s=W.B4_IDEAL, efficiency=round(W.B4_IDEAL / m.out["wall_s"], 3))


def b5(m, work: Path, n=1000, shape="layered"):
    from hamilton import driver

    g = W.graph(shape, n)
    with m.phase("main"):
        dr = driver.Builder().with_modules(_module(work, g)).build()
    assert len(dr.list_available_variables()) == n
    m.per(n, "asset")


def b9(m, work: Path, n=1000):
    """One cached execution per partition key."""
    from hamilton import driver

    (work / "ham_part.py").write_text(
        "from harness import workloads as W\ndef part(key: str) -> int:\n    return W.partition_value(key)\n"
    )
    sys.path.insert(0, str(work))
    import ham_part

    dr = driver.Builder().with_modules(ham_part).with_cache(path=str(work / "cache")).build()
    with m.phase("main"):
        for k in W.daily_keys(n):
            assert dr.execute(["part"], inputs={"key": k})["part"] == W.partition_value(k)
    m.per(n, "partition")
