"""PostgreSQL as the instance's database."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import Any

from cellmill.errors import MissingExtra, StorageConnectionError, StorageError
from cellmill.instance.sql import Row

#: Advisory lock under which events get their ids, so that ids become visible in order.
EVENT_ORDER_LOCK = 0x63656C6C
#: Advisory lock of a migration.
MIGRATION_LOCK = 0x6D696C6C

_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


@lru_cache(maxsize=1024)
def _driver_text(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


def driver_url(url: str) -> str:
    """The URL as libpq reads it, whatever SQLAlchemy driver it names."""
    scheme, _, rest = url.partition("://")
    return f"postgresql://{rest}" if scheme.startswith("postgres") else url


class PostgreSQLTransaction:
    """The open transaction of one connection."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        rows: list[Row] = self._cursor.execute(_driver_text(sql), params).fetchall()
        return rows

    def row(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        row: Row | None = self._cursor.execute(_driver_text(sql), params).fetchone()
        return row

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Performs a statement; returns how many rows it changed."""
        count: int = self._cursor.execute(_driver_text(sql), params).rowcount
        return count

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Performs a statement once for each row of parameters."""
        self._cursor.executemany(_driver_text(sql), rows)


class PostgreSQLDatabase:
    """A PostgreSQL database; each thread has its own connection."""

    dialect = "postgresql"
    skip_locked = " FOR UPDATE SKIP LOCKED"
    for_update = " FOR UPDATE"
    text_agg = "string_agg"
    last_event_id = "SELECT lastval()"
    order_commits = f"SELECT pg_advisory_xact_lock({EVENT_ORDER_LOCK})"

    def __init__(self, url: str) -> None:
        self.url = driver_url(url)
        try:
            self._psycopg = import_module("psycopg")
        except ImportError:
            raise MissingExtra("postgres") from None
        self._local = threading.local()
        self._opened: list[Any] = []

    def connection(self) -> Any:
        """This thread's connection, opened anew after a fork or a cut."""
        local = self._local
        connection = getattr(local, "connection", None)
        if connection is not None and local.forks == _forks and not connection.closed:
            return connection
        if connection is not None and local.forks != _forks:
            _abandoned.append(connection)
            self._opened = []
        try:
            local.connection = self._psycopg.connect(self.url, autocommit=True)
        except self._psycopg.Error as error:
            raise self._typed(error) from error
        local.forks = _forks
        self._opened.append(local.connection)
        return local.connection

    def _typed(self, error: Exception) -> StorageError:
        # The driver's text never holds the password; the URL would.
        text = str(error).strip()
        if isinstance(error, self._psycopg.OperationalError | self._psycopg.InterfaceError):
            return StorageConnectionError(f"{StorageConnectionError.__doc__} (PostgreSQL says: {text})")
        return StorageError(f"{StorageError.__doc__} (PostgreSQL says: {text})")

    def _begin(self) -> Any:
        # A connection that was cut while idle shows it only now, when nothing is lost by opening another.
        cursor = self.connection().cursor()
        try:
            cursor.execute("BEGIN")
        except (self._psycopg.OperationalError, self._psycopg.InterfaceError):
            cursor = self.connection().cursor()
            cursor.execute("BEGIN")
        return cursor

    @contextmanager
    def write(self) -> Iterator[PostgreSQLTransaction]:
        """A transaction (READ COMMITTED; what must not be shared is locked or unique)."""
        try:
            cursor = self._begin()
            try:
                yield PostgreSQLTransaction(cursor)
            except BaseException:
                if not cursor.connection.closed:
                    cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")
        except self._psycopg.Error as error:
            raise self._typed(error) from error

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, outside any transaction."""
        try:
            return self._fetch(sql, params)
        except (self._psycopg.OperationalError, self._psycopg.InterfaceError):
            pass
        except self._psycopg.Error as error:
            raise self._typed(error) from error
        try:
            # A read changes nothing: once more, over a new connection.
            return self._fetch(sql, params)
        except self._psycopg.Error as error:
            raise self._typed(error) from error

    def _fetch(self, sql: str, params: Sequence[Any]) -> list[Row]:
        with self.connection().cursor() as cursor:
            rows: list[Row] = cursor.execute(_driver_text(sql), params).fetchall()
            return rows

    def row(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, outside any transaction."""
        rows = self.rows(sql, params)
        return rows[0] if rows else None

    def now(self) -> float:
        """Seconds since the epoch, by the database's clock."""
        row = self.row("SELECT extract(epoch FROM clock_timestamp())")
        assert row is not None
        return float(row[0])

    def close(self) -> None:
        """Closes every connection of this process."""
        for connection in self._opened:
            connection.close()
        self._opened = []
        self._local = threading.local()


_abandoned: list[Any] = []
