"""The physical limits: what the same work costs with no orchestrator at all.

Modes build up from a bare function call to a minimal engine that writes one
atomic pickle and EVENTS_PER_STEP event rows per asset.
"""

from __future__ import annotations

import json
import multiprocessing as mp
import os
import pickle
import sqlite3
import subprocess
import sys
import time
import uuid
from pathlib import Path

from harness import workloads as W

DDL = """
create table runs(id integer primary key, run_id text unique, job text, status text,
                  created real, tags text);
create index runs_by_status on runs(status, id);
create table events(id integer primary key, run_id text, step text, kind text,
                    asset text, part text, ts real, body text);
create index ev_by_run on events(run_id, id);
create index ev_by_asset on events(asset, part, id) where asset is not null;
create table latest(asset text, part text, event_id integer, run_id text, ts real,
                    primary key(asset, part)) without rowid;
"""
KINDS = [
    "STEP_START",
    "LOADED_INPUT",
    "STEP_INPUT",
    "STEP_OUTPUT",
    "HANDLED_OUTPUT",
    "PLANNED",
    "MATERIALIZATION",
    "STEP_SUCCESS",
][: W.EVENTS_PER_STEP]


def open_db(path, sync: str = "NORMAL") -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute(f"pragma synchronous={sync}")
    return db


def atomic_pickle(path: str, value, fsync: bool = False) -> None:
    tmp = f"{path}.{os.getpid()}.tmp"
    with open(tmp, "wb") as f:
        pickle.dump(value, f, protocol=5)
        if fsync:
            f.flush()
            os.fsync(f.fileno())
    os.replace(tmp, path)


def step_rows(run_id: str, name: str, part=None) -> list[tuple]:
    now = time.time()
    return [
        (
            run_id,
            name,
            k,
            name if k == "MATERIALIZATION" else None,
            part,
            now,
            json.dumps(
                {
                    "kind": k,
                    "run": run_id,
                    "step": name,
                    "ts": now,
                    "level": 10,
                    "message": f"{k} for step {name}",
                    "metadata": {"path": f"v/{name}"},
                }
            ),
        )
        for k in KINDS
    ]


INS = "insert into events(run_id,step,kind,asset,part,ts,body) values(?,?,?,?,?,?,?)"


# ------------------------------------------------------------------------- B1
def b1(m, work: Path, **_):
    cases = {
        "python -c pass": ["-c", "pass"],
        "stdlib (sqlite3,json,pickle,argparse,pathlib)": ["-c", "import sqlite3, json, pickle, argparse, pathlib"],
        "asyncio": ["-c", "import asyncio"],
        "http.server": ["-c", "import http.server"],
        "jupyter_client": ["-c", "import jupyter_client"],
        "ipykernel": ["-c", "import ipykernel.kernelapp"],
        "IPython": ["-c", "import IPython"],
    }
    from adapters.common import time_commands

    time_commands(m, {k: [sys.executable, *v] for k, v in cases.items()})


# ------------------------------------------------------------------------- B2
def b2(m, work: Path, shape="chain", n=1000, mode="engine_txn"):
    g = W.graph(shape, n)
    vals = work / "values"
    vals.mkdir()
    v = str(vals)
    if mode == "call":
        with m.phase("main"):
            out = {}
            for name, deps in g.nodes:
                out[name] = W.compute([out[d] for d in deps])
    elif mode in ("pickle", "pickle_fsync"):
        fs = mode.endswith("fsync")
        with m.phase("main"):
            for name, deps in g.nodes:
                ins = []
                for d in deps:
                    with open(f"{v}/{d}", "rb") as f:
                        ins.append(pickle.load(f))
                atomic_pickle(f"{v}/{name}", W.compute(ins), fs)
    elif mode in ("engine_txn", "engine_txn_full", "engine_batch"):
        with m.phase("define"):
            db = open_db(work / "i.db", "FULL" if mode.endswith("full") else "NORMAL")
            db.executescript(DDL)
        batch = 64 if mode == "engine_batch" else 1
        with m.phase("main"):
            run = uuid.uuid4().hex
            db.execute(
                "insert into runs(run_id,job,status,created) values(?,?,?,?)", (run, "job", "STARTED", time.time())
            )
            pend: list = []
            for i, (name, deps) in enumerate(g.nodes):
                ins = []
                for d in deps:
                    with open(f"{v}/{d}", "rb") as f:
                        ins.append(pickle.load(f))
                atomic_pickle(f"{v}/{name}", W.compute(ins))
                pend += step_rows(run, name)
                if (i + 1) % batch == 0 or i + 1 == n:
                    db.execute("begin immediate")
                    db.executemany(INS, pend)
                    db.executemany(
                        "insert or replace into latest values(?,?,?,?,?)",
                        [(r[3], "", 0, run, r[5]) for r in pend if r[3]],
                    )
                    db.execute("commit")
                    pend.clear()
            db.execute("update runs set status='SUCCESS' where run_id=?", (run,))
        m.set(events=db.execute("select count(*) from events").fetchone()[0])
    exp = g.expected()
    if mode != "call":
        for s in g.sinks:
            with open(f"{v}/{s}", "rb") as f:
                assert pickle.load(f) == exp[s]
    m.set(shape=shape, edges=g.edges)
    m.per(n, "asset")


