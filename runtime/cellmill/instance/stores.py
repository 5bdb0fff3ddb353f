"""The stores of one instance, put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cellmill.instance.automation import Automation
from cellmill.instance.backfill_store import Backfills
from cellmill.instance.catalog import Catalog
from cellmill.instance.dynamic_partitions import DynamicPartitions
from cellmill.instance.event_store import EventStore
from cellmill.instance.leases import Leases
from cellmill.instance.run_store import RunStore
from cellmill.instance.snapshots import Snapshots
from cellmill.instance.sql import Database
from cellmill.planning.event import Event


class Stores:
    """One small store for each aggregate, all on one database; the base of `Instance`."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.runs = RunStore(db)
        self.events = EventStore(db)
        self.catalog = Catalog(db)
        self.dynamic_partitions = DynamicPartitions(db)
        self.automation = Automation(db)
        self.leases = Leases(db)
        self.backfills = Backfills(db)
        self.snapshots = Snapshots(db)
        self._listeners: dict[str | None, list[Callable[[Event], None]]] = {}

    def _notify(self, events: Sequence[Event]) -> None:
        if not self._listeners:
            return
        for event in events:
            for listener in (*self._listeners.get(event.run_id, ()), *self._listeners.get(None, ())):
                listener(event)
