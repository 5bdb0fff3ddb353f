"""Whatever a fault test did, what it leaves behind must be sound: asserted after every test, in every store it used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cellmill import faults
from cellmill.instance.location import DATABASE

from tests.faults.invariants import assert_store


@pytest.fixture
def purged(request: pytest.FixtureRequest) -> bool:
    """Whether the test purges old events."""
    return request.node.get_closest_marker("purges") is not None


@pytest.fixture(autouse=True)
def sound_afterwards(tmp_path: Path, purged: bool) -> Iterator[None]:
    """Every SQLite store below the test's folder is sound when the test is over."""
    yield
    faults.disarm()
    for database in tmp_path.rglob(DATABASE):
        assert_store(database.parent, purged=purged)


@pytest.fixture
def postgres_url(postgres_url: str, tmp_path: Path, purged: bool) -> Iterator[str]:
    """An empty PostgreSQL database that is sound when the test is over."""
    yield postgres_url
    assert_store(tmp_path / "postgres", postgres_url, purged=purged)