# ------------------------------------------------------------------- raw limits
def raw(m, work: Path, what="sqlite_txn", n=1000):  # noqa: C901 - one branch a limit
    """n is the number of units (assets, forks, round trips)."""
    if what.startswith("sqlite_"):
        sync = "FULL" if what.endswith("full") else "NORMAL"
        db = open_db(work / "x.db", sync)
        db.executescript(DDL)
        rows = [
            step_rows("r" * 32, f"n{i:05d}") + step_rows("r" * 32, f"n{i:05d}")[:2] for i in range(n)
        ]  # 10 rows per asset
        with m.phase("main"):
            if what.startswith("sqlite_txn"):
                for r in rows:
                    db.execute("begin immediate")
                    db.executemany(INS, r)
                    db.execute("commit")
            else:
                db.execute("begin immediate")
                for r in rows:
                    db.executemany(INS, r)
                db.execute("commit")
        m.set(rows=10 * n)
    elif what == "fork":
        with m.phase("main"):
            for _ in range(n):
                pid = os.fork()
                if not pid:
                    os._exit(0)
                os.waitpid(pid, 0)
    elif what == "fork_big":  # a parent with 200 MB mapped
        ballast = bytearray(os.urandom(1 << 20)) * 200
        with m.phase("main"):
            for _ in range(n):
                pid = os.fork()
                if not pid:
                    os._exit(0)
                os.waitpid(pid, 0)
        m.set(ballast_mb=len(ballast) >> 20)
    elif what == "spawn":  # fork+exec of a bare python
        with m.phase("main"):
            for _ in range(n):
                subprocess.run([sys.executable, "-c", "pass"], check=True)
    elif what == "spawn_isolated":
        with m.phase("main"):
            for _ in range(n):
                subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
    elif what == "pipe_roundtrip":
        a, b = mp.Pipe()
        pid = os.fork()
        if not pid:
            while True:
                x = b.recv()
                if x is None:
                    os._exit(0)
                b.send(x + 1)
        with m.phase("main"):
            for i in range(n):
                a.send(i)
                assert a.recv() == i + 1
        a.send(None)
        os.waitpid(pid, 0)
    elif what == "kernel_start":
        from jupyter_client.manager import KernelManager

        with m.phase("main"):
            for _ in range(n):
                km = KernelManager(kernel_name="python3")
                km.start_kernel()
                kc = km.client()
                kc.start_channels()
                kc.wait_for_ready(timeout=60)
                kc.stop_channels()
                km.shutdown_kernel(now=True)
    elif what == "kernel_roundtrip":
        from jupyter_client.manager import KernelManager

        km = KernelManager(kernel_name="python3")
        km.start_kernel()
        kc = km.client()
        kc.start_channels()
        kc.wait_for_ready(timeout=60)
        with m.phase("main"):
            for _ in range(n):
                assert (
                    kc.execute_interactive("1+1", silent=False, timeout=30, output_hook=lambda _: None)["content"][
                        "status"
                    ]
                    == "ok"
                )
        kc.stop_channels()
        km.shutdown_kernel(now=True)
    elif what == "ipython_inprocess":
        from IPython.core.interactiveshell import InteractiveShell

        sh = InteractiveShell.instance()
        with m.phase("main"):
            for _ in range(n):
                sh.run_cell("z=1+1", store_history=False)
    else:
        raise ValueError(what)
    m.set(what=what)
    m.per(n, "unit")


