"""The words in which sensors ask for records of runs: fills the port `cellmill.definitions.engine.Records`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellmill.definitions.asset_key import AssetKey
from cellmill.instance.event_record import AssetRecordsFilter, RunStatusChangeRecordsFilter
from cellmill.planning.event import EventType
from cellmill.planning.run import RunStatus

if TYPE_CHECKING:
    from cellmill.definitions.engine import Records
    from cellmill.instance import records_port

    _FILLED: Records = records_port


def event_type(name: str) -> EventType:
    """Return a type of event by its name."""
    return EventType[name]


def run_status(name: str) -> RunStatus:
    """Return a state of runs by its name."""
    return RunStatus[name]


def asset_filter(key: AssetKey, after: int | None, partitions: Sequence[str] | None) -> AssetRecordsFilter:
    """Return which events of an asset to find: those behind a place in the log."""
    return AssetRecordsFilter(asset_key=key, after_storage_id=after, asset_partitions=partitions)


def run_status_filter(event_type: EventType, after: int | None) -> RunStatusChangeRecordsFilter:
    """Return which changes of run state to find: those behind a place in the log."""
    return RunStatusChangeRecordsFilter(event_type=event_type, after_storage_id=after)
