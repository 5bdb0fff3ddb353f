"""What schedules, sensors, backfills, leases and pools remember."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint, text

from cellmill.instance.schema.tables import Id, Instant, Json, metadata

instigators = Table(
    "instigators",
    metadata,
    # The user's stable name of it ("location:sensor:name"), never a row id that a new deployment would change.
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("location", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False),
    # Cursors live here and not on ticks: ticks may be purged.
    Column("cursor", Text),
    Column("definition_hash", Text),
    Column("last_tick_at", Instant),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("updated_at", Instant, nullable=False),
    Column("body", Json, nullable=False, server_default="{}"),
    sqlite_with_rowid=False,
)

ticks = Table(
    "ticks",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("instigator_id", Text, nullable=False),
    # Whole seconds since the epoch: with the instigator, what is unique in the world.
    Column("at", Id, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("1")),
    Column("owner", Text),
    Column("expires_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("body", Json, nullable=False, server_default="{}"),
    UniqueConstraint("instigator_id", "at"),
    Index("ix_ticks_status_id", "status", "id"),
    sqlite_autoincrement=True,
)

backfills = Table(
    "backfills",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("backfill_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    # Counts changes; whoever writes must have seen the number it replaces.
    Column("revision", Integer, nullable=False, server_default=text("0")),
    Column("body", Json, nullable=False),
    UniqueConstraint("backfill_id"),
    Index("ix_backfills_status_id", "status", "id"),
    sqlite_autoincrement=True,
)

backfill_runs = Table(
    "backfill_runs",
    metadata,
    Column("backfill_id", Text, primary_key=True),
    # Which part of the backfill the run makes (a partition key, or a chunk's name): at most one run each.
    Column("part", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    # One start of one process: never reused, unlike a host name or process id.
    Column("owner", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("renewed_at", Instant, nullable=False),
    Column("body", Json, nullable=False, server_default="{}"),
    sqlite_with_rowid=False,
)

pools = Table(
    "pools",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slots", Integer, nullable=False),
    sqlite_with_rowid=False,
)

pool_claims = Table(
    "pool_claims",
    metadata,
    Column("pool", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("step_key", Text, primary_key=True),
    Column("claimed_at", Instant, nullable=False),
    Index("ix_pool_claims_run_id", "run_id"),
    sqlite_with_rowid=False,
)