# ------------------------------------------------------------------------- B3
def _fork_engine(g: W.Graph, work: Path, workers: int, leaf=None, long_lived=False):  # noqa: C901 - the whole engine
    """Runs a graph on forked workers; the parent writes all the events."""
    vals = work / "values"
    vals.mkdir(exist_ok=True)
    v = str(vals)
    db = open_db(work / "i.db")
    db.executescript(DDL)
    run = uuid.uuid4().hex
    waiting = {n: len(d) for n, d in g.nodes}
    deps = dict(g.nodes)
    down: dict[str, list[str]] = {}
    for n, ds in g.nodes:
        for d in ds:
            down.setdefault(d, []).append(n)
    ready = [n for n, k in waiting.items() if not k][::-1]

    def body(name):
        if leaf:
            leaf()
            return
        ins = []
        for d in deps[name]:
            with open(f"{v}/{d}", "rb") as f:
                ins.append(pickle.load(f))
        atomic_pickle(f"{v}/{name}", W.compute(ins))

    def finish(name):
        db.execute("begin immediate")
        db.executemany(INS, step_rows(run, name))
        db.execute("commit")
        for x in down.get(name, ()):
            waiting[x] -= 1
            if not waiting[x]:
                ready.append(x)

    left = len(g)
    if not long_lived:
        live: dict[int, str] = {}
        while left:
            while ready and len(live) < workers:
                name = ready.pop()
                pid = os.fork()
                if not pid:
                    body(name)
                    os._exit(0)
                live[pid] = name
            pid, st = os.wait()
            assert st == 0
            finish(live.pop(pid))
            left -= 1
        return
    from multiprocessing.connection import wait

    conns, pids = {}, []
    for _ in range(workers):
        a, b = mp.Pipe()
        pid = os.fork()
        if not pid:
            while (name := b.recv()) is not None:
                body(name)
                b.send(name)
            os._exit(0)
        conns[a] = None
        pids.append(pid)
    while left:
        for c, cur in conns.items():
            if cur is None and ready:
                conns[c] = ready.pop()
                c.send(conns[c])
        for c in wait([c for c, cur in conns.items() if cur]):
            finish(c.recv())
            conns[c] = None
            left -= 1
    for c in conns:
        c.send(None)
    for p in pids:
        os.waitpid(p, 0)


def b3(m, work: Path, n=W.B3_N, workers=W.B3_WORKERS, mode="fork_per_step"):
    g = W.graph(W.B3_SHAPE, n)
    with m.phase("main"):
        _fork_engine(g, work, workers, long_lived=mode == "pool")
    exp = g.expected()
    for s in g.sinks:
        with open(work / "values" / s, "rb") as f:
            assert pickle.load(f) == exp[s]
    m.set(mode=mode)
    m.per(n, "step")


# ------------------------------------------------------------------------- B4
def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS, mode="fork_per_step"):
    g = W.independent(W.B4_TASKS)
    with m.phase("main"):
        _fork_engine(g, work, workers, leaf=lambda: W.LEAVES[kind](W.B4_SECONDS), long_lived=mode == "pool")
    m.set(kind=kind, ideal_s=W.B4_IDEAL, efficiency=round(W.B4_IDEAL / m.out["wall_s"], 3))


# ------------------------------------------------------------------------- B5
def b5(m, work: Path, n=1000, shape="layered"):
    """Execs a module of n decorated functions and sorts the graph."""
    g = W.graph(shape, n)
    src = [
        "reg = {}",
        "def asset(f):",
        "    reg[f.__name__] = (f, f.__code__.co_varnames[:f.__code__.co_argcount])",
        "    return f",
    ]
    for name, deps in g.nodes:
        src += ["@asset", f"def {name}({', '.join(deps)}): return 1"]
    path = work / "defs.py"
    path.write_text("\n".join(src))
    with m.phase("main"):
        ns: dict = {}
        exec(compile(path.read_text(), str(path), "exec"), ns)
        from graphlib import TopologicalSorter

        order = list(TopologicalSorter({k: d for k, (_, d) in ns["reg"].items()}).static_order())
    assert len(order) == n
    m.per(n, "asset")


