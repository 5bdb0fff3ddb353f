"""Every behaviour of the instance is tested in memory, on a SQLite file, and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cellmill import Instance


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """An empty instance."""
    if request.param == "memory":
        made = Instance.ephemeral(str(tmp_path))
    elif request.param == "sqlite":
        made = Instance.get(tmp_path / "home")
    else:
        made = Instance.get(tmp_path / "home", storage=request.getfixturevalue("postgres_url"))
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """An empty instance that other processes and threads can open too."""
    storage = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    made = Instance.get(tmp_path / "home", storage=storage)
    yield made
    made.close()
