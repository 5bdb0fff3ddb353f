"""Assets: their definitions, their state, and what was recorded of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

import strawberry

from cellmill.definitions.asset_key import AssetKey as Key
from cellmill.graphql.checks import AssetCheck
from cellmill.graphql.context import ASSET_JOB, REPOSITORY, Context
from cellmill.graphql.documented import LimitArg, arg, documented, list_of, page_size, said
from cellmill.graphql.events import event_types, run_event
from cellmill.graphql.freshness import AssetState, Freshness
from cellmill.graphql.metadata import AssetKey, DefinitionTag, MetadataEntry, metadata_entries
from cellmill.graphql.problems import AssetNotFoundError, PythonError
from cellmill.instance.event_record import EventRecord
from cellmill.instance.event_store import EventStore
from cellmill.planning.asset_state import PartitionSets
from cellmill.planning.event import EventType
from cellmill.planning.staleness import MISSING, Staleness
from cellmill.planning.staleness import StaleStatus as Decided
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.partition_mappings import policy_from_json

Info = strawberry.Info[Context, None]


@strawberry.input(description="The key of an asset.")
class AssetKeyInput:
    """The key of an asset."""

    path: list[str] = said("The parts of the key.")

    @property
    def key(self) -> Key:
        """The key itself."""
        return Key(self.path)


@strawberry.enum(description="Whether an asset agrees with its definition and its upstreams.")
class StaleStatus(Enum):
    """Whether an asset agrees with its definition and its upstreams."""

    MISSING = "MISSING"
    STALE = "STALE"
    FRESH = "FRESH"


@strawberry.type(description="One reason why an asset is stale.")
class StaleCause:
    """One reason why an asset is stale."""

    key: AssetKey = said("The asset whose change it is.")
    reason: str = said("What changed, in words.")


@strawberry.type(description="Where an asset is written, and its code.")
class DefinitionSource:
    """Where an asset is written."""

    path: str | None = said("The notebook or file, relative to the workspace.")
    cell_id: str | None = said("The cell's id, in a notebook.")
    cell_index: int | None = said("The cell's position from 0, in a notebook.")
    line: int | None = said("The line, in a file.")
    code: str | None = said("The cell's source.")


@strawberry.type(description="A group of assets.")
class AssetGroup:
    """A group of assets."""

    group_name: str = said("The group's name.")
    asset_keys: list[AssetKey] = said("The assets in it.")


@strawberry.type(description="How far the partitions of an asset are made.")
class PartitionStats:
    """How far the partitions of an asset are made."""

    num_materialized: int = said("Partitions that are made.")
    num_partitions: int = said("All partitions.")
    num_failed: int = said("Partitions whose last run failed.")
    num_materializing: int = said("Partitions that are being made.")


@strawberry.type(description="The partitions of an asset, in order: one list for each property.")
class PartitionStates:
    """The partitions of an asset, in order."""

    keys: list[str] = said("The partitions.")
    states: list[str] = said("MATERIALIZED, STALE, MATERIALIZING, FAILED or MISSING.")


@strawberry.enum(description="How the partitions of a backfill are spread over runs.")
class BackfillPolicyType(Enum):
    """How the partitions of a backfill are spread over runs."""

    SINGLE_RUN = "SINGLE_RUN"
    MULTI_RUN = "MULTI_RUN"


@strawberry.type(description="How many partitions of an asset one run can make.")
class BackfillPolicy:
    """How many partitions of an asset one run can make."""

    max_partitions_per_run: int | None = said("At most so many; null for all of them.")
    description: str = said("The policy as it is written.")
    policy_type: BackfillPolicyType = said("Whether one run makes all.")


_EVENT_TYPES = event_types()
MaterializationEvent = _EVENT_TYPES[EventType.ASSET_MATERIALIZATION]
ObservationEvent = _EVENT_TYPES[EventType.ASSET_OBSERVATION]
BeforeArg = Annotated[str | None, arg("Only what happened before, in milliseconds since the epoch.")]
PartitionsArg = Annotated[list[str] | None, arg("Only these partitions.")]


def _recorded(
    info: Info, key: Key, observed: bool, limit: int | None, before: str | None, parts: list[str] | None
) -> Any:
    if limit == 1 and not (observed or before or parts):
        latest = info.context.latest_materialization(key)
        return [] if latest is None else [run_event(latest.event)]
    instant = float(before) / 1000 if before else None
    kind = EventType.ASSET_OBSERVATION if observed else EventType.ASSET_MATERIALIZATION
    rows = page_size(limit)

    def load(keys: list[Key]) -> Mapping[Key, list[EventRecord]]:
        events: EventStore = info.context.instance.events
        return events.newest_of_each(kind, keys, rows, before=instant, partitions=parts)

    what = (kind, rows, instant, None if parts is None else tuple(parts))
    found = info.context.bulk.get("asset", what, key, load, rows=rows)
    return [run_event(record.event) for record in found or ()]


def _materializations(
    self: Any,
    info: Info,
    limit: LimitArg = None,
    before_timestamp_millis: BeforeArg = None,
    partitions: PartitionsArg = None,
) -> Any:
    """The times it was made, newest first."""
    return _recorded(info, self.recorded_key, False, limit, before_timestamp_millis, partitions)


def _observations(
    self: Any,
    info: Info,
    limit: LimitArg = None,
    before_timestamp_millis: BeforeArg = None,
    partitions: PartitionsArg = None,
) -> Any:
    """The times it was looked at, newest first."""
    return _recorded(info, self.recorded_key, True, limit, before_timestamp_millis, partitions)


@strawberry.type(description="An asset that has a definition.")
class AssetNode:
    """An asset that has a definition."""

    entry: strawberry.Private[AssetEntry]

    @documented
    def id(self) -> strawberry.ID:
        """An id that is unique among asset nodes."""
        return strawberry.ID(f"{self.entry.location}.{REPOSITORY}.{json.dumps(list(self.entry.key))}")

    @documented
    def asset_key(self) -> AssetKey:
        """The asset's key."""
        return AssetKey(path=list(self.entry.key))

    @documented
    def description(self) -> str | None:
        """What the asset is."""
        return self.entry.description

    @documented
    def group_name(self) -> str:
        """The group it is in."""
        return self.entry.group

    @documented
    def op_name(self) -> str | None:
        """The op that makes it."""
        return self.entry.op or (self.entry.key[-1] if self.entry.materializable else None)

    @documented
    def op_names(self) -> list[str]:
        """The ops that make it."""
        return [name] if (name := self.entry.op or self.entry.key[-1]) and self.entry.materializable else []

    @documented
    def graph_name(self) -> str | None:
        """The graph that makes it, if a graph does."""
        return None

    @documented
    def compute_kind(self) -> str | None:
        """What it is made with."""
        return self.entry.kinds[0] if self.entry.kinds else None

    @documented
    def kinds(self) -> list[str]:
        """What it is made with, all words."""
        return list(self.entry.kinds)

    @documented
    def tags(self) -> list[DefinitionTag]:
        """Its tags."""
        return [DefinitionTag(key=key, value=value) for key, value in self.entry.tags.items()]

    @documented
    def owners(self) -> list[str]:
        """Who is responsible for it."""
        return list(self.entry.owners)

    @documented
    def code_version(self) -> str | None:
        """The version of its code now."""
        return self.entry.code_version

    @documented
    def is_materializable(self) -> bool:
        """Whether it can be made from here."""
        return self.entry.materializable

    @documented
    def is_executable(self) -> bool:
        """Whether it can be made or looked at from here."""
        return self.entry.materializable or self.entry.observable

    @documented
    def is_observable(self) -> bool:
        """Whether it can be looked at from here."""
        return self.entry.observable

    @documented
    def is_source(self) -> bool:
        """Whether it is made elsewhere."""
        return not self.entry.materializable

    @documented
    def is_partitioned(self) -> bool:
        """Whether it has partitions."""
        return self.entry.partitions is not None

    @documented
    def has_asset_checks(self) -> bool:
        """Whether it has checks."""
        return bool(self.entry.checks)

    @documented
    def asset_checks(self, info: Info) -> list[AssetCheck]:
        """Its checks."""
        return [AssetCheck(entry=check) for check in info.context.manifest.checks if check.asset == self.entry.key]

    @documented
    def metadata_entries(self) -> list[MetadataEntry]:
        """Labelled values of its definition."""
        return metadata_entries(self.entry.metadata)

    @documented
    def dependency_keys(self) -> list[AssetKey]:
        """The assets it is made from."""
        return [AssetKey(path=list(path)) for path in self.entry.upstream]

    @documented
    def depended_by_keys(self, info: Info) -> list[AssetKey]:
        """The assets that are made from it."""
        return [AssetKey.of(key) for key in info.context.children[self.entry.asset_key]]

    @documented
    def job_names(self, info: Info) -> list[str]:
        """The jobs that can make it."""
        named = [job.name for job in info.context.manifest.jobs if self.entry.key in job.assets]
        return [ASSET_JOB, *named] if self.entry.materializable else named

    @documented
    def repository_name(self) -> str:
        """The repository it is in."""
        return REPOSITORY

    @documented
    def location_name(self) -> str:
        """The code location it is in."""
        return self.entry.location

    @documented
    def definition_source(self, info: Info) -> DefinitionSource:
        """Where it is written, and its code."""
        place = self.entry.place
        return DefinitionSource(
            path=place.notebook or place.file,
            cell_id=place.cell_id,
            cell_index=place.cell,
            line=place.line,
            code=info.context.cell_source(self.entry),
        )

    @documented
    def state(self, info: Info) -> AssetState:
        """Its state, runs included."""
        return self._freshness(info).state

    @documented
    def stale_status(
        self, info: Info, partition: Annotated[str | None, arg("One partition of it.")] = None
    ) -> StaleStatus:
        """Whether it agrees with its definition and its upstreams."""
        if partition is not None:
            return StaleStatus(self._of_partition(info, partition).status.value)
        key = self.entry.asset_key
        state = info.context.states.get(key)
        if state is None or not state.is_materialized:
            return StaleStatus.MISSING
        return StaleStatus(info.context.staleness.assets[key].status.value)

    @documented
    def stale_causes(
        self, info: Info, partition: Annotated[str | None, arg("One partition of it.")] = None
    ) -> list[StaleCause]:
        """Why it is stale."""
        if partition is not None:
            causes = self._of_partition(info, partition).causes
            return [StaleCause(key=AssetKey.of(one.dependency or one.key), reason=one.reason) for one in causes]
        return [StaleCause(key=AssetKey.of(key), reason=reason) for key, reason in self._freshness(info).causes]

    def _of_partition(self, info: Info, partition: str) -> Staleness:
        """The decision about one partition; what is no partition of it was never made."""
        decided = info.context.staleness.partitions.get(self.entry.asset_key, {})
        return decided.get(partition, MISSING)

    @documented
    def data_version(self, info: Info) -> str | None:
        """The version of its stored value."""
        state = info.context.states.get(self.entry.asset_key)
        return state.current_version if state is not None else None

    @documented
    def partition_keys(self, info: Info) -> list[str]:
        """Its partitions."""
        return info.context.partition_keys(self.entry)

    @documented
    def partition_stats(self, info: Info) -> PartitionStats | None:
        """How far its partitions are made."""
        if self.entry.partitions is None:
            return None
        sets = self._partition_sets(info)
        return PartitionStats(
            num_materialized=len(sets.materialized),
            num_partitions=len(info.context.partition_keys(self.entry)),
            num_failed=len(sets.failed),
            num_materializing=len(sets.in_progress),
        )

    @documented
    def partition_states(self, info: Info) -> PartitionStates | None:
        """The state of each of its partitions; null where it has none."""
        if self.entry.partitions is None:
            return None
        sets = self._partition_sets(info)
        keys = info.context.partition_keys(self.entry)
        decided = info.context.staleness.partitions.get(self.entry.asset_key, {})
        stale = (key for key, found in decided.items() if found.status is Decided.STALE)
        words = dict.fromkeys(sets.materialized, "MATERIALIZED") | dict.fromkeys(stale, "STALE")
        words |= dict.fromkeys(sets.failed, "FAILED") | dict.fromkeys(sets.in_progress, "MATERIALIZING")
        return PartitionStates(keys=keys, states=[words.get(key, "MISSING") for key in keys])

    @documented
    def backfill_policy(self) -> BackfillPolicy | None:
        """How many of its partitions one run can make; null where its definition does not say, which means one."""
        found = policy_from_json(self.entry.backfill_limit)
        if found is None:
            return None
        kind = BackfillPolicyType(found.policy_type.value)
        limit = found.max_partitions_per_run
        return BackfillPolicy(max_partitions_per_run=limit, description=str(found), policy_type=kind)

    asset_materializations = documented(_materializations, list_of(MaterializationEvent))
    asset_observations = documented(_observations, list_of(ObservationEvent))

    @property
    def recorded_key(self) -> Key:
        """The key under which events are recorded."""
        return self.entry.asset_key

    def _partition_sets(self, info: Info) -> PartitionSets:
        load = info.context.instance.catalog.partition_sets_of
        found = info.context.bulk.get("asset", "partition sets", self.entry.asset_key, load)
        assert found is not None  # the catalog answers for every key
        return found

    def _freshness(self, info: Info) -> Freshness:
        return info.context.freshness[self.entry.asset_key]


