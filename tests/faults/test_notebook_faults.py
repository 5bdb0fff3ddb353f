"""Kernels that die, hang or never start, and workers killed under a notebook: the record stays true and nothing lives
on.

Two runs of one notebook have kernels and artifacts of their own, but not working directories of their own: the working
directory of a notebook is its folder, as in Jupyter, so that a relative path means the same in both.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from cellmill.execution.launcher import log_path_of
from cellmill.execution.notebook.document import read_notebook
from cellmill.execution.notebook.ends import End
from cellmill.execution.notebook.kernelspec import NoSuchKernel
from cellmill.execution.notebook.notebook_run import CancelSwitch
from cellmill.execution.notebook.notebook_step import (
    NotebookStepOutcome,
    NotebookStepRequest,
    recover_notebooks,
    run_notebook_step,
)
from cellmill.execution.process_group import processes_of_run
from cellmill.execution.run_ledger import launch_recorded_run
from cellmill.instance.instance import Instance
from cellmill.planning.run import RunStatus

from tests.execution.notebook.conftest import notebook_of

pytestmark = pytest.mark.fault

_HERE = str(Path(__file__).parent)


def _notebook(folder: Path, *sources: str, kernel: str = "python3", name: str = "notebook") -> Path:
    document = notebook_of(*sources)
    document["metadata"]["kernelspec"]["name"] = kernel
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(document))
    return path


def _run(path: Path, **options: Any) -> NotebookStepOutcome:
    return run_notebook_step(NotebookStepRequest(path=path, artifacts=path.parent / "artifacts", warm=False, **options))


def _ends(outcome: NotebookStepOutcome) -> list[str]:
    cells = read_notebook(outcome.notebook_path)["cells"]
    return [cell["metadata"]["cellmill"]["end"] for cell in cells]


@pytest.mark.parametrize(
    ("source", "options", "word", "detail"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", {}, "killed", "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", {}, "killed", "SIGSEGV"),
        ("import time; time.sleep(60)", {"cell_timeout_s": 0.5}, "timed out", "0.5 s"),
        ("import time; time.sleep(60)", {"timeout_s": 1.0}, "timed out", "time was over"),
        (
            "x = bytearray(400_000_000)\nimport time; time.sleep(60)",
            {"memory_limit": 250_000_000},
            "out of memory",
            "250 MB",
        ),
        ("import sys; sys.exit(3)", {}, "exited", "sys.exit(3)"),
    ],
)
def test_the_output_file_says_which_cell_ended_how(
    tmp_path: Path, source: str, options: dict[str, Any], word: str, detail: str
) -> None:
    """The second cell has the right word, the first succeeded, the third was not reached, and the output before is
    kept.
    """
    outcome = _run(_notebook(tmp_path, "print('kept')", source, "3"), **options)

    assert not outcome.result.succeeded
    assert _ends(outcome) == ["succeeded", word, "not reached"]
    assert detail in outcome.result.detail
    assert read_notebook(outcome.notebook_path)["cells"][0]["outputs"][0]["text"] == "kept\n"


def test_a_kernel_that_hangs_at_its_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exit handler that never returns holds the run up for the grace period only."""
    monkeypatch.setattr("cellmill.execution.notebook.kernel.end_kernel.__kwdefaults__", {"grace_s": 0.5})
    began = time.monotonic()

    outcome = _run(_notebook(tmp_path, "import atexit, time\natexit.register(time.sleep, 60)"))

    assert outcome.result.succeeded
    assert time.monotonic() - began < 10


