"""Letting go of old values, events and ticks, an hour after the last time, by whichever daemon comes first."""

from __future__ import annotations

from collections.abc import Callable

from cellmill.execution.retention import Released, RetentionPolicy, release
from cellmill.instance.instance import Instance

#: Seconds between two rounds, however many daemons there are.
EVERY_S = 3600.0
LEASE = "retention"


class Housekeeping:
    """One round at a time; the lease that is taken for it is left to run out."""

    def __init__(self, instance: Instance, policy: Callable[[], RetentionPolicy], owner: str) -> None:
        self._instance = instance
        self._policy = policy
        self._owner = owner
        self._rounds = 0

    def run_once(self) -> Released | None:
        """Makes a round; None where the last one was less than an hour ago."""
        # An owner of its own for each round: nobody, not even this daemon, renews the lease.
        self._rounds += 1
        if self._instance.leases.acquire(LEASE, f"{self._owner}#{self._rounds}", EVERY_S) is None:
            return None
        return release(self._instance, self._policy())
