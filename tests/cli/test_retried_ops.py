"""Runs of ops that failed go on from where they failed: what was done is not done again."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command import Command

pytestmark = pytest.mark.slow

MODULE = """
from pathlib import Path

from cellmill import DynamicOut, DynamicOutput, job, op


def note(text):
    with open("notes.txt", "a") as notes:
        notes.write(text + " ")


@op
def read() -> int:
    note("read")
    return 2


@op(out=DynamicOut())
def split(read: int):
    note("split")
    for number in range(read):
        yield DynamicOutput(number, mapping_key=f"part{number}")


@op
def double(context, number: int) -> int:
    note(f"double{number}")
    if number == 1 and not Path("mended").exists():
        raise ValueError("not yet")
    return 2 * number


@op
def beside() -> None:
    note("beside")


@op
def store(numbers: list) -> None:
    note(f"store{sum(numbers)}")


@job
def parts():
    store(split(read()).map(double).collect())
    beside()
"""


def notes(folder: Path) -> list[str]:
    """What was done since the last look."""
    path = folder / "notes.txt"
    found = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return sorted(found)


def test_a_retry_of_ops_makes_what_failed_and_what_comes_after(cellmill: Command, tmp_path: Path) -> None:
    """A step, and a part of a mapped step, that succeeded is not run again; from the start all of them are."""
    (tmp_path / "jobs.py").write_text(MODULE)
    (tmp_path / "cellmill.toml").write_text('[[location]]\nmodule = "jobs"\n')
    assert cellmill("jobs", "run", "parts").code == 1
    assert notes(tmp_path) == ["beside", "double0", "double1", "read", "split"]
    assert cellmill("runs", "retry", "last").code == 1
    assert notes(tmp_path) == ["double1"]
    (tmp_path / "mended").touch()
    again = cellmill("runs", "retry", "last")
    assert again.code == 0, again.err
    assert notes(tmp_path) == ["double1", "store2"]
    assert cellmill("runs", "retry", "last", "--from-start").code == 0
    assert notes(tmp_path) == ["beside", "double0", "double1", "read", "split", "store2"]
