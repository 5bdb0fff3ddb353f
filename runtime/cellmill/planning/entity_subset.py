"""Sets of partitions as conditions of one's own see them: of one asset, check or job, with the ways to others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.errors import InvariantViolationError
from cellmill.planning.automation_facts import AutomationFacts
from cellmill.planning.automation_partitions import AssetPartitions
from cellmill.planning.automation_view import EMPTY, AutomationAsset, EntityKey, Keys


class EntitySubset:
    """Partitions of an asset, a check or a job; of one without partitions all or nothing.

    Made by the context of an evaluation; not to be constructed.

    Args:
        partitions: The assets of the evaluation and their partitions.
        subject: Whose partitions they are.
        keys: The partitions; {None} is the whole of one without partitions.
    """

    def __init__(self, partitions: AssetPartitions, subject: AutomationAsset, keys: Keys) -> None:
        self._partitions = partitions
        self._subject = subject
        self.keys = keys

    @property
    def key(self) -> EntityKey:
        """Whose partitions they are."""
        return self._subject.entity_key

    @property
    def partitions_def(self) -> Any:
        """The partitions that there are; None of one without."""
        return self._subject.partitions_def

    @property
    def is_partitioned(self) -> bool:
        """Whether what they are of has partitions."""
        return self._subject.partitions_def is not None

    @property
    def size(self) -> int:
        """How many partitions they are; what has no partitions counts as one."""
        return len(self.keys)

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not self.keys

    def compute_union(self, other: EntitySubset) -> EntitySubset:
        """Those that are in either.

        Args:
            other: Another set of the same asset.
        """
        return self._of(self.keys | self._alike(other))

    def compute_intersection(self, other: EntitySubset) -> EntitySubset:
        """Those that are in both.

        Args:
            other: Another set of the same asset.
        """
        return self._of(self.keys & self._alike(other))

    def compute_difference(self, other: EntitySubset) -> EntitySubset:
        """Those that are not in another.

        Args:
            other: Another set of the same asset.
        """
        return self._of(self.keys - self._alike(other))

    def compute_intersection_with_partition_keys(self, partition_keys: Iterable[str]) -> EntitySubset:
        """Those that are named.

        Args:
            partition_keys: The names.
        """
        return self._of(self.keys & frozenset(partition_keys))

    def compute_parent_subset(self, parent_key: AssetKey) -> EntitySubset:
        """The partitions of an upstream that these read.

        Args:
            parent_key: The upstream.
        """
        parent = self._partitions.assets[parent_key]
        return EntitySubset(self._partitions, parent, self._partitions.up(self.keys, self._subject, parent))

    def compute_child_subset(self, child_key: EntityKey) -> EntitySubset:
        """The partitions of a downstream that read any of these.

        Args:
            child_key: The downstream asset or check.
        """
        child = self._partitions.subject(child_key)
        return EntitySubset(self._partitions, child, self._partitions.down(self.keys, self._subject, child))

    def compute_mapped_subset(self, to_key: EntityKey, direction: Literal["up", "down"] | None = None) -> EntitySubset:
        """The partitions of an upstream or a downstream that go with these.

        Args:
            to_key: The other asset.
            direction: Whether it is upstream (`up`) or downstream (`down`); None finds out.
        """
        if direction is None:
            direction = "up" if to_key in self._subject.parents else "down"
        if direction == "up" and isinstance(to_key, AssetKey):
            return self.compute_parent_subset(to_key)
        return self.compute_child_subset(to_key)

    def expensively_compute_partition_keys(self) -> set[str]:
        """The names of the partitions; none of what has no partitions."""
        return {key for key in self.keys if key is not None}

    def expensively_compute_asset_partitions(self) -> set[tuple[EntityKey, str | None]]:
        """The partitions as pairs of key and name."""
        return {(self.key, key) for key in self.keys}

    def _of(self, keys: Keys) -> EntitySubset:
        return EntitySubset(self._partitions, self._subject, keys)

    def _alike(self, other: EntitySubset) -> Keys:
        if other.key != self.key:
            raise InvariantViolationError(
                f"Sets of partitions of {self.key!r} and {other.key!r} cannot be joined: map one to the other with "
                "compute_mapped_subset first."
            )
        return other.keys

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EntitySubset) and (self.key, self.keys) == (other.key, other.keys)

    def __hash__(self) -> int:
        return hash((self.key, self.keys))

    def __repr__(self) -> str:
        shown = sorted(self.expensively_compute_partition_keys()) if self.is_partitioned else bool(self.keys)
        return f"EntitySubset({self.key!r}, {shown!r})"


class AssetGraphView:
    """The assets, checks and jobs of an evaluation with their partitions and state, for conditions of one's own.

    Made by the context of an evaluation; not to be constructed.

    Args:
        partitions: The assets of the evaluation and their partitions.
        facts: What is known where the condition is evaluated.
    """

    def __init__(self, partitions: AssetPartitions, facts: AutomationFacts) -> None:
        self._partitions = partitions
        self._facts = facts

    @property
    def effective_dt(self) -> datetime:
        """The moment for which is evaluated."""
        return self._partitions.now

    @property
    def last_event_id(self) -> int:
        """The id of the newest event."""
        return self._facts.view.last_event_id()

    @property
    def instance(self) -> Any:
        """The instance whose events count."""
        return self._facts.view.instance

    def get_full_subset(self, *, key: EntityKey) -> EntitySubset:
        """All partitions.

        Args:
            key: The asset, check or job.
        """
        subject = self._partitions.subject(key)
        return EntitySubset(self._partitions, subject, self._partitions.universe(subject))

    def get_empty_subset(self, *, key: EntityKey) -> EntitySubset:
        """No partition.

        Args:
            key: The asset, check or job.
        """
        return EntitySubset(self._partitions, self._partitions.subject(key), EMPTY)

    def get_subset_from_partition_keys(
        self, key: EntityKey, partitions_def: Any, partition_keys: Collection[str]
    ) -> EntitySubset:
        """The named partitions.

        Args:
            key: The asset, check or job.
            partitions_def: Its partitions.
            partition_keys: Their names; names that are none are left out.
        """
        return self.get_full_subset(key=key).compute_intersection_with_partition_keys(partition_keys)

    def get_asset_subset_from_asset_partitions(
        self, key: EntityKey, asset_partitions: Iterable[tuple[EntityKey, str | None]]
    ) -> EntitySubset:
        """The partitions among pairs of key and partition.

        Args:
            key: The asset, check or job.
            asset_partitions: The pairs.
        """
        found = frozenset(partition for _, partition in asset_partitions)
        return EntitySubset(self._partitions, self._partitions.subject(key), found)

    def compute_parent_subset(self, parent_key: AssetKey, subset: EntitySubset) -> EntitySubset:
        """The partitions of an upstream that some partitions read.

        Args:
            parent_key: The upstream.
            subset: The partitions that read it.
        """
        return subset.compute_parent_subset(parent_key)

    def compute_child_subset(self, child_key: EntityKey, subset: EntitySubset) -> EntitySubset:
        """The partitions of a downstream that read any of some partitions.

        Args:
            child_key: The downstream asset or check.
            subset: The partitions that are read.
        """
        return subset.compute_child_subset(child_key)

    def compute_latest_time_window_subset(
        self, asset_key: EntityKey, lookback_delta: timedelta | None = None
    ) -> EntitySubset:
        """The partition of the last window of time that has ended; everything without time partitions.

        Args:
            asset_key: The asset.
            lookback_delta: With it, all windows that begin within this span before the end of the last one.
        """
        return self._where(AutomationCondition.in_latest_time_window(lookback_delta), asset_key)

    def compute_missing_subset(self, key: EntityKey, from_subset: EntitySubset) -> EntitySubset:
        """Those of some partitions that were never materialized.

        Args:
            key: The asset or check.
            from_subset: The partitions that are looked at.
        """
        return self._where(AutomationCondition.missing(), key).compute_intersection(from_subset)

    def compute_run_in_progress_subset(self, key: EntityKey) -> EntitySubset:
        """The partitions that runs are making.

        Args:
            key: The asset.
        """
        return self._where(AutomationCondition.run_in_progress(), key)

    def compute_backfill_in_progress_subset(self, key: EntityKey) -> EntitySubset:
        """The partitions that a backfill still wants.

        Args:
            key: The asset.
        """
        return self._where(AutomationCondition.backfill_in_progress(), key)

    def compute_execution_failed_subset(self, key: EntityKey) -> EntitySubset:
        """The partitions whose last attempt failed.

        Args:
            key: The asset.
        """
        return self._where(AutomationCondition.execution_failed(), key)

    def _where(self, fact: Any, key: EntityKey) -> EntitySubset:
        subject = self._partitions.subject(key)
        return EntitySubset(self._partitions, subject, self._facts.found(fact, subject))
