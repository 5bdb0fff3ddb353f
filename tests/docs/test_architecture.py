"""The map of the code names files and functions that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAYS = (ROOT / "docs" / "architecture.md").read_text().split("## Four ways through the code")[1].split("\n## ")[0]
SOURCES = [
    path
    for folder in ("runtime/cellmill", "kernel_ext/cellmill_kernel", "labextension/cellmill_lab", "labextension/src")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".tsx")
]
#: A file, and after a colon what is called there.
STATIONS = sorted(set(re.findall(r"`([\w/]+\.(?:py|tsx)(?:: [\w.]+)?)`", WAYS)))


@pytest.mark.parametrize("station", STATIONS)
def test_the_stations_of_the_ways_exist(station: str) -> None:
    """Each file of the four ways is there, and has each class and function named behind it."""
    file, _, called = station.partition(": ")
    found = [path for path in SOURCES if path.as_posix().endswith(f"/{file}")]

    assert found
    for name in filter(None, called.split(".")):
        assert any(re.search(rf"\b(def|class|function|const) {name}\b", path.read_text()) for path in found), name


def test_the_ways_have_many_stations() -> None:
    """The paths are read as they are written."""
    assert len(STATIONS) > 40
