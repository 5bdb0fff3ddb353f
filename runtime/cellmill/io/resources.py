"""The built-in IO managers as resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cellmill.definitions.config.field import Field
from cellmill.definitions.init_resource_context import InitResourceContext
from cellmill.definitions.io_manager import io_manager
from cellmill.io.default import ByTypeIOManager
from cellmill.io.duckdb import DuckDBIOManager
from cellmill.io.filesystem import PickledObjectFilesystemIOManager
from cellmill.io.memory import InMemoryIOManager
from cellmill.io.signing import key_folder
from cellmill.io.table_files import CSVIOManager, JSONIOManager, ParquetIOManager
from cellmill.io.upath import UPathIOManager

_BASE_DIR = {"base_dir": Field(str, is_required=False, description="Folder or URL that everything lies below.")}


def _base(context: InitResourceContext) -> tuple[str, Path | None]:
    """The folder to store in, and the folder of the key that signs pickles."""
    config: Any = context.resource_config or {}
    given = config.get("base_dir")
    instance = context.instance
    home = key_folder(instance)
    if given:
        return str(given), home
    return ("storage" if instance is None else instance.storage_directory()), home


@io_manager(
    config_schema={
        **_BASE_DIR,
        "format": Field(str, is_required=False, description="Force one file format instead of choosing by type."),
        "fsync": Field(bool, default_value=False, description="Survive a power cut, at the cost of speed."),
    },
    description="Stores values by their type, each write as a new version.",
)
def by_type_io_manager(init_context: InitResourceContext) -> ByTypeIOManager:
    """The IO manager that is used where none is named."""
    base, home = _base(init_context)
    config = init_context.resource_config or {}
    return ByTypeIOManager(
        base,
        key_folder=home,
        fsync=config.get("fsync", False),
        format=config.get("format"),
        is_default=not config.get("base_dir"),
    )


@io_manager(
    config_schema=_BASE_DIR,
    description="Built-in filesystem IO manager that stores and retrieves values using pickling.",
)
def fs_io_manager(init_context: InitResourceContext) -> PickledObjectFilesystemIOManager:
    """Pickles at `<base_dir>/<asset key>[/<partition>]`."""
    base, home = _base(init_context)
    return PickledObjectFilesystemIOManager(base, key_folder=home)


@io_manager(description="Built-in IO manager that stores and retrieves values in memory.")
def mem_io_manager(_: InitResourceContext) -> InMemoryIOManager:
    """Values in this process's memory."""
    return InMemoryIOManager()


@io_manager(config_schema=_BASE_DIR, description="Tables of pandas, pyarrow and polars as Parquet files.")
def parquet_io_manager(init_context: InitResourceContext) -> ParquetIOManager:
    """Parquet files at `<base_dir>/<asset key>[/<partition>].parquet`."""
    return ParquetIOManager(_base(init_context)[0])


@io_manager(config_schema=_BASE_DIR, description="Data frames as CSV files.")
def csv_io_manager(init_context: InitResourceContext) -> CSVIOManager:
    """CSV files at `<base_dir>/<asset key>[/<partition>].csv`."""
    return CSVIOManager(_base(init_context)[0])


@io_manager(config_schema=_BASE_DIR, description="Plain data as JSON files.")
def json_io_manager(init_context: InitResourceContext) -> JSONIOManager:
    """JSON files at `<base_dir>/<asset key>[/<partition>].json`."""
    return JSONIOManager(_base(init_context)[0])


@io_manager(
    config_schema={"database": Field(str), "schema": Field(str, default_value="public")},
    description="Assets as tables of a DuckDB database, partitions as some of their rows.",
)
def duckdb_io_manager(init_context: InitResourceContext) -> DuckDBIOManager:
    """Tables in a DuckDB file."""
    config: Any = init_context.resource_config
    return DuckDBIOManager(config["database"], schema=config["schema"])


def default_io_manager(instance: Any) -> ByTypeIOManager:
    """The IO manager that an instance uses where none is named."""
    return ByTypeIOManager(instance.storage_directory(), key_folder=Path(instance.root_directory))


__all__ = [
    "UPathIOManager",
    "by_type_io_manager",
    "csv_io_manager",
    "default_io_manager",
    "duckdb_io_manager",
    "fs_io_manager",
    "json_io_manager",
    "mem_io_manager",
    "parquet_io_manager",
]
