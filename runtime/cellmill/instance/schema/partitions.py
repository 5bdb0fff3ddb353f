"""The keys of dynamic partitions, in the order they were added."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text, UniqueConstraint

from cellmill.instance.schema.tables import Id, Instant, metadata

dynamic_partitions = Table(
    "dynamic_partitions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("partition", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("name", "partition"),
    sqlite_autoincrement=True,
)
