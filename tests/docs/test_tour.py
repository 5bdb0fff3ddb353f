"""The tour's commands, typed one after the other in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

TOUR = Path(__file__).parents[2] / "docs" / "tour.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_tour_works(tmp_path: Path) -> None:
    """Each command succeeds, and the schedule is on at the end."""
    commands = BLOCK.findall(TOUR.read_text("utf-8"))
    environment = {**os.environ, "NO_COLOR": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("CELLMILL_HOME", None)
    done = subprocess.run(
        ["bash", "-eu", "-c", "\n".join(commands)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "by_city" in done.stdout and "stale" in done.stdout
    assert "every_morning" in done.stdout.splitlines()[-1] or "RUNNING" in done.stdout
