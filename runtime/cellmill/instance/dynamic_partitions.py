"""The keys of dynamic partitions."""

from __future__ import annotations

from collections.abc import Sequence

from cellmill.instance.sql import Database, Query, Transaction, chunks


class DynamicPartitions:
    """Dynamic partitions in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def keys(self, name: str) -> list[str]:
        """The keys, in the order they were added."""
        return [
            row[0]
            for row in self._db.rows("SELECT partition FROM dynamic_partitions WHERE name = ? ORDER BY id", (name,))
        ]

    def every(self) -> dict[str, list[str]]:
        """All keys of all names, in the order they were added."""
        found: dict[str, list[str]] = {}
        for name, key in self._db.rows("SELECT name, partition FROM dynamic_partitions ORDER BY id"):
            found.setdefault(name, []).append(key)
        return found

    def page(self, name: str, limit: int, ascending: bool, cursor: str | None) -> tuple[list[str], str, bool]:
        """Some of the keys, a cursor behind them, and whether there are more."""
        query = Query("SELECT id, partition FROM dynamic_partitions").where("name = ?", name)
        if cursor:
            query.where("id > ?" if ascending else "id < ?", int(cursor))
        rows = query.order("id", ascending=ascending, limit=limit + 1).rows(self._db)
        shown = rows[:limit]
        return [row[1] for row in shown], str(shown[-1][0]) if shown else (cursor or ""), len(rows) > limit

    def has(self, name: str, key: str) -> bool:
        """Whether the key was added."""
        sql = "SELECT 1 FROM dynamic_partitions WHERE name = ? AND partition = ?"
        return self._db.row(sql, (name, key)) is not None

    def existing(self, name: str, keys: Sequence[str]) -> set[str]:
        """Those of the keys that were added."""
        found: set[str] = set()
        for part in chunks(list(keys)):
            query = Query("SELECT partition FROM dynamic_partitions").where("name = ?", name)
            found.update(row[0] for row in query.where_in("partition", part).rows(self._db))
        return found

    def add(self, name: str, keys: Sequence[str]) -> None:
        """Adds keys; those that are there already keep their place."""
        now = self._db.now()
        with self._db.write() as tx:
            change_partitions(tx, name, keys, (), now)

    def delete(self, name: str, key: str) -> None:
        """Removes a key."""
        with self._db.write() as tx:
            change_partitions(tx, name, (), (key,), 0.0)


class DynamicPartitionsSeen:
    """The keys of dynamic partitions as one reader sees them: what is asked for twice is read once, and with the second
    definition that is asked for come those of all.
    """

    def __init__(self, partitions: DynamicPartitions) -> None:
        self._partitions = partitions
        self._read: dict[str, list[str]] = {}
        self._every = False

    def get_dynamic_partitions(self, partitions_def_name: str) -> list[str]:
        """The keys of a definition, in the order they were added."""
        found = self._read.get(partitions_def_name)
        if found is None and not self._every:
            if self._read:
                self._read = self._partitions.every()
                self._every = True
                found = self._read.get(partitions_def_name)
            else:
                found = self._read[partitions_def_name] = self._partitions.keys(partitions_def_name)
        return found or []

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether a definition has the key."""
        return partition_key in self.get_dynamic_partitions(partitions_def_name)


def change_partitions(tx: Transaction, name: str, add: Sequence[str], remove: Sequence[str], now: float) -> None:
    """Adds and removes keys in a transaction; keys that are there already keep their place."""
    if add:
        tx.run_many(
            "INSERT INTO dynamic_partitions (name, partition, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(name, key, now) for key in add],
        )
    for key in remove:
        tx.run("DELETE FROM dynamic_partitions WHERE name = ? AND partition = ?", (name, key))
