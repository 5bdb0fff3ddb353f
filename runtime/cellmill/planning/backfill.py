"""A backfill as units of work in dependency order: which runs it takes, which may begin, how far it is.

Responsibilities: turns assets, partitions and policies into units; says which are ready; knows no database and starts
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.partitions.backfill_policy import BackfillPolicy
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.key import PARTITION_NAME_TAG, RANGE_END_TAG, RANGE_START_TAG
from cellmill.definitions.partitions.mapping import IdentityPartitionMapping, PartitionMapping
from cellmill.definitions.partitions.multi_mapping import infer_partition_mapping
from cellmill.definitions.partitions.subset import PartitionsSubset
from cellmill.definitions.partitions.time_window_mapping import TimeWindowPartitionMapping
from cellmill.planning.run import RunStatus


class BackfillStatus(StrEnum):
    """The states of a backfill."""

    REQUESTED = "REQUESTED"
    PAUSED = "PAUSED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    COMPLETED_SUCCESS = "COMPLETED_SUCCESS"
    COMPLETED_FAILED = "COMPLETED_FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillAsset:
    """What a plan needs to know of an asset: its partitions, its upstreams and how it wants to be made."""

    key: AssetKey
    partitions_def: PartitionsDefinition | None = None
    #: Upstream -> the mapping that was declared, or None for the default.
    parents: Mapping[AssetKey, PartitionMapping | None] = field(default_factory=dict)
    policy: BackfillPolicy = field(default_factory=BackfillPolicy)
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One run of a backfill: some assets for one partition, for a range of them, or without partitions."""

    part: str
    assets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    #: Parts that must have succeeded before.
    after: tuple[str, ...] = ()
    location: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """The tags by which the run knows its partitions."""
        if not self.keys:
            return {}
        if len(self.keys) == 1:
            return {PARTITION_NAME_TAG: self.keys[0]}
        return {RANGE_START_TAG: self.keys[0], RANGE_END_TAG: self.keys[-1]}

    def to_json(self) -> dict[str, Any]:
        """The unit as plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Unit:
        """The unit of `to_json`."""
        return Unit(
            part=data["part"],
            assets=tuple(data["assets"]),
            keys=tuple(data["keys"]),
            after=tuple(data["after"]),
            location=data.get("location", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many units are in which state."""

    total: int
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    in_progress: int = 0
    #: Will never run, because something they need failed.
    blocked: int = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.succeeded + self.failed + self.canceled + self.blocked == self.total


def plan_job_backfill(
    partition_keys: Sequence[str], location: str = "", policy: BackfillPolicy | None = None
) -> tuple[Unit, ...]:
    """One unit per partition of a job, or per chunk that its policy allows."""
    size = (policy or BackfillPolicy()).max_partitions_per_run or max(len(partition_keys), 1)
    chunks = [tuple(partition_keys[start : start + size]) for start in range(0, len(partition_keys), size)]
    return tuple(Unit(part=_part(0, keys), keys=keys, location=location) for keys in chunks)


def plan_asset_backfill(
    assets: Sequence[BackfillAsset], targets: Mapping[AssetKey, PartitionsSubset | None]
) -> tuple[Unit, ...]:
    """The units that make the target partitions; upstreams come first, and assets that share partitions share runs.

    `assets` are in topological order; `targets` maps a partitioned asset to the partitions that are wanted, another
    to None.
    """
    chosen = [asset for asset in assets if asset.key in targets]
    groups = _groups(chosen)
    parts: dict[AssetKey, dict[str | None, str]] = {}
    units: list[Unit] = []
    for index, group in enumerate(groups):
        wanted = _wanted(group, targets)
        chunks = _chunks(group[0], wanted)
        names = {key: _part(index, chunk) for chunk in chunks for key in (chunk or (None,))}
        for asset in group:
            parts[asset.key] = names
        for chunk in chunks:
            name = _part(index, chunk)
            members = tuple(asset.key.to_escaped_user_string() for asset in group)
            after = sorted({part for asset in group for part in _needs(asset, chunk, group, parts, chosen, name)})
            units.append(Unit(part=name, assets=members, keys=chunk, after=tuple(after), location=group[0].location))
    return tuple(units)


def _part(index: int, keys: Sequence[str]) -> str:
    if not keys:
        return f"{index}:"
    return f"{index}:{keys[0]}" if len(keys) == 1 else f"{index}:{keys[0]}...{keys[-1]}"


def _is_identity(asset: BackfillAsset, parent: BackfillAsset) -> bool:
    mapping = infer_partition_mapping(asset.parents.get(parent.key), asset.partitions_def, parent.partitions_def)
    if asset.partitions_def != parent.partitions_def:
        return False
    return asset.partitions_def is None or mapping in (IdentityPartitionMapping(), TimeWindowPartitionMapping())


