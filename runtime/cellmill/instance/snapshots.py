"""Snapshots: immutable texts (the notebook that ran, a job's structure) under the hash of their content."""

from __future__ import annotations

import hashlib

from cellmill.instance.sql import Database


class Snapshots:
    """Snapshots in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, kind: str, text: str) -> str:
        """Keeps a text; returns its hash."""
        digest = hashlib.sha256(f"{kind}\0{text}".encode()).hexdigest()
        with self._db.write() as tx:
            tx.run(
                "INSERT INTO snapshots (hash, kind, created_at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (digest, kind, self._db.now(), text),
            )
        return digest

    def get(self, digest: str) -> str | None:
        """The text with this hash."""
        row = self._db.row("SELECT body FROM snapshots WHERE hash = ?", (digest,))
        return None if row is None else str(row[0])
