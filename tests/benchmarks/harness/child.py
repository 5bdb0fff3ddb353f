"""Runs one benchmark of one adapter, inside that peer's environment.

python -m harness.child --module adapters.x --bench b2 --params JSON --workdir D
The last line it prints is '@@RESULT ' and one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--module", required=True)
    ap.add_argument("--bench", required=True)
    ap.add_argument("--params", default="{}")
    ap.add_argument("--workdir", required=True)
    ap.add_argument("--profile", choices=("", "cprofile", "pyinstrument"), default="")
    ap.add_argument("--profile-out", default="")
    a = ap.parse_args()
    from harness import instr
    from harness.measure import Meter, own_peak_rss

    if not a.profile:
        instr.start()

    workdir = Path(a.workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    os.chdir(workdir)
    m = Meter()
    t0 = time.perf_counter()
    mod = importlib.import_module(a.module)
    m.set(adapter_import_s=round(time.perf_counter() - t0, 4))
    fn = getattr(mod, a.bench)
    params = json.loads(a.params)
    if a.profile == "cprofile":
        import cProfile
        import pstats

        pr = cProfile.Profile()
        pr.enable()
        try:
            fn(m, workdir, **params)
        finally:
            pr.disable()
            with open(a.profile_out, "w") as f:
                for key in ("tottime", "cumulative"):
                    pstats.Stats(pr, stream=f).sort_stats(key).print_stats(70)
    elif a.profile == "pyinstrument":
        from pyinstrument import Profiler

        p = Profiler(interval=0.001)
        p.start()
        try:
            fn(m, workdir, **params)
        finally:
            p.stop()
            with open(a.profile_out, "w") as f:
                f.write(p.output_text(unicode=True, color=False, show_all=True, timeline=False))
    else:
        fn(m, workdir, **params)
    m.set(self_peak_rss_mb=round(own_peak_rss() / 2**20, 1))
    sys.stdout.flush()
    print("\n@@RESULT " + json.dumps(m.out), flush=True)
    sys.stderr.flush()
    os._exit(0) if m.out.get("hard_exit") else None


if __name__ == "__main__":
    main()
