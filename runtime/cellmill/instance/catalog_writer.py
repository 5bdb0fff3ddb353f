"""What events change in the catalog, as rows for the transaction that appends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cellmill.definitions.output import DATA_VERSION_TAG, INPUT_DATA_VERSION_TAG_PREFIX
from cellmill.instance import wire
from cellmill.instance.event_row import key_text
from cellmill.instance.sql import Transaction
from cellmill.planning.event import Event, EventType

CODE_VERSION_TAG = "dagster/code_version"
_INPUT_PREFIX = INPUT_DATA_VERSION_TAG_PREFIX + "/"

_MADE = "event_id, run_id, timestamp, data_version, code_version, inputs, value_ref"
_SET_MADE = ", ".join(f"{name.strip()} = excluded.{name.strip()}" for name in _MADE.split(","))
_MARKS = "?, ?, ?, ?, ?, ?, ?"

MATERIALIZED_ASSET = (
    "INSERT INTO assets (asset_key, partition, created_at, " + _MADE + ") VALUES (?, ?, ?, " + _MARKS + ") "
    "ON CONFLICT (asset_key) DO UPDATE SET partition = excluded.partition, " + _SET_MADE
)
MATERIALIZED_PARTITION = (
    "INSERT INTO asset_partitions (asset_key, partition, " + _MADE + ") VALUES (?, ?, " + _MARKS + ") "
    "ON CONFLICT (asset_key, partition) DO UPDATE SET " + _SET_MADE
)
OBSERVED_ASSET = (
    "INSERT INTO assets (asset_key, created_at, observation_id, observed_at, observed_version) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (asset_key) DO UPDATE SET observation_id = excluded.observation_id, "
    "observed_at = excluded.observed_at, "
    "observed_version = coalesce(excluded.observed_version, assets.observed_version)"
)
OBSERVED_PARTITION = (
    "INSERT INTO asset_partitions (asset_key, partition, observation_id, observed_at, observed_version) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (asset_key, partition) DO UPDATE SET "
    "observation_id = excluded.observation_id, observed_at = excluded.observed_at, "
    "observed_version = coalesce(excluded.observed_version, asset_partitions.observed_version)"
)
PLANNED_ASSET = (
    "INSERT INTO assets (asset_key, created_at, planned_id, planned_run_id) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (asset_key) DO UPDATE SET planned_id = excluded.planned_id, planned_run_id = excluded.planned_run_id"
)
PLANNED_PARTITION = (
    "INSERT INTO asset_partitions (asset_key, partition, planned_id, planned_run_id) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (asset_key, partition) DO UPDATE SET planned_id = excluded.planned_id, "
    "planned_run_id = excluded.planned_run_id"
)
EVALUATED_CHECK = (
    "INSERT INTO asset_checks (asset_key, check_name, event_id, run_id, timestamp, passed, severity) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (asset_key, check_name) DO UPDATE SET event_id = excluded.event_id, "
    "run_id = excluded.run_id, timestamp = excluded.timestamp, passed = excluded.passed, severity = excluded.severity"
)
CHECK_HISTORY = (
    "INSERT INTO check_evaluations (event_id, asset_key, check_name, partition, run_id, timestamp, passed, severity) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
PLANNED_CHECK = (
    "INSERT INTO asset_checks (asset_key, check_name, planned_id, planned_run_id) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (asset_key, check_name) DO UPDATE SET planned_id = excluded.planned_id, "
    "planned_run_id = excluded.planned_run_id"
)

Changes = dict[str, list[Sequence[Any]]]


def _add(changes: Changes, statement: str, row: Sequence[Any]) -> None:
    rows = changes.get(statement)
    if rows is None:
        changes[statement] = [row]
    else:
        rows.append(row)


def _materialized(changes: Changes, event: Event, event_id: int) -> None:
    if event.asset_key is None:
        return
    key = key_text(event.asset_key)
    tags = event.data.materialization.tags
    ref = event.data.value_ref
    data_version = code_version = inputs = None
    if tags:
        data_version = tags.get(DATA_VERSION_TAG)
        code_version = tags.get(CODE_VERSION_TAG)
        start = len(_INPUT_PREFIX)
        versions = {name[start:]: value for name, value in tags.items() if name[:start] == _INPUT_PREFIX}
        inputs = wire.dumps(versions) if versions else None
    made = (
        event_id,
        event.run_id,
        event.timestamp,
        data_version,
        code_version,
        inputs,
        None if ref is None else wire.dumps(ref.to_dict()),
    )
    _add(changes, MATERIALIZED_ASSET, (key, event.partition, event.timestamp, *made))
    if event.partition is not None:
        _add(changes, MATERIALIZED_PARTITION, (key, event.partition, *made))


def _observed(changes: Changes, event: Event, event_id: int) -> None:
    if event.asset_key is None:
        return
    key = key_text(event.asset_key)
    version = (event.data.asset_observation.tags or {}).get(DATA_VERSION_TAG)
    if event.partition is None:
        _add(changes, OBSERVED_ASSET, (key, event.timestamp, event_id, event.timestamp, version))
        return
    _add(changes, OBSERVED_ASSET, (key, event.timestamp, event_id, event.timestamp, None))
    _add(changes, OBSERVED_PARTITION, (key, event.partition, event_id, event.timestamp, version))


def _planned(changes: Changes, event: Event, event_id: int) -> None:
    if event.asset_key is None:
        return
    key = key_text(event.asset_key)
    _add(changes, PLANNED_ASSET, (key, event.timestamp, event_id, event.run_id))
    partitions = [event.partition] if event.partition is not None else _subset_keys(event.data)
    for partition in partitions:
        _add(changes, PLANNED_PARTITION, (key, partition, event_id, event.run_id))


def _subset_keys(data: Any) -> Sequence[str]:
    subset = getattr(data, "partitions_subset", None)
    return () if subset is None else list(subset.get_partition_keys())


def _checked(changes: Changes, event: Event, event_id: int) -> None:
    result = event.data
    key = key_text(result.asset_key)
    passed, severity = int(bool(result.passed)), result.severity.value
    name = result.check_name
    _add(changes, EVALUATED_CHECK, (key, name, event_id, event.run_id, event.timestamp, passed, severity))
    _add(
        changes,
        CHECK_HISTORY,
        (event_id, key, name, event.partition, event.run_id, event.timestamp, passed, severity),
    )


def _check_planned(changes: Changes, event: Event, event_id: int) -> None:
    data = event.data
    _add(changes, PLANNED_CHECK, (key_text(data.asset_key), data.check_name, event_id, event.run_id))


_CHANGES: dict[EventType, Callable[[Changes, Event, int], None]] = {
    EventType.ASSET_MATERIALIZATION: _materialized,
    EventType.ASSET_OBSERVATION: _observed,
    EventType.ASSET_MATERIALIZATION_PLANNED: _planned,
    EventType.ASSET_CHECK_EVALUATION: _checked,
    EventType.ASSET_CHECK_EVALUATION_PLANNED: _check_planned,
}


def update_catalog(tx: Transaction, events: Sequence[Event], last_event_id: str) -> int:
    """Performs what the events change, and returns the id of the last of them, if they change anything (else 0).

    They were inserted just now, in this order, without a gap; `last_event_id` is the query for the id of the last.
    """
    found = [(index, change, event) for index, event in enumerate(events) if (change := _CHANGES.get(event.type))]
    if not found:
        return 0
    row = tx.row(last_event_id)
    assert row is not None
    first_id = row[0] - len(events) + 1
    changes: Changes = {}
    for index, change, event in found:
        change(changes, event, first_id + index)
    for statement, rows in changes.items():
        if len(rows) == 1:
            tx.run(statement, rows[0])
        else:
            tx.run_many(statement, rows)
    return int(row[0])
