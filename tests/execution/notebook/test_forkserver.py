"""Warm kernels: fresh, fast, random of their own, gone with their client, and offered to all of Jupyter."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cellmill.execution.notebook import forkserver
from cellmill.execution.notebook.forkserver import WarmKernel, fork_kernel, server_key, stop_servers
from cellmill.execution.notebook.forkserver_main import MOST_KERNELS
from cellmill.execution.notebook.notebook_step import NotebookStepOutcome, NotebookStepRequest, run_notebook_step
from cellmill.execution.notebook.preamble import third_party_imports
from cellmill.execution.notebook.wire import Channels

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


def _servers() -> list[Path]:
    return sorted(Path(os.environ["XDG_RUNTIME_DIR"], "cellmill").glob("*.sock"))


def _answer(kernel: WarmKernel, expression: str, folder: Path) -> str:
    """Return what an expression is in a kernel."""
    channels = Channels(kernel.connection)
    assert channels.wait_until_ready(60) is not None
    request = channels.execute(f"open('said', 'w').write(str({expression}))")
    deadline = time.monotonic() + 60
    while not any(m["parent_header"].get("msg_id") == request and c == "shell" for c, m in channels.receive(1.0)):
        assert time.monotonic() < deadline
    channels.close()
    return (folder / "said").read_text()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_where_forking_is_not_safe_kernels_are_started_ahead(tmp_path: Path) -> None:
    """A module that starts a thread when it is imported is served by a pool, each of its kernels used once."""
    (tmp_path / "threaded.py").write_text(
        "import os, threading\nat = os.getpid()\n"
        "threading.Thread(target=threading.Event().wait, daemon=True, name='of the module').start()\n"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "ONLY_HERE": "seen"}
    said = (
        "[__import__('sys').modules['threaded'].at == __import__('os').getpid(), __import__('os').environ['ONLY_HERE'],"
        " 'of the module' in [one.name for one in __import__('threading').enumerate()], __import__('os').getcwd()]"
    )

    kernels = [fork_kernel(("threaded",), cwd=str(tmp_path), env=env) for _ in range(3)]

    assert len({kernel.pid for kernel in kernels if kernel is not None}) == 3
    for kernel in kernels:
        assert kernel is not None and kernel.pid is not None
        assert _answer(kernel, said, tmp_path) == f"[True, 'seen', True, {str(tmp_path)!r}]"
        assert "standby" in Path(f"/proc/{kernel.pid}/cmdline").read_text()
        kernel.kill()
        assert kernel.wait(60) == -9
        kernel.close()
    stop_servers(_server_of(("threaded",), env))
    _until(lambda: _processes("threaded") == [])


def _server_of(modules: tuple[str, ...], env: Mapping[str, str]) -> Path:
    return Path(os.environ["XDG_RUNTIME_DIR"], "cellmill", f"{server_key(modules, env)}.sock")


def _processes(module: str) -> list[int]:
    """Return the servers of a module and what they have started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_text().split("\0")
                if module in words and any("execution.notebook" in word for word in words):
                    found.append(int(entry.name))
    return found


def test_a_changed_environment_gets_another_server_and_the_old_one_leaves_behind_its_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something was installed: new kernels see it, the running one is left alone, and nothing old stays."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(str(packages))
    env = {**os.environ, "PYTHONPATH": str(packages)}
    old = fork_kernel((), cwd=str(tmp_path), env=env)
    before = _server_of((), env)
    assert old is not None and before.exists()
    (packages / "installed.py").write_text("")
    os.utime(packages, ns=(1, 1))

    new = fork_kernel((), cwd=str(tmp_path), env=env)

    assert new is not None and _server_of((), env) != before
    assert not before.exists() and _server_of((), env).exists()
    assert _answer(old, "1 + 1", tmp_path) == "2"
    (parent,) = (int(line[5:]) for line in Path(f"/proc/{old.pid}/status").read_text().splitlines() if "PPid" in line)
    for kernel in (old, new):
        kernel.close()
    _until(lambda: not os.path.exists(f"/proc/{parent}"))


def test_servers_and_kernels_are_bounded_in_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One server gives so many kernels at once, and with one server too many the one unused for longest goes."""
    stop_servers()
    _until(lambda: not _servers())
    monkeypatch.setattr(forkserver, "MOST_SERVERS", 1)
    kernels = [fork_kernel((), cwd=None, env=os.environ) for _ in range(MOST_KERNELS + 1)]

    assert [kernel is None for kernel in kernels] == [False] * MOST_KERNELS + [True]
    (first,) = _servers()
    other = fork_kernel((), cwd=None, env={**os.environ, "TZ": "Asia/Tokyo"})
    assert other is not None and first not in _servers() and len(_servers()) == 1
    kernel = kernels[0]
    assert kernel is not None and kernel.poll() is None
    for one in (*kernels, other):
        if one is not None:
            one.close()


def test_no_kernel_is_forked_where_memory_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of the machine's memory is not taken by a warm kernel."""
    from cellmill.execution.notebook import forkserver_main

    assert forkserver_main.memory_is_free()
    monkeypatch.setattr(forkserver_main, "_FREE_MEMORY", 1.0)
    assert not forkserver_main.memory_is_free()


def test_an_idle_server_leaves(tmp_path: Path) -> None:
    """Behind its last kernel it waits so long, and no longer."""
    env = {**os.environ, "CELLMILL_WARM_IDLE_S": "0.2", "TZ": "Asia/Kolkata"}
    kernel = fork_kernel((), cwd=None, env=env)
    assert kernel is not None
    kernel.close()

    _until(lambda: not _server_of((), env).exists())
