"""cellmill, through its public Python API and its command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from harness import measure
from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent
QUIET_LOG = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def _home(work: Path) -> Path:
    """Make the instance's folder; while instructions are counted, slow steps do not write their events early."""
    from cellmill.execution import sink

    sink.MAX_WAIT_S *= float(os.environ.get("CB_SLOWNESS", "1"))
    home = work / "home"
    home.mkdir(exist_ok=True)
    os.environ["CELLMILL_HOME"] = str(home)
    return home


def _assets(g: W.Graph):
    from cellmill import AssetIn, asset

    def make(name, deps):
        @asset(name=name, ins={f"a{i}": AssetIn(key=d) for i, d in enumerate(deps)})
        def fn(**kw):
            return W.compute(kw.values())

        return fn

    return [make(n, d) for n, d in g.nodes]


# ------------------------------------------------------------------------- B1
def b1(m, work: Path, **_):
    _home(work)
    C.time_commands(
        m,
        {
            "import cellmill": [sys.executable, "-c", "import cellmill"],
            "from cellmill import asset, job": [sys.executable, "-c", "from cellmill import asset, job"],
            "cellmill --help": [str(BIN / "cellmill"), "--help"],
        },
    )


# ------------------------------------------------------------------------- B2
def b2(m, work: Path, shape="chain", n=1000):
    import cellmill as c

    g = W.graph(shape, n)
    _home(work)
    with m.phase("define"):
        assets = _assets(g)
    with c.Instance.get() as inst:
        with m.phase("main"):
            r = c.materialize(assets, instance=inst)
        assert r.success
        m.set(events=len(inst.all_logs(r.run_id)))
        exp = g.expected()
        for s in g.sinks:
            assert r.asset_value(s) == exp[s]
    m.set(shape=shape, edges=g.edges)
    m.per(n, "asset")


# ------------------------------------------------------------------------- B3
def _op_job(g: W.Graph, leaf=None):
    from cellmill import In, job, multiprocess_executor, op

    def make(name, deps):
        @op(name=name, ins={f"a{i}": In(int) for i in range(len(deps))})
        def fn(context, **kw) -> int:
            return leaf() if leaf else W.compute(kw.values())

        return fn

    ops = {n: make(n, ds) for n, ds in g.nodes}

    @job(name="bench", executor_def=multiprocess_executor)
    def bench():
        vals = {}
        for n, ds in g.nodes:
            vals[n] = ops[n](**{f"a{i}": vals[x] for i, x in enumerate(ds)})

    return bench


def b3_job(n=W.B3_N):
    return _op_job(W.graph(W.B3_SHAPE, n))


def b4_job(kind="sleep"):
    leaf = W.LEAVES[kind]
    return _op_job(W.independent(W.B4_TASKS), lambda: leaf(W.B4_SECONDS))


def _in_processes(workers: int):
    return {"execution": {"config": {"max_concurrent": workers}}}


def b3(m, work: Path, n=W.B3_N, workers=W.B3_WORKERS):
    import cellmill as c

    _home(work)
    with c.Instance.get() as inst:
        with m.phase("main"):
            r = c.execute_job(
                c.build_reconstructable_job("adapters.ad_cellmill", "b3_job", (n,)),
                inst,
                run_config=_in_processes(workers),
            )
        assert r.success
        g = W.graph(W.B3_SHAPE, n)
        exp = g.expected()
        for s in g.sinks:
            assert r.output_for_node(s) == exp[s]
    m.per(n, "step")


# ------------------------------------------------------------------------- B4
def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS):
    import cellmill as c

    _home(work)
    with c.Instance.get() as inst:
        with m.phase("main"):
            r = c.execute_job(
                c.build_reconstructable_job("adapters.ad_cellmill", "b4_job", (kind,)),
                inst,
                run_config=_in_processes(workers),
            )
        assert r.success
    m.set(kind=kind, ideal_s=W.B4_IDEAL, efficiency=round(W.B4_IDEAL / m.out["wall_s"], 3))


# ------------------------------------------------------------------------- B5
def _defs_file(work: Path, g: W.Graph, name="defs.py") -> Path:
    """A code location as a person writes it: one decorated function an asset."""
    src = ["from cellmill import Definitions, asset", "A = []"]
    for n, deps in g.nodes:
        src += [
            "@asset",
            f"def {n}({', '.join(deps)}):",
            f"    return (1 + sum([{', '.join(deps)}])) % {W.MOD}",
            f"A.append({n})",
        ]
    src += ["defs = Definitions(assets=A)"]
    p = work / name
    p.write_text("\n".join(src) + "\n")
    return p


