"""One JupyterLab for the journeys of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.lab import ARTIFACTS, CHROMIUM, Lab, browser_page, lab_server, tell
from tests.labextension.server import Server


@pytest.fixture(scope="package", autouse=True)
def chromium_ends_with_the_room() -> Iterator[None]:
    """End the browser before other rooms' tests: its loop of events would be in the way of theirs."""
    yield
    CHROMIUM.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A JupyterLab on a copy of the worked example."""
    with lab_server(tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture
def lab(server: Server, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A browser in front of it; how it looked at the end is kept and told, for the day when a test fails."""
    with browser_page(server) as page:
        yield Lab(page, server)
        page.screenshot(path=ARTIFACTS / f"end-of-{request.node.name}.png")
        tell(page)
