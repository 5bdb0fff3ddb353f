"""Daemons, a server, two kernels and twenty schedules under fire for some minutes: `python soak.py [MINUTES]`.

Two daemons, run workers and kernels are killed at random; a third daemon and the server live on and are measured.  At
the end the counts say what was lost, doubled or leaked.  The exit status is 0 only where nothing was, and where the
server answered every question after its first answer.
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
from jupyter_client import KernelManager

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.faults.invariants import assert_invariants

#: Schedules of the module; the notebook has two more.
SCHEDULES = 18
KERNELS = 2
#: What a process that lives on may hold more at the end than after its first third: open files, megabytes.
MORE_FILES, MORE_MB = 20, 60.0
#: Seconds that a server may take to answer for the first time, and a process to go away.
START_S = 120
STOP_S = 60
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
    # warm kernels of this soak alone, whose servers leave soon behind the last of them
    environment |= {"XDG_RUNTIME_DIR": str(folder), "CELLMILL_WARM_IDLE_S": "5", "CELLMILL_SOAK": str(folder)}
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


def left(folder: Path) -> list[psutil.Process]:
    """Everything that the soak has started, directly or not, and that still lives."""
    found = []
    for process in psutil.process_iter(["environ", "status"]):
        environment = process.info["environ"] or {}
        if environment.get("CELLMILL_SOAK") == str(folder) and process.info["status"] != psutil.STATUS_ZOMBIE:
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


def first_answer(port: int) -> float:
    """Seconds until a server answers for the first time."""
    start = time.monotonic()
    while not ask(port):
        if time.monotonic() - start > START_S:
            raise SystemExit(f"The server gave no answer within {START_S} s.")
        time.sleep(0.5)
    return time.monotonic() - start


class Explorer:
    """A kernel in which somebody works with the notebook's assets."""

    def __init__(self, folder: Path) -> None:
        self._manager = KernelManager(kernel_name="python3")
        environment = {**os.environ, "CELLMILL_SOAK": str(folder)}
        self._manager.start_kernel(
            cwd=str(folder), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._client = self._manager.blocking_client()
        self._client.start_channels(iopub=False, stdin=False, hb=False, control=False)
        self._client.execute("%load_ext cellmill")

    def explore(self) -> None:
        """Asks the kernel to make an asset."""
        self._client.execute("%%asset explored\nsum(range(1000))")

    def answers(self) -> int:
        """How many cells the kernel has answered since the last look."""
        found = 0
        while self._client.shell_channel.msg_ready():
            found += self._client.get_shell_msg(timeout=1)["content"]["status"] == "ok"
        return found

    def end(self) -> None:
        """Kills the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def measure(pid: int) -> tuple[int, float]:
    """Open files and megabytes of a process; nothing of one that is gone."""
    try:
        seen = psutil.Process(pid)
        return seen.num_fds(), seen.memory_info().rss / 1e6
    except psutil.Error:
        return 0, 0.0


class Fire:
    """Everything that works in the folder, and what was seen of it while it was shot at."""

    def __init__(self, folder: Path, port: int, seed: int) -> None:
        self.folder, self.port, self.dice = folder, port, random.Random(seed)
        self.seen: Counter[str] = Counter({"answers": 0, "no answers": 0, "kernel cells": 0})
        self.curves: dict[str, list[tuple[int, float]]] = {"server": [], "daemon": []}
        self.survivor = daemon(folder)
        self.daemons = [daemon(folder), daemon(folder)]
        self.web = server(folder, port)
        self.kernels = [Explorer(folder) for _ in range(KERNELS)]

    def round(self) -> None:
        """One question, one measurement, one cell in each kernel, perhaps some deaths."""
        self.seen["answers" if ask(self.port) else "no answers"] += 1
        for name, pid in (("server", self.web.pid), ("daemon", self.survivor.pid)):
            self.curves[name].append(measure(pid))
        for kernel in self.kernels:
            kernel.explore()
            self.seen["kernel cells"] += kernel.answers()
        if self.dice.random() < 0.5:
            victim = self.dice.randrange(len(self.daemons))
            self.daemons[victim].kill()
            self.daemons[victim].wait()
            self.daemons[victim] = daemon(self.folder)
            self.seen["daemons killed"] += 1
        running = workers(self.folder)
        if running and self.dice.random() < 0.3:
            try:
                self.dice.choice(running).kill()
                self.seen["run processes killed"] += 1
            except psutil.Error:
                pass
        if self.dice.random() < 0.1:
            victim = self.dice.randrange(KERNELS)
            self.kernels[victim].end()
            self.kernels[victim] = Explorer(self.folder)
            self.seen["kernels killed"] += 1

    def stop(self) -> None:
        """Asks everything to end."""
        for kernel in self.kernels:
            kernel.end()
        ours = (*self.daemons, self.survivor, self.web)
        for process in ours:
            if process.poll() is not None:
                self.seen["lost processes that should have lived on"] += 1
            process.send_signal(signal.SIGTERM)
        for process in ours:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                self.seen["processes that did not stop"] += 1
                process.kill()


def fire(folder: Path, seconds: float, port: int, seed: int) -> Fire:
    """Let it work under fire, from the server's first answer on."""
    field = Fire(folder, port, seed)
    try:
        waited = first_answer(port)
        print(f"  the server answered after {waited:.1f} s", flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(field.dice.uniform(4, 12))
            field.round()
            now = "  ".join(f"{name}: {at[-1][0]} files, {at[-1][1]:.0f} MB" for name, at in field.curves.items())
            print(f"  {max(0.0, end - time.monotonic()):5.0f} s left  {now}", flush=True)
        time.sleep(5)
    finally:
        field.stop()
    return field


def count(folder: Path, until: float) -> dict[str, int]:
    """What is in the store: what is lost and what is doubled among it."""
    with Instance.get(folder / ".cellmill") as instance:
        assert_invariants(instance)
        # What came due in the last moments may be late without being lost.
        ticks = [tick for tick in instance.automation.ticks() if tick.at <= until]
        statuses = Counter(str(tick.status) for tick in ticks)
        instants: dict[str, list[int]] = {}
        for tick in ticks:
            instants.setdefault(tick.instigator_id, []).append(tick.at)
        # A schedule begins with its first tick; from there every full minute until the end is due.
        due = sum((int(until) // 60 * 60 - min(ats)) // 60 + 1 for ats in instants.values())
        requested = [run_id for tick in ticks for run_id in tick.body.get("run_ids", ())]
        rows = instance.db.rows
        known = {row[0] for row in rows("SELECT run_id FROM runs")}
        keys = rows("SELECT run_key FROM runs WHERE run_key IS NOT NULL")
        ends = Counter(row[0] for row in rows("SELECT status FROM runs"))
        gone = rows("SELECT coalesce(sum(event_count), 0) FROM runs")[0][0]
        events = rows("SELECT count(*) FROM events WHERE run_id <> ''")[0][0]
        return {
            "schedules": len(instants),
            "ticks due": due,
            "ticks fired": len(ticks),
            **{f"ticks {name.lower()}": number for name, number in sorted(statuses.items())},
            "runs": len(known),
            **{f"runs {name.lower()}": number for name, number in sorted(ends.items())},
            "events": int(events),
            "lost ticks": due - len(ticks),
            "lost runs": len(set(requested) - known),
            "lost events": int(gone - events),
            "doubled": len(requested) - len(set(requested)) + len(keys) - len(set(keys)),
        }


def main() -> int:
    """Run the soak and print its counts."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    folder = Path(tempfile.mkdtemp(prefix="cellmill-soak-"))
    prepare(folder)
    print(f"Soaking for {minutes:g} minutes in {folder} …", flush=True)
    field = fire(folder, minutes * 60, 18_000 + os.getpid() % 2000, seed=int(os.environ.get("SOAK_SEED", "1")))
    # The last look of a daemon was at most a few seconds ago: what came due since is not late yet.
    until = time.time() - 30
    deadline = time.monotonic() + STOP_S
    while left(folder) and time.monotonic() < deadline:
        time.sleep(1)
    leaked = left(folder)
    counts: dict[str, object] = {**count(folder, until), **field.seen, "leaked processes": len(leaked)}
    for process in leaked:
        print(f"  lives on: {process.pid} {' '.join(_words(process))[:150]}")
    for name, curve in field.curves.items():
        for word, at in (("first", 0), ("a third", len(curve) // 3), ("two thirds", len(curve) * 2 // 3), ("last", -1)):
            files, megabytes = curve[at]
            counts[f"{name} files, MB: {word}"] = f"{files}, {megabytes:.0f}"
        (files_then, mb_then), (files_now, mb_now) = curve[len(curve) // 3], curve[-1]
        counts[f"leaked files of the {name}"] = max(0, files_now - files_then - MORE_FILES)
        counts[f"leaked MB of the {name}"] = round(max(0.0, mb_now - mb_then - MORE_MB))
    for name, value in counts.items():
        print(f"{name:<28}{value}")
    wrong = [name for name in counts if name.startswith(("lost", "doubled", "leaked", "no answers")) and counts[name]]
    for process in leaked:
        process.kill()
    if wrong or not counts["ticks fired"]:
        print(f"Something is wrong ({', '.join(wrong)}); what it did is in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