def b5(m, work: Path, n=1000, shape="layered"):
    import cellmill as c

    _home(work)
    _defs_file(work, W.graph(shape, n))
    sys.path.insert(0, str(work))
    with m.phase("main"):
        with m.phase("exec_module"):
            import defs as mod
        with m.phase("repository"):
            repo = mod.defs.get_repository_def()
        with m.phase("asset_graph"):
            assert len(repo.asset_graph.get_all_asset_keys()) == n
        with m.phase("validate"):
            c.Definitions.validate_loadable(mod.defs)
    m.per(n, "asset")


def b5_cli(m, work: Path, n=1000, shape="layered"):
    _home(work)
    f = _defs_file(work, W.graph(shape, n))
    (work / "cellmill.toml").write_text(f'[[locations]]\nfile = "{f.name}"\n')
    with m.phase("main"):
        r = subprocess.run([str(BIN / "cellmill"), "check"], cwd=work, capture_output=True, text=True)
    assert r.returncode == 0, r.stdout[-400:] + r.stderr[-800:]
    m.per(n, "asset")


# ------------------------------------------------------------------------- B6
def b6(m, work: Path, runs=1000, n=1000, reps=5):
    """One run of all n assets, then `runs` runs of one asset each; then the queries a screen makes."""
    import cellmill as c

    _home(work)
    assets = _assets(W.independent(n))
    with c.Instance.get() as inst:
        with m.phase("populate_big"):
            big = c.materialize(assets, instance=inst).run_id
        with m.phase("populate_runs"):
            for i in range(runs):
                c.materialize([assets[i % n]], instance=inst)
        m.set(populate_ms_per_run=round(m.out["populate_runs_wall_s"] * 1000 / runs, 1))
        m.set(big_events=len(inst.all_logs(big)))
        keys = [c.AssetKey([k]) for k, _ in W.independent(n).nodes]
        with m.phase("main"):
            m.set(
                py_run_list_25_ms=C.median_ms(lambda: inst.get_run_records(limit=25), reps),
                py_run_list_1000_ms=C.median_ms(lambda: inst.get_run_records(limit=1000), reps),
                py_run_events_ms=C.median_ms(lambda: inst.all_logs(big), reps),
                py_latest_1000_ms=C.median_ms(lambda: inst.get_latest_materialization_events(keys), reps),
            )
    m.set(n=n)


# ------------------------------------------------------------------------- B7
def b7(m, work: Path, n=1, parallel=1, mode="warm"):
    """mode: warm (a forked kernel from a server that is already up), cold (no server), cli (`cellmill run`)."""
    import json

    _home(work)
    nb = W.write_notebook(work / "nb.ipynb")
    outs = [work / f"out{i}.ipynb" for i in range(n)]
    if mode == "cli":

        def one(i):
            # The command keeps the executed notebook with its run; what is timed here is the whole command.
            subprocess.run([str(BIN / "cellmill"), "run", str(nb), "-p", "x", "2"],
                           check=True, capture_output=True, cwd=work)  # fmt: skip
    else:
        import papermill

        def one(i, to=None):
            papermill.execute_notebook(
                str(nb), str(to or outs[i]), parameters={"x": 2}, engine_name="cellmill", progress_bar=False,
                warm=mode == "warm",
            )  # fmt: skip

        if mode == "warm":
            one(0, work / "first.ipynb")
            time.sleep(0.5)
    with m.phase("main"):
        C.run_parallel(one, n, parallel)
    if mode == "cli":
        outs = []
    for o in outs:
        cells = json.loads(o.read_text())["cells"]
        results = [x for cell in cells for x in cell.get("outputs", []) if x["output_type"] == "execute_result"]
        assert "".join(results[-1]["data"]["text/plain"]) == str(W.notebook_total(x=2)), results
    m.set(parallel=parallel, mode=mode)
    m.per(n, "notebook")


# ------------------------------------------------------------------------- B9
def _partitioned():
    import cellmill as c

    @c.asset(partitions_def=c.DailyPartitionsDefinition(start_date=W.PARTITION_START))
    def part(context):
        return W.partition_value(context.partition_key)

    return part


def b9(m, work: Path, n=1000):
    import cellmill as c

    _home(work)
    part = _partitioned()
    with c.Instance.get() as inst:
        with m.phase("main"):
            for k in W.daily_keys(n):
                assert c.materialize([part], partition_key=k, instance=inst).success
        assert len(inst.get_materialized_partitions(c.AssetKey("part"))) == n
    m.per(n, "partition")


