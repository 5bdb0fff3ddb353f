"""Prefect 3 against its own local server on SQLite (started outside the clock,
its CPU counted), results persisted to local storage."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


def _env(work: Path, quiet=1):
    os.environ["PREFECT_HOME"] = str(work / "prefect")
    os.environ["PREFECT_LOCAL_STORAGE_PATH"] = str(work / "storage")
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    if quiet:
        os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"


@contextmanager
def _server(work: Path):
    port = C.free_port()
    url = f"http://127.0.0.1:{port}/api"
    with C.server([str(BIN / "prefect"), "server", "start", "--port", str(port)], work / "server.log") as p:
        t0 = time.perf_counter()
        C.wait_http(url + "/health", proc=p)
        os.environ["PREFECT_API_URL"] = url
        yield p, url, time.perf_counter() - t0


def b1(m, work: Path, **_):
    py = sys.executable
    _env(work)
    C.time_commands(
        m,
        {
            "import prefect": [py, "-c", "import prefect"],
            "from prefect import flow, task": [py, "-c", "from prefect import flow, task"],
            "prefect --help": [str(BIN / "prefect"), "--help"],
            "prefect version": [str(BIN / "prefect"), "--version"],
        },
    )


def b2(m, work: Path, shape="chain", n=1000, quiet=1, submit=0):
    _env(work, quiet)
    g = W.graph(shape, n)
    with _server(work) as (p, url, _):
        from prefect import flow, task
        from prefect.task_runners import ThreadPoolTaskRunner

        @task(persist_result=True)
        def step(name, inputs):
            return W.compute(inputs)

        @flow(persist_result=True, task_runner=ThreadPoolTaskRunner(max_workers=2))
        def bench():
            v = {}
            for name, deps in g.nodes:
                ins = [v[d] for d in deps]
                v[name] = step.submit(name, ins) if submit else step(name, ins)
            return {s: v[s].result() if submit else v[s] for s in g.sinks}

        with m.phase("main"):
            out = bench()
        exp = g.expected()
        assert out == {s: exp[s] for s in g.sinks}
        # The flow returns before the server has recorded its task runs.  The other
        # libraries' clocks include that, so "drain" goes on until they are stored.
        done = 0
        with m.phase("drain"):
            end = time.time() + 120
            while time.time() < end:
                done = C.http_json(
                    f"{url}/task_runs/count", {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
                )
                if done >= n:
                    break
                time.sleep(1)  # polling costs the server too
        m.set(
            recorded_task_runs=done,
            all_recorded=done >= n,
            stored=sum(1 for _ in (work / "storage").iterdir()),
            server=C.tree_stats(p.pid),
        )
        if "ginstr" in m.out:
            m.set(minstr_per_asset_with_drain=round(1000 * (m.out["ginstr"] + m.out["drain_ginstr"]) / n, 3))
    m.set(shape=shape, edges=g.edges, quiet=quiet, submit=submit)
    m.per(n, "asset")


def b3(m, work: Path, n=W.B3_N, workers=W.B3_WORKERS, runner="process"):
    _env(work)
    g = W.graph(W.B3_SHAPE, n)
    with _server(work) as (p, url, _):
        from prefect import flow
        from prefect.task_runners import ProcessPoolTaskRunner

        from adapters.prefect_tasks import step

        @flow(persist_result=True, task_runner=ProcessPoolTaskRunner(max_workers=workers))
        def bench():
            v = {}
            for name, deps in g.nodes:
                v[name] = step.submit(name, [v[d] for d in deps])
            return {s: v[s].result() for s in g.sinks}

        with m.phase("main"):
            out = bench()
        exp = g.expected()
        assert out == {s: exp[s] for s in g.sinks}
    m.per(n, "step")


def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS, runner="process"):
    _env(work)
    with _server(work) as (p, url, _):
        from prefect import flow
        from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

        from adapters.prefect_tasks import leaf

        R = ProcessPoolTaskRunner if runner == "process" else ThreadPoolTaskRunner

        @flow(task_runner=R(max_workers=workers))
        def bench():
            fs = [leaf.submit(kind) for _ in range(W.B4_TASKS)]
            return [f.result() for f in fs]

        with m.phase("main"):
            bench()
    m.set(kind=kind, runner=runner, ideal_s=W.B4_IDEAL, efficiency=round(W.B4_IDEAL / m.out["wall_s"], 3))


def b6(m, work: Path, runs=200, n=200, reps=5):
    """`runs` one-task flow runs, then the HTTP queries a UI makes."""
    _env(work)
    with _server(work) as (p, url, _):
        from prefect import flow, task

        @task
        def step(i):
            return i

        @flow
        def small(i):
            return step(i)

        @flow
        def big():
            for i in range(n):
                step(i)

        with m.phase("populate_runs"):
            for i in range(runs):
                small(i)
        with m.phase("populate_big"):
            big()
        m.set(populate_ms_per_run=round(m.out["populate_runs_wall_s"] * 1000 / runs, 1))
        time.sleep(5)

        def post(path, **kw):
            return C.http_json(f"{url}/{path}", kw)

        post("flow_runs/filter", limit=1)
        with m.phase("main"):
            m.set(
                http_run_list_25_ms=C.median_ms(
                    lambda: post("flow_runs/filter", limit=25, sort="START_TIME_DESC"), reps
                ),
                http_run_list_200_ms=C.median_ms(
                    lambda: post("flow_runs/filter", limit=200, sort="START_TIME_DESC"), reps
                ),
                http_task_runs_200_ms=C.median_ms(lambda: post("task_runs/filter", limit=200), reps),
                http_events_50_ms=C.median_ms(lambda: post("events/filter", limit=50), reps),
            )
        m.set(server=C.tree_stats(p.pid))
        m.set(
            disk_mb=round(sum(x.stat().st_size for x in (work / "prefect").rglob("*") if x.is_file()) / 2**20, 1),
            n=n,
            runs=runs,
        )


def b9(m, work: Path, n=50):
    _env(work)
    with _server(work) as (p, url, _):
        from prefect import flow, task

        @task(persist_result=True)
        def part(key):
            return W.partition_value(key)

        @flow(persist_result=True)
        def run(key):
            return part(key)

        with m.phase("main"):
            for k in W.daily_keys(n):
                assert run(k) == W.partition_value(k)
    m.per(n, "partition")


def b10(m, work: Path):
    _env(work)
    with m.phase("main"):
        cm = _server(work)
        p, url, s = cm.__enter__()
    try:
        time.sleep(1)
        m.set(info_s=round(s, 3), server=C.tree_stats(p.pid))
    finally:
        cm.__exit__(None, None, None)
