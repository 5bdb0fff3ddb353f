"""nbclient alone: what papermill stands on."""

from __future__ import annotations

import sys
from pathlib import Path

from harness import workloads as W

from adapters import common as C


def b1(m, work: Path, **_):
    C.time_commands(
        m,
        {
            "import nbclient": [sys.executable, "-c", "import nbclient"],
            "import nbformat": [sys.executable, "-c", "import nbformat"],
        },
    )


def _one(a):
    src, dst = a
    import nbformat
    from nbclient import NotebookClient

    nb = nbformat.read(src, 4)
    NotebookClient(nb, timeout=120, kernel_name="python3").execute()
    nbformat.write(nb, dst)
    assert nb.cells[-1].outputs[-1]["data"]["text/plain"] == str(W.notebook_total())


def b7(m, work: Path, n=1, parallel=1, mode="api"):
    nb = str(W.write_notebook(work / "nb.ipynb"))
    import nbclient  # noqa: F401
    import nbformat  # noqa: F401

    jobs = [(nb, str(work / f"out{i}.ipynb")) for i in range(n)]
    with m.phase("main"):
        if parallel == 1:
            for j in jobs:
                _one(j)
        else:
            import multiprocessing as mp

            with mp.get_context("fork").Pool(parallel) as p:
                p.map(_one, jobs, chunksize=1)
    m.set(parallel=parallel, mode=mode)
    m.per(n, "notebook")