def b9_status(m, work: Path, n=10_000, reps=5):
    import cellmill as c

    _home(work)
    key = c.AssetKey("part")
    with c.Instance.get() as inst:
        with m.phase("populate"):
            for k in W.daily_keys(n):
                inst.report_runless_asset_event(c.AssetMaterialization(key, partition=k))
        with m.phase("main"):
            m.set(py_status_ms=C.median_ms(lambda: inst.get_materialized_partitions(key), reps), n=n)
        assert len(inst.get_materialized_partitions(key)) == n


# ------------------------------------------------------------------------- B8
def _automation_file(work: Path, schedules: int, sensors: int, mode: str) -> None:
    """The code location of Dagster's b8; with mode=data the schedules are plain data, and each of them runs its job."""
    decorated = [
        "    @c.schedule(cron_schedule='* * * * *', job=j, name=f's{i}',",
        "                default_status=c.DefaultScheduleStatus.RUNNING)",
        "    def s(context): return c.SkipReason('none')",
    ]
    plain = [
        "    s = c.ScheduleDefinition(f's{i}', cron_schedule='* * * * *', job=j,",
        "                             default_status=c.DefaultScheduleStatus.RUNNING)",
    ]
    src = [
        "import cellmill as c",
        "@c.op",
        "def o(): pass",
        "@c.job",
        "def j(): o()",
        "S, N = [], []",
        f"for i in range({schedules}):",
        *(plain if mode == "data" else decorated),
        "    S.append(s)",
        f"for i in range({sensors}):",
        "    @c.sensor(job=j, name=f'x{i}', minimum_interval_seconds=1,",
        "              default_status=c.DefaultSensorStatus.RUNNING)",
        "    def x(context): return c.SkipReason('none')",
        "    N.append(x)",
        "defs = c.Definitions(jobs=[j], schedules=S, sensors=N)",
    ]
    (work / "defs.py").write_text("\n".join(src) + "\n")
    (work / "cellmill.toml").write_text('[[locations]]\nfile = "defs.py"\n')


def b8(m, work: Path, schedules=500, sensors=0, ticks=2, mode="function"):
    """The real daemon, with as many every-minute schedules due at once and sensors at a 1 s interval.

    mode=function: a function decides each tick and skips, as with Dagster; mode=data: nothing is evaluated, every
    tick records a run (which stays queued: its launch is not what is timed).
    """
    import cellmill as c

    home = _home(work)
    _automation_file(work, schedules, sensors, mode)
    only = [f"--only={name}" for name in ("scheduler", "sensors")]
    daemon = [str(BIN / "cellmill"), "--home", str(home), "daemon", *only]
    with C.server(daemon, work / "d.log") as p, c.Instance.get() as inst:
        if schedules:
            _schedule_ticks(m, inst, schedules, ticks, p.pid)
        else:
            _sensor_ticks(m, inst, sensors, p.pid)
        m.set(daemon=C.tree_stats(p.pid))
    m.set(schedules=schedules, sensors=sensors, mode=mode, n=schedules or sensors)


def _schedule_ticks(m, inst, schedules: int, wanted: int, pid: int) -> None:
    deadline = time.time() + 60 * (wanted + 2)
    full = {}
    while len(full) < wanted and time.time() < deadline:
        time.sleep(2)
        by = {}
        for tick in inst.automation.ticks():
            if tick.ended_at:
                by.setdefault(tick.at, []).append(tick.ended_at)
        full = {at: ends for at, ends in by.items() if len(ends) == schedules}
    assert full, "no minute's ticks all ended within the deadline"
    res = [
        {
            "due": at,
            "done": len(ends),
            "first_done_s": round(min(ends) - at, 2),
            "last_done_s": round(max(ends) - at, 2),
        }
        for at, ends in sorted(full.items())
    ]
    total = schedules * len(full)
    span = sum(max(ends) - min(ends) for ends in full.values())
    m.set(
        ticks=res,
        schedule_ticks=total,
        wall_s=round(span / len(full), 2),
        ticks_per_s=round(total / span, 1),
        cpu_ms_per_tick=round(1000 * measure.tree_cpu(pid) / total, 2),
    )


