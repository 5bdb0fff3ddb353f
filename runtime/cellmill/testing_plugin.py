"""The pytest plugin: `--cellmill` and fixtures. It imports nothing of cellmill before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cellmill.automation.clock import ManualClock
    from cellmill.instance.instance import Instance
    from cellmill.testing.daemon import StepDaemon
    from cellmill.testing.workspace import TemporaryWorkspace

#: When the clock of `cellmill_clock` starts: a Monday noon.
CLOCK_START = datetime(2024, 1, 1, 12, tzinfo=UTC)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("cellmill", "notebook cells as tests")
    group.addoption(
        "--cellmill", action="store_true", help="collect asset cells and %%check cells of notebooks as tests"
    )
    group.addoption(
        "--cellmill-partition",
        metavar="KEY",
        help="the partition that partitioned asset cells are made for [the first]",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker that cells carry."""
    config.addinivalue_line("markers", "cellmill: a cell of a notebook")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the cells of a notebook when asked to."""
    if not parent.config.getoption("--cellmill") or file_path.suffix not in (".ipynb", ".py"):
        return None
    from cellmill.testing.pytest_cells import NotebookFile, has_cells

    return NotebookFile.from_parent(parent, path=file_path) if has_cells(file_path) else None


@pytest.fixture
def cellmill_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TemporaryWorkspace]:
    """An empty workspace with an instance of its own; the test writes notebooks and modules into it."""
    from cellmill.testing.workspace import TemporaryWorkspace

    workspace = TemporaryWorkspace(tmp_path / "workspace")
    monkeypatch.setenv("CELLMILL_HOME", str(workspace.home))
    yield workspace
    workspace.close()


@pytest.fixture
def cellmill_instance() -> Iterator[Instance]:
    """An instance in memory."""
    from cellmill.instance.instance import Instance

    instance = Instance.ephemeral()
    yield instance
    instance.close()


@pytest.fixture
def cellmill_clock() -> ManualClock:
    """A clock that stands at noon of 1 January 2024 (UTC) until the test moves it."""
    from cellmill.automation.clock import ManualClock

    return ManualClock(CLOCK_START)


@pytest.fixture
def cellmill_daemon(cellmill_workspace: TemporaryWorkspace, cellmill_clock: ManualClock) -> StepDaemon:
    """The workspace's daemon: `tick()` makes one pass, `advance(hours)` moves the clock first."""
    from cellmill.testing.daemon import StepDaemon

    return StepDaemon.of(cellmill_workspace, cellmill_clock)
