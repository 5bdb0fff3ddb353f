"""Runs that are asked for only as far as their assets are stale or missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.code_location import Definitions
from cellmill.definitions.partitions.loading import partition_loading_context
from cellmill.instance.instance import Instance
from cellmill.planning.asset_graph import AssetGraph
from cellmill.planning.instigator import RunAsk
from cellmill.planning.partition_staleness import PartitionFacts
from cellmill.planning.run import PARTITION_TAG
from cellmill.planning.staleness_facts import facts_of
from cellmill.workspace.stale import decide_with


class KnowsStaleness(Protocol):
    """What says which assets are stale; a `Source` does."""

    def stale_assets(self, location: str, ask: RunAsk) -> Sequence[str]:
        """Those of the assets that `ask` selects, or that its job makes, that are stale or missing now."""
        ...


def wanted_runs(asks: Iterable[RunAsk], location: str, default_job: str, source: KnowsStaleness) -> Iterator[RunAsk]:
    """Yield the runs to record: of one that is only for stale assets these, and nothing where all of them are fresh."""
    for ask in asks:
        if not ask.stale_assets_only:
            yield ask
            continue
        named = replace(ask, job_name=ask.job_name or default_job)
        stale = source.stale_assets(location, named)
        if stale:
            yield replace(named, asset_selection=stale, stale_assets_only=False)


def within_of(ask: RunAsk) -> frozenset[str] | None:
    """The partition that a run is asked for; None where it is for none."""
    partition = ask.tags.get(PARTITION_TAG)
    return None if partition is None else frozenset({partition})


def selected_by(ask: RunAsk) -> frozenset[AssetKey] | None:
    """The assets that a run is asked for; None for all of its job."""
    names = ask.asset_selection
    return None if names is None else frozenset(AssetKey.from_escaped_user_string(name) for name in names)


def stale_assets_of(definitions: Any, instance: Instance, ask: RunAsk) -> list[str]:
    """Those of the assets of `definitions` that a run is asked for and that are stale or missing, upstreams first."""
    graph = AssetGraph.from_assets(definitions)
    wanted = selected_by(ask)
    if wanted is None:
        wanted = _made_by(definitions, str(ask.job_name), graph)
    chosen = [key for key in graph.toposorted_asset_keys if key in wanted and graph.get(key).is_materializable]
    with partition_loading_context(None, instance):
        known = decide_with({fact.key: fact for fact in facts_of(graph)}, _partitions(graph, instance), instance)
        targets = known.targets(chosen, within_of(ask))
    made = {other for key in targets for other in graph.get_execution_set_asset_keys(key)} | targets.keys()
    return [key.to_escaped_user_string() for key in chosen if key in made]


def _made_by(definitions: Any, job_name: str, graph: AssetGraph) -> frozenset[AssetKey]:
    if isinstance(definitions, Definitions) and definitions.bound_repository().has_job(job_name):
        job = definitions.bound_repository().get_job(job_name)
        return frozenset(key for node in job.asset_nodes.values() for key in node.keys)
    return frozenset(graph.materializable_asset_keys)


def _partitions(graph: AssetGraph, instance: Instance) -> Mapping[AssetKey, PartitionFacts]:
    found = {}
    for node in graph:
        definition = node.partitions_def
        if definition is not None or node.partition_mappings:
            keys = () if definition is None else definition.get_partition_keys(dynamic_partitions_store=instance)
            found[node.key] = PartitionFacts(definition, keys, node.partition_mappings)
    return found