def _sensor_ticks(m, inst, sensors: int, pid: int, window: float = 20) -> None:
    deadline = time.time() + 60
    while len(inst.automation.ticks(limit=sensors)) < sensors and time.time() < deadline:
        time.sleep(0.5)
    time.sleep(2)
    c0, w0 = measure.tree_cpu(pid), time.time()
    time.sleep(window)
    c1, w1 = measure.tree_cpu(pid), time.time()
    total = sum(1 for tick in inst.automation.ticks() if tick.ended_at and w0 <= tick.ended_at <= w1)
    m.set(
        window_s=round(w1 - w0, 1),
        sensor_ticks=total,
        ticks_per_s=round(total / (w1 - w0), 2),
        loop_s=round((w1 - w0) * sensors / max(1, total), 3),
        cpu_ms_per_tick=round(1000 * (c1 - c0) / max(1, total), 2),
        wall_s=round((w1 - w0) * sensors / max(1, total), 3),
        cpu_s=round((c1 - c0) * sensors / max(1, total), 3),
    )


# ------------------------------------------------------------------ B9_BACKFILL
PART_SRC = """
import sys
sys.path.insert(0, {here!r})
import cellmill as c
from harness import workloads as W
@c.asset(partitions_def=c.DailyPartitionsDefinition(start_date=W.PARTITION_START), backfill_policy={policy})
def part(context):
    return {{k: W.partition_value(k) for k in context.partition_keys}}
defs = c.Definitions(assets=[part])
"""


def b9_backfill(m, work: Path, n=20, workers=2, mode="runs"):
    """The real thing: a backfill through daemon, queue and launcher, at most `workers` runs at once.

    mode=runs: one process a partition; mode=single: one run makes all partitions.
    """
    import cellmill as c
    from cellmill.automation.backfills import submit_backfill, view_backfill

    home = _home(work)
    policy = "c.BackfillPolicy.single_run()" if mode == "single" else "c.BackfillPolicy.multi_run(1)"
    here = str(Path(__file__).resolve().parent.parent)
    (work / "defs.py").write_text(PART_SRC.format(here=here, policy=policy))
    (work / "cellmill.toml").write_text(
        f'[[locations]]\nfile = "defs.py"\n[run_queue]\nmax_concurrent_runs = {workers}\n'
    )
    daemon = [str(BIN / "cellmill"), "--home", str(home), "daemon"]
    with C.server(daemon, work / "d.log") as p, c.Instance.get() as inst:
        while inst.leases.get("daemon:backfills") is None:
            time.sleep(0.1)
        time.sleep(3)  # let the daemon settle
        with m.phase("main"):
            name = submit_backfill(inst, assets=[c.AssetKey("part")], partition_keys=W.daily_keys(n))
            while view_backfill(inst, name).status.value == "REQUESTED":
                time.sleep(0.1)
        view = view_backfill(inst, name)
        assert view.status.value == "COMPLETED_SUCCESS", (view, (work / "d.log").read_text()[-2000:])
        assert len(inst.get_materialized_partitions(c.AssetKey("part"))) == n
        m.set(daemon=C.tree_stats(p.pid), workers=workers, mode=mode, runs=len(view.run_ids))
    m.per(n, "partition")


# ------------------------------------------------------------------------- B10
def b10(m, work: Path, n=10, mode="cellmill"):
    """mode=cellmill: a Jupyter server that serves cellmill's GraphQL; mode=bare: the same server without it."""
    home = _home(work)
    _defs_file(work, W.layered(n))
    (work / "cellmill.toml").write_text('[[locations]]\nfile = "defs.py"\n')
    port = C.free_port()
    base = f"http://127.0.0.1:{port}"
    enabled = str(mode == "cellmill")
    command = [
        sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", f"--port={port}",
        "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={work}",
        "--ServerApp.disable_check_xsrf=True", f"--ServerApp.jpserver_extensions={{'cellmill_lab': {enabled}}}",
    ]  # fmt: skip
    env = {"CELLMILL_HOME": str(home), "JUPYTER_CONFIG_DIR": str(work / "config")}
    with C.server(command, work / "server.log", env) as p:
        with m.phase("main"):
            t0 = time.perf_counter()
            C.wait_http(base + "/api", proc=p)
            m.set(info_s=round(time.perf_counter() - t0, 3))
            if mode == "cellmill":
                C.wait_http(base + "/cellmill/graphql", {"query": "{version}"}, proc=p)
                m.set(graphql_s=round(time.perf_counter() - t0, 3))
        if mode == "cellmill":
            t0 = time.perf_counter()
            C.http_json(base + "/cellmill/graphql", {"query": "{assetNodes{assetKey{path}}}"})
            m.set(first_query_s=round(time.perf_counter() - t0, 3))
        time.sleep(1)
        m.set(server=C.tree_stats(p.pid), n=n, mode=mode)
