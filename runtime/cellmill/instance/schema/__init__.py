"""The tables of an instance, one module for each aggregate."""

from __future__ import annotations

from cellmill.instance.schema.automation import backfill_runs, backfills, instigators, leases, pool_claims, pools, ticks
from cellmill.instance.schema.catalog import asset_checks, asset_partitions, assets, check_evaluations
from cellmill.instance.schema.events import events
from cellmill.instance.schema.partitions import dynamic_partitions
from cellmill.instance.schema.runs import run_tags, runs, snapshots
from cellmill.instance.schema.tables import metadata

__all__ = [
    "asset_checks",
    "asset_partitions",
    "assets",
    "backfill_runs",
    "backfills",
    "check_evaluations",
    "dynamic_partitions",
    "events",
    "instigators",
    "leases",
    "metadata",
    "pool_claims",
    "pools",
    "run_tags",
    "runs",
    "snapshots",
    "ticks",
]
