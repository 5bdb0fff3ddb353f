"""What the README says to somebody who has only a bare machine: from a clone to a scheduled notebook, line by line."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"in six lines:\n\n```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: Tells what a clone has, and what it will have once the new files are committed.
CLONED = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")


def cloned(target: Path) -> Path:
    """Copy what is in the project's folder as a clone would have it."""
    for name in filter(None, subprocess.run(CLONED, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")):
        source = ROOT / os.fsdecode(name)
        if source.exists():  # else it is about to be deleted
            copy = target / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    return target


def bare_environment(home: Path) -> dict[str, str]:
    """The environment of somebody who never heard of this project: no virtual environment, a home of their own."""
    words = os.environ["PATH"].split(":")
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("CELLMILL", "JUPYTER", "PYTEST", "PYTHON", "COV", "VIRTUAL_ENV", "MAKE", "MFLAGS"))
    }
    path = ":".join(word for word in words if not Path(word).is_relative_to(ROOT))
    cache = os.environ.get("PIP_CACHE_DIR", str(Path("~/.cache/pip").expanduser()))
    # What is imported is compiled then; all that is installed takes a minute. "0" is how a variable says no compiling.
    pip = {"PIP_CACHE_DIR": cache, "PIP_NO_COMPILE": "0"}
    return {**kept, **pip, "PATH": path, "HOME": str(home), "NO_COLOR": "1"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_a_clone_to_a_scheduled_notebook(tmp_path: Path) -> None:
    """The README's six lines, typed in a clean environment, end with a daemon that runs the notebook every morning."""
    (found,) = BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
    clone, *lines, daemon = found.splitlines()
    assert clone.startswith("git clone ") and clone.endswith(" cellmill && cd cellmill") and daemon == "cellmill daemon"
    assert 6 == len([clone, *lines, daemon])
    home = tmp_path / "home"
    home.mkdir()
    environment = bare_environment(home)
    script = "\n".join([*lines, "cellmill schedules list --json", "exec cellmill daemon"])

    typed = subprocess.Popen(
        ["bash", "-eu", "-c", script], cwd=cloned(tmp_path / "cellmill"), env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert typed.stdout is not None
    said = []
    for line in typed.stdout:
        said.append(line)
        if line.startswith("Daemon for "):
            typed.send_signal(signal.SIGINT)
            break
    said.append(typed.communicate(timeout=60)[0])
    text = "".join(said)

    # 130 where Ctrl-C comes before the first pass of the daemon
    assert typed.returncode in {0, 130}, text
    assert "336,776" in text and "every_morning" in text and '"RUNNING"' in text
