"""The event log."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint, text

from cellmill.instance.schema.tables import Id, Instant, Json, metadata

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", Text, nullable=False),
    # Dense in each run: 1, 2, 3 …
    Column("seq", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("timestamp", Instant, nullable=False),
    Column("level", Integer, nullable=False),
    Column("step_key", Text),
    Column("asset_key", Text),
    Column("partition", Text),
    # The type once more, on events that readers follow across runs: a short index instead of one over all events.
    Column("feed", Text),
    Column("message", Text),
    Column("body", Json),
    UniqueConstraint("run_id", "seq"),
    Index(
        "ix_events_asset_key_type_id",
        "asset_key",
        "type",
        "id",
        sqlite_where=text("asset_key IS NOT NULL"),
        postgresql_where=text("asset_key IS NOT NULL"),
    ),
    Index(
        "ix_events_asset_key_partition_type_id",
        "asset_key",
        "partition",
        "type",
        "id",
        sqlite_where=text("partition IS NOT NULL"),
        postgresql_where=text("partition IS NOT NULL"),
    ),
    Index(
        "ix_events_feed_id",
        "feed",
        "id",
        sqlite_where=text("feed IS NOT NULL"),
        postgresql_where=text("feed IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)