@strawberry.type(description="An asset, with or without a definition, and what was recorded of it.")
class Asset:
    """An asset, and what was recorded of it."""

    asset: strawberry.Private[Key]

    @documented
    def id(self) -> strawberry.ID:
        """An id that is unique among assets."""
        return strawberry.ID(json.dumps(list(self.asset.path)))

    @documented
    def key(self) -> AssetKey:
        """The asset's key."""
        return AssetKey.of(self.asset)

    @documented
    def definition(self, info: Info) -> AssetNode | None:
        """Its definition, if it has one."""
        entry = info.context.assets.get(self.asset)
        return AssetNode(entry=entry) if entry is not None else None

    asset_materializations = documented(_materializations, list_of(MaterializationEvent))
    asset_observations = documented(_observations, list_of(ObservationEvent))

    @property
    def recorded_key(self) -> Key:
        """The key under which events are recorded."""
        return self.asset


@strawberry.type(description="A list of assets.")
class AssetConnection:
    """A list of assets."""

    nodes: list[Asset] = said("The assets.")
    cursor: str | None = said("Where the next page begins.", None)


@strawberry.type(description="What was last recorded of an asset.")
class AssetLatestInfo:
    """What was last recorded of an asset."""

    id: strawberry.ID = said("An id that is unique among assets.")
    asset_key: AssetKey = said("The asset's key.")
    latest_materialization_timestamp: float | None = said("When it was last made, in seconds since the epoch.")
    latest_run_id: str | None = said("The run that last made it, or means to.")
    unstarted_run_ids: list[str] = said("Runs that will make it and wait.")
    in_progress_run_ids: list[str] = said("Runs that are making it.")


AssetsOrError = Annotated[AssetConnection | PythonError, strawberry.union("AssetsOrError", description="Assets.")]
AssetOrError = Annotated[Asset | AssetNotFoundError, strawberry.union("AssetOrError", description="An asset.")]
AssetNodeOrError = Annotated[
    AssetNode | AssetNotFoundError, strawberry.union("AssetNodeOrError", description="An asset with a definition.")
]


def no_such_asset(key: Key, context: Context) -> AssetNotFoundError:
    """The answer where no asset has this key, with the nearest that there is."""
    near = context.nearest_asset(key)
    hint = f" Did you mean {near}?" if near else ""
    return AssetNotFoundError(message=f"No asset has the key {key.to_user_string()}.{hint}")
