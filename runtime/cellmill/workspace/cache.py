"""What was read of files before, kept by content hash in the instance's folder; losing it costs time only."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: File of the cache below the instance's folder.
CACHE_FILE = "scan-cache.db"
#: A file changed less than this before it was hashed may change again unseen (clock ticks of file systems).
_SETTLED_NS = 2_000_000_000
#: Rows not used for this long are removed, in seconds.
_KEEP_S = 30 * 86_400
_VARIABLES = 500

_SCHEMA = """
create table if not exists facts (key text primary key, value blob not null, used_at real not null) without rowid;
create table if not exists files (path text primary key, stamp text not null, digest text not null) without rowid;
"""


def file_digest(data: bytes) -> str:
    """Return the content hash by which facts are kept."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class ScanCache:
    """Plain data by key, and content hashes of files by their stat; every failure is a miss.

    Locations are read in threads of their own, and share it.
    """

    def __init__(self, home: Path | None) -> None:
        self._path = home / CACHE_FILE if home is not None else None
        self._db: sqlite3.Connection | None = None
        self._opened = False
        # One thread at a time: a connection that is used by two at once loses its statements, and transactions mix.
        self._lock = threading.Lock()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection | None]:
        """Lend the connection to one thread; a database that fails is None, or ends the block."""
        with self._lock, suppress(sqlite3.Error, ValueError):
            if not self._opened and self._path is not None:
                self._opened = True
                self._db = self._open(self._path)
            yield self._db

    def _open(self, path: Path) -> sqlite3.Connection | None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # SQLite would make it as the umask says; it holds code, which is its owner's.
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            db = sqlite3.connect(path, timeout=2, isolation_level=None, check_same_thread=False)
            db.execute("pragma journal_mode=wal")
            db.execute("pragma synchronous=off")
            db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error):
            return None
        return db

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None
            self._opened = False

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return what is kept under `keys`."""
        wanted, found = list(keys), {}
        with self._connection() as db:
            if db is None:
                return {}
            for start in range(0, len(wanted), _VARIABLES):
                some = wanted[start : start + _VARIABLES]
                marks = ",".join("?" * len(some))
                rows = db.execute(f"select key, value from facts where key in ({marks})", some)  # noqa: S608 - marks only
                for key, value in rows:
                    found[key] = json.loads(value)
        return found

    def put_many(self, values: Mapping[str, Any]) -> None:
        """Keep JSON data under their keys."""
        now = time.time()
        rows = [(key, json.dumps(value, separators=(",", ":")), now) for key, value in values.items()]
        with self._connection() as db:
            if db is None or not rows:
                return
            with _transaction(db):
                db.executemany("insert or replace into facts values (?, ?, ?)", rows)
                db.execute("delete from facts where used_at < ?", (now - _KEEP_S,))

    def digests(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Return the content hash of each file; a file that did not change by its stat is not read.

        A file that cannot be read is left out.
        """
        known, fresh, out = self._known_files(), {}, {}
        for path in paths:
            name = os.fspath(path)
            try:
                stat = os.stat(name)
                stamp = f"{stat.st_mtime_ns}:{stat.st_size}:{stat.st_ino}"
                before = known.get(name)
                if before is not None and before[0] == stamp:
                    out[path] = before[1]
                    continue
                with open(name, "rb") as file:
                    out[path] = file_digest(file.read())
            except OSError:
                continue
            if time.time_ns() - stat.st_mtime_ns > _SETTLED_NS:
                fresh[name] = (stamp, out[path])
        self._keep_files(fresh)
        return out

    def _known_files(self) -> dict[str, tuple[str, str]]:
        with self._connection() as db:
            if db is not None:
                return {path: (stamp, digest) for path, stamp, digest in db.execute("select * from files")}
        return {}

    def _keep_files(self, fresh: Mapping[str, tuple[str, str]]) -> None:
        with self._connection() as db:
            if db is not None and fresh:
                rows = [(path, stamp, digest) for path, (stamp, digest) in fresh.items()]
                with _transaction(db):
                    db.executemany("insert or replace into files values (?, ?, ?)", rows)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing, and leave no transaction open for the next thread."""
    db.execute("begin immediate")
    try:
        yield
    except BaseException:
        db.execute("rollback")
        raise
    db.execute("commit")
