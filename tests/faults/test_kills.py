"""SIGKILL in the middle of a real run: its worker, its kernel, its Dask worker; then the retry."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cellmill.execution.process_group import processes_of_run
from cellmill.instance.instance import Instance
from cellmill.planning.event import EventType
from cellmill.planning.run import Run, RunStatus

pytestmark = pytest.mark.slow

#: Says that it was made, and stays in the middle until it is killed or told to go on.
_LOG = "open('made.txt', 'a').write('{name} ')"
_STAY = (
    "import os, time\nopen('pid', 'w').write(str(os.getpid()))\nos.rename('pid', 'at')\n"
    "while not os.path.exists('go'):\n    time.sleep(0.02)"
)


def _notebook(folder: Path) -> None:
    sources = [
        "%load_ext cellmill",
        f"%%asset first\n{_LOG.format(name='first')}\n1",
        f"%%asset second\n{_STAY}\n{_LOG.format(name='second')}\nfirst + 1",
        f"%%asset third\n{_LOG.format(name='third')}\nsecond + 1",
    ]
    cells = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "source": text,
            "outputs": [],
            "execution_count": None,
        }
        for number, text in enumerate(sources)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "book.ipynb").write_text(json.dumps(document))


def _module(folder: Path) -> None:
    def body(text: str) -> str:
        return "".join(f"    {line}\n" for line in text.splitlines())

    (folder / "book.py").write_text(
        f"import os\nfrom cellmill import asset\nos.chdir({str(folder)!r})\n\n\n"
        f"@asset\ndef first():\n{body(_LOG.format(name='first'))}    return 1\n\n\n"
        f"@asset\ndef second(first):\n{body(_STAY)}{body(_LOG.format(name='second'))}    return first + 1\n\n\n"
        f"@asset\ndef third(second):\n{body(_LOG.format(name='third'))}    return second + 1\n"
    )
    (folder / "cellmill.toml").write_text('modules = ["book"]\n')


def _command(folder: Path, *words: str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CELLMILL_")}
    return subprocess.Popen(
        [sys.executable, "-m", "cellmill", *words], cwd=folder, env=env, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip


def _until(condition: Callable[[], bool], what: str, timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)


def _runs(folder: Path) -> list[Run]:
    with Instance.get(folder / ".cellmill") as instance:
        return list(instance.get_runs())


def _worker(folder: Path) -> int:
    """Return the process id of the only run's worker."""
    with Instance.get(folder / ".cellmill") as instance:
        (run,) = instance.get_runs()
        for event in instance.all_logs(run.run_id):
            found = re.search(r"in process (\d+)", event.message or "")
            if event.type is EventType.RUN_START and found:
                return int(found[1])
    raise AssertionError("The run has no worker.")


@pytest.mark.parametrize("victim", ["worker", "kernel", "dask worker"])
def test_a_kill_in_the_middle_keeps_what_was_finished_and_a_retry_completes(tmp_path: Path, victim: str) -> None:
    """The run fails truthfully, no process is left, and the retry makes the rest: nothing is made twice."""
    dask = victim == "dask worker"
    (_module if dask else _notebook)(tmp_path)
    process = _command(tmp_path, "materialize", "*", *(["--executor", "dask"] if dask else []))
    _until((tmp_path / "at").exists, "the middle of the run")
    os.kill(_worker(tmp_path) if victim == "worker" else int((tmp_path / "at").read_text()), signal.SIGKILL)
    said, _ = process.communicate(timeout=120)

    assert process.returncode == 1, said
    (failed,) = _runs(tmp_path)
    assert failed.status is RunStatus.FAILURE
    assert list(processes_of_run(failed.run_id)) == []
    assert (tmp_path / "made.txt").read_text() == "first "
    (tmp_path / "go").touch()

    retry = _command(tmp_path, "runs", "retry", failed.run_id)
    said, _ = retry.communicate(timeout=120)

    assert retry.returncode == 0, said
    assert (tmp_path / "made.txt").read_text() == "first second third "
    newest = next(run for run in _runs(tmp_path) if run.run_id != failed.run_id)
    assert newest.status is RunStatus.SUCCESS and newest.parent_run_id == failed.run_id
    assert list(processes_of_run(newest.run_id)) == []
