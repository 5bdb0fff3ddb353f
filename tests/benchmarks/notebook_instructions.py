#!/usr/bin/env python3
"""Counts user-space instructions of a notebook of five cells, in every process that it takes, beside papermill's.

    python tests/benchmarks/notebook_instructions.py [warm] [papermill] [cold]

callgrind follows `exec` and `fork`. A forked child carries its parent's count, so the count is set to nought where
Python's `os.fork` returns in the child (`--zero-before=PyOS_AfterFork_Child`): what a process wrote down at its end is
its own. A first notebook imports what is imported once, and starts the server of warm kernels; then the counting
begins (`callgrind_control -i on`, in the processes that are there), and one more notebook runs. A kernel that is
started and not forked is counted from its first instruction.

A process that is killed writes nothing down, so the number of those that wrote is printed: caller, server and kernel
for a warm one, caller and kernel for a cold one and for papermill. The counting is about fifty times slower than the
processor; this takes minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from warm_vs_papermill import write_notebook

#: Seconds that a kernel may take to answer here.
_PATIENCE_S = 1200.0
MODES = ("warm", "papermill", "cold")
_TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


def drive(mode: str, folder: Path) -> None:
    """Execute the notebook, wait until the counting is on, and execute it once more."""
    path = folder / "notebook.ipynb"
    write_notebook(path)
    for number in range(2):
        (_theirs if mode == "papermill" else _ours)(mode, path, folder / f"kept-{number}")
        if number == 0:
            # callgrind reads this where a process begins
            os.environ["VALGRIND_OPTS"] = "--instr-atstart=yes"
            (folder / "ready").touch()
            while not (folder / "go").exists():
                time.sleep(0.1)
    if mode == "warm":
        from cellmill.execution.notebook.forkserver import stop_servers

        stop_servers()


def _theirs(_: str, path: Path, kept: Path) -> None:
    import papermill
    from traitlets.config import Config

    patient = Config({"KernelManager": {"shutdown_wait_time": _PATIENCE_S}})  # a kernel that is killed writes no count
    papermill.execute_notebook(
        path, f"{kept}.ipynb", progress_bar=False, start_timeout=int(_PATIENCE_S), config=patient
    )


def _ours(mode: str, path: Path, kept: Path) -> None:
    from cellmill.execution.notebook import forkserver, kernel
    from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step

    forkserver._FORK_TIMEOUT_S = forkserver._START_TIMEOUT_S = kernel.SHUTDOWN_GRACE_S = _PATIENCE_S
    request = NotebookStepRequest(path=path, artifacts=kept, warm=mode == "warm", start_timeout_s=_PATIENCE_S)
    outcome = run_notebook_step(request)
    assert outcome.result.succeeded and outcome.warm is (mode == "warm"), outcome.result.detail


def totals(folder: Path) -> list[float]:
    """Millions of instructions of each process that wrote any down."""
    found = [_TOTALS.search(path.read_text()) for path in folder.glob("*.count")]
    return sorted((int(one[1]) / 1e6 for one in found if one is not None and int(one[1])), reverse=True)


def counted(mode: str, folder: Path, env: dict[str, str]) -> list[float]:
    """Count one notebook, in each process."""
    command = [
        "valgrind", "-q", "--tool=callgrind", "--trace-children=yes", "--zero-before=PyOS_AfterFork_Child",
        f"--callgrind-out-file={folder}/%p.count", sys.executable, __file__, "--drive", mode, "--folder", str(folder),
    ]  # fmt: skip
    driver = subprocess.Popen(command, env=env | {"VALGRIND_OPTS": "--instr-atstart=no"})
    while not (folder / "ready").exists():
        if driver.poll() is not None:
            raise SystemExit(f"The first notebook did not end: {driver.returncode}")
        time.sleep(0.5)
    counting = [one for one in map(int, filter(str.isdigit, os.listdir("/proc"))) if _belongs(one, folder)]
    for pid in counting:
        subprocess.run(["callgrind_control", "-i", "on", str(pid)], check=True, stdout=subprocess.DEVNULL)
    (folder / "go").touch()
    if driver.wait() != 0:
        raise SystemExit(f"The second notebook failed: {driver.returncode}")
    deadline = time.monotonic() + 120
    while any(_belongs(pid, folder) for pid in counting) and time.monotonic() < deadline:
        time.sleep(0.5)  # the server leaves after its caller
    return totals(folder)


def _belongs(pid: int, folder: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"callgrind" in command and os.fsencode(folder) in command


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modes", nargs="*", default=MODES, help=", ".join(MODES))
    parser.add_argument("--drive", choices=MODES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive:
        drive(given.drive, given.folder)
        return
    if shutil.which("valgrind") is None:
        raise SystemExit("no valgrind on this machine: apt install valgrind")
    folder = Path(tempfile.mkdtemp(prefix="cellmill-callgrind-"))
    try:
        for name in ("runtime", *given.modes):
            (folder / name).mkdir(mode=0o700)
        env = {**os.environ, "XDG_RUNTIME_DIR": str(folder / "runtime"), "PYTHONHASHSEED": "0"}
        for mode in given.modes:
            parts = counted(mode, folder / mode, env)
            found = {"notebook": mode, "Mi": round(sum(parts)), "by process": [round(one) for one in parts]}
            print(json.dumps(found), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
