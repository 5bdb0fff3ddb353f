"""cellmill, through its public Python API and its command line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent
QUIET_LOG = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def _home(work: Path) -> Path:
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