def _groups(assets: Sequence[BackfillAsset]) -> list[list[BackfillAsset]]:
    """Assets that one run can make together: same partitions, policy and place, joined partition by partition."""
    by_key = {asset.key: asset for asset in assets}
    stages: dict[AssetKey, int] = {}
    found: dict[tuple[int, Any, BackfillPolicy, str, AssetKey | None], list[BackfillAsset]] = {}
    for asset in assets:
        stage = 0
        for key in asset.parents:
            parent = by_key.get(key)
            if parent is None or key == asset.key:
                continue
            together = (
                _is_identity(asset, parent)
                and parent.policy == asset.policy
                and parent.location == asset.location
                and not _reads_itself(parent)
            )
            stage = max(stage, stages[key] + (0 if together else 1))
        stages[asset.key] = stage
        alone = asset.key if _reads_itself(asset) else None
        place = (stage, asset.partitions_def, asset.policy, asset.location, alone)
        found.setdefault(place, []).append(asset)
    return [found[place] for place in sorted(found, key=lambda place: place[0])]


def _reads_itself(asset: BackfillAsset) -> bool:
    return asset.key in asset.parents


def _wanted(group: Sequence[BackfillAsset], targets: Mapping[AssetKey, PartitionsSubset | None]) -> list[str] | None:
    definition = group[0].partitions_def
    if definition is None:
        return None
    union: PartitionsSubset | None = None
    for asset in group:
        subset = targets[asset.key]
        if subset is not None:
            union = subset if union is None else union | subset
    keys = list(union.get_partition_keys()) if union is not None else []
    order = (
        {key: number for number, key in enumerate(definition.get_partition_keys())} if not _is_ordered(union) else {}
    )
    return sorted(keys, key=lambda key: order.get(key, len(order))) if order else keys


def _is_ordered(subset: PartitionsSubset | None) -> bool:
    return hasattr(subset, "ranges")


def _chunks(asset: BackfillAsset, keys: list[str] | None) -> list[tuple[str, ...]]:
    if keys is None:
        return [()]
    limit = asset.policy.max_partitions_per_run
    definition = asset.partitions_def
    assert definition is not None
    if limit == 1:
        return [(key,) for key in keys]
    # A run's range has no holes: neighbours only.
    subset = definition.subset_with_partition_keys(keys)
    found: list[tuple[str, ...]] = []
    for start, end in subset.get_partition_key_ranges(definition):
        first, last = keys.index(start), keys.index(end)
        run = keys[first : last + 1]
        size = limit or len(run)
        found += [tuple(run[at : at + size]) for at in range(0, len(run), size)]
    return found


def _needs(
    asset: BackfillAsset,
    keys: Sequence[str],
    group: Sequence[BackfillAsset],
    parts: Mapping[AssetKey, Mapping[str | None, str]],
    chosen: Sequence[BackfillAsset],
    own: str,
) -> Iterable[str]:
    by_key = {item.key: item for item in chosen}
    members = {item.key for item in group}
    for parent_key, declared in asset.parents.items():
        parent = by_key.get(parent_key)
        if parent is None or (parent_key in members and parent_key != asset.key):
            continue
        named = parts.get(parent_key, {})
        for key in _parent_keys(asset, keys, parent, declared):
            part = named.get(key)
            if part is not None and part != own:
                yield part


def _parent_keys(
    asset: BackfillAsset, keys: Sequence[str], parent: BackfillAsset, declared: PartitionMapping | None
) -> Iterable[str | None]:
    if parent.partitions_def is None:
        return [None]
    mapping = infer_partition_mapping(declared, asset.partitions_def, parent.partitions_def)
    subset = asset.partitions_def.subset_with_partition_keys(keys) if asset.partitions_def is not None else None
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        subset, asset.partitions_def, parent.partitions_def
    )
    return found.partitions_subset.get_partition_keys()


_FAILED = (RunStatus.FAILURE, RunStatus.CANCELED)


def blocked_units(units: Sequence[Unit], states: Mapping[str, RunStatus | None]) -> set[str]:
    """The parts that will never run, because a part they need failed or is itself blocked."""
    blocked: set[str] = set()
    for unit in units:
        if states.get(unit.part) is None and any(part in blocked or states.get(part) in _FAILED for part in unit.after):
            blocked.add(unit.part)
    return blocked


def ready_units(units: Sequence[Unit], states: Mapping[str, RunStatus | None], limit: int) -> list[Unit]:
    """The units without a run whose needs are all met, at most `limit`; `states` maps a part to its run's state."""
    found: list[Unit] = []
    for unit in units:
        if len(found) >= limit:
            break
        if states.get(unit.part) is None and all(states.get(part) is RunStatus.SUCCESS for part in unit.after):
            found.append(unit)
    return found


def progress_of(units: Sequence[Unit], states: Mapping[str, RunStatus | None]) -> Progress:
    """How far the backfill is."""
    counts = {"succeeded": 0, "failed": 0, "canceled": 0, "in_progress": 0}
    names = {RunStatus.SUCCESS: "succeeded", RunStatus.FAILURE: "failed", RunStatus.CANCELED: "canceled"}
    for unit in units:
        state = states.get(unit.part)
        if state is not None:
            counts[names.get(state, "in_progress")] += 1
    return Progress(total=len(units), blocked=len(blocked_units(units, states)), **counts)
