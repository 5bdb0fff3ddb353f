"""SQLite as the instance's database: the one recipe under which no update is lost and no reader waits.

`isolation_level=None` keeps the driver from opening transactions of its own; `BEGIN IMMEDIATE` takes the write lock
before anything is read, so two read-then-write transactions can neither overwrite each other nor fail to upgrade.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from cellmill.errors import StorageBusyError, StorageError, StorageFullError, StorageLocationError
from cellmill.instance.sql import Row

#: Seconds a writer waits for another before it tries again; backups and virus scanners hold files for seconds.
BUSY_TIMEOUT_S = 30.0
#: How often a writer tries after the time-out before it gives up.
BUSY_RETRIES = 2
PRAGMAS = ("synchronous = {synchronous}", "foreign_keys = ON", "temp_store = MEMORY", "cache_size = -8000")

_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


def open_connection(path: str, *, timeout_s: float = BUSY_TIMEOUT_S, synchronous: str = "NORMAL") -> sqlite3.Connection:
    """A connection by the recipe; `path` may be ":memory:"."""
    connection = sqlite3.connect(
        path, timeout=timeout_s, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    if path != ":memory:":
        _enter_wal(connection, timeout_s)
    for pragma in PRAGMAS:
        connection.execute("PRAGMA " + pragma.format(synchronous=synchronous))
    return connection


def _enter_wal(connection: sqlite3.Connection, timeout_s: float) -> None:
    # The switch to WAL does not honour the busy time-out while another process opens the same new file.
    give_up = time.monotonic() + timeout_s
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise typed(error) from error
            time.sleep(0.005 + random.random() * 0.02)
    if mode != "wal":
        raise StorageLocationError(
            f"SQLite cannot keep a write-ahead log here (it offers {mode!r}); set CELLMILL_HOME to a folder on a local "
            "disk, or CELLMILL_STORAGE to a PostgreSQL URL."
        )


def typed(error: sqlite3.Error) -> StorageError:
    """The error of our tree that stands for a driver's error."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return StorageBusyError(f"{StorageBusyError.__doc__} (SQLite says: {text})")
    if "readonly" in text or "unable to open" in text:
        return StorageLocationError(f"{StorageLocationError.__doc__} (SQLite says: {text})")
    if "full" in text or "disk I/O" in text:
        return StorageFullError(f"{StorageFullError.__doc__} (SQLite says: {text})")
    return StorageError(f"{StorageError.__doc__} (SQLite says: {text})")


class SQLiteTransaction:
    """The open transaction of one connection."""

    __slots__ = ("connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return self.connection.execute(sql, params).fetchall()

    def row(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        row: Row | None = self.connection.execute(sql, params).fetchone()
        return row

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Performs a statement; returns how many rows it changed."""
        return self.connection.execute(sql, params).rowcount

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Performs a statement once for each row of parameters."""
        self.connection.executemany(sql, rows)


class SQLiteDatabase:
    """A SQLite file, or a database in memory that lives as long as this object."""

    dialect = "sqlite"
    skip_locked = ""
    for_update = ""
    text_agg = "group_concat"
    last_event_id = "SELECT last_insert_rowid()"
    order_commits = ""

    def __init__(
        self, path: str | os.PathLike[str], *, timeout_s: float = BUSY_TIMEOUT_S, synchronous: str = "NORMAL"
    ) -> None:
        self.path = os.fspath(path)
        self._timeout_s = timeout_s
        self._synchronous = synchronous
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._in_memory = self.path == ":memory:"
        # A database in memory is one connection, which threads take in turn.
        self._turn = threading.RLock()
        self._shared = self._open() if self._in_memory else None

    def _open(self) -> sqlite3.Connection:
        try:
            connection = open_connection(self.path, timeout_s=self._timeout_s, synchronous=self._synchronous)
        except sqlite3.Error as error:
            raise typed(error) from error
        self._opened.append(connection)
        return connection

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened anew after a fork."""
        if self._shared is not None:
            return self._shared
        local = self._local
        try:
            if local.forks == _forks:
                connection: sqlite3.Connection = local.connection
                return connection
        except AttributeError:
            pass
        if getattr(local, "forks", _forks) != _forks:
            # A connection of the parent may be in the middle of anything: leave it, never close it.
            _abandoned.append(local.connection)
            self._opened = []
        opened = local.connection = self._open()
        local.forks = _forks
        return opened

    def write(self) -> _Write:
        """A `BEGIN IMMEDIATE` transaction."""
        return _Write(self, self._turn if self._in_memory else None)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, outside any transaction."""
        try:
            if self._in_memory:
                with self._turn:
                    return self.connection().execute(sql, params).fetchall()
            return self.connection().execute(sql, params).fetchall()
        except sqlite3.Error as error:
            raise typed(error) from error

    def row(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, outside any transaction."""
        rows = self.rows(sql, params)
        return rows[0] if rows else None

    def now(self) -> float:
        """Seconds since the epoch, by the host's clock."""
        return time.time()

    def close(self) -> None:
        """Closes every connection of this process."""
        for connection in self._opened:
            connection.close()
        self._opened = []
        self._local = threading.local()
        self._shared = None


class _Write:
    """The `with` block of a write transaction; a class, because a generator would cost as much as the transaction."""

    __slots__ = ("_connection", "_db", "_turn")

    def __init__(self, db: SQLiteDatabase, turn: Any) -> None:
        self._db = db
        self._turn = turn

    def __enter__(self) -> SQLiteTransaction:
        if self._turn is not None:
            self._turn.acquire()
        try:
            connection = self._connection = self._db.connection()
            begin_immediate(connection)
        except BaseException as error:
            if self._turn is not None:
                self._turn.release()
            if isinstance(error, sqlite3.Error):
                raise typed(error) from error
            raise
        return SQLiteTransaction(connection)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                commit(self._connection)
                return
            self._connection.execute("ROLLBACK")
        except sqlite3.Error as failed:
            raise typed(failed) from failed
        finally:
            if self._turn is not None:
                self._turn.release()
        if isinstance(error, sqlite3.Error):
            raise typed(error) from error


#: Connections inherited over a fork, kept from being closed.
_abandoned: list[sqlite3.Connection] = []


def begin_immediate(connection: sqlite3.Connection) -> None:
    """Takes the write lock, trying again with jitter when the time-out passes."""
    for attempt in range(BUSY_RETRIES + 1):
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == BUSY_RETRIES:
                raise
            time.sleep(random.random() * 0.1)


def commit(connection: sqlite3.Connection) -> None:
    """Commits, or leaves nothing behind."""
    try:
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
