"""What every database of an instance offers: short transactions over parametrised SQL text.

Statements are written once, with `?` for parameters and in the SQL that SQLite and PostgreSQL share; the few places
where they differ are attributes of the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]


class Transaction(Protocol):
    """An open write transaction; it commits when its `with` block ends without an error."""

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        ...

    def row(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        ...

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Performs a statement; returns how many rows it changed."""
        ...

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Performs a statement once for each row of parameters."""
        ...


class Database(Protocol):
    """One database; safe to share between threads and across a fork."""

    #: "sqlite" or "postgresql".
    dialect: str
    #: What makes a `SELECT` take the rows it returns away from other transactions, passing over rows already taken.
    skip_locked: str
    #: What makes a `SELECT` wait for, and lock, the rows it returns.
    for_update: str
    #: Aggregate that joins text with a separator.
    text_agg: str
    #: Query for the id of the event that this connection inserted last.
    last_event_id: str
    #: Statement that makes event ids commit in the order they are given out; empty where a lock already does.
    order_commits: str

    def write(self) -> AbstractContextManager[Transaction]:
        """A write transaction that waits for other writers."""
        ...

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, outside any transaction."""
        ...

    def row(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, outside any transaction."""
        ...

    def now(self) -> float:
        """Seconds since the epoch, by the clock that all users of this database share."""
        ...

    def close(self) -> None:
        """Closes every connection of this process."""
        ...


class Query:
    """A `SELECT` put together from fixed pieces of text and bound values."""

    def __init__(self, select: str) -> None:
        self._select = select
        self._where: list[str] = []
        self._params: list[Any] = []
        self._tail = ""

    def where(self, condition: str, *params: Any) -> Query:
        """Adds a condition with its values."""
        self._where.append(condition)
        self._params.extend(params)
        return self

    def where_in(self, column: str, values: Iterable[Any]) -> Query:
        """Requires the column to have one of the values; no value means no row."""
        items = list(values)
        if not items:
            return self.where("1 = 0")
        return self.where(f"{column} IN ({marks(len(items))})", *items)

    def order(self, columns: str, *, ascending: bool, limit: int | None = None) -> Query:
        """Orders by the columns, all in one direction, and cuts after `limit` rows."""
        direction = " ASC" if ascending else " DESC"
        self._tail = " ORDER BY " + ", ".join(column.strip() + direction for column in columns.split(","))
        if limit is not None:
            self._tail += f" LIMIT {int(limit)}"
        return self

    @property
    def text(self) -> str:
        """The statement."""
        where = " WHERE " + " AND ".join(self._where) if self._where else ""
        return self._select + where + self._tail

    @property
    def params(self) -> Sequence[Any]:
        """The values, in the order of their marks."""
        return self._params

    def rows(self, db: Database | Transaction) -> list[Row]:
        """The rows that `db` answers with."""
        return db.rows(self.text, self._params)


def marks(count: int) -> str:
    """So many parameter marks, for an `IN` list."""
    return ",".join("?" * count)


def chunks(items: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    """The items in pieces that stay below every database's limit of parameters."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
