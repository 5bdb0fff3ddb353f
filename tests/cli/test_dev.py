"""`cellmill dev` really starts JupyterLab and the daemon, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.workspace.notebooks import write_notebook

#: Seconds that JupyterLab may take to listen, and dev to end, on a loaded machine.
_START_S, _END_S = 90.0, 40.0


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_ctrl_c_ends_lab_and_daemon(tmp_path: Path) -> None:
    """Both run; Ctrl-C ends both within seconds with exit code 0, and no process of theirs is left."""
    write_notebook(tmp_path / "a.ipynb", "%load_ext cellmill", "%%asset one\n1")
    log = tmp_path / "dev.log"
    command = [sys.executable, "-m", "cellmill", "dev", "--no-browser", "--", "--allow-root", "--port-retries=50"]
    with log.open("wb") as out:
        dev = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out)
    try:
        assert wait_for(lambda: "http://" in log.read_text() or dev.poll() is not None, _START_S), log.read_text()
        assert dev.poll() is None, log.read_text()
        assert wait_for(lambda: (tmp_path / ".cellmill").is_dir(), _START_S), "the daemon has opened no instance"
        children = psutil.Process(dev.pid).children(recursive=True)
        lines = [" ".join(child.cmdline()) for child in children]
        assert any("daemon" in line for line in lines) and any("lab" in line for line in lines)
        dev.send_signal(signal.SIGINT)
        assert dev.wait(_END_S) == 0, log.read_text()
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not alive, alive
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        if dev.poll() is None:
            for child in psutil.Process(dev.pid).children(recursive=True):
                child.kill()
            dev.kill()
            dev.wait()
