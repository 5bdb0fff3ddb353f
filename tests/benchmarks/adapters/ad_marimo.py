"""marimo: a notebook is a Python script; also its HTML export and its server."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from harness import workloads as W

from adapters import common as C

BIN = Path(sys.executable).parent


def _nb(work: Path) -> Path:
    body = ["import marimo", "app = marimo.App()"]
    for i, (_, src) in enumerate(W.NOTEBOOK_CELLS):
        lines = "\n".join("    " + ln for ln in src.splitlines())
        args = {0: "", 1: "", 2: "x, y", 3: "json, z", 4: "z"}[i]
        ret = {0: "x, y", 1: "json,", 2: "z,", 3: "", 4: "total,"}[i]
        body += ["@app.cell", f"def _({args}):", lines, f"    return {ret}"]
    body += ["if __name__ == '__main__':", "    app.run()"]
    p = work / "nb.py"
    p.write_text("\n".join(body) + "\n")
    return p


def b1(m, work: Path, **_):
    C.time_commands(
        m, {"import marimo": [sys.executable, "-c", "import marimo"], "marimo --help": [str(BIN / "marimo"), "--help"]}
    )


def b7(m, work: Path, n=1, parallel=1, mode="script"):
    nb = _nb(work)
    if mode == "inproc":
        sys.path.insert(0, str(work))
        from nb import app

        with m.phase("main"):
            for _ in range(n):
                _, defs = app.run()
                assert defs["total"] == W.notebook_total()
    else:

        def one(i):
            cmd = (
                [sys.executable, str(nb)]
                if mode == "script"
                else [str(BIN / "marimo"), "export", "html", str(nb), "-o", str(work / f"o{i}.html")]
            )
            subprocess.run(cmd, check=True, capture_output=True, stdin=subprocess.DEVNULL)

        with m.phase("main"):
            C.run_parallel(one, n, parallel)
    m.set(parallel=parallel, mode=mode)
    m.per(n, "notebook")


def b10(m, work: Path):
    port = C.free_port()
    nb = _nb(work)
    with m.phase("main"):
        cm = C.server(
            [str(BIN / "marimo"), "edit", str(nb), "--headless", "--no-token", "-p", str(port), "--skip-update-check"],
            work / "s.log",
        )
        p = cm.__enter__()
        s = C.wait_http(f"http://127.0.0.1:{port}/health", proc=p)
    time.sleep(1)
    m.set(info_s=round(s, 3), server=C.tree_stats(p.pid))
    cm.__exit__(None, None, None)
