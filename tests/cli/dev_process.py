"""A running `cellmill dev` with its log, ended whatever happens."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Seconds that JupyterLab may take to listen, and dev to end, on a loaded machine.
START_S, END_S = 200.0, 120.0


@dataclass(frozen=True)
class DevProcess:
    """The process and what it wrote so far."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def written(self) -> str:
        """Everything on standard output and error, of the children too."""
        return self.log.read_text()

    def children(self) -> list[psutil.Process]:
        """All processes that it started."""
        return psutil.Process(self.process.pid).children(recursive=True)


def wait_for(condition: Callable[[], bool], seconds: float = START_S) -> bool:
    """Return whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


@contextmanager
def running_dev(
    python: Sequence[str], folder: Path, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[DevProcess]:
    """Run `cellmill dev` in `folder` until its JupyterLab listens."""
    command = [*python, "dev", "--no-browser", "--", "--allow-root", "--port-retries=50"]
    with log.open("wb") as out:
        dev = DevProcess(subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=env), log)
    try:
        assert wait_for(lambda: "http://" in dev.written or dev.process.poll() is not None), dev.written
        assert dev.process.poll() is None, dev.written
        yield dev
    finally:
        if dev.process.poll() is None:
            for child in dev.children():
                child.kill()
            dev.process.kill()
            dev.process.wait()
