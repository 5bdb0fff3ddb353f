"""The instance: everything that happened and everything that is stored, of one workspace."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cellmill.errors import InvalidInvocationError
from cellmill.first_use import on_first_use
from cellmill.instance.create import ensure_head
from cellmill.instance.head import schema_version
from cellmill.instance.instance_assets import InstanceAssets
from cellmill.instance.location import find_home, make_private_folder, open_database, read_settings, storage_url
from cellmill.instance.python_logs import PythonLogs
from cellmill.instance.sql import Database, Query
from cellmill.instance.sqlite import SQLiteDatabase

if TYPE_CHECKING:
    from cellmill.instance import log_handlers, migrate
else:
    log_handlers = on_first_use("cellmill.instance.log_handlers")
    migrate = on_first_use("cellmill.instance.migrate")

#: Tables that hold state; `wipe` empties them all.
TABLES = (
    "events", "run_tags", "runs", "snapshots", "assets", "asset_partitions", "asset_checks", "check_evaluations",
    "dynamic_partitions", "instigators", "ticks", "backfills", "backfill_runs", "leases", "pools", "pool_claims",
)  # fmt: skip


@cache
def _empty_image() -> bytes:
    """The bytes of an empty SQLite database at the newest schema."""
    db = SQLiteDatabase(":memory:")
    ensure_head(db)
    image = db.connection().serialize()
    db.close()
    return image


class Instance(InstanceAssets):
    """What happened and what is stored; open one with `Instance.get()`, `ephemeral()` or `local_temp()`.

    A thin façade: each method is one query or one transaction of the store that it belongs to (`runs`, `events`,
    `catalog`, `dynamic_partitions`, `automation`, `leases`, `backfills`, `snapshots`). In a `with` statement it is
    closed at the end.

    Args:
        db: The open database.
        home: Its folder, in which values are stored; None makes a temporary one when it is needed.
        ephemeral: Whether it is gone when this process ends.
        python_logs: Which of Python's loggers belong to its runs; None reads it from the workspace's file.
    """

    def __init__(
        self, db: Database, home: Path | None, *, ephemeral: bool = False, python_logs: PythonLogs | None = None
    ) -> None:
        super().__init__(db)
        self._home = home
        self._ephemeral = ephemeral
        self._python_logs = python_logs
        self._log_handlers: list[logging.Handler] | None = None
        self._temporary: weakref.finalize[Any, Any] | None = None

    # -- opening -------------------------------------------------------------------------------------------------

    @classmethod
    def get(
        cls,
        home: str | os.PathLike[str] | None = None,
        *,
        storage: str | None = None,
        python_logs: PythonLogs | None = None,
    ) -> Instance:
        """The instance of the workspace.

        Args:
            home: Its folder; None: `CELLMILL_HOME`, else `.cellmill` in the workspace's root.
            storage: URL of its database; None: `CELLMILL_STORAGE`, else what cellmill.toml says, else SQLite in that
                folder.
            python_logs: Which of Python's loggers belong to its runs; None: what cellmill.toml says.

        Raises:
            StorageLocationError: for a folder or database that cannot be used, with the remedy.
            SchemaVersionError: for a database of another version, with the remedy.
        """
        folder = find_home() if home is None else Path(home).absolute()
        return cls(open_database(folder, storage or storage_url(folder)), folder, python_logs=python_logs)

    @classmethod
    def ephemeral(cls, tempdir: str | None = None) -> Instance:
        """An instance in memory; its values lie in a temporary folder that goes with it.

        Args:
            tempdir: Folder for the values, which then stays; None makes a temporary one.
        """
        db = SQLiteDatabase(":memory:")
        # Copying a ready image is many times faster than creating every table again.
        db.connection().deserialize(_empty_image())
        return cls(db, None if tempdir is None else Path(tempdir), ephemeral=True)

    @classmethod
    def local_temp(cls, tempdir: str | None = None, overrides: Mapping[str, Any] | None = None) -> Instance:
        """An instance on disk.

        Args:
            tempdir: Its folder, which then stays; None makes a temporary one that goes with the instance.
            overrides: `{"python_logs": {…}}`, as the workspace's file would say it; nothing else.

        Raises:
            InvalidInvocationError: for overrides of other settings.
        """
        others = sorted((overrides or {}).keys() - {"python_logs"})
        if others:
            raise InvalidInvocationError(
                f"An instance has no settings {others} of its own that could be overridden, but python_logs only: give "
                "an executor to the job, limits to the workspace's cellmill.toml and a URL of the storage to "
                "Instance.get(…, storage=…)."
            )
        logs = PythonLogs.of(overrides["python_logs"]) if overrides else None
        if tempdir is not None:
            return cls.get(tempdir, python_logs=logs)
        folder = tempfile.mkdtemp(prefix="cellmill-")
        instance = cls.get(folder, python_logs=logs)
        instance._temporary = weakref.finalize(instance, shutil.rmtree, folder, True)
        return instance

    def close(self) -> None:
        """Closes the database; removes what was temporary."""
        self.db.close()
        if self._temporary is not None:
            self._temporary()

    def __enter__(self) -> Instance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def dispose(self) -> None:
        """Closes the database; removes what was temporary."""
        self.close()

    # -- place ---------------------------------------------------------------------------------------------------

    @property
    def is_ephemeral(self) -> bool:
        """Whether the instance is gone when this process ends."""
        return self._ephemeral

    @property
    def is_persistent(self) -> bool:
        """Whether the instance outlives this process."""
        return not self._ephemeral

    @property
    def home(self) -> Path:
        """The instance's folder."""
        if self._home is None:
            folder = tempfile.mkdtemp(prefix="cellmill-")
            self._home = Path(folder)
            self._temporary = weakref.finalize(self, shutil.rmtree, folder, True)
        return self._home

    @property
    def root_directory(self) -> str:
        """The instance's folder, as text."""
        return str(self.home)

    def storage_directory(self) -> str:
        """The folder in which IO managers keep values unless they are told otherwise."""
        folder = f"{self.home}/storage"
        if not os.path.isdir(folder):
            make_private_folder(Path(folder))
        return folder

    @property
    def python_logs(self) -> PythonLogs:
        """Which of Python's own loggers belong to the runs, as `[python_logs]` of the workspace's file says."""
        if self._python_logs is None:
            of_file = {} if self._home is None else read_settings(self._home.parent, "python_logs")
            self._python_logs = PythonLogs.of(of_file)
        return self._python_logs

    @property
    def managed_python_loggers(self) -> Sequence[str]:
        """Names of the loggers whose messages become events of the runs they are logged in."""
        return self.python_logs.managed_python_loggers

    @property
    def python_log_level(self) -> str | None:
        """The lowest level that these, `get_logger()` and `context.log` take; None leaves levels as they are."""
        return self.python_logs.python_log_level

    @property
    def log_handlers(self) -> Sequence[logging.Handler]:
        """The handlers that what runs log goes to, as `dagster_handler_config` of `[python_logs]` describes them."""
        if self._log_handlers is None:
            described = self.python_logs.dagster_handler_config
            self._log_handlers = log_handlers.make_handlers(described) if described else []
        return self._log_handlers

    # -- upkeep --------------------------------------------------------------------------------------------------

    def schema_version(self) -> str | None:
        """The migration that the database is at."""
        return schema_version(self.db)

    def upgrade(self) -> str:
        """Performs the migrations that are missing; returns the version that results."""
        version: str = migrate.migrate(self.db)
        return version

    def wipe(self) -> None:
        """Forgets everything but the values."""
        with self.db.write() as tx:
            for table in TABLES:
                tx.run(Query("DELETE FROM " + table).text)

    def info(self) -> dict[str, Any]:
        """Where the instance is, its schema, and how many rows and bytes it holds."""
        counts = {table: self.db.rows(Query("SELECT count(*) FROM " + table).text)[0][0] for table in TABLES}
        if self.db.dialect == "sqlite":
            pages = self.db.rows("PRAGMA page_count")[0][0]
            size = pages * self.db.rows("PRAGMA page_size")[0][0]
        else:
            size = self.db.rows("SELECT pg_database_size(current_database())")[0][0]
        return {
            "home": None if self._home is None else str(self._home),
            "database": self.db.dialect,
            "schema": self.schema_version(),
            "bytes": size,
            "rows": counts,
        }
