"""Where the instance of a workspace lies: its folder, its database, and whether both can be trusted with state."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellmill.errors import StorageLocationError
from cellmill.instance.create import ensure_head
from cellmill.instance.home import FOLDER, find_workspace_root
from cellmill.instance.postgresql import PostgreSQLDatabase
from cellmill.instance.sql import Database
from cellmill.instance.sqlite import SQLiteDatabase

HOME_VARIABLE = "CELLMILL_HOME"
STORAGE_VARIABLE = "CELLMILL_STORAGE"
DATABASE = "instance.db"

#: File systems on which SQLite's write-ahead log loses data, because its shared memory is not shared between hosts.
NETWORK_FILESYSTEMS = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs",
        "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs",
    }
)  # fmt: skip


def find_home(start: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The instance's folder: `CELLMILL_HOME`, else `.cellmill` in the workspace that `start` lies in."""
    given = environ.get(HOME_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    return find_workspace_root(start) / FOLDER


def read_settings(root: Path, name: str) -> Mapping[str, Any]:
    """The table `[name]` of `cellmill.toml` (or `[tool.cellmill.name]` of pyproject.toml) in the workspace."""
    for path, keys in ((root / "cellmill.toml", ()), (root / "pyproject.toml", ("tool", "cellmill"))):
        if not path.is_file():
            continue
        try:
            table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise StorageLocationError(f"{path} is not valid TOML: {error}") from error
        for key in keys:
            table = table.get(key, {})
        settings = table.get(name)
        if isinstance(settings, dict):
            return settings
    return {}


def storage_url(home: Path, environ: Mapping[str, str] = os.environ) -> str | None:
    """The database URL that was chosen; None for the SQLite file in the instance's folder."""
    given = environ.get(STORAGE_VARIABLE) or read_settings(home.parent, "instance").get("storage")
    return os.path.expandvars(str(given)) if given else None


def filesystem_type(path: Path, mounts: str) -> str:
    """The type of the file system that holds `path`, by the text of /proc/self/mountinfo; "" where unknown."""
    best, kind = "", ""
    target = os.fspath(path)
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) < 5 or not rest:
            continue
        point = fields[4].replace("\\040", " ")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, rest[0]
    return kind


def refuse_network_filesystem(path: Path, mounts: str | None = None) -> None:
    """Nothing, where SQLite can keep its promises.

    Args:
        path: A folder or file of the instance.
        mounts: What is mounted, as Linux lists it; None reads that of this machine.

    Raises:
        StorageLocationError: where SQLite would lose data.

    Source: sqlite.org/howtocorrupt.html (locks on network file systems).
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
    kind = filesystem_type(path.resolve(), mounts)
    if kind in NETWORK_FILESYSTEMS:
        raise StorageLocationError(
            f"{path} is on a network file system ({kind}), where SQLite's write-ahead log loses data. Set "
            f"{HOME_VARIABLE} to a folder on a local disk, or {STORAGE_VARIABLE} to a PostgreSQL URL."
        )


def make_private_folder(path: Path) -> None:
    """Makes the folder, readable by its owner only."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageLocationError(
            f"The folder {path} cannot be made ({error.strerror}); set {HOME_VARIABLE} to a writable folder."
        ) from error


def open_sqlite(home: Path, **options: Any) -> SQLiteDatabase:
    """The SQLite database in the instance's folder, created with its schema where there is none."""
    make_private_folder(home)
    path = home / DATABASE
    if not path.exists():
        refuse_network_filesystem(home)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as error:
            raise StorageLocationError(
                f"{path} cannot be made ({error.strerror}); set {HOME_VARIABLE} to a writable folder."
            ) from error
    elif not os.access(path, os.W_OK) or not os.access(home, os.W_OK):
        raise StorageLocationError(f"{path} is read-only; make it and its folder writable, or set {HOME_VARIABLE}.")
    else:
        refuse_network_filesystem(home)
    db = SQLiteDatabase(path, **options)
    ensure_head(db)
    return db


def open_database(home: Path, url: str | None = None) -> Database:
    """The database of the instance in `home`, at the newest schema."""
    if url is None or url.startswith("sqlite:///"):
        return open_sqlite(Path(url.removeprefix("sqlite:///")).parent if url else home)
    if url.startswith(("postgresql:", "postgres:", "postgresql+psycopg:")):
        db = PostgreSQLDatabase(url)
        ensure_head(db)
        return db
    scheme = url.partition(":")[0]
    raise StorageLocationError(f"{STORAGE_VARIABLE} names a {scheme!r} database; use postgresql://… or leave it out.")
