"""Dagster, through its public Python API, CLI, GraphQL and daemon."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


def _home(work: Path, extra: str = "") -> Path:
    home = work / "home"
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n" + extra)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _assets(g: W.Graph):
    from dagster import AssetIn, asset

    def make(name, deps):
        @asset(name=name, ins={f"a{i}": AssetIn(key=d) for i, d in enumerate(deps)})
        def fn(**kw):
            return W.compute(kw.values())

        return fn

    return [make(n, d) for n, d in g.nodes]


QUIET_LOG = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


# ------------------------------------------------------------------------- B1
def b1(m, work: Path, **_):
    py = sys.executable
    _home(work)
    C.time_commands(
        m,
        {
            "import dagster": [py, "-c", "import dagster"],
            "import dagster_graphql": [py, "-c", "import dagster_graphql"],
            "import dagster_webserver": [py, "-c", "import dagster_webserver"],
            "import dagstermill": [py, "-c", "import dagstermill"],
            "dagster --help": [str(BIN / "dagster"), "--help"],
            "dagster-webserver --help": [str(BIN / "dagster-webserver"), "--help"],
        },
    )


# ------------------------------------------------------------------------- B2
def b2(m, work: Path, shape="chain", n=1000, quiet=0):
    import dagster as d

    g = W.graph(shape, n)
    home = _home(work)
    with m.phase("define"):
        assets = _assets(g)
    with d.DagsterInstance.get() as inst:
        with m.phase("main"):
            r = d.materialize(assets, instance=inst, run_config=QUIET_LOG if quiet else None)
        assert r.success
        m.set(events=len(inst.all_logs(r.run_id)))
    exp = g.expected()
    for s in g.sinks:
        assert pickle.loads((home / "storage" / s).read_bytes()) == exp[s]
    m.set(shape=shape, edges=g.edges, quiet=quiet)
    m.per(n, "asset")


# ------------------------------------------------------------------------- B3
def _op_job(g: W.Graph, leaf=None):
    from dagster import GraphOut, In, graph, job, op  # noqa: F401

    def make(name, deps):
        @op(name=name, ins={f"a{i}": In(int) for i in range(len(deps))})
        def fn(context, **kw) -> int:
            return leaf() if leaf else W.compute(kw.values())

        return fn

    ops = {n: make(n, ds) for n, ds in g.nodes}

    @job(name="bench")
    def bench():
        vals = {}
        for n, ds in g.nodes:
            vals[n] = ops[n](**{f"a{i}": vals[x] for i, x in enumerate(ds)})

    return bench


def b3_job():
    p = json.loads(os.environ["CB_PARAMS"])
    return _op_job(W.graph(W.B3_SHAPE, p.get("n", W.B3_N)))


def b4_job():
    p = json.loads(os.environ["CB_PARAMS"])
    leaf = W.LEAVES[p.get("kind", "sleep")]
    return _op_job(W.independent(W.B4_TASKS), lambda: leaf(W.B4_SECONDS))


def _mp_config(workers: int, start: str):
    method = (
        {"spawn": {}} if start == "spawn" else {"forkserver": {"preload_modules": ["dagster", "adapters.ad_dagster"]}}
    )
    return {"execution": {"config": {"multiprocess": {"max_concurrent": workers, "start_method": method}}}}


def b3(m, work: Path, n=W.B3_N, workers=W.B3_WORKERS, start="spawn"):
    import dagster as d

    home = _home(work)
    with d.DagsterInstance.get() as inst:
        with m.phase("main"):
            r = d.execute_job(d.reconstructable(b3_job), inst, run_config=_mp_config(workers, start))
        assert r.success
        run = r.run_id
        g = W.graph(W.B3_SHAPE, n)
        exp = g.expected()
        for s in g.sinks:
            assert pickle.loads((home / "storage" / run / s / "result").read_bytes()) == exp[s]
    m.set(start=start)
    m.per(n, "step")


# ------------------------------------------------------------------------- B4
def b4(m, work: Path, kind="sleep", workers=W.B4_WORKERS, start="spawn"):
    import dagster as d

    _home(work)
    with d.DagsterInstance.get() as inst:
        with m.phase("main"):
            r = d.execute_job(d.reconstructable(b4_job), inst, run_config=_mp_config(workers, start))
        assert r.success
    m.set(kind=kind, start=start, ideal_s=W.B4_IDEAL, efficiency=round(W.B4_IDEAL / m.out["wall_s"], 3))


# ------------------------------------------------------------------------- B5
def _defs_file(work: Path, g: W.Graph, name="defs.py") -> Path:
    """A code location as a person writes it: one decorated function an asset."""
    src = ["from dagster import Definitions, asset", "A = []"]
    for n, deps in g.nodes:
        src += [
            "@asset",
            f"def {n}({', '.join(f'{d}' for d in deps)}):",
            f"    return (1 + sum([{', '.join(deps)}])) % {W.MOD}",
            f"A.append({n})",
        ]
    src += ["defs = Definitions(assets=A)"]
    p = work / name
    p.write_text("\n".join(src) + "\n")
    return p


def b5(m, work: Path, n=1000, shape="layered"):
    import dagster as d

    _home(work)
    _defs_file(work, W.graph(shape, n))
    sys.path.insert(0, str(work))
    with m.phase("main"):
        with m.phase("exec_module"):
            import defs as mod
        with m.phase("repository"):
            repo = mod.defs.get_repository_def()
        with m.phase("asset_graph"):
            ag = repo.asset_graph
            assert len(ag.get_all_asset_keys()) == n
        with m.phase("validate"):
            d.Definitions.validate_loadable(mod.defs)
    m.per(n, "asset")


def b5_cli(m, work: Path, n=1000, shape="layered"):
    _home(work)
    f = _defs_file(work, W.graph(shape, n))
    with m.phase("main"):
        r = subprocess.run(
            [str(BIN / "dagster"), "definitions", "validate", "-f", str(f)], capture_output=True, text=True
        )
    assert r.returncode == 0, r.stderr[-800:]
    m.per(n, "asset")


def b5_stale(m, work: Path, n=1000, shape="layered", reps=3):
    """Staleness of n assets, all materialised once, through GraphQL."""
    import dagster as d

    _home(work)
    f = _defs_file(work, W.graph(shape, n))
    sys.path.insert(0, str(work))
    import defs as mod

    with d.DagsterInstance.get() as inst:
        assert d.materialize(mod.A, instance=inst, run_config=QUIET_LOG).success
    with _webserver(work, f) as (p, url):
        q = "{assetNodes{assetKey{path} staleStatus staleCauses{reason}}}"
        first = time.perf_counter()
        _gql(url, q)
        first = time.perf_counter() - first
        with m.phase("main"):
            for _ in range(reps):
                data = _gql(url, q)
        assert len(data["assetNodes"]) == n
        kinds = {x["staleStatus"] for x in data["assetNodes"]}
        m.set(statuses=sorted(map(str, kinds)), first_s=round(first, 3))
    m.out["wall_s"] = round(m.out["wall_s"] / reps, 4)
    m.out["cpu_s"] = round(m.out["cpu_s"] / reps, 4)
    if "ginstr" in m.out:
        m.out["ginstr"] = round(m.out["ginstr"] / reps, 5)
    m.per(n, "asset")


# -------------------------------------------------------- webserver and GraphQL
class _webserver:
    def __init__(self, work: Path, defs: Path):
        self.port = C.free_port()
        self.cm = C.server(
            [str(BIN / "dagster-webserver"), "-f", str(defs), "-p", str(self.port), "-h", "127.0.0.1"], work / "web.log"
        )

    def __enter__(self):
        t0 = time.perf_counter()
        p = self.cm.__enter__()
        try:
            C.wait_http(f"http://127.0.0.1:{self.port}/server_info", proc=p)
            self.info_s = time.perf_counter() - t0
            url = f"http://127.0.0.1:{self.port}/graphql"
            C.wait_http(url, {"query": "{version}"}, proc=p)
            self.graphql_s = time.perf_counter() - t0
        except BaseException:
            self.cm.__exit__(None, None, None)
            raise
        self.p = p
        return p, url

    def __exit__(self, *a):
        return self.cm.__exit__(*a)


def _gql(url: str, query: str, variables: dict | None = None):
    r = C.http_json(url, {"query": query, "variables": variables or {}}, timeout=280)
    if r.get("errors"):
        raise RuntimeError(str(r["errors"])[:500])
    return r["data"]


# ------------------------------------------------------------------------- B6
def b6(m, work: Path, runs=1000, n=1000, reps=5):
    """One run of all n assets (about 10 events each), then `runs` runs of one
    asset each; then the queries a UI makes."""
    import dagster as d

    _home(work)
    f = _defs_file(work, W.independent(n))
    sys.path.insert(0, str(work))
    import defs as mod

    with d.DagsterInstance.get() as inst:
        with m.phase("populate_big"):
            big = d.materialize(mod.A, instance=inst, run_config=QUIET_LOG).run_id
        with m.phase("populate_runs"):
            for i in range(runs):
                d.materialize([mod.A[i % n]], instance=inst, run_config=QUIET_LOG)
        m.set(populate_ms_per_run=round(m.out["populate_runs_wall_s"] * 1000 / runs, 1))
        events = inst.all_logs(big)
        m.set(big_events=len(events))
        with m.phase("main"):
            keys = [d.AssetKey([k]) for k, _ in W.independent(n).nodes]
            m.set(
                py_run_list_25_ms=C.median_ms(lambda: inst.get_run_records(limit=25), reps),
                py_run_list_1000_ms=C.median_ms(lambda: inst.get_run_records(limit=1000), reps),
                py_run_events_ms=C.median_ms(lambda: inst.all_logs(big), reps),
                py_latest_1000_ms=C.median_ms(lambda: inst.get_latest_materialization_events(keys), reps),
            )
    with _webserver(work, f) as (p, url):
        lst = (
            "query($n:Int!){runsOrError(limit:$n){__typename ...on Runs{results{"
            "runId jobName status startTime endTime tags{key value}}}}}"
        )
        evq = (
            "query($id:ID!,$c:String){logsForRun(runId:$id,afterCursor:$c,limit:1000){"
            "__typename ...on EventConnection{cursor hasMore events{__typename "
            "...on MessageEvent{timestamp message level stepKey eventType}}}}}"
        )
        lat = "{assetNodes{assetKey{path} assetMaterializations(limit:1){timestamp runId}}}"

        def all_events():
            c, tot = None, 0
            while True:
                r = _gql(url, evq, {"id": big, "c": c})["logsForRun"]
                tot += len(r["events"])
                c = r["cursor"]
                if not r["hasMore"]:
                    return tot

        _gql(url, "{version}")
        assert all_events() == len(events)
        assert len(_gql(url, lst, {"n": 1000})["runsOrError"]["results"]) == min(1000, runs + 1)
        r = _gql(url, lat)["assetNodes"]
        assert len(r) == n and all(x["assetMaterializations"] for x in r)
        m.set(
            http_run_list_25_ms=C.median_ms(lambda: _gql(url, lst, {"n": 25}), reps),
            http_run_list_1000_ms=C.median_ms(lambda: _gql(url, lst, {"n": 1000}), reps),
            http_run_events_ms=C.median_ms(all_events, reps),
            http_latest_1000_ms=C.median_ms(lambda: _gql(url, lat), reps),
            http_trivial_ms=C.median_ms(lambda: _gql(url, "{version}"), 20),
        )
        m.set(server=C.tree_stats(p.pid))
    db = sum(x.stat().st_size for x in (work / "home").rglob("*") if x.is_file())
    nfiles = sum(1 for x in (work / "home").rglob("*.db"))
    m.set(disk_mb=round(db / 2**20, 1), db_files=nfiles, n=n)


# ------------------------------------------------------------------------- B8
def b8(m, work: Path, schedules=500, sensors=0, ticks=2):
    """The real dagster-daemon with `schedules` every-minute schedules, all due
    at once, and `sensors` sensors at a 1 s interval; all of them skip, so no
    run is launched: what is timed is the tick machinery."""
    _home(work)
    src = [
        "import dagster as d",
        "@d.op",
        "def o(): pass",
        "@d.job",
        "def j(): o()",
        "S, N = [], []",
        f"for i in range({schedules}):",
        "    @d.schedule(cron_schedule='* * * * *', job=j, name=f's{i}',",
        "                default_status=d.DefaultScheduleStatus.RUNNING)",
        "    def s(context): return d.SkipReason('none')",
        "    S.append(s)",
        f"for i in range({sensors}):",
        "    @d.sensor(job=j, name=f'x{i}', minimum_interval_seconds=1,",
        "              default_status=d.DefaultSensorStatus.RUNNING)",
        "    def x(context): return d.SkipReason('none')",
        "    N.append(x)",
        "defs = d.Definitions(jobs=[j], schedules=S, sensors=N)",
    ]
    f = work / "defs.py"
    f.write_text("\n".join(src))
    from harness import measure

    with C.server([str(BIN / "dagster-daemon"), "run", "-f", str(f)], work / "d.log") as p:
        t0 = time.time()
        deadline = t0 + 240
        time.sleep(5)
        with _webserver(work, f) as (_, url):
            if schedules:
                q = (
                    "{repositoriesOrError{...on RepositoryConnection{nodes{schedules{name "
                    "scheduleState{ticks(limit:10){timestamp endTimestamp}}}}}}}"
                )
                full, by = [], {}
                while time.time() < deadline and len(full) < ticks:
                    time.sleep(5)
                    by = {}
                    for s in _gql(url, q)["repositoriesOrError"]["nodes"][0]["schedules"]:
                        for t in s["scheduleState"]["ticks"]:
                            if t["endTimestamp"]:
                                by.setdefault(round(t["timestamp"]), []).append(t["endTimestamp"])
                    full = [(k, v) for k, v in sorted(by.items()) if len(v) == schedules]
                res = [
                    {
                        "due": k,
                        "done": len(v),
                        "first_done_s": round(min(v) - k, 2),
                        "last_done_s": round(max(v) - k, 2),
                    }
                    for k, v in sorted(by.items())
                ]
                assert res, "no schedule tick ended within the deadline"
                total = sum(r["done"] for r in res)
                span = max(max(v) for v in by.values()) - min(min(v) for v in by.values())
                m.set(
                    ticks=res,
                    schedule_ticks=total,
                    all_done=bool(full),
                    wall_s=round(span * schedules / max(1, total), 2),
                    ticks_per_s=round(total / span, 2),
                    cpu_ms_per_tick=round(1000 * (measure.tree_cpu(p.pid)) / max(1, total), 1),
                )
            else:
                q = (
                    "{repositoriesOrError{...on RepositoryConnection{nodes{sensors{name "
                    "sensorState{ticks(limit:200){timestamp endTimestamp}}}}}}}"
                )
                time.sleep(max(0, 45 - (time.time() - t0)))
                c0 = measure.tree_cpu(p.pid)
                w0 = time.time()
                time.sleep(30)
                c1 = measure.tree_cpu(p.pid)
                w1 = time.time()
                ss = _gql(url, q)["repositoriesOrError"]["nodes"][0]["sensors"]
                per = [sum(1 for t in s["sensorState"]["ticks"] if w0 <= t["timestamp"] <= w1) for s in ss]
                total = sum(per)
                m.set(
                    window_s=round(w1 - w0, 1),
                    sensor_ticks=total,
                    ticks_per_s=round(total / (w1 - w0), 2),
                    loop_s=round((w1 - w0) * sensors / max(1, total), 3),
                    cpu_ms_per_tick=round(1000 * (c1 - c0) / max(1, total), 2),
                    wall_s=round((w1 - w0) * sensors / max(1, total), 3),
                    cpu_s=round((c1 - c0) * sensors / max(1, total), 3),
                )
        m.set(daemon=C.tree_stats(p.pid), schedules=schedules, sensors=sensors, n=schedules or sensors)


# ------------------------------------------------------------------------- B9
def b9(m, work: Path, n=100, quiet=1):
    import dagster as d

    _home(work)

    @d.asset(partitions_def=d.DailyPartitionsDefinition(start_date=W.PARTITION_START))
    def part(context):
        return W.partition_value(context.partition_key)

    with d.DagsterInstance.get() as inst:
        with m.phase("main"):
            for k in W.daily_keys(n):
                assert d.materialize(
                    [part], partition_key=k, instance=inst, run_config=QUIET_LOG if quiet else None
                ).success
        assert len(inst.get_materialized_partitions(d.AssetKey("part"))) == n
    m.per(n, "partition")


PART_SRC = """
import sys
import dagster as d
from harness import workloads as W
@d.asset(partitions_def=d.DailyPartitionsDefinition(start_date=W.PARTITION_START))
def part(context):
    return W.partition_value(context.partition_key)
