"""The IO manager that is used where none is named: it picks the file format by the type of the value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.input_context import InputContext
from cellmill.definitions.io_manager import IOManager
from cellmill.definitions.metadata import MetadataValue
from cellmill.definitions.output_context import OutputContext
from cellmill.definitions.value_ref import ValueRef
from cellmill.errors import CellmillError, CheckError, ValueNotFoundError
from cellmill.io.formats import FORMATS, TABLES, Format
from cellmill.io.naming import partition_segment, value_path
from cellmill.io.preview import describe
from cellmill.io.value_store import ValueStore


class ByTypeIOManager(IOManager):
    """Stores each value as a new version: data frames and Arrow as Parquet, arrays as npy, plain data as JSON or
    text, and the rest as signed pickles.

    An output's own metadata (`{"format": "pickle"}` on the definition) chooses the format of that output.

    Args:
        base: Folder or fsspec URL that all values lie below.
        key_folder: Folder of the key that signs pickles; None takes `CELLMILL_HOME`, or the user's own folder. The key
            in `CELLMILL_KEY` wins over both.
        fsync: Whether each value survives a power cut once it is stored, at the cost of speed.
        format: One format for all values: `parquet`, `npy`, `json`, `text`, `bytes` or `pickle`; None chooses by type.
        previews: Whether size, columns and first rows are kept with what is materialized.
        is_default: Whether `base` is the instance's own store, so that references need not name it.
        options: More options of the value store.
    """

    def __init__(
        self,
        base: str | os.PathLike[str],
        *,
        key_folder: Path | None = None,
        fsync: bool = False,
        format: str | None = None,
        previews: bool = True,
        is_default: bool = True,
        **options: Any,
    ) -> None:
        self.store = ValueStore(base, key_folder=key_folder, fsync=fsync, is_default=is_default, **options)
        self._format = _named_format(format)
        self._previews = previews

    # -- storing -------------------------------------------------------------------------------------------------

    def handle_output(self, context: OutputContext, obj: Any) -> ValueRef | dict[str, ValueRef]:
        """Store a new version and return where it lies; the version is current once the catalog says so.

        What is made for several partitions at once is a mapping by partition; then there is a place for each of them.

        Args:
            context: Which output, asset and partitions the value is of.
            obj: The value.

        Raises:
            CheckError: where the value of several partitions is no mapping with just their keys.
        """
        chosen = self._format
        metadata = context.definition_metadata
        if metadata:
            chosen = _named_format(_plain(metadata.get("format"))) or chosen
        try:
            if not context.has_asset_key:
                ref = self.store.write_file("runs/" + value_path(tuple(context.get_identifier())), obj, chosen)
            elif context.has_asset_partitions and len(context.asset_partition_keys) != 1:
                return self._store_partitions(context, obj, chosen)
            else:
                ref = self.store.write(_place(context.asset_key, _partition(context)), obj, chosen)
        except CellmillError as error:
            error.add_note(f"While storing {_described(context)}.")
            raise
        if self._previews and not isinstance(obj, int | float | str | None):
            context.add_output_metadata(_fresh(context, {**describe(obj), **_facts(ref)}))
        return ref

    def _store_partitions(self, context: OutputContext, obj: Any, chosen: Format | None) -> dict[str, ValueRef]:
        keys = sorted(context.asset_partition_keys)
        if not isinstance(obj, Mapping) or set(obj) != set(keys):
            raise CheckError(
                f"{_described(context)} is made for {len(keys)} partitions at once, so its value must be a mapping "
                f"with exactly these keys: {', '.join(keys[:5])}{' …' if len(keys) > 5 else ''}."
            )
        return {key: self.store.write(_place(context.asset_key, key), obj[key], chosen) for key in keys}

    # -- loading -------------------------------------------------------------------------------------------------

    def load_input(self, context: InputContext) -> Any:
        """Return the current version; a mapping by partition where several partitions are asked for.

        Args:
            context: Which input, asset and partitions are to be loaded.

        Raises:
            ValueNotFoundError: where nothing is stored.
        """
        try:
            if not context.has_asset_key:
                return self._load_output(context)
            if context.has_asset_partitions and len(keys := context.asset_partition_keys) != 1:
                return {key: self._load(context, key) for key in sorted(keys)}
            return _as_wanted(self._load(context, _partition(context)), context)
        except CellmillError as error:
            error.add_note(f"While loading {_described(context)}.")
            raise

    def _load_output(self, context: InputContext) -> Any:
        upstream = context.upstream_output
        if upstream is not None and upstream.value_ref is not None:
            return _as_wanted(self.store.read(upstream.value_ref), context)
        path = "runs/" + value_path(tuple(context.get_identifier()))
        return _as_wanted(self.store.read(self.store.find_file(path)), context)

    def _load(self, context: InputContext, partition: str | None) -> Any:
        upstream = context.upstream_output
        if upstream is not None and upstream.value_ref is not None and not context.has_asset_partitions:
            return self.store.read(upstream.value_ref)
        key = context.asset_key
        if context.find_ref is None:
            return self.store.read(self.store.find(_place(key, partition)))
        ref = context.find_ref(key, partition)
        if ref is None:
            of = "" if partition is None else f", partition {partition!r}"
            raise ValueNotFoundError(f"No value of {key.to_user_string()}{of} is stored; materialize it first.")
        return self.store.read(ref)

    def has_output(self, context: OutputContext) -> bool:
        """Return whether a value of this asset and partition, or of this output of this run, is stored.

        Args:
            context: Which output, asset and partition is meant.
        """
        try:
            if context.has_asset_key:
                self.store.find(_place(context.asset_key, _partition(context)))
            else:
                self.store.find_file("runs/" + value_path(tuple(context.get_identifier())))
        except ValueNotFoundError:
            return False
        return True


def asset_place(asset_key: AssetKey, partition: str | None = None) -> str:
    """The folder of an asset's versions below the store's root."""
    return _place(asset_key, partition)


def _place(asset_key: AssetKey, partition: str | None) -> str:
    place = "assets/" + value_path(asset_key.parts)
    return place if partition is None else f"{place}/{partition_segment(partition)}"


def _partition(context: InputContext | OutputContext) -> str | None:
    return context.asset_partition_key if context.has_asset_partitions else None


def _described(context: InputContext | OutputContext) -> str:
    if context.has_asset_key:
        return f"asset {context.asset_key.to_user_string()}"
    try:
        return "output " + "/".join(context.get_identifier())
    except CellmillError:
        return "a value"


def _named_format(name: Any) -> Format | None:
    if name is None:
        return None
    if name not in FORMATS:
        raise CheckError(f"There is no format {name!r}; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, MetadataValue) else value


def _facts(ref: ValueRef) -> dict[str, MetadataValue[Any]]:
    return {"size_bytes": MetadataValue.int(ref.size), "path": MetadataValue.path(ref.path)}


def _fresh(context: OutputContext, metadata: dict[str, MetadataValue[Any]]) -> dict[str, MetadataValue[Any]]:
    """The metadata but for what the user gave himself."""
    given = {**context.output_metadata, **context.get_logged_metadata()}
    return {key: value for key, value in metadata.items() if key not in given} if given else metadata


def _as_wanted(value: Any, context: InputContext) -> Any:
    """The table in the library that the input is annotated with, where that is another than it was stored from."""
    wanted = context.wanted_type
    if wanted is None or isinstance(value, wanted):
        return value
    name = f"{wanted.__module__.partition('.')[0]}.{wanted.__qualname__}"
    have = f"{type(value).__module__.partition('.')[0]}.{type(value).__qualname__}"
    convert = _CONVERSIONS.get((have, name)) if have in TABLES else None
    return value if convert is None else convert(value, wanted)


_CONVERSIONS: dict[tuple[str, str], Any] = {
    ("polars.DataFrame", "pandas.DataFrame"): lambda value, wanted: value.to_pandas(),
    ("pyarrow.Table", "pandas.DataFrame"): lambda value, wanted: value.to_pandas(),
    ("pandas.DataFrame", "pyarrow.Table"): lambda value, wanted: wanted.from_pandas(value),
    ("polars.DataFrame", "pyarrow.Table"): lambda value, wanted: value.to_arrow(),
    ("pandas.DataFrame", "polars.DataFrame"): lambda value, wanted: wanted(value.to_dict(orient="list")),
    ("pyarrow.Table", "polars.DataFrame"): lambda value, wanted: wanted(value.to_pydict()),
}


def stored_values(instance: Any) -> ByTypeIOManager:
    """Return the IO manager that is used where none is given."""
    return ByTypeIOManager(instance.storage_directory(), key_folder=instance.home)
