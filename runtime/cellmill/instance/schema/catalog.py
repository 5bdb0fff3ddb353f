"""What is known now of each asset, partition and check: kept by the transaction that appends the event."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Integer, Table, Text

from cellmill.instance.schema.tables import Id, Instant, Json, metadata


def _latest() -> list[Column[Any]]:
    """The columns that describe the latest materialization and observation."""
    return [
        Column("event_id", Id),
        Column("run_id", Text),
        Column("timestamp", Instant),
        Column("data_version", Text),
        Column("code_version", Text),
        # The versions of the upstreams that went in, by asset key.
        Column("inputs", Json),
        Column("value_ref", Json),
        Column("observation_id", Id),
        Column("observed_at", Instant),
        Column("observed_version", Text),
        Column("planned_id", Id),
        Column("planned_run_id", Text),
    ]


assets = Table(
    "assets",
    metadata,
    Column("asset_key", Text, primary_key=True),
    Column("partition", Text),
    *_latest(),
    Column("created_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

asset_partitions = Table(
    "asset_partitions",
    metadata,
    Column("asset_key", Text, primary_key=True),
    Column("partition", Text, primary_key=True),
    *_latest(),
    sqlite_with_rowid=False,
)

asset_checks = Table(
    "asset_checks",
    metadata,
    Column("asset_key", Text, primary_key=True),
    Column("check_name", Text, primary_key=True),
    Column("event_id", Id),
    Column("run_id", Text),
    Column("timestamp", Instant),
    Column("passed", Integer),
    Column("severity", Text),
    Column("planned_id", Id),
    Column("planned_run_id", Text),
    sqlite_with_rowid=False,
)

check_evaluations = Table(
    "check_evaluations",
    metadata,
    Column("event_id", Id, primary_key=True, autoincrement=False),
    Column("asset_key", Text, nullable=False),
    Column("check_name", Text, nullable=False),
    Column("partition", Text),
    Column("run_id", Text, nullable=False),
    Column("timestamp", Instant, nullable=False),
    Column("passed", Integer, nullable=False),
    Column("severity", Text, nullable=False),
    Index("ix_check_evaluations_asset_key_check_name_event_id", "asset_key", "check_name", "event_id"),
)
