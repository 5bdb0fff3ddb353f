"""How many partitions of an asset one run of a backfill makes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cellmill.errors import InvalidDefinitionError


class BackfillPolicyType(StrEnum):
    """All partitions in one run, or a limited number in each."""

    SINGLE_RUN = "SINGLE_RUN"
    MULTI_RUN = "MULTI_RUN"


@dataclass(frozen=True)
class BackfillPolicy:
    """How many partitions of an asset one run of a backfill makes.

    Made by `BackfillPolicy.single_run()` or `BackfillPolicy.multi_run(…)`. A run of several partitions sees them as
    `context.partition_keys` and `context.partition_key_range`.

    Args:
        max_partitions_per_run: At most this many partitions per run; None stands for all of them in one.

    Raises:
        InvalidDefinitionError: for a number below 1.
    """

    max_partitions_per_run: int | None = 1

    def __post_init__(self) -> None:
        limit = self.max_partitions_per_run
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise InvalidDefinitionError(f"max_partitions_per_run is a whole number from 1 or None, not {limit!r}")

    @staticmethod
    def single_run() -> BackfillPolicy:
        """All partitions of the backfill in one run, which sees them as a range."""
        return BackfillPolicy(max_partitions_per_run=None)

    @staticmethod
    def multi_run(max_partitions_per_run: int = 1) -> BackfillPolicy:
        """Runs of at most this many partitions each.

        Args:
            max_partitions_per_run: A number from 1.
        """
        return BackfillPolicy(max_partitions_per_run=max_partitions_per_run)

    @property
    def policy_type(self) -> BackfillPolicyType:
        """Whether one run makes all."""
        return BackfillPolicyType.SINGLE_RUN if self.max_partitions_per_run is None else BackfillPolicyType.MULTI_RUN

    def __str__(self) -> str:
        if self.max_partitions_per_run is None:
            return "BackfillPolicy.single_run()"
        return f"BackfillPolicy.multi_run(max_partitions_per_run={self.max_partitions_per_run})"
