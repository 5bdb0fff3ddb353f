"""Runs, their tags, and the snapshots of the code that ran."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint, text

from cellmill.instance.schema.tables import Id, Instant, Json, metadata

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", Text, nullable=False),
    Column("job_name", Text, nullable=False),
    Column("location", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("attempt", Integer, nullable=False, server_default=text("1")),
    # How many events the run has; the next event's number in the run is one more.
    Column("event_count", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("root_run_id", Text),
    Column("parent_run_id", Text),
    Column("code_snapshot", Text),
    Column("reason", Text),
    # Who asked (a sensor, a schedule) and under which key: at most one run for each pair.
    Column("origin", Text),
    Column("run_key", Text),
    # The process that works on the run, and until when it is believed to live.
    Column("owner", Text),
    Column("lease_expires_at", Instant),
    Column("body", Json, nullable=False),
    UniqueConstraint("run_id"),
    UniqueConstraint("origin", "run_key"),
    Index("ix_runs_status_priority_id", "status", "priority", "id"),
    Index("ix_runs_job_name_id", "job_name", "id"),
    Index(
        "ix_runs_lease_expires_at",
        "lease_expires_at",
        sqlite_where=text("lease_expires_at IS NOT NULL"),
        postgresql_where=text("lease_expires_at IS NOT NULL"),
    ),
    Index(
        "ix_runs_root_run_id",
        "root_run_id",
        sqlite_where=text("root_run_id IS NOT NULL"),
        postgresql_where=text("root_run_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

run_tags = Table(
    "run_tags",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_run_tags_key_value_run_id", "key", "value", "run_id"),
    sqlite_with_rowid=False,
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)
