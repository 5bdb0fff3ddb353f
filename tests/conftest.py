"""What tests of every room may ask for."""

from __future__ import annotations

import gc
import itertools
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from tests import postgres
from tests.fuzzing import FIXED

_numbers = itertools.count()

# Every process that a test starts finds what stands there first; see the modules for why.
STAND_INS = str(Path(__file__).parent / "stand_ins")
if STAND_INS not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [STAND_INS, os.environ.get("PYTHONPATH")]))

# A shell lets its background jobs ignore the interrupt, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Every run looks at the same examples, and none fails for the time it took: a rare one is found by hand (`make fuzz`),
# where it can be mended, and not where somebody waits to land.
settings.register_profile(
    "cellmill", deadline=None, derandomize=FIXED, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("cellmill")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave the tests themselves, a million objects, out of every collection of garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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
