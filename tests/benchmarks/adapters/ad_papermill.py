"""papermill: Python API in-process, and its CLI."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


def b1(m, work: Path, **_):
    C.time_commands(
        m,
        {
            "import papermill": [sys.executable, "-c", "import papermill"],
            "papermill --help": [str(BIN / "papermill"), "--help"],
        },
    )


def _check(path: Path):
    nb = json.loads(path.read_text())
    out = [o for c in nb["cells"] for o in c["outputs"] if o["output_type"] == "execute_result"]
    text = out[-1]["data"]["text/plain"]
    assert "".join(text) == str(W.notebook_total(x=2)), out


def b7(m, work: Path, n=1, parallel=1, mode="api"):
    nb = str(W.write_notebook(work / "nb.ipynb"))
    outs = [work / f"out{i}.ipynb" for i in range(n)]
    if mode == "cli":

        def one(i):
            subprocess.run(
                [str(BIN / "papermill"), nb, str(outs[i]), "-p", "x", "2", "--no-progress-bar"],
                check=True,
                capture_output=True,
            )

        with m.phase("main"):
            C.run_parallel(one, n, parallel)
    else:
        with m.phase("import"):
            import papermill as pm

        def one(i):
            pm.execute_notebook(nb, str(outs[i]), parameters={"x": 2}, progress_bar=False)

        with m.phase("main"):
            if parallel == 1:
                C.run_parallel(one, n, 1)
            else:  # the API is not thread-safe: two processes
                import multiprocessing as mp

                ctx = mp.get_context("fork")
                with ctx.Pool(parallel) as p:
                    p.map(_one, [(nb, str(o)) for o in outs], chunksize=1)
    for o in outs:
        _check(o)
    m.set(parallel=parallel, mode=mode)
    m.per(n, "notebook")


def _one(a):
    import papermill as pm

    pm.execute_notebook(a[0], a[1], parameters={"x": 2}, progress_bar=False)
