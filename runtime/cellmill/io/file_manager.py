"""Files that ops hand on by name: a folder that takes what they write."""

from __future__ import annotations

import io
import shutil
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from cellmill.definitions.config.field import Field
from cellmill.definitions.init_resource_context import InitResourceContext
from cellmill.definitions.resource import resource
from cellmill.errors import CheckError


class FileHandle(ABC):
    """Names a file, wherever it lies."""

    @property
    @abstractmethod
    def path_desc(self) -> str:
        """The file's place, for people to read."""


class LocalFileHandle(FileHandle):
    """Names a file on this machine.

    Args:
        path: The file's path.
    """

    def __init__(self, path: str) -> None:
        if not isinstance(path, str):
            raise CheckError(f"A path is a string, not {path!r}.")
        self._path = path

    @property
    def path(self) -> str:
        """The file's path."""
        return self._path

    @property
    def path_desc(self) -> str:
        """The file's path."""
        return self._path

    def __repr__(self) -> str:
        return f"LocalFileHandle({self._path!r})"


class FileManager(ABC):
    """Takes and gives files by handle."""

    @abstractmethod
    def read(self, file_handle: Any, mode: str = "rb") -> Any:
        """Return a context manager that gives the open file."""

    @abstractmethod
    def write(self, file_obj: IO[Any], mode: str = "wb", ext: str | None = None) -> Any:
        """Store what the file object holds; return its handle."""

    def read_data(self, file_handle: Any) -> bytes:
        """Return what the file holds."""
        with self.read(file_handle) as file:
            data: bytes = file.read()
            return data

    def write_data(self, data: bytes, ext: str | None = None) -> Any:
        """Store the bytes; return the handle of the file."""
        if not isinstance(data, bytes):
            raise CheckError(f"Data to write is bytes, not {type(data).__name__}.")
        return self.write(io.BytesIO(data), mode="wb", ext=ext)


class LocalFileManager(FileManager):
    """Files with generated names in one folder of this machine."""

    def __init__(self, base_dir: str) -> None:
        self.base_dir = base_dir

    def _folder(self) -> Path:
        folder = Path(self.base_dir)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def copy_handle_to_local_temp(self, file_handle: FileHandle) -> str:
        """Return a path of the file on this machine."""
        return file_handle.path_desc

    @contextmanager
    def read(self, file_handle: Any, mode: str = "rb") -> Generator[IO[Any], None, None]:
        """Give the open file."""
        if mode not in ("r", "rb"):
            raise CheckError(f"A file is read with mode 'r' or 'rb', not {mode!r}.")
        with open(file_handle.path, mode, encoding=None if "b" in mode else "utf8") as file:
            yield file

    def write(self, file_obj: IO[Any], mode: str = "wb", ext: str | None = None) -> LocalFileHandle:
        """Store what the file object holds; return its handle."""
        if mode not in ("w", "wb"):
            raise CheckError(f"A file is written with mode 'w' or 'wb', not {mode!r}.")
        path = self._folder() / (f"{uuid4()}.{ext}" if ext else str(uuid4()))
        with open(path, mode, encoding=None if "b" in mode else "utf8") as target:
            shutil.copyfileobj(file_obj, target)
        return LocalFileHandle(str(path))

    def delete_local_temp(self) -> None:
        """Nothing was copied, so nothing is deleted."""


@resource(
    config_schema={"base_dir": Field(str, is_required=False, description="Folder that the files lie in.")},
    description="Files that ops hand on by name, in a folder of this machine.",
)
def local_file_manager(init_context: InitResourceContext) -> LocalFileManager:
    """Files in a folder of this machine; by default below the instance's storage."""
    config: Any = init_context.resource_config or {}
    given = config.get("base_dir")
    if given is None:
        instance: Any = init_context.instance
        given = str(Path("storage" if instance is None else instance.storage_directory()) / "file_manager")
    return LocalFileManager(given)
