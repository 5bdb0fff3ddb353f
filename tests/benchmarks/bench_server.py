"""The server: the whole asset graph with state, a run's events page by page, and its memory; Dagster's beside it.

Run: ``python tests/benchmarks/bench_server.py [ASSETS] [--dagster PYTHON]``. Writes one JSON line. CPU milliseconds are
those of the server's processes, for one request, after two to warm up.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil

TOKEN = "bench"
REPEATS = 5
EVENTS = 10_000
PAGE = 100
GRAPH = "{ assetGraph { keys groups kinds states reasons materializedAt edgeSources edgeTargets x y } }"
NODES = """{ assetNodes { assetKey { path } groupName staleStatus staleCauses { reason } dependencyKeys { path }
  assetMaterializations(limit: 1) { timestamp } } }"""
LOGS = """query($id: ID!, $after: String, $limit: Int) { logsForRun(runId: $id, afterCursor: $after, limit: $limit) {
  ... on EventConnection { cursor hasMore events { __typename } } } }"""

#: Works with either library: each asset reads two of the layer above.
DEFINITIONS = """
from {library} import AssetKey, Definitions, asset

def make(number):
    above = sorted({{max(number - 50, 0) // 2 * 2, max(number - 49, 0)}}) if number >= 50 else []

    deps = [AssetKey(f"a{{at}}") for at in above]

    @asset(name=f"a{{number}}", deps=deps, group_name=f"g{{number % 20}}", code_version="1")
    def made():
        return 1

    return made

defs = Definitions(assets=[make(number) for number in range({count})])
"""
#: Reports a materialization of every asset, in the library's own process.
REPORT = """
from {library} import AssetMaterialization, {instance}
with {instance}.get() as instance:
    for number in range({count}):
        instance.report_runless_asset_event(AssetMaterialization(f"a{{number}}"))
"""


@contextmanager
def serving(command: list[str], root: Path, env: Mapping[str, str], ready: str) -> Iterator[psutil.Process]:
    """A server that answers at `ready`, ended with all it started."""
    with (root / "server.log").open("wb") as log:
        started = subprocess.Popen(command, cwd=root, env=dict(env), stdout=log, stderr=log)
    process = psutil.Process(started.pid)
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                urlopen(Request(ready, headers={"Authorization": f"token {TOKEN}"}), timeout=5).read()
                break
            except (URLError, OSError):
                if started.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((root / "server.log").read_text()) from None
                time.sleep(0.2)
        yield process
    finally:
        for child in [*process.children(recursive=True), process]:
            child.kill()  # nothing is measured any more
        started.wait()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of a process and of all below it."""
    return sum(sum(one.cpu_times()[:2]) for one in [process, *process.children(recursive=True)])


def ask(url: str, query: str, **variables: Any) -> Any:
    """The data of one GraphQL document."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"token {TOKEN}"}
    with urlopen(Request(url, body, headers), timeout=600) as response:
        answer = json.loads(response.read())
    if answer.get("errors"):
        raise SystemExit(str(answer["errors"])[:1000])
    return answer["data"]


def cost_ms(process: psutil.Process, url: str, query: str, **variables: Any) -> float:
    """CPU milliseconds of the server for one request, the mean of several."""
    for _ in range(2):
        ask(url, query, **variables)
    before = cpu_s(process)
    for _ in range(REPEATS):
        ask(url, query, **variables)
    return round((cpu_s(process) - before) / REPEATS * 1000, 1)


def jupyter(root: Path, port: int, *options: str) -> list[str]:
    """The command of a Jupyter server without a browser."""
    command = [sys.executable, "-m", "jupyter_server", f"--ServerApp.root_dir={root}", f"--port={port}", "--no-browser"]
    return [*command, "--allow-root", f"--IdentityProvider.token={TOKEN}", *options]


def extension(on: bool) -> str:
    """The option that loads the extension or not."""
    return f"--ServerApp.jpserver_extensions={json.dumps({'cellmill_lab': on})}".replace("true", "True").replace(
        "false", "False"
    )


def memory_mb(process: psutil.Process) -> float:
    """Resident megabytes."""
    return round(process.memory_info().rss / 1e6, 1)


def write_events(root: Path) -> str:
    """Record a run with many events and return its id."""
    from cellmill.instance.instance import Instance
    from cellmill.planning.event import Event, EventType

    with Instance.get(root / ".cellmill") as instance:
        run = instance.create_run(job_name="long")
        writer = instance.run_writer(run.run_id)
        for start in range(0, EVENTS, 500):
            now = time.time()
            writer.append([Event(EventType.LOG, run.run_id, now, message=f"{start + n}") for n in range(500)])
    return run.run_id


def events_by_page(process: psutil.Process, url: str, run_id: str) -> dict[str, float]:
    """CPU milliseconds of a page among the first and among the last of a run's events."""
    found, after, costs = 0, None, []
    while True:
        before = cpu_s(process)
        page = ask(url, LOGS, id=run_id, after=after, limit=PAGE)["logsForRun"]
        costs.append((cpu_s(process) - before) * 1000)
        found, after = found + len(page["events"]), page["cursor"]
        if not page["hasMore"]:
            break
    assert found == EVENTS, found
    few = len(costs) // 4
    return {"first": round(sum(costs[:few]) / few, 2), "last": round(sum(costs[-few:]) / few, 2)}


def measure_cellmill(count: int) -> dict[str, Any]:
    """The figures of our server."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "defs.py").write_text(DEFINITIONS.format(library="cellmill", count=count))
        (root / "cellmill.toml").write_text('files = ["defs.py"]\n')
        env = {**os.environ, "CELLMILL_HOME": str(root / ".cellmill"), "JUPYTER_CONFIG_DIR": folder}
        report = REPORT.format(library="cellmill", instance="Instance", count=count)
        subprocess.run([sys.executable, "-c", report], env=env, cwd=root, check=True)
        run_id = write_events(root)
        memory = {}
        for name, on in (("without", False), ("with", True)):
            port = free_port()
            ready = f"http://127.0.0.1:{port}/api/status"
            with serving(jupyter(root, port, extension(on)), root, env, ready) as process:
                memory[name] = memory_mb(process)
                if not on:
                    continue
                url = f"http://127.0.0.1:{port}/cellmill/graphql"
                found = {
                    "graph_cpu_ms": cost_ms(process, url, GRAPH),
                    "nodes_cpu_ms": cost_ms(process, url, NODES),
                    "page_cpu_ms": events_by_page(process, url, run_id),
                }
                memory["after the questions"] = memory_mb(process)
    return {"assets": count, **found, "memory_mb": memory, "extension_mb": round(memory["with"] - memory["without"], 1)}


def measure_dagster(python: str, count: int) -> dict[str, Any]:
    """The same question to Dagster's web server."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "defs.py").write_text(DEFINITIONS.format(library="dagster", count=count))
        env = {**os.environ, "DAGSTER_HOME": folder, "DAGSTER_DISABLE_TELEMETRY": "1"}
        report = REPORT.format(library="dagster", instance="DagsterInstance", count=count)
        subprocess.run([python, "-c", report], env=env, cwd=root, check=True)
        port = free_port()
        program = [python, "-m", "dagster_webserver", "-f", "defs.py", "-p", str(port), "-h", "127.0.0.1"]
        with serving(program, root, env, f"http://127.0.0.1:{port}/server_info") as process:
            cost = cost_ms(process, f"http://127.0.0.1:{port}/graphql", NODES)
            return {"nodes_cpu_ms": cost, "memory_mb": memory_mb(process)}


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("assets", nargs="?", type=int, default=1000)
    parser.add_argument("--dagster", help="A Python that has dagster-webserver.")
    given = parser.parse_args()
    found = {"cellmill": measure_cellmill(given.assets)}
    if given.dagster:
        found["dagster"] = measure_dagster(given.dagster, given.assets)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
