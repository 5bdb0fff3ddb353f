"""Partitions of assets as this kernel knows them, and which of them go into a cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from cellmill.definitions import asset_spec
from cellmill.definitions.partitions.loading import partition_loading_context
from cellmill.errors import CellmillError
from cellmill.first_use import on_first_use
from cellmill.notebooks.options_text import partition_mapping_of, partitions_of
from cellmill.planning import partition_staleness

from . import current_run

if TYPE_CHECKING:
    from cellmill.definitions.asset_key import AssetKey
    from cellmill.definitions.asset_spec import AssetSpec
    from cellmill.definitions.partitions import upstream as partitions_read
    from cellmill.definitions.partitions.definition import PartitionsDefinition
    from cellmill.notebooks.asset_cell import AssetCell, Upstream
    from cellmill.planning.partition_staleness import PartitionFacts
    from cellmill.planning.staleness_facts import AssetFacts
    from cellmill.workspace import partitions, stale

    from .host import Host
else:
    partitions = on_first_use("cellmill.workspace.partitions")
    stale = on_first_use("cellmill.workspace.stale")
    partitions_read = on_first_use("cellmill.definitions.partitions.upstream")


def partitions_def_of(session: Host, key: AssetKey) -> PartitionsDefinition | None:
    """The partitions of an asset: of a cell, of a decorated function, of another notebook; None where it has none."""
    cell = session.registry.find(key)
    if cell is not None and cell.definition.form != "decorator":
        text = cell.header.text("partitions_def")
        found: PartitionsDefinition | None = partitions_of(text, session.lookup) if text else None
        return found
    for value in session.decorated([key]):
        own: PartitionsDefinition | None = value.partitions_def
        return own
    run = current_run.current()
    if run is not None:
        data: Mapping[str, Any] | None = run.message.partitions.get(key.to_user_string())
    else:
        data = getattr(session.workspace.asset(key), "partitions", None)
    if data is None:
        return None
    try:
        made: PartitionsDefinition = partitions.partitions_from_json(data)
    except CellmillError:
        return None  # a variable of a notebook that is not open here
    return made


def upstream_specs(session: Host, keys: Iterable[AssetKey]) -> list[AssetSpec]:
    """The partitioned ones of the upstreams, as far as a step must know them to say which partitions it read."""
    found = ((key, partitions_def_of(session, key)) for key in keys)
    partitioned = [(key, definition) for key, definition in found if definition is not None]
    if not partitioned:
        return []
    spec = asset_spec.AssetSpec
    return [spec(key, partitions_def=definition) for key, definition in partitioned]


def upstream_mapping(session: Host, cell: AssetCell, upstream: Upstream) -> Any:
    """The partition mapping that a cell declares for an upstream, or None."""
    pairs = cell.header.pairs("partition_mapping")
    text = pairs.get(upstream.name) or pairs.get(upstream.key.to_user_string())
    return None if text is None else partition_mapping_of(text, session.lookup)


def read_partitions(
    session: Host, cell: AssetCell, upstream: Upstream, partition_key: str | None
) -> Sequence[str] | None:
    """The partitions of an upstream that go into a partition of a cell's asset; None for an upstream without any."""
    definition = partitions_def_of(session, upstream.key)
    if definition is None:
        return None
    own = partitions_def_of(session, cell.key)
    if own is not None and partition_key is None:
        return None
    keys_of = partitions_read.upstream_partition_keys
    with loading(session):
        keys: Sequence[str] | None = keys_of(
            None if own is None else partition_key, own, definition, upstream_mapping(session, cell, upstream)
        )
        return definition.get_partition_keys() if keys is None else keys


def loading(session: Host) -> AbstractContextManager[Any]:
    """The block in which partitions are listed with the keys that this kernel's instance has."""
    store = None if current_run.current() is not None else session.instance
    return partition_loading_context(None, store)


def partition_facts(session: Host, facts: Mapping[AssetKey, AssetFacts]) -> dict[AssetKey, PartitionFacts]:
    """What the definitions of assets say of partitions; those that only another notebook knows are left out."""
    partitioned = {key for key, fact in facts.items() if fact.is_partitioned}
    if not partitioned:
        return {}
    make = partition_staleness.PartitionFacts
    found: dict[AssetKey, PartitionFacts] = {}
    with loading(session):
        for key, fact in facts.items():
            if key not in partitioned and partitioned.isdisjoint(fact.parents):
                continue
            definition = partitions_def_of(session, key)
            if definition is None and key in partitioned:
                continue
            keys = () if definition is None else definition.get_partition_keys()
            found[key] = make(definition, keys, _mappings(session, key))
    return found


def _mappings(session: Host, key: AssetKey) -> dict[AssetKey, Any]:
    cell = session.registry.find(key)
    if cell is not None and cell.definition.form != "decorator":
        declared = {upstream.key: upstream_mapping(session, cell, upstream) for upstream in cell.upstreams}
    elif objects := session.decorated([key]):
        declared = dict(objects[0].partition_mappings)
    else:
        entry = session.workspace.asset(key)
        declared = stale.parents_of_entry(entry) if entry is not None else {}
    return {upstream: mapping for upstream, mapping in declared.items() if mapping is not None}
