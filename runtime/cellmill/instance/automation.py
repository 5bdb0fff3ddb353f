"""What schedules, sensors, backfills and daemons remember; every change is one transaction.

What is unique in the world is a unique key: a tick by (instigator, instant), a run by (origin, run key), a backfill's
run by (backfill, part). So any number of daemons may try, crash and try again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cellmill import faults
from cellmill.errors import LeaseLostError
from cellmill.instance.backfill_store import NewBackfill, add_backfill
from cellmill.instance.dynamic_partitions import change_partitions
from cellmill.instance.run_store import record_run
from cellmill.instance.run_writer import append_outside_runs_in
from cellmill.instance.sql import Database, Query, Row, Transaction, chunks
from cellmill.planning.event import Event
from cellmill.planning.run import FINISHED_STATUSES, Run

_TICK_COLUMNS = "id, instigator_id, at, status, attempt, owner, expires_at, created_at, ended_at, body"
_INSTIGATOR_COLUMNS = (
    "id, kind, name, location, status, cursor, definition_hash, last_tick_at, failures, updated_at, body"
)
_ADD_INSTIGATOR = f"INSERT INTO instigators ({_INSTIGATOR_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#: The state of a tick that someone is working on.
CLAIMED = "STARTED"
SKIPPED = "SKIPPED"
FAILED = "FAILURE"
_DIED = "The daemon that evaluated it ended, or took too long."
_CLAIM = (
    "INSERT INTO ticks (instigator_id, at, status, owner, expires_at, created_at, body) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_OPEN_TICK = "SELECT id FROM ticks WHERE instigator_id = ? AND status = ?"
_ABANDON = (
    "UPDATE ticks SET status = ?, ended_at = ?, expires_at = NULL, body = ? WHERE instigator_id = ? AND status = ?"
)
_FINISHED = tuple(status.value for status in FINISHED_STATUSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstigatorState:
    """What is remembered of a schedule, a sensor or an automation condition."""

    id: str
    kind: str
    name: str
    location: str = ""
    status: str
    cursor: str | None = None
    definition_hash: str | None = None
    last_tick_at: float | None = None
    failures: int = 0
    updated_at: float = 0.0
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One evaluation of an instigator, for one instant."""

    id: int
    instigator_id: str
    #: Whole seconds since the epoch.
    at: int
    status: str
    attempt: int
    owner: str | None = None
    expires_at: float | None = None
    created_at: float = 0.0
    ended_at: float | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSubmission:
    """A run that a tick asks for; with a key there is at most one run for each (origin, key)."""

    run: Run
    run_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What is in the way of a tick's runs: unfinished runs with a tag, counted where its own are added."""

    tag: tuple[str, str]
    location: str | None
    #: Why nothing runs while so many go on; None where they are not in the way.
    reason: Callable[[int], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    """What recording a tick did: runs that are new, and run keys that had their run already."""

    recorded: Sequence[Run] = ()
    deduplicated: Sequence[str] = ()
    #: Why none of the runs was recorded: earlier ones still go on.
    held_back: str | None = None


def _tick(row: Row) -> Tick:
    return Tick(
        id=row[0],
        instigator_id=row[1],
        at=row[2],
        status=row[3],
        attempt=row[4],
        owner=row[5],
        expires_at=row[6],
        created_at=row[7],
        ended_at=row[8],
        body=json.loads(row[9]),
    )


def _instigator(row: Row) -> InstigatorState:
    return InstigatorState(
        id=row[0],
        kind=row[1],
        name=row[2],
        location=row[3],
        status=row[4],
        cursor=row[5],
        definition_hash=row[6],
        last_tick_at=row[7],
        failures=row[8],
        updated_at=row[9],
        body=json.loads(row[10]),
    )


class Automation:
    """Instigators and their ticks in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- instigators ---------------------------------------------------------------------------------------------

    def instigator(self, instigator_id: str) -> InstigatorState | None:
        """What is remembered of an instigator."""
        query = Query("SELECT " + _INSTIGATOR_COLUMNS + " FROM instigators").where("id = ?", instigator_id)
        rows = query.rows(self._db)
        return _instigator(rows[0]) if rows else None

    def instigators(self, kind: str | None = None) -> list[InstigatorState]:
        """What is remembered of all instigators, or of those of one kind."""
        query = Query("SELECT " + _INSTIGATOR_COLUMNS + " FROM instigators")
        if kind is not None:
            query.where("kind = ?", kind)
        return [_instigator(row) for row in query.order("id", ascending=True).rows(self._db)]

    def add_instigator(self, state: InstigatorState) -> InstigatorState:
        """Begins to remember an instigator; what is remembered already is left alone, and returned."""
        with self._db.write() as tx:
            now = self._db.now()
            values = (
                state.id, state.kind, state.name, state.location, state.status, state.cursor, state.definition_hash,
                state.last_tick_at, state.failures, now, json.dumps(dict(state.body)),
            )  # fmt: skip
            if tx.run(_ADD_INSTIGATOR + " ON CONFLICT DO NOTHING", values) == 1:
                return replace(state, updated_at=now)
            (row,) = Query("SELECT " + _INSTIGATOR_COLUMNS + " FROM instigators").where("id = ?", state.id).rows(tx)
        return _instigator(row)

    def replace_instigator(self, before: InstigatorState, after: InstigatorState) -> InstigatorState | None:
        """Changes cursor, definition, failures and body, where nobody changed anything since `before` was read.

        Whether it is on is never changed here: that is the word of people, who say it at any moment.
        """
        with self._db.write() as tx:
            now = self._db.now()
            changed = tx.run(
                "UPDATE instigators SET cursor = ?, definition_hash = ?, failures = ?, body = ?, updated_at = ? "
                "WHERE id = ? AND updated_at = ?",
                (after.cursor, after.definition_hash, after.failures, json.dumps(dict(after.body)), now, before.id,
                 before.updated_at),
            )  # fmt: skip
        return replace(after, status=before.status, updated_at=now) if changed == 1 else None

    def switch(self, state: InstigatorState) -> None:
        """Turns an instigator on or off, as `state.status` says; all else that is remembered of it stays."""
        with self._db.write() as tx:
            now = self._db.now()
            values = (
                state.id, state.kind, state.name, state.location, state.status, None, None, None, 0, now, "{}",
            )  # fmt: skip
            tx.run(
                _ADD_INSTIGATOR + " ON CONFLICT (id) DO UPDATE SET status = excluded.status, "
                "updated_at = excluded.updated_at",
                values,
            )

    def set_cursor(self, instigator_id: str, cursor: str | None) -> bool:
        """Says where an instigator goes on, and forgets its failures; False where nothing is remembered of it."""
        with self._db.write() as tx:
            text = "UPDATE instigators SET cursor = ?, failures = 0, updated_at = ? WHERE id = ?"
            return tx.run(text, (cursor, self._db.now(), instigator_id)) == 1

    # -- ticks ---------------------------------------------------------------------------------------------------

    def claim_tick(
        self, instigator_id: str, at: int, *, owner: str, lease_s: float = 60.0, body: Mapping[str, Any] | None = None
    ) -> Tick | None:
        """Takes the tick of this instant; None where it is done, or another owner works on it.

        A tick whose owner let the lease run out is taken over with a higher attempt, and the old owner's
        `record_tick` is refused.
        """
        with self._db.write() as tx:
            now = self._db.now()
            values = (instigator_id, at, CLAIMED, owner, now + lease_s, now, json.dumps(dict(body or {})))
            if tx.run(_CLAIM, values) != 1:
                taken = tx.run(
                    "UPDATE ticks SET owner = ?, expires_at = ?, attempt = attempt + 1 "
                    "WHERE instigator_id = ? AND at = ? AND status = ? AND expires_at < ?",
                    (owner, now + lease_s, instigator_id, at, CLAIMED, now),
                )
                if taken != 1:
                    return None
            tick = self._get_tick(tx, instigator_id, at)
            faults.hit("tick.claimed")
        return tick

    def claim_evaluations(
        self,
        instigator_ids: Sequence[str],
        at: int,
        *,
        owner: str,
        lease_s: float,
        is_due: Callable[[InstigatorState], bool],
    ) -> list[tuple[InstigatorState, Tick]]:
        """Takes the right to evaluate each of these sensors now, all in one transaction; returns those it got.

        A sensor is evaluated by one owner at a time: while its last tick is claimed and its lease holds, nobody else
        gets it.  A claim that ran out is ended as failed, and its owner's `record_tick` is refused.  `is_due` is
        asked about the state as it is once nobody else can change it.
        """
        found = []
        with self._db.write() as tx:
            now = self._db.now()
            for name in sorted(instigator_ids):
                text = f"SELECT {_INSTIGATOR_COLUMNS} FROM instigators WHERE id = ?{self._db.for_update}"
                row = tx.row(text, (name,))
                if row is None or not is_due(state := _instigator(row)):
                    continue
                if tx.row(_OPEN_TICK + " AND expires_at >= ? LIMIT 1", (name, CLAIMED, now)) is not None:
                    continue
                tx.run(_ABANDON, (FAILED, now, json.dumps({"error": _DIED}), name, CLAIMED))
                values = (name, at, CLAIMED, owner, now + lease_s, now, "{}")
                if tx.run(_CLAIM, values) == 1 and (tick := self._get_tick(tx, name, at)) is not None:
                    found.append((state, tick))
            faults.hit("tick.claimed")
        return found

    @staticmethod
    def _get_tick(tx: Transaction | Database, instigator_id: str, at: int) -> Tick | None:
        query = Query("SELECT " + _TICK_COLUMNS + " FROM ticks")
        rows = query.where("instigator_id = ?", instigator_id).where("at = ?", at).rows(tx)
        return _tick(rows[0]) if rows else None

    def tick(self, instigator_id: str, at: int) -> Tick | None:
        """The tick of one instant."""
        return self._get_tick(self._db, instigator_id, at)

    def record_tick(
        self,
        tick: Tick,
        *,
        status: str,
        submissions: Sequence[RunSubmission] = (),
        origin: str | None = None,
        cursor: str | None = None,
        failures: int | None = None,
        body: Mapping[str, Any] | None = None,
        overlap: Overlap | None = None,
        dynamic_partitions: Sequence[tuple[str, Sequence[str], Sequence[str]]] = (),
        remember: Mapping[str, Any] | None = None,
        asset_events: Sequence[Event] = (),
        backfill: NewBackfill | None = None,
    ) -> TickResult:
        """Ends a claimed tick: its runs, its outcome and the instigator's cursor commit together or not at all.

        Runs with a run key are recorded at most once for each (origin, key), also within one batch.

        Args:
            tick: The tick, as it was claimed.
            status: How it ended.
            submissions: The runs that it asks for.
            origin: What run keys are kept under; None takes the instigator.
            cursor: The instigator's new cursor; None leaves it as it is.
            failures: How often it failed in a row; None leaves the count.
            body: What is worth knowing of the tick, as JSON data.
            overlap: Which runs are in the way: where there are, none is recorded and the tick is skipped.
            dynamic_partitions: Triples of name, keys to add and keys to remove.
            remember: Merged into what is remembered of the instigator.
            asset_events: What happened to assets outside of runs.
            backfill: A backfill that it asks for; recorded once, by its id.

        Raises:
            LeaseLostError: where another owner has taken the tick over.
        """
        with self._db.write() as tx:
            now = self._db.now()
            # First the instigator's row, so that two ticks of one schedule count and record one after the other.
            tx.run(
                "UPDATE instigators SET cursor = coalesce(?, cursor), failures = coalesce(?, failures), "
                "last_tick_at = ?, updated_at = ? WHERE id = ?",
                (cursor, failures, float(tick.at), now, tick.instigator_id),
            )
            held_back = self._held_back(tx, overlap) if overlap is not None and submissions else None
            if held_back is not None:
                submissions, status, body = (), SKIPPED, {**(body or {}), "reason": held_back}
            result = self._record_runs(tx, submissions, origin or tick.instigator_id, now, held_back)
            for name, add, remove in dynamic_partitions:
                change_partitions(tx, name, add, remove, now)
            if backfill is not None:
                add_backfill(tx, backfill, now)
            if remember:
                self._remember(tx, tick.instigator_id, remember)
            done = tx.run(
                "UPDATE ticks SET status = ?, ended_at = ?, expires_at = NULL, body = ? "
                "WHERE id = ? AND owner = ? AND attempt = ? AND status = ?",
                (status, now, json.dumps(self._tick_body(tick, result, body)), tick.id, tick.owner, tick.attempt,
                 CLAIMED),
            )  # fmt: skip
            if done != 1:
                raise LeaseLostError(f"The tick {tick.at} of {tick.instigator_id} was taken over by another daemon.")
            if asset_events:
                # Last: writers of the event log wait for each other from here on.
                append_outside_runs_in(tx, self._db, asset_events)
            faults.hit("tick.recorded")
        faults.hit("run.recorded")
        return result

    @staticmethod
    def _held_back(tx: Transaction, overlap: Overlap) -> str | None:
        text = (
            "SELECT count(*) FROM runs r JOIN run_tags t ON t.run_id = r.run_id "
            "WHERE t.key = ? AND t.value = ? AND r.ended_at IS NULL AND r.status NOT IN (?, ?, ?)"
        )
        params: tuple[Any, ...] = (*overlap.tag, *_FINISHED)
        if overlap.location is not None:
            text, params = text + " AND r.location = ?", (*params, overlap.location)
        row = tx.row(text, params)
        return overlap.reason(int(row[0]) if row is not None else 0)

    def remember(self, instigator_id: str, more: Mapping[str, Any]) -> None:
        """Adds to what is remembered of an instigator; None forgets a name."""
        with self._db.write() as tx:
            self._remember(tx, instigator_id, more)
            tx.run("UPDATE instigators SET updated_at = ? WHERE id = ?", (self._db.now(), instigator_id))

    def _remember(self, tx: Transaction, instigator_id: str, more: Mapping[str, Any]) -> None:
        row = tx.row("SELECT body FROM instigators WHERE id = ?" + self._db.for_update, (instigator_id,))
        if row is not None:
            merged = {**json.loads(row[0]), **more}
            body = json.dumps({name: value for name, value in merged.items() if value is not None})
            tx.run("UPDATE instigators SET body = ? WHERE id = ?", (body, instigator_id))

    def postpone_tick(self, tick: Tick, seconds: float, body: Mapping[str, Any], *, cursor: str | None = None) -> bool:
        """Leaves a claimed tick to whoever takes it up after `seconds`; False where another owner has it already.

        The instigator's cursor moves on: the tick itself is what remembers that it is not done.
        """
        with self._db.write() as tx:
            now = self._db.now()
            changed = tx.run(
                "UPDATE ticks SET expires_at = ?, body = ? WHERE id = ? AND owner = ? AND attempt = ? AND status = ?",
                (now + seconds, json.dumps({**tick.body, **body}), tick.id, tick.owner, tick.attempt, CLAIMED),
            )
            if changed == 1:
                tx.run(
                    "UPDATE instigators SET cursor = coalesce(?, cursor), failures = failures + 1, updated_at = ? "
                    "WHERE id = ?",
                    (cursor, now, tick.instigator_id),
                )
        return changed == 1

    @staticmethod
    def _tick_body(tick: Tick, result: TickResult, body: Mapping[str, Any] | None) -> dict[str, Any]:
        merged = {**tick.body, **(body or {})}
        if result.recorded:
            merged["run_ids"] = [run.run_id for run in result.recorded]
        if result.deduplicated:
            merged["deduplicated"] = list(result.deduplicated)
        return merged

    @staticmethod
    def _record_runs(
        tx: Transaction, submissions: Sequence[RunSubmission], origin: str, now: float, held_back: str | None
    ) -> TickResult:
        keys = [item.run_key for item in submissions if item.run_key is not None]
        known = known_run_keys(tx, origin, keys)
        recorded, duplicates = [], []
        for item in submissions:
            key = item.run_key
            if key is not None and key in known:
                duplicates.append(key)
                continue
            if record_run(tx, item.run, now=now, origin=None if key is None else origin, run_key=key):
                recorded.append(item.run)
                if key is not None:
                    known.add(key)
            elif key is not None:
                duplicates.append(key)
        return TickResult(recorded=recorded, deduplicated=duplicates, held_back=held_back)

    def record_missed(self, instigator_id: str, instants: Sequence[int], *, status: str, reason: str) -> None:
        """Writes down ticks that were not evaluated, and why; those that exist are left alone."""
        now = self._db.now()
        body = json.dumps({"reason": reason})
        with self._db.write() as tx:
            tx.run_many(
                "INSERT INTO ticks (instigator_id, at, status, created_at, ended_at, body) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                [(instigator_id, at, status, now, now, body) for at in instants],
            )

    def ticks(
        self,
        instigator_id: str | None = None,
        *,
        statuses: Sequence[str] | None = None,
        before: int | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[Tick]:
        """Ticks, newest first; `before` and `after` bound their instants."""
        query = Query("SELECT " + _TICK_COLUMNS + " FROM ticks")
        if instigator_id is not None:
            query.where("instigator_id = ?", instigator_id)
        if statuses is not None:
            query.where_in("status", statuses)
        if before is not None:
            query.where("at < ?", before)
        if after is not None:
            query.where("at > ?", after)
        order = "at" if instigator_id is not None else "id"
        return [_tick(row) for row in query.order(order, ascending=False, limit=limit).rows(self._db)]

    def purge_ticks(self, *, before: float, statuses: Sequence[str], instigator_id: str | None = None) -> int:
        """Deletes finished ticks made before an instant; cursors are not on ticks, so nothing fires again."""
        query = Query("DELETE FROM ticks").where("created_at < ?", before).where_in("status", statuses)
        if instigator_id is not None:
            query.where("instigator_id = ?", instigator_id)
        with self._db.write() as tx:
            return tx.run(query.text, query.params)


def known_run_keys(tx: Transaction | Database, origin: str, keys: Sequence[str]) -> set[str]:
    """Those of the run keys that have their run already; one statement for each few hundred keys."""
    known: set[str] = set()
    for part in chunks(list(dict.fromkeys(keys)), 5000):
        query = Query("SELECT run_key FROM runs").where("origin = ?", origin).where_in("run_key", part)
        known.update(row[0] for row in query.rows(tx))
    return known
