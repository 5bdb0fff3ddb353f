"""What reading notebooks and running asset cells cost: run with ``python tests/benchmarks/bench_notebooks.py``.

Targets: scan at least 3,000 cells per CPU second, one cell again at most 2 ms, `%load_ext cellmill` at most 300 ms
of CPU, `%%asset` at most 3 ms over the same code in a plain cell (medians).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable

PLAIN = """import os
df{n} = pd.read_csv("data_{n}.csv")
df{n}["x"] = df{n}["a"] * SCALE + {n}
def helper_{n}(frame, n={n}):
    out = frame.groupby("k").agg({{"x": "mean"}})
    return out.head(n)
result_{n} = helper_{n}(df{n})
print(f"rows: {{len(result_{n})}}")
"""
ASSET = """%%asset a{n} --group g
\"\"\"doc\"\"\"
merged = {up}.merge(result_{n}, on="k")
merged["z"] = merged.x.rolling(3).mean()
merged.sort_values("z").head(100)
"""


def book(cells: int, salt: int) -> str:
    """A notebook of alternating plain and asset cells."""
    sources = [
        PLAIN.format(n=f"{salt}_{n}") if n % 2 == 0 else ASSET.format(n=n, up=f"a{n - 2}" if n > 1 else "raw")
        for n in range(cells)
    ]
    made = [{"cell_type": "code", "id": f"c{n}", "source": text, "metadata": {}} for n, text in enumerate(sources)]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def bench_scan() -> None:
    """Cells per CPU second, cold; one edited cell of 400; linking all. The best of several: others use the machine."""
    from cellmill.notebooks.cache import FactsCache
    from cellmill.notebooks.scan import scan_notebook
    from cellmill.notebooks.workspace import link_workspace

    texts = [book(400, salt) for salt in range(1, 11)]
    spans = [cpu(lambda text=text: scan_notebook(text, "n.ipynb")) for text in texts]
    print(f"static scan: {400 / min(spans):,.0f} cells per CPU second (median {400 / statistics.median(spans):,.0f})")
    cache = FactsCache()
    scan = scan_notebook(texts[0], "n.ipynb", cache=cache)
    spans = [cpu(lambda n=n: cache.analyse(PLAIN.format(n=f"edit_{n}"), (3, 11))) for n in range(50)]
    print(f"one cell again: {statistics.median(spans) * 1000:.2f} ms")
    print(f"link 200 assets: {min(cpu(lambda: link_workspace([scan])) for _ in range(5)) * 1000:.1f} ms")


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of some work."""
    started = time.process_time()
    work()
    return time.process_time() - started


def bench_staleness() -> None:
    """The states of a notebook of 200 assets after a plain cell was edited, all reasons decided anew."""
    from cellmill_kernel.session import get_session
    from cellmill_kernel.states import states_of

    session = get_session()
    sources = [cell["source"] for cell in json.loads(book(400, 1))["cells"]]
    for number, source in enumerate(sources):
        session.live.record(f"bench-{number}", source)
    states_of(session)
    spans = []
    for number in range(30):
        session.live.record("bench-0", sources[0].replace("* SCALE", f"* {number} * SCALE"))
        spans.append(cpu(lambda: states_of(session)))
    best, middle = min(spans) * 1000, statistics.median(spans) * 1000
    print(f"states of 200 assets after an edit: {best:.1f} ms CPU (median {middle:.1f})")


def bench_kernel() -> None:
    """CPU of %load_ext; CPU and time of an asset cell over a plain one."""
    import pandas  # noqa: F401
    from IPython.core.interactiveshell import InteractiveShell

    os.chdir(tempfile.mkdtemp())
    shell = InteractiveShell.instance(colors="nocolor")

    def run(source: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            shell.run_cell(source, store_history=True)

    def median(source: str, clock: Callable[[], float]) -> float:
        spans = []
        for _ in range(60):
            started = clock()
            run(source)
            spans.append(clock() - started)
        return statistics.median(spans) * 1000

    run("1")
    started = time.process_time()
    run("%load_ext cellmill")
    print(f"%load_ext: {(time.process_time() - started) * 1000:.0f} ms CPU")
    run("%%asset a\n1")
    for name, clock in (("CPU", time.process_time), ("wall", time.perf_counter)):
        plain, asset = median("b = 2\nb + 1", clock), median("%%asset b\nb = 2\nb + 1", clock)
        print(f"%%asset over a plain cell: {asset - plain:.2f} ms {name} (plain {plain:.2f}, asset {asset:.2f})")
    bench_staleness()


if __name__ == "__main__":
    bench_scan()
    bench_kernel()
