"""Where one stored value lies, in a form that travels in events and between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cellmill.definitions.asset_key import AssetKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRef:
    """One immutable version of one stored value.

    A reader that holds a reference needs no database: it opens `path` below the value store's root, checks `checksum`,
    and reads it as `format`.

    Args:
        path: Path below the store's root, percent-encoded.
        format: How the file is to be read: `parquet`, `npy`, `json`, `text`, `bytes` or `pickle`.
        version: Version of this value; every write makes a new one.
        size: Bytes in the file.
        checksum: SHA-256 of the file's bytes, hexadecimal.
        type_name: Module and name of the value's type, as the reader shall make it (`pandas.DataFrame`).
        base: The store's root (a folder or an fsspec URL) where it is not the instance's own.
    """

    #: Path below the store's root, percent-encoded.
    path: str
    #: How the file is to be read: "parquet", "npy", "json", "text", "bytes" or "pickle".
    format: str
    #: The version of this value; every write makes a new one.
    version: str
    #: Bytes in the file.
    size: int
    #: SHA-256 of the file's bytes, hexadecimal.
    checksum: str
    #: Module and name of the value's type, as the reader shall make it ("pandas.DataFrame").
    type_name: str = ""
    #: The store's root (a folder or an fsspec URL) where it is not the instance's own.
    base: str = ""

    @property
    def content_version(self) -> str | None:
        """A data version from the content: equal for equal values; None where the format does not promise that."""
        return None if self.format == "pickle" or not self.checksum else self.checksum

    def to_dict(self) -> dict[str, str | int]:
        """The reference as plain JSON data."""
        data: dict[str, str | int] = {
            "path": self.path,
            "format": self.format,
            "version": self.version,
            "size": self.size,
            "checksum": self.checksum,
        }
        if self.type_name:
            data["type_name"] = self.type_name
        if self.base:
            data["base"] = self.base
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> ValueRef:
        """Return the reference that `to_dict` described; unknown keys of newer writers are ignored.

        Args:
            data: What `to_dict` returned.
        """
        return cls(
            path=str(data["path"]),
            format=str(data["format"]),
            version=str(data["version"]),
            size=int(str(data["size"])),
            checksum=str(data["checksum"]),
            type_name=str(data.get("type_name", "")),
            base=str(data.get("base", "")),
        )


class ValueRefFinder(Protocol):
    """Finds the current reference of an asset's value, or None where nothing is stored."""

    def __call__(self, asset_key: AssetKey, partition_key: str | None) -> ValueRef | None: ...
