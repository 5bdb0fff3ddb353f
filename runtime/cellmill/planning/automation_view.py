"""What automation conditions are about: assets, their checks, and the view of what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cellmill.definitions.asset_key import AssetCheckKey, AssetJobKey, AssetKey
from cellmill.definitions.automation_condition import AutomationCondition
from cellmill.definitions.freshness import FreshnessPolicy
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.mapping import PartitionMapping
from cellmill.definitions.selection_graph import AssetFacts

#: What may have a condition.
EntityKey = AssetKey | AssetCheckKey | AssetJobKey
#: Partitions of an asset; None stands for the whole of one without partitions.
Keys = frozenset[str | None]
EMPTY: Keys = frozenset()
WHOLE: Keys = frozenset({None})


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationCheck:
    """A check of an asset."""

    name: str
    blocking: bool = False
    #: Whether making the asset evaluates it: it is declared with the asset, not on its own.
    with_asset: bool = False
    #: When it is to be evaluated without being asked.
    condition: AutomationCondition | None = None
    #: Whether it is evaluated in the partitions of its asset.
    partitioned: bool = False
    #: Assets that it reads besides.
    parents: frozenset[AssetKey] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationJob:
    """A job of assets that is requested as a whole."""

    name: str
    condition: AutomationCondition
    #: The assets that it makes.
    members: frozenset[AssetKey] = frozenset()
    partitions_def: PartitionsDefinition | None = None
    #: The code location that it is in.
    location: str = ""

    def as_subject(self) -> AutomationAsset:
        """What stands for the job where conditions are evaluated."""
        return AutomationAsset(
            key=AssetKey(self.name), condition=self.condition, partitions_def=self.partitions_def, job=self
        )

    def roots(self, assets: Mapping[AssetKey, AutomationAsset]) -> list[AssetKey]:
        """Those of its assets that have no upstream among them, in the order of `assets`."""
        own = [asset for key, asset in assets.items() if key in self.members]
        return [asset.key for asset in own if self.members.isdisjoint(asset.parents.keys() - {asset.key})]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationAsset:
    """What the evaluation needs to know of an asset."""

    key: AssetKey
    condition: AutomationCondition | None = None
    partitions_def: PartitionsDefinition | None = None
    parents: Mapping[AssetKey, PartitionMapping | None] = field(default_factory=dict)
    code_version: str | None = None
    checks: tuple[AutomationCheck, ...] = ()
    #: Assets that are always made together with it.
    siblings: frozenset[AssetKey] = frozenset()
    #: Of what stands for a check of the asset `key`: that check.
    check: AutomationCheck | None = None
    #: Of what stands for a job: that job.
    job: AutomationJob | None = None
    #: Whether it is not stored by itself, as a view of its upstreams.
    virtual: bool = False
    #: Whether it is observed here and made elsewhere.
    observable: bool = False
    freshness_policy: FreshnessPolicy | None = None
    #: What selections see of it; by default its key and upstreams only.
    facts: AssetFacts | None = None

    @property
    def entity_key(self) -> EntityKey:
        """The key of the asset, or of the check or job that this stands for."""
        if self.job is not None:
            return AssetJobKey(self.job.name)
        return self.key if self.check is None else AssetCheckKey(self.key, self.check.name)

    def conditioned_checks(self) -> Iterator[AutomationAsset]:
        """Yield what stands for each check with a condition of its own."""
        for check in self.checks:
            if check.condition is not None:
                yield self.of_check(check)

    def of_check(self, check: AutomationCheck) -> AutomationAsset:
        """What stands for one of the asset's checks; the asset is upstream of it."""
        return AutomationAsset(
            key=self.key,
            condition=check.condition,
            partitions_def=self.partitions_def if check.partitioned else None,
            parents=dict.fromkeys((self.key, *sorted(check.parents))),
            check=check,
        )


class StateView(Protocol):
    """What happened, as of one moment."""

    @property
    def instance(self) -> Any:
        """Where it is recorded."""
        ...

    def last_event_id(self) -> int:
        """The id of the newest event."""
        ...

    def materialized(self, key: AssetKey) -> Keys:
        """The partitions that were ever materialized."""
        ...

    def in_progress(self, key: AssetKey) -> Keys:
        """The partitions that runs are making."""
        ...

    def failed(self, key: AssetKey) -> Keys:
        """The partitions whose last attempt failed."""
        ...

    def backfilling(self, key: AssetKey) -> Keys:
        """The partitions that a backfill still wants."""
        ...

    def updated_since(self, key: AssetKey, event_id: int) -> Mapping[str | None, Sequence[str]]:
        """The partitions materialized after an event, with the runs that did it, the last one last."""
        ...

    def updated_at(self, key: AssetKey) -> Mapping[str | None, float]:
        """When each partition was materialized last, in seconds since the epoch."""
        ...

    def observed_versions(self, key: AssetKey) -> Mapping[str | None, str]:
        """The data version of each partition in which one was observed."""
        ...

    def data_versions(self, key: AssetKey) -> Mapping[str | None, str | None]:
        """The data version of each materialized partition."""
        ...

    def last_runs(self, key: AssetKey) -> Mapping[str | None, str]:
        """The run that materialized each partition last."""
        ...

    def materialized_at(self, key: AssetKey) -> datetime | None:
        """When any partition was materialized last."""
        ...

    def run_tags(self, run_id: str) -> Mapping[str, str]:
        """The tags of a run; none of one that is not known."""
        ...

    def run_makes(self, run_id: str, key: AssetKey) -> bool:
        """Whether a run also makes this asset."""
        ...

    def check_passed(self, key: AssetKey, check: str) -> bool | None:
        """Whether a check passed; None when it has not looked at the latest materialization."""
        ...

    def check_results(self, key: AssetKey, check: str) -> Mapping[str | None, bool]:
        """Whether a check passed in each partition where it looked at the latest materialization."""
        ...

    def check_updates(self, key: AssetKey, check: str, event_id: int) -> Keys:
        """The partitions in which a check was evaluated after an event."""
        ...
