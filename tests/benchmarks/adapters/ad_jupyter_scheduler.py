"""jupyter-scheduler as its users run it: a Jupyter server with the extension,
jobs posted to its REST API, polled until they end."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path

from harness import measure
from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


@contextmanager
def _server(work: Path):
    port = C.free_port()
    base = f"http://127.0.0.1:{port}"
    root = work / "root"
    root.mkdir(exist_ok=True)
    with C.server(
        [
            str(BIN / "jupyter"),
            "server",
            "--allow-root",
            "--no-browser",
            f"--port={port}",
            "--ServerApp.ip=127.0.0.1",
            "--IdentityProvider.token=",
            f"--ServerApp.root_dir={root}",
            "--ServerApp.disable_check_xsrf=True",
            f"--SchedulerApp.db_url=sqlite:///{work}/sched.db",
        ],
        work / "server.log",
    ) as p:
        t0 = time.perf_counter()
        C.wait_http(base + "/api", proc=p)
        t1 = time.perf_counter()
        C.wait_http(base + "/scheduler/jobs", proc=p)
        yield p, base, root, (t1 - t0, time.perf_counter() - t0)


def b7(m, work: Path, n=1, parallel=1, mode="rest"):
    """parallel=1 posts the next job when the last ended; 2 keeps two open."""
    with _server(work) as (p, base, root, _):
        W.write_notebook(root / "nb.ipynb")
        env = C.http_json(base + "/scheduler/runtime_environments")[0]["name"]

        def post(i):
            return C.http_json(
                base + "/scheduler/jobs",
                {
                    "name": f"j{i}",
                    "input_uri": "nb.ipynb",
                    "runtime_environment_name": env,
                    "output_formats": ["ipynb"],
                    "parameters": {"x": "2"},
                },
            )["job_id"]

        measure.tree_cpu(p.pid)
        with m.phase("main"):
            open_, sent = {}, 0
            while sent < n or open_:
                while sent < n and len(open_) < parallel:
                    open_[post(sent)] = sent
                    sent += 1
                time.sleep(0.05)
                for j in list(open_):
                    st = C.http_json(f"{base}/scheduler/jobs/{j}")
                    if st["status"] == "COMPLETED":
                        del open_[j]
                    elif st["status"] == "FAILED":  # STOPPED is also "not yet begun"
                        raise RuntimeError(st)
        m.set(server=C.tree_stats(p.pid))
    m.set(parallel=parallel, mode=mode)
    m.per(n, "notebook")


def b10(m, work: Path):
    with m.phase("main"):
        cm = _server(work)
        p, base, root, (s_api, s_sched) = cm.__enter__()
    try:
        time.sleep(1)
        m.set(info_s=round(s_api, 3), scheduler_s=round(s_sched, 3), server=C.tree_stats(p.pid))
    finally:
        cm.__exit__(None, None, None)
