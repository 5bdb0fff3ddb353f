"""Bringing an older instance's schema up to date; the only module that needs SQLAlchemy and Alembic to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config

from cellmill.instance.head import HEAD, schema_version, stamp, wrong_version
from cellmill.instance.postgresql import MIGRATION_LOCK, PostgreSQLDatabase
from cellmill.instance.schema.ddl import create_statements
from cellmill.instance.sql import Database
from cellmill.instance.sqlite import SQLiteDatabase, open_connection


def create_postgresql(db: Database) -> None:
    """Creates the newest schema in an empty PostgreSQL database, once however many processes try."""
    with db.write() as tx:
        tx.run("SELECT pg_advisory_xact_lock(?)", (MIGRATION_LOCK,))
        row = tx.row("SELECT to_regclass('alembic_version')")
        if row is not None and row[0] is not None:
            return
        for statement in create_statements("postgresql"):
            tx.run(statement)
        stamp(tx)


def migrate(db: Database, target: str = "head") -> str:
    """Performs the migrations that are missing, as one transaction; returns the version that results.

    Two processes may try at once: one works, the other waits and finds nothing to do. A newer schema is refused.
    """
    version = schema_version(db)
    if version is not None and version > HEAD:
        raise wrong_version(version)
    engine = _engine(db)
    try:
        with engine.begin() as connection:
            if db.dialect == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            command.upgrade(_config(connection), target)
    finally:
        engine.dispose()
    return schema_version(db) or HEAD


def _config(connection: Any) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _engine(db: Database) -> sqlalchemy.Engine:
    if isinstance(db, PostgreSQLDatabase):
        url = sqlalchemy.make_url(db.url).set(drivername="postgresql+psycopg")
        return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    assert isinstance(db, SQLiteDatabase)
    path = db.path
    if path == ":memory:":
        engine = sqlalchemy.create_engine("sqlite://", creator=db.connection, poolclass=sqlalchemy.StaticPool)
    else:
        engine = sqlalchemy.create_engine("sqlite://", creator=lambda: open_connection(path))
    # The recipe leaves the driver without transactions of its own, so `BEGIN` is ours to say.
    sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine
