"""The version of a database's schema: read, compared, and written down."""

from __future__ import annotations

from cellmill.errors import SchemaVersionError, StorageError
from cellmill.instance import head_sqlite
from cellmill.instance.sql import Database, Transaction

HEAD = head_sqlite.HEAD


def schema_version(db: Database) -> str | None:
    """The migration that the database is at; None for an empty database."""
    try:
        row = db.row("SELECT version_num FROM alembic_version")
    except StorageError as error:
        if "no such table" in str(error) or "does not exist" in str(error):
            return None
        raise
    return None if row is None else str(row[0])


def wrong_version(version: str) -> SchemaVersionError:
    """The error about a schema that this version of cellmill does not work on."""
    if version > HEAD:
        return SchemaVersionError(
            f"The instance has schema {version}, and this cellmill knows only up to {HEAD}: upgrade cellmill, or set "
            "CELLMILL_HOME to another folder."
        )
    return SchemaVersionError(
        f"The instance has schema {version}, and this cellmill needs {HEAD}: run `cellmill instance migrate`."
    )


def stamp(tx: Transaction) -> None:
    """Writes down, as Alembic does, that the schema is the newest."""
    tx.run(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    tx.run("INSERT INTO alembic_version (version_num) VALUES (?)", (HEAD,))
