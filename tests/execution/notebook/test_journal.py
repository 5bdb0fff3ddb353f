"""The journal: complete after a kill, readable while it grows, the same notebook as the run's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cellmill.execution.notebook.document import read_notebook
from cellmill.execution.notebook.ends import End
from cellmill.execution.notebook.journal import Journal, notebook_of, read_journal
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, recover_notebook, run_notebook_step

from .conftest import MakeNotebook

_RUN = """
import sys
from pathlib import Path
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, run_notebook_step
run_notebook_step(NotebookStepRequest(path=Path(sys.argv[1]), artifacts=Path(sys.argv[2]), warm=False))
"""


def test_the_executed_notebook_is_what_the_journal_says(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """Replaying the journal gives the same cells and outputs as the file that was written."""
    notebook = make_notebook(
        "print('a')", "from IPython.display import display\nh = display(1, display_id=True)", "h.update(2)", "1/0", "5"
    )

    outcome = run_notebook_step(NotebookStepRequest(path=notebook, artifacts=tmp_path / "artifacts", warm=False))

    replayed = notebook_of(read_journal(outcome.journal_path))
    written = read_notebook(outcome.notebook_path)
    assert [cell["outputs"] for cell in replayed["cells"]] == [cell["outputs"] for cell in written["cells"]]
    assert [cell["metadata"]["cellmill"]["end"] for cell in replayed["cells"]] == [
        "succeeded", "succeeded", "succeeded", "failed", "not reached",
    ]  # fmt: skip


def test_a_torn_last_line_is_left_for_later(tmp_path: Path) -> None:
    """A reader never sees half a line, and takes it up once it is whole."""
    path = tmp_path / "j.jsonl"
    notebook = {"cells": [{"cell_type": "code", "source": "1", "metadata": {}}], "metadata": {}}
    with Journal(path) as journal:
        journal.notebook_started(notebook)
        journal.append("cell_started", cell=0)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"event":"output","cell":0,"val')

    state = read_journal(path)
    assert state.running == 0
    path.write_bytes(whole + b'{"event":"output","cell":0,"value":{"output_type":"stream"},"at":1}\n')
    state = read_journal(path, state)

    assert state.notebook["cells"][0]["outputs"] == [{"output_type": "stream"}]


def test_a_killed_worker_leaves_a_journal_that_tells_all(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """Outputs up to the kill are there; the running cell is marked killed, later ones not reached; no kernel lives
    on.
    """
    notebook = make_notebook(
        "print('before')", "print('pid', __import__('os').getpid(), flush=True)\nimport time; time.sleep(60)", "3"
    )
    artifacts = tmp_path / "artifacts"
    worker = subprocess.Popen([sys.executable, "-c", _RUN, str(notebook), str(artifacts)])
    journal = artifacts / "notebook.journal.jsonl"
    deadline = time.monotonic() + 20
    while not journal.exists() or b'"pid ' not in journal.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    kernel = int(journal.read_text().split('"pid ')[1].split("\\n")[0])
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    document = read_notebook(recover_notebook(journal, end=End.KILLED, detail="SIGKILL"))

    assert document["cells"][0]["outputs"][0]["text"] == "before\n"
    assert [cell["metadata"]["cellmill"]["end"] for cell in document["cells"]] == ["succeeded", "killed", "not reached"]
    while _alive(kernel):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
