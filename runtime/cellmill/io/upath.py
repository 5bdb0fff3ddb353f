"""A base for IO managers of one's own: say how one value is written to and read from a path, and no more."""

from __future__ import annotations

import inspect
import os
import shutil
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from cellmill import faults
from cellmill.awaiting import awaited
from cellmill.definitions.input_context import InputContext
from cellmill.definitions.io_manager import IOManager
from cellmill.definitions.metadata import MetadataValue
from cellmill.definitions.output_context import OutputContext
from cellmill.errors import CheckError, MissingExtra, StorageLocationError, ValueNotFoundError
from cellmill.io.files import TEMPORARY_MARK


def as_path(base: Any) -> Any:
    """A `pathlib.Path` for a local folder, a `UPath` for an fsspec URL."""
    if isinstance(base, str):
        if "://" not in base:
            return Path(base).expanduser()
        try:
            return import_module("upath").UPath(base)
        except ImportError:
            raise MissingExtra("upath") from None
    return base


def plain_segment(name: str) -> str:
    """The name as a path segment under its own spelling, but for what would lead out of its folder."""
    if name in ("", ".", ".."):
        return "%" + "".join(f"{ord(sign):02X}" for sign in name) + "%"
    if any(sign in name for sign in "/\\%\0") or not name.isprintable():
        return "".join(f"%{ord(sign):02X}" if sign in "/\\%" or not sign.isprintable() else sign for sign in name)
    return name


