"""The newest SQLite schema as text, so that a fresh store needs neither SQLAlchemy nor Alembic.

Written by `python -m cellmill.instance.schema`; a test compares it with the tables and with the migrations.
"""

from __future__ import annotations

#: The newest migration.
HEAD = "0001"

STATEMENTS = (
    "CREATE TABLE asset_checks ( asset_key TEXT NOT NULL, check_name TEXT NOT NULL, event_id INTEGER, "
    "run_id TEXT, timestamp DOUBLE, passed INTEGER, severity TEXT, planned_id INTEGER, planned_run_id "
    "TEXT, PRIMARY KEY (asset_key, check_name) ) WITHOUT ROWID",
    "CREATE TABLE asset_partitions ( asset_key TEXT NOT NULL, partition TEXT NOT NULL, event_id INTEGER, "
    "run_id TEXT, timestamp DOUBLE, data_version TEXT, code_version TEXT, inputs TEXT, value_ref TEXT, "
    "observation_id INTEGER, observed_at DOUBLE, observed_version TEXT, planned_id INTEGER, "
    "planned_run_id TEXT, PRIMARY KEY (asset_key, partition) ) WITHOUT ROWID",
    "CREATE TABLE assets ( asset_key TEXT NOT NULL, partition TEXT, event_id INTEGER, run_id TEXT, "
    "timestamp DOUBLE, data_version TEXT, code_version TEXT, inputs TEXT, value_ref TEXT, observation_id "
    "INTEGER, observed_at DOUBLE, observed_version TEXT, planned_id INTEGER, planned_run_id TEXT, "
    "created_at DOUBLE NOT NULL, PRIMARY KEY (asset_key) ) WITHOUT ROWID",
    "CREATE TABLE backfill_runs ( backfill_id TEXT NOT NULL, part TEXT NOT NULL, run_id TEXT NOT NULL, "
    "PRIMARY KEY (backfill_id, part) ) WITHOUT ROWID",
    "CREATE TABLE backfills ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, backfill_id TEXT NOT NULL, "
    "status TEXT NOT NULL, created_at DOUBLE NOT NULL, ended_at DOUBLE, revision INTEGER DEFAULT 0 NOT "
    "NULL, body TEXT NOT NULL, CONSTRAINT uq_backfills_backfill_id UNIQUE (backfill_id) )",
    "CREATE INDEX ix_backfills_status_id ON backfills (status, id)",
    "CREATE TABLE check_evaluations ( event_id INTEGER NOT NULL, asset_key TEXT NOT NULL, check_name TEXT "
    "NOT NULL, partition TEXT, run_id TEXT NOT NULL, timestamp DOUBLE NOT NULL, passed INTEGER NOT NULL, "
    "severity TEXT NOT NULL, PRIMARY KEY (event_id) )",
    "CREATE INDEX ix_check_evaluations_asset_key_check_name_event_id ON check_evaluations (asset_key, "
    "check_name, event_id)",
    "CREATE TABLE dynamic_partitions ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, "
    "partition TEXT NOT NULL, created_at DOUBLE NOT NULL, CONSTRAINT uq_dynamic_partitions_name_partition "
    "UNIQUE (name, partition) )",
    "CREATE TABLE events ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, seq "
    "INTEGER NOT NULL, type TEXT NOT NULL, timestamp DOUBLE NOT NULL, level INTEGER NOT NULL, step_key "
    "TEXT, asset_key TEXT, partition TEXT, feed TEXT, message TEXT, body TEXT, CONSTRAINT "
    "uq_events_run_id_seq UNIQUE (run_id, seq) )",
    "CREATE INDEX ix_events_asset_key_partition_type_id ON events (asset_key, partition, type, id) WHERE "
    "partition IS NOT NULL",
    "CREATE INDEX ix_events_asset_key_type_id ON events (asset_key, type, id) WHERE asset_key IS NOT NULL",
    "CREATE INDEX ix_events_feed_id ON events (feed, id) WHERE feed IS NOT NULL",
    "CREATE TABLE instigators ( id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, location TEXT "
    "DEFAULT '' NOT NULL, status TEXT NOT NULL, cursor TEXT, definition_hash TEXT, last_tick_at DOUBLE, "
    "failures INTEGER DEFAULT 0 NOT NULL, updated_at DOUBLE NOT NULL, body TEXT DEFAULT '{}' NOT NULL, "
    "PRIMARY KEY (id) ) WITHOUT ROWID",
    "CREATE TABLE leases ( name TEXT NOT NULL, owner TEXT NOT NULL, fence INTEGER NOT NULL, expires_at "
    "DOUBLE NOT NULL, renewed_at DOUBLE NOT NULL, body TEXT DEFAULT '{}' NOT NULL, PRIMARY KEY (name) ) "
    "WITHOUT ROWID",
    "CREATE TABLE pool_claims ( pool TEXT NOT NULL, run_id TEXT NOT NULL, step_key TEXT NOT NULL, "
    "claimed_at DOUBLE NOT NULL, PRIMARY KEY (pool, run_id, step_key) ) WITHOUT ROWID",
    "CREATE INDEX ix_pool_claims_run_id ON pool_claims (run_id)",
    "CREATE TABLE pools ( name TEXT NOT NULL, slots INTEGER NOT NULL, PRIMARY KEY (name) ) WITHOUT ROWID",
    'CREATE TABLE run_tags ( run_id TEXT NOT NULL, "key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY '
    '(run_id, "key") ) WITHOUT ROWID',
    'CREATE INDEX ix_run_tags_key_value_run_id ON run_tags ("key", value, run_id)',
    "CREATE TABLE runs ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, job_name "
    "TEXT NOT NULL, location TEXT DEFAULT '' NOT NULL, status TEXT NOT NULL, priority INTEGER DEFAULT 0 "
    "NOT NULL, attempt INTEGER DEFAULT 1 NOT NULL, event_count INTEGER DEFAULT 0 NOT NULL, created_at "
    "DOUBLE NOT NULL, updated_at DOUBLE NOT NULL, started_at DOUBLE, ended_at DOUBLE, root_run_id TEXT, "
    "parent_run_id TEXT, code_snapshot TEXT, reason TEXT, origin TEXT, run_key TEXT, owner TEXT, "
    "lease_expires_at DOUBLE, body TEXT NOT NULL, CONSTRAINT uq_runs_run_id UNIQUE (run_id), CONSTRAINT "
    "uq_runs_origin_run_key UNIQUE (origin, run_key) )",
    "CREATE INDEX ix_runs_job_name_id ON runs (job_name, id)",
    "CREATE INDEX ix_runs_lease_expires_at ON runs (lease_expires_at) WHERE lease_expires_at IS NOT NULL",
    "CREATE INDEX ix_runs_root_run_id ON runs (root_run_id) WHERE root_run_id IS NOT NULL",
    "CREATE INDEX ix_runs_status_priority_id ON runs (status, priority, id)",
    "CREATE TABLE snapshots ( hash TEXT NOT NULL, kind TEXT NOT NULL, created_at DOUBLE NOT NULL, body "
    "TEXT NOT NULL, PRIMARY KEY (hash) ) WITHOUT ROWID",
    "CREATE TABLE ticks ( id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, instigator_id TEXT NOT NULL, at "
    "INTEGER NOT NULL, status TEXT NOT NULL, attempt INTEGER DEFAULT 1 NOT NULL, owner TEXT, expires_at "
    "DOUBLE, created_at DOUBLE NOT NULL, ended_at DOUBLE, body TEXT DEFAULT '{}' NOT NULL, CONSTRAINT "
    "uq_ticks_instigator_id_at UNIQUE (instigator_id, at) )",
    "CREATE INDEX ix_ticks_status_id ON ticks (status, id)",
)
