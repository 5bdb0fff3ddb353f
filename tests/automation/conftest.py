"""What the tests of the daemon's loops share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cellmill.instance.instance import Instance


@pytest.fixture
def instance() -> Iterator[Instance]:
    """An instance in memory."""
    made = Instance.ephemeral()
    yield made
    made.close()
