"""`cellmill dev` really starts JupyterLab and the daemon, and leaves nothing behind."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.workspace.notebooks import write_notebook

from .dev_process import END_S, running_dev, wait_for


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ctrl_c_ends_lab_and_daemon(tmp_path: Path) -> None:
    """Both run; Ctrl-C ends both within seconds with exit code 0, and no process of theirs is left."""
    write_notebook(tmp_path / "a.ipynb", "%load_ext cellmill", "%%asset one\n1")
    with running_dev([sys.executable, "-m", "cellmill"], tmp_path, tmp_path / "dev.log") as dev:
        assert wait_for(lambda: (tmp_path / ".cellmill").is_dir()), "the daemon has opened no instance"
        children = dev.children()
        lines = [" ".join(child.cmdline()) for child in children]
        assert any("daemon" in line for line in lines) and any("lab" in line for line in lines)
        dev.process.send_signal(signal.SIGINT)
        assert dev.process.wait(END_S) == 0, dev.written
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive, alive
        assert "Traceback" not in dev.written, dev.written
