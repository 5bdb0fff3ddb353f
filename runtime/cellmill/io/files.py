"""Reading and writing whole files, on the local disk and on any fsspec file system; nothing is ever half written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol, cast

from cellmill import faults
from cellmill.errors import NO_ROOM, StorageFullError, StorageLocationError, ValueNotFoundError

TEMPORARY_MARK = ".tmp-"
_NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
#: Bytes that are read at first. Most values are smaller, and a larger buffer would be mapped and unmapped for each.
_AT_ONCE = 1 << 15
#: Bytes that are read at a time from there on.
_CHUNK = 16 << 20


class Files(Protocol):
    """The files below one root."""

    #: The root, as users write it.
    root: str

    def write(self, path: str, write: Callable[[IO[bytes]], None]) -> int:
        """Makes the file appear with all that `write` writes, or not at all; returns its size."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Makes the file appear with these bytes, or not at all."""
        ...

    def open(self, path: str) -> Any:
        """Return a context manager around the file, open for reading.

        Args:
            path: Path below the root.

        Raises:
            ValueNotFoundError: where there is no such file.
        """
        ...

    def read(self, path: str) -> bytes:
        """Return the file's bytes.

        Args:
            path: Path below the root.

        Raises:
            ValueNotFoundError: where there is no such file.
        """
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder; empty where there is no such folder."""
        ...

    def walk(self) -> Iterator[tuple[str, float]]:
        """Path and time of last change of every file."""
        ...

    def delete(self, path: str) -> None:
        """Removes the file, if there is one."""
        ...


class LocalFiles:
    """Files on a local disk: written beside their place, flushed, then renamed."""

    def __init__(self, root: str | os.PathLike[str], *, fsync: bool = False) -> None:
        self.root = os.fspath(root)
        self._fsync = fsync

    def _full(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _make_folder(self, folder: str) -> None:
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageLocationError(
                f"The folder {folder} cannot be made ({error.strerror}); choose a writable base_dir."
            ) from error

    def write(self, path: str, write: Callable[[IO[bytes]], None]) -> int:
        """Makes the file appear with all that `write` writes, or not at all; returns its size."""
        return self._publish(path, lambda descriptor: self._write_through(descriptor, write))

    def put(self, path: str, data: bytes) -> None:
        """Makes the file appear with these bytes, or not at all."""
        self._publish(path, lambda descriptor: self._write_bytes(descriptor, data))

    def _publish(self, path: str, fill: Callable[[int], int]) -> int:
        full = f"{self.root}/{path}"
        temporary = f"{full}{TEMPORARY_MARK}{os.getpid()}-{os.urandom(4).hex()}"
        descriptor = self._new_file(temporary)
        try:
            size = fill(descriptor)
            faults.hit("output.written")
            os.replace(temporary, full)
            if self._fsync:
                _fsync_folder(full.rpartition("/")[0])
        except BaseException as error:
            self._discard(temporary)
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise StorageFullError(
                    f"No room to write {full}: {error.strerror}. The old value is untouched."
                ) from error
            raise
        faults.hit("output.committed")
        return size

    def _new_file(self, path: str) -> int:
        # The folder is nearly always there; asking first would cost as much as making the file.
        for attempt in range(3):
            try:
                return os.open(path, _NEW, 0o600)
            except FileNotFoundError:
                if attempt == 2:
                    raise
                self._make_folder(path.rpartition("/")[0])
            except NotADirectoryError:
                self._make_folder(path.rpartition("/")[0])
                raise
            except PermissionError as error:
                raise StorageLocationError(
                    f"{path.rpartition('/')[0]} is not writable ({error.strerror}); choose another base_dir."
                ) from error
            except OSError as error:
                if error.errno in NO_ROOM:
                    raise StorageFullError(f"No room to write {path}: {error.strerror}.") from error
                raise
        raise AssertionError("not reached")

    def _write_through(self, descriptor: int, write: Callable[[IO[bytes]], None]) -> int:
        with open(descriptor, "w+b") as file:
            write(file)
            file.flush()
            if self._fsync:
                os.fsync(descriptor)
            return os.fstat(descriptor).st_size

    def _write_bytes(self, descriptor: int, data: bytes) -> int:
        try:
            done = os.write(descriptor, data)
            while done < len(data):
                done += os.write(descriptor, memoryview(data)[done:])
            if self._fsync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return done

    @staticmethod
    def _discard(temporary: str) -> None:
        try:
            os.unlink(temporary)
        except OSError:
            # It was never made, or was renamed already.
            return

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """The file, open for reading."""
        try:
            file = open(self._full(path), "rb")
        except FileNotFoundError:
            raise ValueNotFoundError(f"There is no file {self._full(path)}; materialize it first.") from None
        with file:
            yield file

    def read(self, path: str) -> bytes:
        """The file's bytes."""
        full = f"{self.root}/{path}"
        try:
            descriptor = os.open(full, _READ)
        except FileNotFoundError:
            raise ValueNotFoundError(f"There is no file {full}; materialize it first.") from None
        try:
            data = os.read(descriptor, _AT_ONCE)
            if len(data) < _AT_ONCE:
                # A short read of a regular file is its end.
                return data
            parts = [data]
            while part := os.read(descriptor, _CHUNK):
                parts.append(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)

    def exists(self, path: str) -> bool:
        """Whether there is a file."""
        return os.path.isfile(self._full(path))

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder."""
        try:
            with os.scandir(self._full(folder)) as entries:
                return sorted(entry.name for entry in entries if entry.is_file())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def walk(self) -> Iterator[tuple[str, float]]:
        """Path and time of last change of every file."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                full = os.path.join(folder, name)
                try:
                    yield os.path.relpath(full, self.root), os.stat(full).st_mtime
                except FileNotFoundError:
                    continue

    def delete(self, path: str) -> None:
        """Removes the file, if there is one."""
        self._discard(self._full(path))


