"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from cellmill.automation.clock import ManualClock
from cellmill.planning.run import RunStatus
from cellmill.testing import StepDaemon, TemporaryWorkspace, ephemeral_instance

#: Only these: the machine's other plugins take long to load.
PLUGINS = ("-p", "cellmill.testing_plugin", "-p", "nbval.plugin", "-p", "no:cacheprovider")


def run_pytest(folder: Path, *arguments: str) -> str:
    """What pytest says in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGINS, "--rootdir", str(folder), *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def test_cells_are_items(cellmill_workspace: TemporaryWorkspace) -> None:
    """Asset cells, their conditions and check cells are tests; upstreams may be in another notebook."""
    cellmill_workspace.notebook("first", "%%asset base\n[1, 2]")
    cellmill_workspace.notebook(
        "second",
        '%%asset total --check "total == 3" --check "total == 4"\nsum(base)',
        "%%check small --asset total\ntotal < 10",
        "%%check tiny --asset total --severity WARN\ntotal < 1",
        "%%asset broken\n1 / 0",
        "%%asset below\nbroken + 1",
        "%%asset day --partitions daily:2024-01-01\nassert context.partition_key == '2024-01-01'",
    )
    said = run_pytest(cellmill_workspace.root, "--cellmill", "-v")

    for item in ("first.ipynb::base PASSED", "::total PASSED", "::total[check_1] PASSED", "::total[check_2] FAILED",
                 "::small PASSED", "::tiny PASSED", "::broken FAILED", "::below FAILED", "::day PASSED"):  # fmt: skip
        assert item in said, said
    assert "the check of total failed: total == 4" in said
    assert "tiny" in said and "1 warning" in said
    assert ">   1 / 0" in said
    assert "broken could not be made: ZeroDivisionError" in said
    assert "no tests ran" in run_pytest(cellmill_workspace.root)


def test_beside_nbval(cellmill_workspace: TemporaryWorkspace) -> None:
    """nbval's items and ours are collected from the same file, each once."""
    cellmill_workspace.notebook("book", "%%asset base\n[1, 2]")
    said = run_pytest(cellmill_workspace.root, "--cellmill", "--nbval-lax", "-v")
    assert "3 passed" in said, said
    assert "book.ipynb::base PASSED" in said and "book::ipynb::Cell 1 PASSED" in said


def test_a_notebook_with_a_mistake(cellmill_workspace: TemporaryWorkspace) -> None:
    """What is wrong in a notebook is an error of its collection and of no other's."""
    cellmill_workspace.notebook("good", "%%asset a\n1")
    cellmill_workspace.notebook("bad", "%%asset b\n1 +")
    said = run_pytest(cellmill_workspace.root, "--cellmill", "--continue-on-collection-errors")
    assert "1 passed, 1 error" in said and "cell 2" in said


def test_coverage_of_cells(cellmill_workspace: TemporaryWorkspace) -> None:
    """Lines of cells that tests ran are reported under the notebook's name, with the lines of its file."""
    path = cellmill_workspace.notebook(
        "book", "def f(x):\n    if x:\n        return 1\n    return 2", "%%asset a\nf(0)"
    )
    cellmill_workspace.file(
        "test_book.py",
        "from cellmill.testing import load_notebook\n\n\ndef test_a():\n"
        '    assert load_notebook("book.ipynb").assets.a() == 2\n',
    )
    cellmill_workspace.file(".coveragerc", "[run]\nplugins = cellmill.testing.coverage_plugin\n")
    root = cellmill_workspace.root
    for words in (["run", "-m", "pytest", "-q", "-p", "no:cacheprovider"], ["report", "-m", "--include", "*.ipynb"]):
        done = subprocess.run(
            [sys.executable, "-m", "coverage", *words],
            cwd=root,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
    missed = next(at for at, line in enumerate(path.read_text().splitlines(), 1) if "return 1" in line)
    row = next(line for line in done.stdout.splitlines() if line.startswith("book.ipynb"))

    assert ["book.ipynb", "5", "1", "80%", str(missed)] == row.split()


def test_the_plugin_costs_nothing_when_unused() -> None:
    """Loading it imports no more of cellmill than the package's empty front."""
    code = (
        "import sys, cellmill.testing_plugin;"
        "print(sorted(m for m in sys.modules if m.startswith('cellmill')),"
        " [m for m in ('pandas', 'pydantic', 'sqlalchemy', 'IPython', 'nbformat') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "['cellmill', 'cellmill.testing_plugin'] []" == said.strip()


def test_daemon_on_command(
    cellmill_workspace: TemporaryWorkspace, cellmill_clock: ManualClock, cellmill_daemon: StepDaemon
) -> None:
    """A schedule fires when the clock has passed its time, and its run is over when the tick returns."""
    cellmill_workspace.notebook("book", "%%asset hello\n'hello'", '%schedule "0 13 * * *" hello')
    names = cellmill_workspace.workspace.manifest.schedules
    cellmill_workspace.run("schedules", "start", names[0].name)
    assert [] == cellmill_daemon.tick()
    assert [] == cellmill_daemon.advance(timedelta(minutes=59))
    (run,) = cellmill_daemon.advance(timedelta(minutes=2))

    assert RunStatus.SUCCESS is run.status
    assert "fresh" in cellmill_workspace.run("assets", "list").stdout


def test_ephemeral_instance() -> None:
    """An instance in memory keeps what is recorded while it is open."""
    with ephemeral_instance() as instance:
        assert [] == instance.get_runs()