def test_a_kernel_that_never_starts_is_a_failure_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernelspec whose program ends at once gives a typed reason and a notebook in which nothing was reached."""
    spec = tmp_path / "kernels" / "broken"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", "import sys; sys.exit('no such library')"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "broken", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))

    outcome = _run(_notebook(tmp_path, "1", kernel="broken"))

    assert outcome.result.end is End.FAILED
    assert "no such library" in outcome.result.detail
    assert _ends(outcome) == ["not reached"]


def test_a_missing_kernelspec_is_named_with_those_that_exist(tmp_path: Path) -> None:
    """Nothing starts, and the error lists what is installed."""
    with pytest.raises(NoSuchKernel, match=r"'pyhton3'.*Did you mean 'python3'"):
        _run(_notebook(tmp_path, "1", kernel="pyhton3"))


def test_cancelling_interrupts_the_running_cell(tmp_path: Path) -> None:
    """The cell that runs ends as cancelled, later ones are not reached."""
    switch = CancelSwitch()
    path = _notebook(tmp_path, "1", "open('started', 'w').close()\nimport time; time.sleep(60)", "3")

    def stop_when_started() -> None:
        deadline = time.monotonic() + 60
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        switch.throw()

    thread = threading.Thread(target=stop_when_started)
    thread.start()
    outcome = run_notebook_step(
        NotebookStepRequest(path=path, artifacts=tmp_path / "artifacts", warm=False), cancel=switch
    )
    thread.join()
    switch.close()

    assert _ends(outcome) == ["succeeded", "cancelled", "not reached"]


def test_a_killed_worker_leaves_no_kernel_and_no_grandchild(tmp_path: Path) -> None:
    """SIGKILL of the worker in the middle of a cell: within seconds all is gone, and the journal gives the notebook."""
    path = _notebook(
        tmp_path,
        "print('kept')",
        "import subprocess, time\nsubprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        "open('started', 'w').close()\ntime.sleep(60)",
        "3",
    )
    with Instance.get(tmp_path / "home") as instance:
        run = instance.create_run(job_name="job")
        launched = launch_recorded_run(
            instance,
            run.run_id,
            env={"PYTHONPATH": _HERE},
            worker="run_workers:execute_notebook",
            arguments=[str(path)],
        )
        deadline = time.monotonic() + 20
        while not (tmp_path / "started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        worker = int((tmp_path / "worker.pid").read_text())
        os.kill(worker, signal.SIGKILL)
        launched.wait(10)

        assert list(processes_of_run(run.run_id)) == []
        found = instance.get_run_by_id(run.run_id)
        assert found is not None and found.status is RunStatus.FAILURE
    (recovered,) = recover_notebooks(tmp_path / "artifacts", detail="the worker was killed")
    document = read_notebook(recovered)
    assert document["cells"][0]["outputs"][0]["text"] == "kept\n"
    assert [cell["metadata"]["cellmill"]["end"] for cell in document["cells"]] == ["succeeded", "killed", "not reached"]


def test_settling_a_dead_run_completes_its_notebook(tmp_path: Path) -> None:
    """A worker that kills itself in a cell: the supervisor ends the run, and its folder holds a truthful notebook."""
    path = _notebook(
        tmp_path, "print('kept')", "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)", "3"
    )
    with Instance.get(tmp_path / "home") as instance:
        run = instance.create_run(job_name="job")
        launch_recorded_run(
            instance,
            run.run_id,
            env={"PYTHONPATH": _HERE},
            worker="run_workers:die_in_a_notebook",
            arguments=[str(path)],
        ).wait(30)
        found = instance.get_run_by_id(run.run_id)
        assert found is not None and found.status is RunStatus.FAILURE
        (recovered,) = log_path_of(instance.home, run.run_id).parent.glob("**/*.ipynb")
    cells = read_notebook(recovered)["cells"]
    assert cells[0]["outputs"][0]["text"] == "kept\n"
    assert [cell["metadata"]["cellmill"]["end"] for cell in cells] == ["succeeded", "killed", "not reached"]


def test_two_runs_of_one_notebook_do_not_meet(tmp_path: Path) -> None:
    """At the same time, in threads, each has its own kernel and artifacts, and our own working directory stays."""
    path = _notebook(tmp_path, "import os, time\ntime.sleep(0.5)\nprint(os.getpid(), os.getcwd())")
    before = os.getcwd()
    outcomes: list[NotebookStepOutcome] = []

    def run(number: int) -> None:
        outcomes.append(
            run_notebook_step(NotebookStepRequest(path=path, artifacts=tmp_path / f"run-{number}", warm=False))
        )

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    texts = [outcome.result.notebook["cells"][0]["outputs"][0]["text"].split() for outcome in outcomes]
    assert len({text[0] for text in texts}) == 2
    assert {text[1] for text in texts} == {str(tmp_path)}
    assert os.getcwd() == before


def test_two_hundred_values_arrive_in_a_real_kernel_as_they_were(tmp_path: Path) -> None:
    """Hostile texts, huge numbers and nested values are the same on the other side."""
    values: list[Any] = [
        "\"'\\\n\t\0é\U0001f600{}%s",
        "'''",
        10**400,
        -0.0,
        1e-320,
        math.inf,
        {"a'b": [None, True]},
        [],
        {},
        "",
    ]
    values += [chr(code) + "\\" * (code % 5) for code in range(1, 191)]
    path = _notebook(tmp_path, "print(repr([values]))")

    outcome = _run(path, parameters={"values": values})

    text = "".join(output["text"] for output in outcome.result.notebook["cells"][1]["outputs"])
    assert eval(text, {"inf": math.inf}) == [values]


def test_a_hostile_name_of_a_notebook_stays_inside_its_folder(tmp_path: Path) -> None:
    """The artifact's path is made by us and contained, whatever the step is called."""
    outcome = _run(_notebook(tmp_path, "1"), name="../../x/{__class__}")

    assert outcome.notebook_path.parent == tmp_path / "artifacts"
    assert outcome.notebook_path.exists()


def test_a_full_disk_is_an_error_and_leaves_no_kernel(tmp_path: Path) -> None:
    """When the journal cannot be written, the kernel ends and the error says why."""
    path = _notebook(tmp_path, "1", "2")
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from cellmill.execution.notebook.notebook_step import *\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "run_notebook_step(NotebookStepRequest(path=Path(sys.argv[1]), artifacts=Path(sys.argv[2]), warm=False))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code, str(path), str(tmp_path / "artifacts")],
        env={**os.environ, "CELLMILL_RUN_ID": "full-disk"},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert ended.returncode == 1
    assert "StorageFullError" in ended.stderr and "File too large" in ended.stderr
    assert list(processes_of_run("full-disk")) == []
