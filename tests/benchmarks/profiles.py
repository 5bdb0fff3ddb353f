#!/usr/bin/env python3
"""Where the time of cellmill's own workloads goes: a sampled profile of each, its processes included.

    python profiles.py            # every workload below
    python profiles.py b2 b7      # some

py-spy (`pip install py-spy`) samples the stacks of the process, its workers, kernels and daemons while they use the
processor. A sample counts for the import it stands in, else for the deepest frame that is a room of cellmill, a library
or the user's own code. What takes less than a fiftieth is left out. Results go to profiles/*.txt, whole stacks, and to
the standard output as a table.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import bench

HERE = Path(__file__).resolve().parent
WORKLOADS: dict[str, tuple[str, dict[str, Any]]] = {
    "b2 layered": ("b2", {"shape": "layered", "n": 3000}),
    "b2 chain": ("b2", {"shape": "chain", "n": 3000}),
    "b3": ("b3", {"n": 1000}),
    "b4 sleep": ("b4", {"kind": "sleep"}),
    "b5": ("b5", {"n": 5000}),
    "b5_cli": ("b5_cli", {"n": 5000}),
    "b6": ("b6", {"runs": 100, "n": 1000}),
    "b7 warm": ("b7", {"n": 20, "mode": "warm"}),
    "b7 cold": ("b7", {"n": 5, "mode": "cold"}),
    "b7 cli": ("b7", {"n": 3, "mode": "cli"}),
    "b8 schedules": ("b8", {"schedules": 500, "ticks": 1}),
    "b8 sensors": ("b8", {"schedules": 0, "sensors": 200}),
    "b9": ("b9", {"n": 1000}),
    "b9_backfill": ("b9_backfill", {"n": 20}),
    "b9_status": ("b9_status", {"n": 10_000}),
    "b10": ("b10", {"mode": "cellmill"}),
}
_IMPORT = re.compile(r"<frozen importlib|_find_and_load|import_module \(")
#: A module's own level, other than the harness's and the user's: it is being imported.
_LIBRARY = re.compile(r"^<module> \((?!harness|adapters|.*defs\.py|.*ipykernel_)")
_FRAME = re.compile(r"(.+) \((.+?)(?::\d+)?\)$")
#: A thread that waits; py-spy cannot always tell it from one that works.
_WAITING = re.compile(r"^[\w.<>]*\b(wait|select|poll|sleep|device|_watch_pipe_fd|ParentPollerUnix\.run) \(")
#: The harness's own frames and the interpreter's way in belong to nobody.
_OUTER = ("harness/", "runpy", "<frozen runpy>", "adapters/common")


def _place(path: str) -> str | None:
    """The room, library or part of the standard library that a frame's file belongs to."""
    if found := re.search(r"cellmill/(\w+)/", path):
        return f"cellmill.{found[1]}"
    if found := re.search(r"(cellmill_kernel|cellmill_lab)/", path):
        return found[1]
    if found := re.search(r"site-packages/([\w-]+)", path):
        return found[1]
    if path.startswith(("cellmill/", "runtime/")):
        return "cellmill"
    if any(word in path for word in _OUTER):
        return None
    if path.startswith("adapters/") or path.endswith("defs.py"):
        return "user's code"
    return path.split("/")[0].removesuffix(".py") if path and not path.startswith("<") else None


def owner(stack: str) -> str:
    """What a sampled stack counts for; frames are joined by `;`, the outermost first."""
    frames = stack.split(";")
    for frame in reversed(frames):
        if _IMPORT.search(frame) or _LIBRARY.search(frame):
            return "imports"
        if frame.startswith("<module>"):
            break
    for frame in reversed(frames):
        found = _FRAME.match(frame)
        if found and (place := _place(found[2])):
            return place
    return "the interpreter"


def sampled(name: str, workload: str, params: dict[str, Any], kept: Path) -> Counter[str]:
    """Run one workload under py-spy and count its samples by owner."""
    work = Path(tempfile.mkdtemp(prefix="profile_"))
    raw = kept / f"{name.replace(' ', '_')}.txt"
    python = str(bench.interpreter("v_cellmill"))
    child = [python, "-m", "harness.child", "--module", "adapters.ad_cellmill", "--bench", workload]
    spy = ["py-spy", "record", "--subprocesses", "--rate", "200", "--format", "raw", "--output", str(raw), "--"]
    environment = os.environ | bench.QUIET_ENV | {"HOME": str(work), "CB_WORK": str(work)}
    try:
        command = [*spy, *child, "--params", json.dumps(params), "--workdir", str(work)]
        # into a file: a host that is kept for the next command would hold a pipe open
        with (kept / "said.log").open("w+") as said:
            subprocess.run(command, env=environment, cwd=HERE, stdout=said, stderr=said)
            if not raw.exists():
                said.seek(0)
                raise RuntimeError(f"{name}: {said.read()[-1500:]}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    owners: Counter[str] = Counter()
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        if not _WAITING.match(stack.rpartition(";")[2]):
            owners[owner(stack)] += int(count)
    return owners


def main() -> int:
    """Profile the workloads that the command line names, or all."""
    if not shutil.which("py-spy"):
        print("no py-spy on the path: pip install py-spy", file=sys.stderr)
        return 1
    kept = HERE / "profiles"
    kept.mkdir(exist_ok=True)
    print("| workload | where its CPU time goes, per cent |\n|---|---|")
    for name, (workload, params) in WORKLOADS.items():
        if sys.argv[1:] and workload not in sys.argv[1:]:
            continue
        owners = sampled(name, workload, params, kept)
        whole = owners.total() or 1
        shares = [f"{who} {100 * count / whole:.0f}" for who, count in owners.most_common() if count * 50 >= whole]
        print(f"| {name} | {', '.join(shares)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