class RemoteFiles:
    """Files on an fsspec file system; object stores publish whole objects, others are renamed into place."""

    def __init__(self, url: str, **options: Any) -> None:
        self.root = url.rstrip("/")
        self.fs, self._base = import_module("fsspec.core").url_to_fs(self.root, **options)
        protocol = self.fs.protocol
        self._atomic = bool({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"} & set(_as_tuple(protocol)))

    def _full(self, path: str) -> str:
        return f"{self._base}/{path}"

    def write(self, path: str, write: Callable[[IO[bytes]], None]) -> int:
        """Makes the file appear with all that `write` writes, or not at all; returns its size."""
        full = self._full(path)
        # Collected first, so that a failed write sends nothing.
        with tempfile.SpooledTemporaryFile(max_size=64 << 20) as buffer:
            write(cast("IO[bytes]", buffer))
            size = int(buffer.tell())
            faults.hit("output.written")
            buffer.seek(0)
            target = full if self._atomic else f"{full}{TEMPORARY_MARK}{os.urandom(4).hex()}"
            self.fs.makedirs(full.rpartition("/")[0], exist_ok=True)
            with self.fs.open(target, "wb") as file:
                while chunk := buffer.read(8 << 20):
                    file.write(chunk)
            if target != full:
                self.fs.mv(target, full)
        faults.hit("output.committed")
        return size

    def put(self, path: str, data: bytes) -> None:
        """Makes the file appear with these bytes, or not at all."""
        self.write(path, lambda file: _write_all(file, data))

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """The file, open for reading."""
        try:
            file = self.fs.open(self._full(path), "rb")
        except FileNotFoundError:
            raise ValueNotFoundError(f"There is no file {self.root}/{path}; materialize it first.") from None
        with file:
            yield file

    def read(self, path: str) -> bytes:
        """The file's bytes."""
        with self.open(path) as file:
            return file.read()

    def exists(self, path: str) -> bool:
        """Whether there is a file."""
        return bool(self.fs.isfile(self._full(path)))

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder."""
        try:
            self.fs.invalidate_cache(self._full(folder))
            found = self.fs.ls(self._full(folder), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(str(item["name"]).rpartition("/")[2] for item in found if item["type"] == "file")

    def walk(self) -> Iterator[tuple[str, float]]:
        """Path and time of last change of every file."""
        for full, item in self.fs.find(self._base, detail=True).items():
            stamp = item.get("LastModified") or item.get("mtime") or item.get("created")
            seconds = stamp.timestamp() if hasattr(stamp, "timestamp") else float(stamp or 0)
            yield str(full)[len(self._base) :].lstrip("/"), seconds

    def delete(self, path: str) -> None:
        """Removes the file, if there is one."""
        if self.fs.exists(self._full(path)):
            self.fs.rm_file(self._full(path))


def open_files(base: str | os.PathLike[str], *, fsync: bool = False, **options: Any) -> Files:
    """The files below a folder or an fsspec URL (`s3://bucket/prefix`, `memory://x` …)."""
    text = os.fspath(base)
    if "://" not in text:
        return LocalFiles(Path(text).expanduser().absolute(), fsync=fsync)
    if text.startswith("file://"):
        return LocalFiles(text.removeprefix("file://"), fsync=fsync)
    return RemoteFiles(text, **options)


def _fsync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(file: IO[bytes], data: bytes) -> None:
    file.write(data)


def _as_tuple(protocol: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
