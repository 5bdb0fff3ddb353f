"""A daemon pair, a server and twenty schedules under fire for some minutes: `python tests/faults/soak.py [MINUTES]`.

Daemons and run workers are killed at random; at the end the counts say what was lost, doubled or leaked.  The exit
status is 0 only where nothing was.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

import psutil
from cellmill.instance.instance import Instance

SCHEDULES = 18
MODULE = f"""
import cellmill as cm

@cm.op
def work(context):
    context.log.info("worked")

jobs, schedules = [], []
for number in range({SCHEDULES}):
    @cm.job(name=f"job_{{number}}")
    def one():
        work()
    jobs.append(one)
    schedules.append(cm.ScheduleDefinition(
        f"s{{number}}", cron_schedule="* * * * *", job=one, default_status=cm.DefaultScheduleStatus.RUNNING,
        catch_up=cm.CatchUp.all(1000), overlap="allow",
    ))
defs = cm.Definitions(jobs=jobs, schedules=schedules)
"""
CELLS = {
    "one": "%%asset soaked\nlist(range(1000))",
    "two": "%%asset wrung --deps soaked\n42",
    "three": '%schedule "* * * * *" soaked --name first --status running',
    "four": '%schedule "* * * * *" wrung --name second --status running',
}


def prepare(folder: Path) -> None:
    """A workspace with a module and a notebook."""
    cells = [
        {"cell_type": "code", "id": name, "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for name, text in {"zero": "%load_ext cellmill", **CELLS}.items()
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "soak.ipynb").write_text(json.dumps(document))
    (folder / "jobs.py").write_text(MODULE)
    (folder / "cellmill.toml").write_text(
        '[[location]]\nmodule = "jobs"\n[[location]]\nnotebooks = ["soak.ipynb"]\n'
        "[run_queue]\nmax_concurrent_runs = 3\n"
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A process of the workspace, with its words in a file."""
    log = open(folder / f"{arguments[1].rpartition('.')[2]}.log", "ab")
    environment = {key: value for key, value in os.environ.items() if key != "CELLMILL_HOME"}
    with log:
        return subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment, stdout=log, stderr=log)


def daemon(folder: Path) -> subprocess.Popen[bytes]:
    """A daemon."""
    return start(folder, "-m", "cellmill.cli", "daemon")


def server(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """A Jupyter server with the extension."""
    options = (f"--port={port}", "--no-browser", "--IdentityProvider.token=soak", "--allow-root")
    return start(folder, "-m", "jupyter_server", "--ServerApp.jpserver_extensions={'cellmill_lab': True}", *options)


def workers(folder: Path) -> list[psutil.Process]:
    """The processes of runs of this workspace."""
    found = []
    for process in psutil.process_iter(["environ"]):
        environment = process.info["environ"] or {}
        if "CELLMILL_RUN_ID" in environment and str(folder) in " ".join(_words(process) + [_folder(process)]):
            found.append(process)
    return found


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _folder(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""


def ask(port: int) -> bool:
    """Whether the server answers a query."""
    body = json.dumps({"query": "{ version }"}).encode()
    headers = {"Authorization": "token soak", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/cellmill/graphql", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return "data" in json.load(response)
    except OSError:
        return False


def measure(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Open files and megabytes of a process; nothing of one that is gone."""
    try:
        seen = psutil.Process(process.pid)
        return seen.num_fds(), seen.memory_info().rss / 1e6
    except psutil.Error:
        return 0, 0.0


def fire(folder: Path, seconds: float, port: int, seed: int) -> dict[str, object]:
    """Let it work under fire; what was seen meanwhile."""
    dice = random.Random(seed)
    daemons = [daemon(folder), daemon(folder)]
    web = server(folder, port)
    seen: Counter[str] = Counter()
    curve: list[tuple[int, float]] = []
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            time.sleep(dice.uniform(4, 12))
            seen["answers" if ask(port) else "no answers"] += 1
            curve.append(measure(web))
            print(
                f"  {end - time.monotonic():5.0f} s left  server: {curve[-1][0]} files, {curve[-1][1]:.0f} MB",
                flush=True,
            )
            if dice.random() < 0.5:
                victim = dice.randrange(len(daemons))
                daemons[victim].kill()
                daemons[victim].wait()
                daemons[victim] = daemon(folder)
                seen["daemons killed"] += 1
            running = workers(folder)
            if running and dice.random() < 0.3:
                try:
                    dice.choice(running).kill()
                    seen["run processes killed"] += 1
                except psutil.Error:
                    pass
        time.sleep(5)
    finally:
        for process in (*daemons, web):
            process.send_signal(signal.SIGTERM)
        for process in (*daemons, web):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                seen["processes that did not stop"] += 1
                process.kill()
    return {**seen, "server": curve}


def count(folder: Path) -> dict[str, int]:
    """What is in the store: what is lost and what is doubled among it."""
    with Instance.get(folder / ".cellmill") as instance:
        ticks = instance.automation.ticks()
        statuses = Counter(str(tick.status) for tick in ticks)
        instants: dict[str, list[int]] = {}
        for tick in ticks:
            instants.setdefault(tick.instigator_id, []).append(tick.at)
        lost = sum((max(ats) - min(ats)) // 60 + 1 - len(ats) for ats in instants.values())
        requested = [run_id for tick in ticks for run_id in tick.body.get("run_ids", ())]
        known = {row[0] for row in instance.db.rows("SELECT run_id FROM runs")}
        keys = instance.db.rows("SELECT run_key FROM runs WHERE run_key IS NOT NULL")
        return {
            "schedules": len(instants),
            "ticks": len(ticks),
            **{f"ticks {name.lower()}": number for name, number in sorted(statuses.items())},
            "runs": len(known),
            "events": int((instance.db.row("SELECT count(*) FROM events") or (0,))[0]),
            "lost": lost + len(set(requested) - known),
            "doubled": len(requested) - len(set(requested)) + len(keys) - len(set(keys)),
        }


def main() -> int:
    """Run the soak and print its counts."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    folder = Path(tempfile.mkdtemp(prefix="cellmill-soak-"))
    prepare(folder)
    print(f"Soaking for {minutes:g} minutes in {folder} …", flush=True)
    seen = fire(folder, minutes * 60, 18_000 + os.getpid() % 2000, seed=int(os.environ.get("SOAK_SEED", "1")))
    deadline = time.monotonic() + 60
    while workers(folder) and time.monotonic() < deadline:
        time.sleep(1)
    leaked = workers(folder)
    curve = [point for point in seen.pop("server") if point[0]]  # type: ignore[attr-defined]
    counts = {**count(folder), **seen, "leaked processes": len(leaked)}
    if curve:
        counts["server files first, last"] = f"{curve[0][0]}, {curve[-1][0]}"
        counts["server MB first, last"] = f"{curve[0][1]:.0f}, {curve[-1][1]:.0f}"
    for name, value in counts.items():
        print(f"{name:<28}{value}")
    bad = bool(counts["lost"] or counts["doubled"] or leaked or not counts["ticks"])
    for process in leaked:
        process.kill()
    if bad:
        print(f"Something is wrong; what it did is in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
