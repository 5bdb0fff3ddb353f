"""What other users of the machine, and other machines, can see of a running cellmill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.security


@pytest.mark.slow
def test_a_daemon_is_its_owners_alone(tmp_path: Path) -> None:
    """With the most careless umask the store is closed to others, and nothing listens beyond this machine."""
    environment = {**os.environ}
    environment.pop("CELLMILL_HOME", None)
    daemon = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os,sys; os.umask(0); from cellmill.cli.main import main; sys.exit(main(['daemon']))",
        ],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        home = tmp_path / ".cellmill"
        deadline = time.monotonic() + 60
        while not any(home.glob("*.db*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1.0)
        processes = [psutil.Process(daemon.pid), *psutil.Process(daemon.pid).children(recursive=True)]
        listening = [c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(30)

    assert any(home.iterdir())
    assert {"127.0.0.1", "::1"} >= set(listening)
    assert os.stat(home).st_mode & 0o077 == 0
