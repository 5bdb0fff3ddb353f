"""The way events get in: one short transaction for a batch, with everything they change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from cellmill import faults
from cellmill.errors import (
    LeaseLostError,
    RunFinishedError,
    RunNotFoundError,
    StorageConnectionError,
    StorageError,
)
from cellmill.instance.catalog_writer import update_catalog
from cellmill.instance.event_row import INSERT, as_rows, clean_row
from cellmill.instance.run_store import FINISHED, record_new_run
from cellmill.instance.sql import Database, Query, Transaction
from cellmill.planning.event import RUN_EVENTS, Event, EventType
from cellmill.planning.run import FINISHED_STATUSES, Run, RunStatus
from cellmill.redaction import redacted

_NUMBER = Query("UPDATE runs SET event_count = event_count + ?, updated_at = ? WHERE run_id = ? AND attempt = ?").text
NUMBER = _NUMBER + " RETURNING event_count"
STATUS = (
    "UPDATE runs SET status = ?, started_at = coalesce(started_at, ?), ended_at = coalesce(?, ended_at), "
    "reason = coalesce(?, reason), lease_expires_at = CASE WHEN ? THEN NULL ELSE lease_expires_at END "
    "WHERE run_id = ? AND attempt = ? AND status NOT IN (?, ?, ?) AND (status <> 'CANCELING' OR ?)"
)

#: The state that an event of a run brings it into.
STATUS_OF: dict[EventType, RunStatus] = {
    EventType.RUN_ENQUEUED: RunStatus.QUEUED,
    EventType.RUN_STARTING: RunStatus.STARTING,
    EventType.RUN_START: RunStatus.STARTED,
    EventType.RUN_SUCCESS: RunStatus.SUCCESS,
    EventType.RUN_FAILURE: RunStatus.FAILURE,
    EventType.RUN_CANCELING: RunStatus.CANCELING,
    EventType.RUN_CANCELED: RunStatus.CANCELED,
}
#: A run that is being cancelled only ends.
_AFTER_CANCELING = FINISHED_STATUSES | {RunStatus.CANCELING}

Listener = Callable[[Sequence[Event]], None]


class RunWriter:
    """Appends the events of one attempt at one run; refused as soon as another attempt has taken the run over.

    Each `append` is one transaction: the events, what they change in the catalog, and the run's state, or nothing.
    """

    __slots__ = ("_attempt", "_db", "_listener", "_new", "_run_id")

    def __init__(
        self, db: Database, run_id: str, attempt: int = 1, listener: Listener | None = None, *, new: Run | None = None
    ) -> None:
        self._db = db
        self._run_id = run_id
        self._attempt = attempt
        self._listener = listener
        #: The run itself, while nothing of it is recorded: it comes in with its first events.
        self._new = new

    @property
    def run_id(self) -> str:
        """The run that is written."""
        return self._run_id

    def append(self, events: Sequence[Event]) -> None:
        """Appends the events, in this order.

        Args:
            events: Events of this run.

        Raises:
            DuplicateRunError: where the run is new and its id is taken.
            LeaseLostError: where another attempt owns the run.
            RunFinishedError: where the events would change the state of a run that has ended.
            StorageBusyError: or its like, where the database cannot be written.
        """
        if not events:
            return
        try:
            self._append(events)
        except StorageConnectionError:
            # The connection broke before or while committing; numbers tell which, so nothing can be doubled.
            if not self._arrived(events):
                self._append(events)
        self._new = None
        if self._listener is not None:
            self._listener(events)

    def _append(self, events: Sequence[Event]) -> None:
        with self._db.write() as tx:
            if self._new is not None:
                record_new_run(tx, self._new, now=self._db.now())
            append_in(tx, self._db, self._run_id, self._attempt, events)

    def _arrived(self, events: Sequence[Event]) -> bool:
        row = self._db.row(
            "SELECT type, timestamp FROM events WHERE run_id = ? ORDER BY seq DESC LIMIT 1", (self._run_id,)
        )
        return row is not None and (row[0], row[1]) == (events[-1].type.value, events[-1].timestamp)


def append_in(tx: Transaction, db: Database, run_id: str, attempt: int, events: Sequence[Event]) -> None:
    """Appends events inside a transaction that is already open."""
    count = len(events)
    row = tx.row(NUMBER, (count, events[-1].timestamp, run_id, attempt))
    if row is None:
        raise _refused(tx, run_id, attempt)
    rows = as_rows(events, row[0] - count)
    if db.order_commits:
        tx.rows(db.order_commits)
    try:
        tx.run_many(INSERT, rows)
    except UnicodeError:
        _insert_cleaned(tx, rows)
    update_catalog(tx, events, db.last_event_id)
    for event in events:
        if event.type in RUN_EVENTS:
            _change_status(tx, run_id, attempt, event)
    faults.hit("event.appended")


def _insert_cleaned(tx: Transaction, rows: Sequence[tuple[object, ...]]) -> None:
    # Some rows may have gone in before the one that could not be encoded.
    first = rows[0]
    tx.run("DELETE FROM events WHERE run_id = ? AND seq >= ?", (first[0], first[1]))
    tx.run_many(INSERT, [clean_row(row) for row in rows])


def _change_status(tx: Transaction, run_id: str, attempt: int, event: Event) -> None:
    status = STATUS_OF.get(event.type)
    if status is None:
        return
    finished = status in FINISHED_STATUSES
    changed = tx.run(
        STATUS,
        (
            status.value,
            event.timestamp if status is RunStatus.STARTED else None,
            event.timestamp if finished else None,
            redacted(event.message or "") if status in (RunStatus.FAILURE, RunStatus.CANCELED) else None,
            finished,
            run_id,
            attempt,
            *FINISHED,
            status in _AFTER_CANCELING,
        ),
    )
    if changed != 1:
        row = tx.row("SELECT status FROM runs WHERE run_id = ?", (run_id,))
        if row is not None and row[0] == RunStatus.CANCELING.value:
            return
        raise RunFinishedError(
            f"Run {run_id} has already ended ({row[0] if row else 'deleted'}); {event.type.value} comes too late."
        )


def _refused(tx: Transaction, run_id: str, attempt: int) -> StorageError | LeaseLostError:
    row = tx.row("SELECT attempt FROM runs WHERE run_id = ?", (run_id,))
    if row is None:
        return RunNotFoundError(f"The instance knows no run {run_id!r}, so nothing can be added to it.")
    return LeaseLostError(
        f"Attempt {attempt} at run {run_id} was replaced by attempt {row[0]}; "
        "this process must stop and publish nothing."
    )


def append_outside_runs(db: Database, events: Sequence[Event], listener: Listener | None = None) -> int:
    """Appends events that belong to no run (reported by hand); returns the id of the last."""
    free = [event if event.run_id == "" else replace(event, run_id="") for event in events]
    with db.write() as tx:
        last = append_outside_runs_in(tx, db, free)
    if listener is not None:
        listener(free)
    return last


def append_outside_runs_in(tx: Transaction, db: Database, events: Sequence[Event]) -> int:
    """Appends events whose run id is empty, inside a transaction that is already open; returns the id of the last."""
    if db.order_commits:
        tx.rows(db.order_commits)
    row = tx.row("SELECT coalesce(max(seq), 0) FROM events WHERE run_id = ''")
    seq = row[0] if row else 0
    tx.run_many(INSERT, [clean_row(row) for row in as_rows(events, seq)])
    last = tx.row(db.last_event_id)
    assert last is not None
    update_catalog(tx, events, db.last_event_id)
    return int(last[0])
