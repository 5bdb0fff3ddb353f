"""The journal: complete after a kill, readable while it grows, the same notebook as the run's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from cellmill.execution.notebook.document import read_notebook
from cellmill.execution.notebook.ends import CellResult, End
from cellmill.execution.notebook.journal import Journal, notebook_of, read_journal
from cellmill.execution.notebook.live import Followed, cells_of, notebook_now, progress_line
from cellmill.execution.notebook.notebook_step import NotebookStepRequest, recover_notebook, run_notebook_step
from cellmill.execution.notebook.outputs import OutputCollector

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


def test_a_journal_that_has_grown_large_is_written_anew_and_readers_go_on(tmp_path: Path) -> None:
    """What was updated or cleared since takes no room; a reader that was in the middle sees what a new one sees."""
    path = tmp_path / "j.jsonl"
    cells = [{"cell_type": "code", "source": str(n), "metadata": {}, "outputs": []} for n in range(2)]
    notebook = {"cells": cells, "metadata": {}}
    first = CellResult(index=0, end=End.SUCCEEDED, started_at=1.0, ended_at=2.0, execution_count=1)
    with Journal(path, compact_at=20_000) as journal:
        journal.amounts_to = lambda: (notebook, [first])
        collector = OutputCollector(cells, journal.output)
        journal.notebook_started(notebook)
        journal.append("cell_started", cell=0)
        journal.cell_ended(first)
        journal.append("cell_started", cell=1)
        follower = read_journal(path)
        for number in range(500):
            content = {"data": {"text/plain": f"{number} " * 50}, "transient": {"display_id": "one"}}
            kind = "update_display_data" if number else "display_data"
            collector.take({"msg_type": kind, "content": content, "parent_header": {}}, 1)
            follower = read_journal(path, follower)
        assert path.stat().st_size < 25_000

    fresh = read_journal(path)
    assert fresh.notebook["cells"] == follower.notebook["cells"]
    assert fresh.notebook["cells"][1]["outputs"][0]["data"]["text/plain"].startswith("499 ")
    assert (fresh.running, fresh.results[0], fresh.end) == (1, first, None)
    assert follower.results == fresh.results and [one.name for one in tmp_path.iterdir()] == ["j.jsonl"]


def test_outputs_are_bounded_by_what_is_shown_and_not_by_what_was(tmp_path: Path) -> None:
    """A cell that clears and draws again may do so for ever; one display that grows stops at the limit."""
    cells = [{"cell_type": "code", "source": "", "metadata": {}, "outputs": []}]
    collector = OutputCollector(cells, limit_bytes=1000)

    def take(kind: str, **content: object) -> None:
        collector.take({"msg_type": kind, "content": content, "parent_header": {}}, 0)

    for number in range(20):
        take("clear_output", wait=True)
        take("display_data", data={"text/plain": f"{number} " + "x" * 600}, transient={"display_id": "d"})
    take("update_display_data", data={"text/plain": "fits"}, transient={"display_id": "d"})
    take("update_display_data", data={"text/plain": "y" * 2000}, transient={"display_id": "d"})

    assert [output["data"]["text/plain"] for output in cells[0]["outputs"]] == ["fits"]


def test_anybody_can_watch_the_cells_while_they_run(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """Two readers see what was printed, which cell runs and how long, before the end is written."""
    notebook = make_notebook("print('before')", "print('here', flush=True)\nimport os, time\n"
                             "while not os.path.exists('go'):\n    time.sleep(0.02)", "#md words", "3")  # fmt: skip
    folder = tmp_path / "artifacts"
    request = NotebookStepRequest(path=notebook, artifacts=folder, warm=False)
    run = threading.Thread(target=run_notebook_step, args=(request,))
    run.start()
    readers = [Followed(folder), Followed(folder)]
    deadline = time.monotonic() + 60
    for reader in readers:
        while not any(state.running == 1 and state.notebook["cells"][1]["outputs"] for _, state in reader.look()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        ((name, state),) = reader.look()
        assert [cell.state for cell in cells_of(state)] == ["succeeded", "running", "waiting"]
        assert progress_line(name, state, time.time()).startswith("notebook.ipynb: 1 of 3 cells, cell 2 for ")
    shown = notebook_now(folder / "notebook.ipynb")
    assert shown is not None and shown["cells"][1]["outputs"][0]["text"] == "here\n"
    (tmp_path / "go").touch()
    run.join()

    ((name, state),) = readers[0].look()
    assert {cell.state for cell in cells_of(state)} == {"succeeded"}
    assert all(cell.peak_memory and cell.ended_at for cell in cells_of(state))
    assert notebook_now(folder / "none.ipynb") is None


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
