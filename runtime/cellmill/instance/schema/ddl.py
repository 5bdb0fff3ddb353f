"""The statements that create the schema in one database, made from the tables."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from cellmill.instance.schema import metadata

_DIALECTS: dict[str, type[Dialect]] = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}


def create_statements(dialect: str) -> Sequence[str]:
    """`CREATE` statements for every table and index, in an order in which they can be performed."""
    made = _DIALECTS[dialect]()
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=made)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            statements.append(str(CreateIndex(index).compile(dialect=made)))
    return [" ".join(statement.split()) for statement in statements]
