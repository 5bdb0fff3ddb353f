"""The newest schema in an empty database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellmill.first_use import on_first_use
from cellmill.instance import head_sqlite
from cellmill.instance.head import HEAD, schema_version, stamp, wrong_version
from cellmill.instance.sql import Database

if TYPE_CHECKING:
    from cellmill.instance import migrate
else:
    migrate = on_first_use("cellmill.instance.migrate")


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


def create(db: Database) -> None:
    """Creates the newest schema, unless another process just did."""
    if db.dialect != "sqlite":
        migrate.create_postgresql(db)
        return
    with db.write() as tx:
        if tx.row("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'") is not None:
            return
        for statement in head_sqlite.STATEMENTS:
            tx.run(statement)
        stamp(tx)
