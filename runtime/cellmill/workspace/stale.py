"""The staleness of a workspace's assets and of their partitions: what the manifest says against what is stored."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.partitions.definition import PartitionsDefinition
from cellmill.definitions.partitions.loading import DynamicPartitionsStore, partition_loading_context
from cellmill.definitions.partitions.mapping import PartitionMapping
from cellmill.errors import CellmillError
from cellmill.instance.dynamic_partitions import DynamicPartitionsSeen
from cellmill.instance.instance import Instance
from cellmill.planning.asset_state import AssetState
from cellmill.planning.partition_staleness import PartitionDecisions, PartitionFacts, decide_partitions, targets_of
from cellmill.planning.staleness_facts import AssetFacts
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.partition_mappings import mapping_from_json
from cellmill.workspace.partitions import partitions_from_json


def staleness_facts(entry: AssetEntry) -> AssetFacts:
    """What staleness needs of an asset's definition."""
    return AssetFacts(
        key=entry.asset_key,
        parents=tuple(AssetKey(path) for path in entry.upstream),
        code_version=entry.code_version,
        is_external=not entry.materializable,
        is_partitioned=entry.partitions is not None,
        is_virtual=entry.virtual,
    )


def partitions_of_entry(entry: AssetEntry) -> PartitionsDefinition | None:
    """The partitions of an asset, or None.

    Raises: InvalidDefinitionError where only running its notebook tells.
    """
    return None if entry.partitions is None else partitions_from_json(entry.partitions)


def parents_of_entry(entry: AssetEntry) -> dict[AssetKey, PartitionMapping | None]:
    """The upstreams with their declared mappings; an asset that reads its own earlier partitions is among them."""
    declared = {AssetKey.from_escaped_user_string(name): data for name, data in entry.mappings.items()}
    above = dict.fromkeys([*(AssetKey(path) for path in entry.upstream), *declared])
    return {key: mapping_from_json(declared[key]) if key in declared else None for key in above}


def partition_facts(entries: Iterable[AssetEntry], dynamic: DynamicPartitionsStore) -> dict[AssetKey, PartitionFacts]:
    """What the definitions say of partitions; assets whose partitions only their notebook knows are left out."""
    found: dict[AssetKey, PartitionFacts] = {}
    #: Many assets have the same partitions, and ten thousand keys take their time.
    known: dict[str, tuple[PartitionsDefinition | None, Sequence[str]]] = {}
    for entry in entries:
        if entry.partitions is None and not entry.mappings:
            continue
        text = json.dumps(entry.partitions, sort_keys=True)
        try:
            if text not in known:
                made = partitions_of_entry(entry)
                known[text] = made, () if made is None else made.get_partition_keys(dynamic_partitions_store=dynamic)
            definition, keys = known[text]
        except CellmillError:
            continue
        mappings = {key: mapping for key, mapping in parents_of_entry(entry).items() if mapping is not None}
        found[entry.asset_key] = PartitionFacts(definition, keys, mappings)
    return found


#: What is to be made: the partitions by asset, or None for one without.
Targets = Mapping[AssetKey, Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class WorkspaceStaleness:
    """The decisions about all assets, with what they were decided from."""

    facts: Mapping[AssetKey, AssetFacts]
    partitions: Mapping[AssetKey, PartitionFacts]
    states: Mapping[AssetKey, AssetState]
    decisions: PartitionDecisions
    instance: Instance

    def targets(
        self, chosen: Sequence[AssetKey], within: Collection[str] | None = None
    ) -> dict[AssetKey, list[str] | None]:
        """What is to be made of the `chosen` assets, which come upstreams first; see `targets_of`."""
        with partition_loading_context(None, self.instance):
            return targets_of(chosen, self.facts, self.partitions, self.decisions, within)


def workspace_staleness(
    entries: Sequence[AssetEntry], instance: Instance, dynamic: DynamicPartitionsStore | None = None
) -> WorkspaceStaleness:
    """Decide about all assets and all partitions: one query for each of the two, and one walk.

    Args:
        entries: The assets of the manifest.
        instance: What was made.
        dynamic: Where keys of dynamic partitions are looked up; None asks the instance, once for all.
    """
    facts = {entry.asset_key: staleness_facts(entry) for entry in entries}
    dynamic = dynamic or DynamicPartitionsSeen(instance.dynamic_partitions)
    return decide_with(facts, partition_facts(entries, dynamic), instance, dynamic)


def decide_with(
    facts: Mapping[AssetKey, AssetFacts],
    partitions: Mapping[AssetKey, PartitionFacts],
    instance: Instance,
    dynamic: DynamicPartitionsStore | None = None,
) -> WorkspaceStaleness:
    """As `workspace_staleness`, from what is known of the definitions already."""
    states = instance.asset_states()
    partitioned = [key for key, fact in facts.items() if fact.is_partitioned]
    stored = instance.partition_states(partitioned) if partitioned else {}
    with partition_loading_context(None, dynamic or instance):
        decided = decide_partitions(facts.values(), partitions, states, stored)
    return WorkspaceStaleness(facts, partitions, states, decided, instance)


def with_siblings(entries: Sequence[AssetEntry], targets: Targets) -> Targets:
    """Return the targets with what can only be made together with one of them."""
    whole = dict(targets)
    for entry in entries:
        together = [entry.asset_key, *(AssetKey(sibling) for sibling in entry.siblings)]
        made = [targets[key] for key in together if key in targets]
        if not made or len(together) == 1:
            continue
        keys = None if entry.partitions is None else list(dict.fromkeys(one for part in made for one in part or ()))
        whole[entry.asset_key] = keys
    return whole
