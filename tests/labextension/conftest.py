"""One server for all tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.labextension.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a workspace with one notebook."""
    with running(tmp_path_factory.mktemp("workspace")) as found:
        yield found
