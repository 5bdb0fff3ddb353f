"""Who works on what: leases of daemons and of runs, and slots of pools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cellmill import faults
from cellmill.instance.run_store import FINISHED
from cellmill.instance.sql import Database, Query, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right of one process to do something, until it expires; `fence` grows with each change of owner."""

    name: str
    owner: str
    fence: int
    expires_at: float
    renewed_at: float
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredRun:
    """A run whose worker has not been heard of in time."""

    run_id: str
    attempt: int
    owner: str | None
    status: str
    lease_expires_at: float


class Leases:
    """Leases and pool slots in one database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def acquire(self, name: str, owner: str, lease_s: float, body: Mapping[str, Any] | None = None) -> Lease | None:
        """Takes or renews a lease; None where another owner holds it."""
        text = json.dumps(dict(body or {}))
        with self._db.write() as tx:
            now = self._db.now()
            changed = tx.run(
                "INSERT INTO leases (name, owner, fence, expires_at, renewed_at, body) VALUES (?, ?, 1, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET "
                "fence = leases.fence + CASE WHEN leases.owner = excluded.owner THEN 0 ELSE 1 END, "
                "owner = excluded.owner, expires_at = excluded.expires_at, renewed_at = excluded.renewed_at, "
                "body = excluded.body WHERE leases.owner = excluded.owner OR leases.expires_at < ?",
                (name, owner, now + lease_s, now, text, now),
            )
            if changed != 1:
                return None
            lease = self._get(tx, name)
            faults.hit("lease.renewed")
        return lease

    @staticmethod
    def _get(tx: Transaction | Database, name: str) -> Lease | None:
        row = tx.row("SELECT name, owner, fence, expires_at, renewed_at, body FROM leases WHERE name = ?", (name,))
        return None if row is None else _lease(row)

    def get(self, name: str) -> Lease | None:
        """The lease of this name, expired or not."""
        return self._get(self._db, name)

    def all(self) -> list[Lease]:
        """All leases."""
        rows = self._db.rows("SELECT name, owner, fence, expires_at, renewed_at, body FROM leases ORDER BY name")
        return [_lease(row) for row in rows]

    def release(self, lease: Lease) -> bool:
        """Gives a lease up; False where it was lost before."""
        with self._db.write() as tx:
            return (
                tx.run(
                    "UPDATE leases SET expires_at = 0 WHERE name = ? AND owner = ? AND fence = ?",
                    (lease.name, lease.owner, lease.fence),
                )
                == 1
            )

    # -- runs ----------------------------------------------------------------------------------------------------

    def renew_run(self, run_id: str, *, attempt: int, owner: str, lease_s: float) -> bool:
        """Says that the worker of this attempt lives; False where the attempt was replaced or the run has ended."""
        query = Query("UPDATE runs SET owner = ?, lease_expires_at = ?")
        query.where("run_id = ?", run_id).where("attempt = ?", attempt).where("status NOT IN (?, ?, ?)", *FINISHED)
        with self._db.write() as tx:
            changed = tx.run(query.text, (owner, self._db.now() + lease_s, *query.params)) == 1
            faults.hit("lease.renewed")
        return changed

    def expired_runs(self, *, limit: int = 100) -> list[ExpiredRun]:
        """Runs that have not ended and whose lease has; the longest expired first."""
        query = Query("SELECT run_id, attempt, owner, status, lease_expires_at FROM runs")
        query.where("lease_expires_at < ?", self._db.now()).where("status NOT IN (?, ?, ?)", *FINISHED)
        rows = query.order("lease_expires_at", ascending=True, limit=limit).rows(self._db)
        return [
            ExpiredRun(run_id=row[0], attempt=row[1], owner=row[2], status=row[3], lease_expires_at=row[4])
            for row in rows
        ]

    # -- pools ---------------------------------------------------------------------------------------------------

    def set_pool_limit(self, pool: str, slots: int) -> None:
        """Sets how many steps may run in a pool at once."""
        with self._db.write() as tx:
            tx.run(
                "INSERT INTO pools (name, slots) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET slots = excluded.slots",
                (pool, slots),
            )

    def delete_pool(self, pool: str) -> None:
        """Removes a pool's limit."""
        with self._db.write() as tx:
            tx.run("DELETE FROM pools WHERE name = ?", (pool,))

    def pools(self) -> dict[str, tuple[int, int]]:
        """Each pool's limit, and how many of its slots are taken."""
        rows = self._db.rows(
            "SELECT p.name, p.slots, (SELECT count(*) FROM pool_claims c WHERE c.pool = p.name) FROM pools p"
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def claim_slots(self, pools: Sequence[str], run_id: str, step_key: str = "") -> bool:
        """Takes a slot in each of the pools, or in none; pools without a limit always have room."""
        with self._db.write() as tx:
            return claim_slots_in(tx, self._db, pools, run_id, step_key)

    def free_slots(self, run_id: str, step_key: str | None = None) -> None:
        """Gives back the slots of a step, or of the whole run."""
        query = Query("DELETE FROM pool_claims").where("run_id = ?", run_id)
        if step_key is not None:
            query.where("step_key = ?", step_key)
        with self._db.write() as tx:
            tx.run(query.text, query.params)

    def claims(self, pool: str) -> list[tuple[str, str]]:
        """The (run id, step key) pairs that hold a pool's slots."""
        rows = self._db.rows("SELECT run_id, step_key FROM pool_claims WHERE pool = ? ORDER BY claimed_at", (pool,))
        return [(row[0], row[1]) for row in rows]


def claim_slots_in(tx: Transaction, db: Database, pools: Sequence[str], run_id: str, step_key: str = "") -> bool:
    """Takes slots inside a transaction that is already open; the count and the claim cannot be parted."""
    for pool in sorted(set(pools)):
        row = tx.row("SELECT slots FROM pools WHERE name = ?" + db.for_update, (pool,))
        if row is None:
            continue
        taken = tx.row(
            "SELECT count(*) FROM pool_claims WHERE pool = ? AND NOT (run_id = ? AND step_key = ?)",
            (pool, run_id, step_key),
        )
        if taken is None or taken[0] >= row[0]:
            return False
    now = db.now()
    tx.run_many(
        "INSERT INTO pool_claims (pool, run_id, step_key, claimed_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(pool, run_id, step_key, now) for pool in sorted(set(pools))],
    )
    return True


def _lease(row: tuple[Any, ...]) -> Lease:
    return Lease(name=row[0], owner=row[1], fence=row[2], expires_at=row[3], renewed_at=row[4], body=json.loads(row[5]))
