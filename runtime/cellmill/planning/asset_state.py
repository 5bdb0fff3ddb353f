"""What is stored of an asset or one of its partitions, as the catalog knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.planning.late import LateField


@dataclass(frozen=True, slots=True)
class AssetState(LateField):
    """The latest materialization and observation of an asset, or of one of its partitions."""

    asset_key: AssetKey
    #: The partition; on the state of a whole asset, the one that was materialized last.
    partition: str | None = None
    #: Storage id of the latest materialization's event; None where there is none.
    event_id: int | None = None
    run_id: str | None = None
    #: When it was materialized, in seconds since the epoch.
    timestamp: float | None = None
    data_version: str | None = None
    code_version: str | None = None
    #: Data versions of the upstreams that went in, by asset key as text (`a/b`).
    inputs: Mapping[str, str] = field(default_factory=dict)
    value_ref: ValueRef | None = None
    observation_id: int | None = None
    observed_at: float | None = None
    observed_version: str | None = None
    #: Storage id and run of the latest event that planned a materialization.
    planned_id: int | None = None
    planned_run_id: str | None = None

    LATE = "value_ref"

    @property
    def is_materialized(self) -> bool:
        """Whether it was ever materialized."""
        return self.event_id is not None

    @property
    def current_version(self) -> str | None:
        """The data version by the latest of materialization and observation."""
        if self.observed_version is not None and (self.observation_id or 0) > (self.event_id or 0):
            return self.observed_version
        return self.data_version


class AssetPartitionStatus(StrEnum):
    """The state of one partition of an asset."""

    MATERIALIZED = "MATERIALIZED"
    IN_PROGRESS = "IN_PROGRESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class PartitionSets:
    """The partitions of an asset by their state; a partition that is being made again is also in `materialized`."""

    materialized: frozenset[str] = frozenset()
    in_progress: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()

    def status(self, partition: str) -> AssetPartitionStatus | None:
        """The state of one partition; None where nothing is known of it."""
        if partition in self.in_progress:
            return AssetPartitionStatus.IN_PROGRESS
        if partition in self.failed:
            return AssetPartitionStatus.FAILED
        return AssetPartitionStatus.MATERIALIZED if partition in self.materialized else None
