"""What tests of every room may ask for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import psycopg
import pytest

from tests import postgres

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server; `make test` installs one."""
    binaries = postgres.find_binaries()
    assert binaries is not None, "no PostgreSQL server is installed: apt install postgresql, or make test"
    with postgres.server(binaries) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    name = f"cellmill_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