defs = d.Definitions(assets=[part], jobs=[d.define_asset_job("pj", [part])])
"""


def b9_backfill(m, work: Path, n=20, workers=2):
    """The real thing: a backfill through daemon, queue and run launcher (one
    process a run), at most `workers` runs at once."""
    import dagster as d

    _home(work, f"concurrency:\n  runs:\n    max_concurrent_runs: {workers}\n")
    f = work / "defs.py"
    f.write_text(PART_SRC)
    keys = W.daily_keys(n)
    with _webserver(work, f) as (wp, url):
        with C.server([str(BIN / "dagster-daemon"), "run", "-f", str(f)], work / "d.log") as dp:
            time.sleep(15)  # let the daemon settle
            q = (
                "mutation($p:LaunchBackfillParams!){launchPartitionBackfill("
                "backfillParams:$p){__typename ...on LaunchBackfillSuccess{backfillId}"
                "...on PythonError{message}}}"
            )
            with m.phase("main"):
                r = _gql(url, q, {"p": {"assetSelection": [{"path": ["part"]}], "partitionNames": keys}})
                assert "backfillId" in r["launchPartitionBackfill"], r
                with d.DagsterInstance.get() as inst:
                    while True:
                        done = len(inst.get_materialized_partitions(d.AssetKey("part")))
                        if done == n:
                            break
                        time.sleep(0.25)
                    recs = inst.get_run_records()
            m.set(daemon=C.tree_stats(dp.pid), web=C.tree_stats(wp.pid))
            st = [r.start_time for r in recs if r.start_time]
            m.set(first_start_to_last_start_s=round(max(st) - min(st), 2), workers=workers)
    m.per(n, "partition")


def b9_status(m, work: Path, n=10_000, reps=5):
    import dagster as d

    _home(work)
    f = work / "defs.py"
    f.write_text(PART_SRC.replace("start_date=", f"end_date={W.daily_keys(n + 1)[-1]!r}, start_date="))
    key = d.AssetKey("part")
    keys = W.daily_keys(n)
    with d.DagsterInstance.get() as inst:
        with m.phase("populate"):
            for k in keys:
                inst.report_runless_asset_event(d.AssetMaterialization(key, partition=k))
        with m.phase("main"):
            m.set(py_status_ms=C.median_ms(lambda: inst.get_materialized_partitions(key), reps))
    with _webserver(work, f) as (p, url):
        stats = "{assetNodes{partitionStats{numMaterialized numPartitions numFailed}}}"
        ranges = (
            "{assetNodes{assetPartitionStatuses{__typename ...on TimePartitionStatuses{"
            "ranges{status startKey endKey}}}}}"
        )
        t0 = time.perf_counter()
        r = _gql(url, stats)
        m.set(http_first_ms=round(1000 * (time.perf_counter() - t0), 1), stats=r["assetNodes"][0]["partitionStats"])
        assert r["assetNodes"][0]["partitionStats"]["numMaterialized"] == n
        m.set(
            http_stats_ms=C.median_ms(lambda: _gql(url, stats), reps),
            http_ranges_ms=C.median_ms(lambda: _gql(url, ranges), reps),
            http_keys_ms=C.median_ms(lambda: _gql(url, "{assetNodes{partitionKeys}}"), reps),
        )
        with d.DagsterInstance.get() as inst:  # after one new materialisation
            inst.report_runless_asset_event(d.AssetMaterialization(key, partition=keys[0]))
        t0 = time.perf_counter()
        _gql(url, stats)
        m.set(http_after_new_event_ms=round(1000 * (time.perf_counter() - t0), 1), n=n)


# ------------------------------------------------------------------------ B10
def b10(m, work: Path, n=10):
    _home(work)
    f = _defs_file(work, W.layered(n) if n >= 10 else W.chain(n))
    w = _webserver(work, f)
    with m.phase("main"):
        p, url = w.__enter__()
    try:
        m.set(info_s=round(w.info_s, 3), graphql_s=round(w.graphql_s, 3))
        t0 = time.perf_counter()
        _gql(url, "{repositoriesOrError{...on RepositoryConnection{nodes{name}}}}")
        m.set(first_repo_query_s=round(time.perf_counter() - t0, 3))
        time.sleep(1)
        m.set(server=C.tree_stats(p.pid), n=n)
    finally:
        w.__exit__(None, None, None)
