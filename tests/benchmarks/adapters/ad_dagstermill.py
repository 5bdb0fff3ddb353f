"""dagstermill: a notebook as a Dagster asset.

materialize() refuses such an asset (the job must be reconstructable, since the
kernel builds it once more), so the job lives in a file of the work directory.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness import workloads as W

from adapters.ad_dagster import QUIET_LOG, _home, _mp_config

JOB = """
import dagster as d
from dagstermill import ConfigurableLocalOutputNotebookIOManager, define_dagstermill_asset
WORK, N = {work!r}, {n}
assets = [define_dagstermill_asset(name=f"nb{{i}}", notebook_path=WORK + "/nb.ipynb")
          for i in range(N)]
defs = d.Definitions(
    assets=assets, jobs=[d.define_asset_job("all_nb", assets)],
    resources={{"output_notebook_io_manager":
               ConfigurableLocalOutputNotebookIOManager(base_dir=WORK + "/out")}})
def all_nb():
    return defs.resolve_job_def("all_nb")
"""


def b7(m, work: Path, n=1, parallel=1, mode="asset"):
    import dagster as d

    _home(work)
    # dagstermill puts its own cell in place of one tagged "parameters"
    W.write_notebook(work / "nb.ipynb", tag=False)
    (work / "dm_job.py").write_text(JOB.format(work=str(work), n=n))
    sys.path.insert(0, str(work))
    with m.phase("import"):
        import dm_job
    cfg = _mp_config(parallel, "spawn") if parallel > 1 else {"execution": {"config": {"in_process": {}}}}
    with d.DagsterInstance.get() as inst:
        with m.phase("main"):
            assert d.execute_job(d.reconstructable(dm_job.all_nb), inst, run_config={**cfg, **QUIET_LOG}).success
    outs = list((work / "out").rglob("*"))
    outs = [o for o in outs if o.is_file()]
    assert len(outs) == n, outs
    m.set(parallel=parallel, mode=mode)
    m.per(n, "notebook")
