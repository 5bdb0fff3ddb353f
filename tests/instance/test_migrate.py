"""The schema: created and migrated alike on both databases; the wrong version is refused with the remedy."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from cellmill import Instance
from cellmill.errors import SchemaVersionError, StorageLocationError
from cellmill.instance import head_sqlite
from cellmill.instance.create import create, ensure_head
from cellmill.instance.head import HEAD
from cellmill.instance.location import filesystem_type, refuse_network_filesystem
from cellmill.instance.migrate import migrate
from cellmill.instance.postgresql import PostgreSQLDatabase
from cellmill.instance.schema.ddl import create_statements
from cellmill.instance.sql import Database
from cellmill.instance.sqlite import SQLiteDatabase

_PG_COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
    "WHERE table_schema = 'public' ORDER BY 1, 2"
)
_PG_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"


def shape(db: Database) -> list[tuple[object, ...]]:
    """Everything that makes two schemas equal."""
    if db.dialect == "postgresql":
        return [*db.rows(_PG_COLUMNS), *db.rows(_PG_INDEXES)]
    rows = db.rows("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    return [(kind, name, table, " ".join((sql or "").split()).replace("( ", "(")) for kind, name, table, sql in rows]


def test_the_text_of_the_schema_is_that_of_the_tables() -> None:
    """The statements that a fresh SQLite store is made with are never forgotten."""
    assert list(head_sqlite.STATEMENTS) == list(create_statements("sqlite"))


def test_migrating_an_empty_sqlite_equals_creating_it(tmp_path: Path) -> None:
    """There is one schema, however it came about."""
    created, migrated = SQLiteDatabase(tmp_path / "a"), SQLiteDatabase(tmp_path / "b")
    create(created)
    assert migrate(migrated) == HEAD

    def columns(db: Database) -> list[object]:
        tables = [row[0] for row in db.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return [
            (table, sorted(db.rows("SELECT name, type, pk FROM pragma_table_info(?)", (table,)))) for table in tables
        ]

    assert columns(created) == columns(migrated)
    assert [row[:3] for row in shape(created)] == [row[:3] for row in shape(migrated)]
    created.close()
    migrated.close()


def test_migrating_an_empty_postgresql_equals_creating_it(postgres_url: str, postgres_server: str) -> None:
    """There is one schema on PostgreSQL too."""
    db = PostgreSQLDatabase(postgres_url)
    create(db)
    created = shape(db)
    with db.write() as tx:
        tx.run("DROP SCHEMA public CASCADE")
        tx.run("CREATE SCHEMA public")
    assert migrate(db) == HEAD

    assert shape(db) == created
    db.close()


def test_a_newer_or_older_schema_is_refused_with_the_remedy(durable: Instance, tmp_path: Path) -> None:
    """What another version wrote is not touched."""
    for version, remedy in (("9999", "upgrade cellmill"), ("0000", "cellmill instance migrate")):
        with durable.db.write() as tx:
            tx.run("UPDATE alembic_version SET version_num = ?", (version,))
        with pytest.raises(SchemaVersionError, match=remedy):
            ensure_head(durable.db)
        if version == "9999":
            with pytest.raises(SchemaVersionError, match=remedy):
                migrate(durable.db)


def test_two_migrations_at_once(durable: Instance) -> None:
    """One works, the other waits and finds nothing to do."""
    with durable.db.write() as tx:
        if durable.db.dialect == "postgresql":
            tx.run("DROP SCHEMA public CASCADE")
            tx.run("CREATE SCHEMA public")
        else:
            for (name,) in tx.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"):
                tx.run(f"DROP TABLE {name}")
    done: list[str] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(durable.db))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert done == [HEAD, HEAD]
    durable.create_run(job_name="works")


def test_network_filesystems_are_told_by_the_mount_table(tmp_path: Path) -> None:
    """SQLite is refused on NFS, with the way out."""
    mounts = "1 0 0:1 / / rw - ext4 /dev/sda rw\n2 1 0:2 / /mnt/my\\040share rw shared:1 - nfs4 host:/x rw\n"
    assert filesystem_type(Path("/mnt/my share/home"), mounts) == "nfs4"
    assert filesystem_type(Path("/mnt/other"), mounts) == "ext4"
    with pytest.raises(StorageLocationError, match="PostgreSQL"):
        refuse_network_filesystem(tmp_path, mounts=f"1 0 0:1 / {tmp_path} rw - nfs host:/x rw\n")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way, or a place without permission, is an error with the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageLocationError, match="CELLMILL_HOME"):
        Instance.get(tmp_path / "file" / "home")


@pytest.mark.security
def test_the_store_is_its_owners_alone(tmp_path: Path) -> None:
    """Folder 0700, database and key 0600, whatever the umask."""
    old = os.umask(0)
    try:
        with Instance.get(tmp_path / "home") as instance:
            instance.create_run(job_name="j")
    finally:
        os.umask(old)

    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "home" / "instance.db").stat().st_mode & 0o777 == 0o600
