"""pytest, with a second try for the few tests that a busy machine can make late.

    python tests/again.py tests -n 2 -m "not browser"

Many tests here wait for real processes, kernels and a browser, and one of some thousands may lose a race on a machine
that is short of time. If at most `FEW` tests fail, they are run once more, one at a time, and have to pass then; the
names of those that did are printed last, because each of them is a defect of the test, or of what it tests.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FEW = 3
FAILED = 1


def alone(arguments: list[str]) -> list[str]:
    """The arguments without the number of processes that share the tests, and how (`-n 2 --dist loadfile`)."""
    left_out = {"-n", "--dist"}
    return [one for place, one in enumerate(arguments) if not left_out & {one, *arguments[max(place - 1, 0) : place]}]


def main(arguments: list[str]) -> int:
    """Run pytest with the arguments, and what failed once more; the exit status is pytest's."""
    cache = ROOT / "test-artifacts" / "again"
    shutil.rmtree(cache, ignore_errors=True)
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}"]
    first = subprocess.run([*command, *arguments], cwd=ROOT).returncode
    noted = cache / "v" / "cache" / "lastfailed"
    failed: list[str] = sorted(json.loads(noted.read_text())) if noted.exists() else []
    if first != FAILED or not 0 < len(failed) <= FEW:
        return first
    print("\nOnce more, one at a time:", *failed, sep="\n  ", flush=True)
    second = subprocess.run([*command, *alone(arguments), "--last-failed"], cwd=ROOT).returncode
    if second == 0:
        print("\nPassed at the second try only (look why):", *failed, sep="\n  ", flush=True)
    return second


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
