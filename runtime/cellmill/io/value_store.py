"""The value store: every write makes a new version, and a reader that holds a reference sees that version whole.

A value lies at `<asset key>[/=partition]@<version><suffix>`; which version is current is what the catalog says. What a
killed writer leaves is a temporary file or a version that nothing refers to: `gc` removes both.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path
from typing import IO, Any

from cellmill.definitions.value_ref import ValueRef
from cellmill.errors import SecurityError, ValueCorruptError, ValueNotFoundError
from cellmill.io.files import Files, open_files
from cellmill.io.formats import BY_SUFFIX, FORMATS, PICKLE, Format, format_of, type_name
from cellmill.io.signing import load_key, sign, verify

#: Bytes that are hashed at a time when a stored file is checked.
CHUNK = 4 << 20
_last = 0


def new_version() -> str:
    """A version that sorts behind every earlier one of this process, and is unique among all processes."""
    global _last
    _last = max(_last + 1, time.time_ns())
    return f"{_last:016x}{os.urandom(4).hex()}"


def version_time(version: str) -> float:
    """When a version was made, in seconds since the epoch."""
    return int(version[:16], 16) / 1e9


class _Hashing(io.RawIOBase):
    """A file that is written through and hashed on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.hash.update(data)
        self._file.write(data)
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        # Whoever writes may close what it was given; the real file is closed by its owner.
        return


