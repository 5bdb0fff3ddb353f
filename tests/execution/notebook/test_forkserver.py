"""Warm kernels: fresh, fast, random of their own, gone with their client, and offered to all of Jupyter."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from cellmill.execution.notebook.forkserver import fork_kernel, server_key, stop_servers
from cellmill.execution.notebook.notebook_step import NotebookStepOutcome, NotebookStepRequest, run_notebook_step
from cellmill.execution.notebook.preamble import third_party_imports

from .conftest import MakeNotebook, notebook_of


def _run(path: Path, artifacts: Path, **options: object) -> NotebookStepOutcome:
    return run_notebook_step(NotebookStepRequest(path=path, artifacts=artifacts, **options))  # type: ignore[arg-type]


def _texts(outcome: NotebookStepOutcome) -> list[str]:
    return [
        "".join(output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell["outputs"])
        for cell in outcome.result.notebook["cells"]
    ]


def test_two_warm_runs_share_imports_and_nothing_else(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """The second run starts from the server, with modules imported, names unbound and other random numbers."""
    notebook = make_notebook(
        "import sys\nprint('numpy' in sys.modules)",
        "import numpy, random",
        "print(numpy.random.rand(), random.random())",
        "print('leftover' in globals()); leftover = 1",
        "print(__import__('os').getcwd())",
    )

    first = _run(notebook, tmp_path / "one")
    second = _run(notebook, tmp_path / "two")

    assert (first.warm, second.warm) == (True, True)
    assert _texts(first)[0] == _texts(second)[0] == "True\n"
    assert _texts(first)[2] != _texts(second)[2]
    assert _texts(first)[3] == _texts(second)[3] == "False\n"
    assert _texts(second)[4] == f"{tmp_path}\n"


def test_exit_handlers_and_threads_of_the_user_are_honoured(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """What was registered with `atexit` runs, and a thread that still writes is waited for."""
    notebook = make_notebook(
        "import atexit, threading, time\nfrom pathlib import Path\natexit.register(lambda: Path('bye').touch())",
        "threading.Thread(target=lambda: (time.sleep(0.3), Path('late').touch())).start()",
    )

    outcome = _run(notebook, tmp_path / "artifacts")

    assert outcome.warm
    assert (tmp_path / "bye").exists()
    assert (tmp_path / "late").exists()


def test_a_kernel_ends_when_its_client_is_gone() -> None:
    """Closing the connection kills the kernel's whole group."""
    kernel = fork_kernel((), cwd=None, env=os.environ)
    assert kernel is not None and kernel.pid is not None
    pid = kernel.pid
    kernel._link.close()

    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_that_is_stopped_fails_the_cell_truthfully(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    """When the server goes in the middle of a run, the kernel is reported killed, not completed."""
    notebook = make_notebook(
        "from cellmill.execution.notebook.forkserver import stop_servers\nstop_servers()\nimport time; time.sleep(20)",
        "2",
    )

    outcome = _run(notebook, tmp_path / "artifacts")

    assert outcome.result.end == "killed"
    assert outcome.result.cells[1].end == "not reached"


def test_another_environment_asks_for_another_server() -> None:
    """Deciding variables, modules and installed packages are part of a server's key."""
    base = server_key(("numpy",), {"PYTHONPATH": "/a"})

    assert base == server_key(("numpy",), {"PYTHONPATH": "/a", "IRRELEVANT": "1"})
    assert base != server_key(("numpy",), {"PYTHONPATH": "/b"})
    assert base != server_key(("pandas",), {"PYTHONPATH": "/a"})


def test_a_cold_start_always_works(
    make_notebook: MakeNotebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With warm kernels switched off the same run is cold."""
    monkeypatch.setenv("CELLMILL_WARM_KERNELS", "0")

    outcome = _run(make_notebook("print(1)"), tmp_path / "artifacts")

    assert (outcome.warm, _texts(outcome)) == (False, ["1\n"])


def test_only_third_party_modules_are_imported_ahead(tmp_path: Path) -> None:
    """The standard library, the user's own modules and modules that a fork would break are left out."""
    cells = notebook_of(
        "import os, numpy as np, zmq\nimport mine\n%matplotlib inline",
        "from pandas.api import types",
        "def f():\n    import sklearn",
    )["cells"]

    assert third_party_imports(cells) == ("numpy", "pandas.api")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nbclient_gets_warm_kernels_through_a_kernelspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernelspec that names the provisioner gives every client of jupyter_client a forked kernel."""
    import nbformat
    from nbclient import NotebookClient

    spec = tmp_path / "kernels" / "warm"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(
        json.dumps(
            {
                "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                "display_name": "warm",
                "language": "python",
                "metadata": {
                    "kernel_provisioner": {"provisioner_name": "cellmill-warm", "config": {"modules": ["numpy"]}}
                },
            }
        )
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    notebook = nbformat.from_dict(
        notebook_of(
            "import sys\nprint('cellmill.execution.notebook.forkserver_main' in open('/proc/self/cmdline').read())"
        )
    )  # type: ignore[no-untyped-call]

    NotebookClient(notebook, kernel_name="warm").execute()

    assert notebook.cells[0].outputs[0].text == "True\n"


def test_servers_leave_when_told() -> None:
    """No server is left once all were asked to stop."""
    kernel = fork_kernel((), cwd=None, env=os.environ)
    assert kernel is not None
    kernel.close()

    stop_servers()

    deadline = time.monotonic() + 5
    while list(Path(os.environ["XDG_RUNTIME_DIR"], "cellmill").glob("*.sock")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
