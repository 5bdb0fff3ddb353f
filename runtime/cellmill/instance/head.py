"""The version of a database's schema: read, compared, and created where there is none."""

from __future__ import annotations

from importlib import import_module

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


def ensure_head(db: Database) -> None:
    """Creates the newest schema in an empty database; refuses one that is older or newer.

    Args:
        db: The open database.

    Raises:
        SchemaVersionError: with the remedy.
    """
    version = schema_version(db)
    if version is None:
        create(db)
    elif version != HEAD:
        raise wrong_version(version)


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


def create(db: Database) -> None:
    """Creates the newest schema, unless another process just did."""
    if db.dialect != "sqlite":
        import_module("cellmill.instance.migrate").create_postgresql(db)
        return
    with db.write() as tx:
        if tx.row("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'") is not None:
            return
        for statement in head_sqlite.STATEMENTS:
            tx.run(statement)
        stamp(tx)


def stamp(tx: Transaction) -> None:
    """Writes down, as Alembic does, that the schema is the newest."""
    tx.run(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    tx.run("INSERT INTO alembic_version (version_num) VALUES (?)", (HEAD,))