# ------------------------------------------------------------------------- B6
def b6(m, work: Path, runs=1000, big=10_000, reps=7):
    from adapters.common import median_ms

    db = open_db(work / "i.db")
    db.executescript(DDL)
    with m.phase("populate"):
        db.execute("begin")
        for r in range(runs):
            rid = f"{r:032x}"
            db.execute(
                "insert into runs(run_id,job,status,created,tags) values(?,?,?,?,?)",
                (rid, "job", "SUCCESS", time.time(), "{}"),
            )
            db.executemany(INS, step_rows(rid, f"n{r:05d}"))
            db.execute("insert or replace into latest values(?,?,?,?,?)", (f"n{r:05d}", "", r, rid, time.time()))
        rid = "f" * 32
        for i in range(big // len(KINDS)):
            db.executemany(INS, step_rows(rid, f"n{i % runs:05d}"))
        db.execute("commit")
    with m.phase("main"):
        m.set(
            run_list_25_ms=median_ms(
                lambda: db.execute("select * from runs order by id desc limit 25").fetchall(), reps
            ),
            run_list_1000_ms=median_ms(
                lambda: db.execute("select * from runs order by id desc limit 1000").fetchall(), reps
            ),
            run_events_10k_ms=median_ms(
                lambda: [
                    json.loads(r[0]) for r in db.execute("select body from events where run_id=? order by id", (rid,))
                ],
                reps,
            ),
            latest_1000_ms=median_ms(
                lambda: db.execute("select l.*, e.body from latest l left join events e on e.id=l.event_id").fetchall(),
                reps,
            ),
        )


# ------------------------------------------------------------------------- B7
def b7(m, work: Path, n=1, parallel=1, mode="kernel"):
    """mode: kernel (fresh ipykernel per notebook), ipython (in-process shell),
    exec (plain exec of the cells)."""
    from adapters.common import run_parallel

    nb = W.notebook_json()
    srcs = [c["source"] for c in nb["cells"]]

    def one_kernel(i):
        from jupyter_client.manager import KernelManager

        km = KernelManager(kernel_name="python3")
        km.start_kernel()
        kc = km.client()
        kc.start_channels()
        kc.wait_for_ready(timeout=60)
        for s in srcs:
            r = kc.execute_interactive(s, timeout=60, output_hook=lambda _: None)
            assert r["content"]["status"] == "ok"
        kc.stop_channels()
        km.shutdown_kernel(now=True)

    def one_ipython(i):
        from IPython.core.interactiveshell import InteractiveShell

        sh = InteractiveShell()
        for s in srcs:
            assert sh.run_cell(s, silent=True).success
        assert sh.user_ns["total"] == W.notebook_total()

    def one_exec(i):
        ns: dict = {}
        for s in srcs:
            exec(compile(s, "cell", "exec"), ns)
        assert ns["total"] == W.notebook_total()

    def one_fork_ipython(i):
        """A warm parent (IPython imported) forks one child per notebook."""
        pid = os.fork()
        if not pid:
            one_ipython(i)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0

    fn = {"kernel": one_kernel, "ipython": one_ipython, "exec": one_exec, "fork_ipython": one_fork_ipython}[mode]
    if mode == "fork_ipython":
        one_ipython(0)
    if parallel > 1:
        import jupyter_client.manager  # noqa: F401  (not on the clock per thread)
    with m.phase("main"):
        run_parallel(fn, n, parallel)
    m.set(parallel=parallel, mode=mode)
    m.per(n, "notebook")


# ------------------------------------------------------------------------- B9
def b9(m, work: Path, n=1000):
    vals = work / "values"
    vals.mkdir()
    db = open_db(work / "i.db")
    db.executescript(DDL)
    with m.phase("main"):
        for k in W.daily_keys(n):
            run = uuid.uuid4().hex
            db.execute(
                "insert into runs(run_id,job,status,created,tags) values(?,?,?,?,?)",
                (run, "job", "STARTED", time.time(), json.dumps({"partition": k})),
            )
            atomic_pickle(f"{vals}/{k}", W.partition_value(k))
            db.execute("begin immediate")
            db.executemany(INS, step_rows(run, "a", k))
            db.execute("insert or replace into latest values(?,?,?,?,?)", ("a", k, 0, run, time.time()))
            db.execute("update runs set status='SUCCESS' where run_id=?", (run,))
            db.execute("commit")
    m.per(n, "partition")


def b9_status(m, work: Path, n=10_000, reps=5):
    from adapters.common import median_ms

    db = open_db(work / "i.db")
    db.executescript(DDL)
    db.executemany(
        "insert into latest values(?,?,?,?,?)", [("a", k, i, "r", 0.0) for i, k in enumerate(W.daily_keys(n))]
    )
    with m.phase("main"):
        m.set(
            status_ms=median_ms(lambda: set(r[0] for r in db.execute("select part from latest where asset='a'")), reps),
            n=n,
        )
