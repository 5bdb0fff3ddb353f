"""The collection of all tables, and the column types they share.

Instants are seconds since the epoch (double precision), structured data is JSON text: both mean the same in SQLite and
in PostgreSQL, and cost nothing to convert.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Double, Integer, MetaData, Text

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

#: Row ids: SQLite numbers rows only in a column declared INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
Json = Text
Instant = Double