class UPathIOManager(IOManager):
    """Stores each asset, partition or output in a file (or folder) of its own below `base_path`.

    A subclass says `dump_to_path` and `load_from_path`, and may name an `extension`. Partitions, several partitions in
    one input, atomic replacement and the path in the metadata are taken care of.

    Args:
        base_path: A folder, an fsspec URL or a path object; None is the current directory.
    """

    extension: ClassVar[str | None] = None

    def __init__(self, base_path: Any = None) -> None:
        self._base_path = as_path("." if base_path is None else base_path)

    @abstractmethod
    def dump_to_path(self, context: OutputContext, obj: Any, path: Any) -> None:
        """Write one value; override it.

        Args:
            context: Which output, asset and partition it is.
            obj: The value.
            path: Where to write: the folder is there, the file is not.
        """

    @abstractmethod
    def load_from_path(self, context: InputContext, path: Any) -> Any:
        """Return the value that `dump_to_path` wrote; override it, as a coroutine function too.

        Args:
            context: Which input, asset and partition is loaded.
            path: Where it was written.
        """

    def get_metadata(self, context: OutputContext, obj: Any) -> Mapping[str, Any]:
        """Return more metadata for the event that reports the output; override it.

        Args:
            context: Which output, asset and partition it is.
            obj: The value.
        """
        return {}

    @property
    def base_path(self) -> Any:
        """The folder that everything lies below."""
        return self._base_path

    # -- paths ---------------------------------------------------------------------------------------------------

    def get_asset_relative_path(self, context: InputContext | OutputContext) -> Any:
        """Return the path of an asset below the base, without partition and extension; override it for another
        layout.

        Args:
            context: Which input or output it is of.
        """
        return Path(*map(plain_segment, context.asset_key.path))

    def get_op_output_relative_path(self, context: InputContext | OutputContext) -> Any:
        """Return the path of an op's output below the base, without extension; override it for another layout.

        Args:
            context: Which input or output it is of.
        """
        return Path(*map(plain_segment, context.get_identifier()))

    def get_path_for_partition(self, context: InputContext | OutputContext, path: Any, partition: str) -> Any:
        """Return the path of one partition of what lies at `path`; override it for another layout.

        Args:
            context: Which input or output it is of.
            path: The asset's path, without extension.
            partition: The partition's key as a path.
        """
        return path / partition

    def _with_extension(self, path: Any) -> Any:
        return path.with_name(path.name + self.extension) if self.extension else path

    def _get_path(self, context: InputContext | OutputContext) -> Any:
        relative = (
            self.get_asset_relative_path(context)
            if context.has_asset_key
            else self.get_op_output_relative_path(context)
        )
        return self._with_extension(self._base_path / relative)

    def _get_paths_for_partitions(self, context: InputContext | OutputContext) -> dict[str, Any]:
        base = self._base_path / self.get_asset_relative_path(context)
        return {
            key: self._with_extension(self.get_path_for_partition(context, base, _partition_path(key)))
            for key in context.asset_partition_keys
        }

    def path_exists(self, path: Any) -> bool:
        """Return whether something is stored at `path`.

        Args:
            path: The path.
        """
        return bool(path.exists())

    def make_directory(self, path: Any) -> None:
        """Make a folder and those above it.

        Args:
            path: The folder.

        Raises:
            StorageLocationError: where it cannot be made.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageLocationError(
                f"The folder {path} cannot be made ({error.strerror}); choose a writable base_dir."
            ) from error

    def unlink(self, path: Any) -> None:
        """Remove what is stored at `path`.

        Args:
            path: The path.
        """
        path.unlink()

    def has_output(self, context: OutputContext) -> bool:
        """Return whether the output is stored.

        Args:
            context: Which output, asset and partitions it is.
        """
        paths = (
            list(self._get_paths_for_partitions(context).values())
            if context.has_asset_partitions
            else [self._get_path(context)]
        )
        return all(self.path_exists(path) for path in paths)

    # -- storing and loading -------------------------------------------------------------------------------------

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Store the value; what was there before is replaced as a whole.

        Args:
            context: Which output, asset and partition the value is of.
            obj: The value.

        Raises:
            CheckError: where the output is of several partitions at once.
        """
        if _is_nothing(context):
            if obj is not None:
                raise CheckError(f"The output has the type Nothing, but its value is {type(obj).__name__}.")
            return
        if context.has_asset_partitions:
            paths = self._get_paths_for_partitions(context)
            if len(paths) != 1:
                raise CheckError(
                    f"The current IO manager {type(self).__name__} does not support persisting an output associated "
                    'with multiple partitions. A backfill with the "single run" option does this: launch it with one '
                    "run for each partition."
                )
            path = next(iter(paths.values()))
            self._make_way(context, path.parent)
        else:
            path = self._get_path(context)
        self.make_directory(path.parent)
        self._replace(context, obj, path)
        metadata = {"path": MetadataValue.path(str(path)), **self.get_metadata(context, obj)}
        given = {**context.output_metadata, **context.get_logged_metadata()}
        context.add_output_metadata({key: value for key, value in metadata.items() if key not in given})

    def _make_way(self, context: OutputContext, folder: Any) -> None:
        """Remove the file that lies where the folder of an asset's partitions has to be: it had none before."""
        if folder != self._base_path and self.path_exists(folder) and folder.is_file():
            context.log.warning(f"{folder} holds the asset as it was without partitions; it is removed.")
            self.unlink(folder)

    def _replace(self, context: OutputContext, obj: Any, path: Any) -> None:
        if not isinstance(path, Path) or hasattr(path, "fs"):
            # An object store publishes whole objects.
            self.dump_to_path(context, obj, path)
            return
        folder = path.with_name(f"{TEMPORARY_MARK}{os.getpid()}-{os.urandom(4).hex()}")
        folder.mkdir(mode=0o700)
        try:
            temporary = folder / path.name
            self.dump_to_path(context, obj, temporary)
            faults.hit("output.written")
            if temporary.is_dir() and path.is_dir():
                os.replace(path, folder / "old")
            if temporary.exists():
                os.replace(temporary, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        faults.hit("output.committed")

    def load_input(self, context: InputContext) -> Any:
        """Return the stored value; a mapping by partition where several partitions are asked for.

        Args:
            context: Which input, asset and partitions are to be loaded.

        Raises:
            ValueNotFoundError: where nothing is stored.
        """
        if not context.has_asset_key or not context.has_asset_partitions:
            return self._load(context, self._get_path(context))
        paths = self._get_paths_for_partitions(context)
        if len(paths) == 1:
            return self._load(context, next(iter(paths.values())))
        return self.load_partitions(context, paths)

    def load_partitions(self, context: InputContext, paths: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of several partitions.

        Absent ones are left out where the input's metadata says `allow_missing_partitions`.

        Args:
            context: Which input is loaded.
            paths: By partition key, where it lies.
        """
        allowed = bool(context.definition_metadata.get("allow_missing_partitions"))
        there = {key: path for key, path in paths.items() if not allowed or self.path_exists(path)}
        if inspect.iscoroutinefunction(self.load_from_path):
            return dict(zip(there, self._awaited(context, there.values()), strict=True))
        return {key: self._load(context, path) for key, path in there.items()}

    def _awaited(self, context: InputContext, paths: Iterable[Any]) -> list[Any]:
        """The values at these paths, loaded side by side."""
        asyncio = import_module("asyncio")

        async def loaded() -> list[Any]:
            found: list[Any] = await asyncio.gather(*(self.load_from_path(context, path) for path in paths))
            return found

        return awaited(loaded())

    def _load(self, context: InputContext, path: Any) -> Any:
        try:
            if inspect.iscoroutinefunction(self.load_from_path):
                return self._awaited(context, [path])[0]
            return self.load_from_path(context, path)
        except FileNotFoundError as error:
            raise ValueNotFoundError(f"Nothing is stored at {path}; materialize it first.") from error


def _partition_path(key: str) -> str:
    dimensions = getattr(key, "keys_by_dimension", None)
    if dimensions:
        return "/".join(plain_segment(dimensions[name]) for name in sorted(dimensions))
    return plain_segment(key)


def _is_nothing(context: OutputContext) -> bool:
    return context.wanted_type is type(None)
