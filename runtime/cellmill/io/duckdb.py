"""Tables in a DuckDB database: an asset is a table, a partition is some of its rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from cellmill.definitions.input_context import InputContext
from cellmill.definitions.io_manager import IOManager
from cellmill.definitions.output_context import OutputContext
from cellmill.errors import CheckError, MissingExtra, ValueNotFoundError, ValueTypeError
from cellmill.io.formats import TABLES, type_name
from cellmill.io.preview import describe


def quoted(name: str) -> str:
    """The name as an SQL identifier, whatever signs it has."""
    return '"' + name.replace('"', '""') + '"'


class DuckDBIOManager(IOManager):
    """Keeps each asset as the table `<schema>.<name>` of a DuckDB file.

    The schema is the key's part before the last, else `schema`. A partitioned asset names, in its metadata, the column
    that holds the partition (`partition_expr`); storing a partition deletes its rows and inserts the new ones in one
    transaction. Tables of pandas, pyarrow and polars are stored; the input's annotation says what is loaded.

    Args:
        database: Path of the DuckDB file.
        schema: Schema of assets whose key has one part.

    Raises:
        MissingExtra: where duckdb is not installed.
    """

    def __init__(self, database: str | os.PathLike[str], *, schema: str = "public") -> None:
        self._database = os.fspath(database)
        self._schema = schema
        try:
            self._duckdb = import_module("duckdb")
        except ImportError:
            raise MissingExtra("duckdb") from None

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        connection = self._duckdb.connect(self._database)
        try:
            yield connection
        finally:
            connection.close()

    def _table(self, context: InputContext | OutputContext) -> tuple[str, str]:
        path = context.asset_key.path if context.has_asset_key else list(context.get_identifier())
        schema = path[-2] if len(path) > 1 else self._schema
        return quoted(schema), f"{quoted(schema)}.{quoted(path[-1])}"

    @staticmethod
    def _condition(context: InputContext | OutputContext) -> tuple[str, list[Any]]:
        """The `WHERE` that a context's partitions stand for, with its values."""
        if not context.has_asset_partitions:
            return "", []
        upstream = getattr(context, "upstream_output", None)
        metadata = (upstream or context).definition_metadata
        column = metadata.get("partition_expr")
        column = getattr(column, "value", column)
        if not isinstance(column, str):
            raise CheckError(
                f"Asset {context.asset_key.to_user_string()} is partitioned, but its metadata has no 'partition_expr' "
                "that names the column of its partitions."
            )
        definition = context.asset_partitions_def
        if hasattr(definition, "time_window_for_partition_key"):
            window = context.asset_partitions_time_window
            bounds = [window.start.replace(tzinfo=None), window.end.replace(tzinfo=None)]
            return f" WHERE {quoted(column)} >= ? AND {quoted(column)} < ?", bounds
        keys = list(context.asset_partition_keys)
        return f" WHERE {quoted(column)} IN ({', '.join('?' * len(keys))})", keys

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Store the table, or the rows of the partitions, in one transaction.

        Args:
            context: Which output, asset and partitions the table is of.
            obj: A table of pandas, pyarrow or polars; None stores nothing.

        Raises:
            ValueTypeError: where the value is no table.
        """
        if obj is None:
            return
        if type_name(obj) not in TABLES:
            raise ValueTypeError(f"DuckDBIOManager stores tables of pandas, pyarrow or polars; got {type_name(obj)}.")
        schema, table = self._table(context)
        condition, values = self._condition(context)
        with self._connection() as connection:
            connection.register("new_rows", _registered(obj))
            connection.execute("BEGIN")
            connection.execute("CREATE SCHEMA IF NOT EXISTS " + schema)
            if condition:
                connection.execute(f"CREATE TABLE IF NOT EXISTS {table} AS SELECT * FROM new_rows LIMIT 0")
                connection.execute("DELETE FROM " + table + condition, values)
                connection.execute("INSERT INTO " + table + " BY NAME SELECT * FROM new_rows")
            else:
                connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM new_rows")
            connection.execute("COMMIT")
        given = {**context.output_metadata, **context.get_logged_metadata()}
        metadata = {**describe(obj), "table": table.replace('"', "")}
        context.add_output_metadata({key: value for key, value in metadata.items() if key not in given})

    def load_input(self, context: InputContext) -> Any:
        """Return the table, or the rows of the partitions; `columns` in the input's metadata names those that are
        wanted.

        Args:
            context: Which input, asset and partitions are to be loaded.

        Raises:
            ValueNotFoundError: where there is no such table.
        """
        source = context if context.has_asset_key else context.upstream_output
        if source is None:
            raise ValueNotFoundError("DuckDBIOManager loads assets and outputs; this input is neither.")
        _, table = self._table(source)
        condition, values = self._condition(context)
        columns = context.definition_metadata.get("columns")
        columns = getattr(columns, "value", columns)
        shown = ", ".join(map(quoted, columns)) if columns else "*"
        wanted = context.wanted_type
        with self._connection() as connection:
            try:
                found = connection.sql("SELECT " + shown + " FROM " + table + condition, params=values)
            except self._duckdb.CatalogException:
                raise ValueNotFoundError(
                    f"There is no table {table} in {self._database}; materialize it first."
                ) from None
            library = "pandas" if wanted is None else wanted.__module__.partition(".")[0]
            if library == "polars":
                return found.pl()
            return found.to_arrow_table() if library == "pyarrow" else found.df()


def _registered(value: Any) -> Any:
    return value.collect() if type_name(value) == "polars.LazyFrame" else value