class ValueStore:
    """Versions of values below one folder or fsspec URL.

    Args:
        base: The folder or URL.
        key_folder: Folder of the key that signs pickles; None takes `CELLMILL_HOME`, or the user's own folder. The key
            in `CELLMILL_KEY` wins over both.
        fsync: Whether each value survives a power cut once it is stored, at the cost of speed.
        verify_checksums: Whether bytes are compared with the checksum that they were written with.
        is_default: Whether this is the instance's own store, so that references need not name it.
        options: Options of the fsspec filesystem.
    """

    def __init__(
        self,
        base: str | os.PathLike[str],
        *,
        key_folder: Path | None = None,
        fsync: bool = False,
        verify_checksums: bool = True,
        is_default: bool = True,
        **options: Any,
    ) -> None:
        self.files: Files = open_files(base, fsync=fsync, **options)
        self._key_folder = key_folder
        self._key: bytes | None = None
        self._verify = verify_checksums
        # What references must carry for readers that know only the instance's own store.
        self._base = "" if is_default else self.files.root

    @property
    def root(self) -> str:
        """The folder or URL."""
        return self.files.root

    def _signing_key(self) -> bytes:
        if self._key is None:
            self._key = load_key(self._key_folder)
        return self._key

    def write(self, place: str, value: Any, format: Format | None = None) -> ValueRef:
        """Store a new version of the value of `place`; no earlier version is touched.

        Args:
            place: Path below the root, without version and suffix.
            value: The value.
            format: How it is written; None chooses by type, and a pickle where the format cannot hold the value after
                all.
        """
        version = new_version()
        chosen = format or format_of(value)
        path = f"{place}@{version}{chosen.suffix}"
        return self._write(path, version, chosen, value, fall_back=format is None)

    def write_file(self, path: str, value: Any, format: Format | None = None) -> ValueRef:
        """Store the value in one file, replacing what was there.

        Args:
            path: Path below the root, without the format's suffix.
            value: The value.
            format: How it is written; None chooses by type.
        """
        chosen = format or format_of(value)
        ref = self._write(path + chosen.suffix, new_version(), chosen, value, fall_back=format is None)
        self._forget_other_formats(path, ref.path)
        return ref

    def _forget_other_formats(self, path: str, kept: str) -> None:
        """Removes what an earlier value of another type left under the same name: it would be found instead."""
        folder, _, stem = path.rpartition("/")
        for name in self.files.names(folder):
            found = f"{folder}/{name}" if folder else name
            if found != kept and name.startswith(stem) and name.removeprefix(stem) in BY_SUFFIX:
                self.files.delete(found)

    def _write(self, path: str, version: str, chosen: Format, value: Any, *, fall_back: bool) -> ValueRef:
        if chosen.encode is not None:
            return self._write_bytes(path, version, chosen, value, fall_back=fall_back)
        name = type_name(value)
        hashed: list[_Hashing] = []

        def dump(file: IO[bytes]) -> None:
            hashing = _Hashing(file)
            hashed.append(hashing)
            chosen.dump(value, hashing)

        try:
            size = self.files.write(path, dump)
        except Exception as error:
            if not fall_back or not _is_conversion_error(error):
                raise
            # The format could not hold the value after all (a column of mixed types, say); nothing was published.
            other = path.removesuffix(chosen.suffix) + PICKLE.suffix
            return self._write(other, version, PICKLE, value, fall_back=False)
        checksum = hashed[-1].hash.hexdigest()
        return self._ref(path, version, chosen, size, checksum, name)

    def _write_bytes(self, path: str, version: str, chosen: Format, value: Any, *, fall_back: bool) -> ValueRef:
        assert chosen.encode is not None
        try:
            data = chosen.encode(value)
        except Exception as error:
            if chosen is PICKLE or not fall_back or not _is_conversion_error(error):
                raise
            other = path.removesuffix(chosen.suffix) + PICKLE.suffix
            return self._write_bytes(other, version, PICKLE, value, fall_back=False)
        if chosen is PICKLE:
            data = sign(self._signing_key(), path, data)
        self.files.put(path, data)
        checksum = hashlib.sha256(data).hexdigest()
        return self._ref(path, version, chosen, len(data), checksum, type_name(value))

    def _ref(self, path: str, version: str, chosen: Format, size: int, checksum: str, name: str) -> ValueRef:
        return ValueRef(
            path=path,
            format=chosen.name,
            version=version,
            size=size,
            checksum=checksum,
            type_name=name,
            base=self._base,
        )

    def read(self, ref: ValueRef) -> Any:
        """Return the value of a version.

        Args:
            ref: The version.

        Raises:
            ValueNotFoundError: where retention removed it.
            ValueCorruptError: where its bytes have changed.
            SecurityError: before anything is run, where a pickle is not ours.
        """
        chosen = FORMATS.get(ref.format)
        if chosen is None:
            raise ValueCorruptError(f"The value {ref.path} is in the format {ref.format!r}, which this cellmill lacks.")
        path = ref.path
        if path[:1] == "/" or ".." in path or "\0" in path:
            _refuse_escape(path)
        if chosen.decode is not None:
            data = self.files.read(path)
            if self._verify and ref.checksum and hashlib.sha256(data).hexdigest() != ref.checksum:
                raise _changed(ref)
            return chosen.decode(data)
        if chosen is PICKLE:
            data = self.files.read(path)
            # The signature covers the bytes, so the checksum would say nothing more.
            body = verify(self._signing_key(), ref.path, data)
            return PICKLE.load(io.BytesIO(body), ref.type_name)
        with self.files.open(ref.path) as file:
            if self._verify and ref.checksum:
                _check(file, ref)
            return chosen.load(file, ref.type_name)

    def find(self, place: str) -> ValueRef:
        """Return the newest version in `place`, for readers without a catalog.

        Args:
            place: Path below the root, without version and suffix.

        Raises:
            ValueNotFoundError: where there is none.
        """
        versions = self.versions(place)
        if not versions:
            raise ValueNotFoundError(f"Nothing is stored in {self.root}/{place}; materialize it first.")
        return versions[-1]

    def find_file(self, path: str) -> ValueRef:
        """Return the file that `write_file` wrote for `path`.

        Args:
            path: Path below the root, without the format's suffix.

        Raises:
            ValueNotFoundError: where there is none.
        """
        folder, _, stem = path.rpartition("/")
        for name in self.files.names(folder):
            suffix = name.removeprefix(stem)
            if name.startswith(stem) and suffix in BY_SUFFIX:
                return _unchecked(f"{folder}/{name}" if folder else name, "", BY_SUFFIX[suffix])
        raise ValueNotFoundError(f"Nothing is stored in {self.root}/{path}; run what makes it first.")

    def versions(self, place: str) -> list[ValueRef]:
        """Return all versions in `place`, oldest first; without checksums, which only the catalog knows.

        Args:
            place: Path below the root, without version and suffix.
        """
        found = []
        folder, _, stem = place.rpartition("/")
        for name in self.files.names(folder):
            if parts := version_parts(name):
                of, version, suffix = parts
                if of == stem:
                    found.append(_unchecked(f"{place}@{version}{suffix}", version, BY_SUFFIX[suffix]))
        return sorted(found, key=lambda ref: ref.version)

    def delete(self, ref: ValueRef) -> None:
        """Remove a version.

        Args:
            ref: The version.
        """
        self.files.delete(ref.path)


def _unchecked(path: str, version: str, format: Format) -> ValueRef:
    return ValueRef(path=path, format=format.name, version=version, size=-1, checksum="", type_name="")


def version_parts(name: str) -> tuple[str, str, str] | None:
    """Name of the asset or partition, version and suffix of a stored file; None for any other file."""
    of, mark, rest = name.rpartition("@")
    version, dot, suffix = rest.partition(".")
    return (of, version, dot + suffix) if mark and dot + suffix in BY_SUFFIX else None


def _is_conversion_error(error: Exception) -> bool:
    """Whether a writer refused the value, as opposed to the disk."""
    return (
        isinstance(error, TypeError | ValueError | OverflowError | NotImplementedError)
        or "Arrow" in type(error).__name__
    )


def _check(file: IO[bytes], ref: ValueRef) -> None:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    file.seek(0)
    if digest.hexdigest() != ref.checksum:
        raise _changed(ref)


def _changed(ref: ValueRef) -> ValueCorruptError:
    return ValueCorruptError(
        f"The stored value {ref.path} does not have the checksum it was written with; materialize it again."
    )


def _refuse_escape(path: str) -> None:
    if path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise SecurityError(f"The reference {path!r} points outside the value store and was refused.")
