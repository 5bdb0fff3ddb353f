"""What other users of the machine, and other machines, can see of a running cellmill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from cellmill import Instance
from cellmill.automation.daemon import daemon_status
from cellmill.execution.load import load

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
        while not any(home.glob("*.db*")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with Instance.get(home) as instance:
            while not daemon_status(instance):  # it beats once it works, and can be told to stop
                assert time.monotonic() < deadline
                time.sleep(0.1)
        processes = [psutil.Process(daemon.pid), *psutil.Process(daemon.pid).children(recursive=True)]
        listening = [c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(60)

    assert any(home.iterdir())
    assert {"127.0.0.1", "::1"} >= set(listening)
    assert os.stat(home).st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_run_under_a_careless_umask_leaves_nothing_for_others(tmp_path: Path) -> None:
    """Database, values, keys, journals and executed notebooks are their owner's, whatever the umask was."""
    cells = [
        {"cell_type": "code", "id": name, "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for name, text in {
            "load": "%load_ext cellmill",
            "asset": "%%asset pickled\nprint('said')\n{1, 2}",
            "ports": "%%asset listening --deps pickled\nimport psutil\n"
            "[c.laddr.ip for c in psutil.Process().net_connections('inet') if c.status == psutil.CONN_LISTEN]",
        }.items()
    ]
    (tmp_path / "book.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    code = "import os,sys; os.umask(0); from cellmill.cli.main import main; sys.exit(main(['materialize', '*']))"
    environment = {name: value for name, value in os.environ.items() if name != "CELLMILL_HOME"}

    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=60)

    home = tmp_path / ".cellmill"
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) > 4
    assert [str(path) for path in [home, *files] if path.stat().st_mode & 0o077] == []
    with Instance.get(home) as instance:
        assert set(load("listening", instance=instance)) <= {"127.0.0.1", "::1"}
