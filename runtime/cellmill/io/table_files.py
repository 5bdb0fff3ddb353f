"""Tables and plain data as files that other programs read: CSV, JSON, Parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from cellmill.definitions.input_context import InputContext
from cellmill.definitions.output_context import OutputContext
from cellmill.errors import ValueTypeError
from cellmill.io.formats import PARQUET, TABLES, type_name
from cellmill.io.preview import describe
from cellmill.io.upath import UPathIOManager


class CSVIOManager(UPathIOManager):
    """Keeps data frames as CSV files; reads them as pandas (or polars, where the input is annotated so).

    Args:
        base_dir: Folder or fsspec URL that the files lie below; None is the current directory.
        read_options: Arguments of `read_csv`, by name.
    """

    extension = ".csv"

    def __init__(self, base_dir: str | None = None, *, read_options: Mapping[str, Any] | None = None) -> None:
        super().__init__(base_dir)
        self._read_options = dict(read_options or {})

    def dump_to_path(self, context: OutputContext, obj: Any, path: Any) -> None:
        """Writes the frame without its index."""
        if hasattr(obj, "to_csv"):
            text = obj.to_csv(index=False)
        elif hasattr(obj, "write_csv"):
            text = obj.write_csv()
        else:
            raise ValueTypeError(f"CSVIOManager stores data frames; got {type(obj).__name__}.")
        path.write_text(text, encoding="utf-8")

    def load_from_path(self, context: InputContext, path: Any) -> Any:
        """Reads the frame."""
        wanted = context.wanted_type
        library = wanted.__module__.partition(".")[0] if wanted is not None else "pandas"
        with path.open("rb") as file:
            return import_module("polars" if library == "polars" else "pandas").read_csv(file, **self._read_options)


class JSONIOManager(UPathIOManager):
    """Keeps plain data as JSON files.

    Args:
        base_dir: Folder or fsspec URL that the files lie below; None is the current directory.
        indent: Spaces of each level in the file; None writes one line.
    """

    extension = ".json"

    def __init__(self, base_dir: str | None = None, *, indent: int | None = None) -> None:
        super().__init__(base_dir)
        self._indent = indent

    def dump_to_path(self, context: OutputContext, obj: Any, path: Any) -> None:
        """Writes the data; what JSON cannot hold is an error that names it."""
        try:
            text = json.dumps(obj, indent=self._indent)
        except (TypeError, ValueError) as error:
            raise ValueTypeError(f"JSONIOManager cannot store this value: {error}") from error
        path.write_text(text, encoding="utf-8")

    def load_from_path(self, context: InputContext, path: Any) -> Any:
        """Reads the data."""
        return json.loads(path.read_text(encoding="utf-8"))


class ParquetIOManager(UPathIOManager):
    """Keeps tables (pandas, pyarrow, polars) as Parquet files, one for each asset and partition.

    The reader gets the library that the input is annotated with, else pandas.

    Args:
        base_dir: Folder or fsspec URL that the files lie below; None is the current directory.
    """

    extension = ".parquet"

    def __init__(self, base_dir: str | None = None) -> None:
        super().__init__(base_dir)

    def dump_to_path(self, context: OutputContext, obj: Any, path: Any) -> None:
        """Writes the table."""
        name = type_name(obj)
        if name not in TABLES:
            raise ValueTypeError(f"ParquetIOManager stores tables of pandas, pyarrow or polars; got {name}.")
        with path.open("wb") as file:
            PARQUET.dump(obj, file)

    def load_from_path(self, context: InputContext, path: Any) -> Any:
        """Reads the table."""
        wanted = context.wanted_type
        name = "pandas.DataFrame" if wanted is None else f"{wanted.__module__.partition('.')[0]}.{wanted.__qualname__}"
        with path.open("rb") as file:
            return PARQUET.load(file, name)

    def get_metadata(self, context: OutputContext, obj: Any) -> Mapping[str, Any]:
        """Rows, columns, nulls and a preview."""
        return describe(obj)
