"""What a kernel is told of its visit: the run, and where the assets that it reads lie, in which versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.value_ref import ValueRef
from cellmill.errors import CellmillError
from cellmill.execution.notebook.protocol import StepMessage
from cellmill.first_use import on_first_use
from cellmill.planning.run import MEMOIZED_TAG, PARTITION_RANGE_START_TAG, PARTITION_TAG
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.run_plan import Visit

if TYPE_CHECKING:
    from cellmill.workspace import visit_partitions
    from cellmill.workspace.visit_services import VisitServices
else:
    visit_partitions = on_first_use("cellmill.workspace.visit_partitions")

#: A partition of an asset; None for an asset without partitions, or for whatever was made of it last.
Partition = str | None


def step_message(visit: Visit, services: VisitServices) -> StepMessage:
    """Return the message of a visit."""
    run, known = services.run, services.workspace.assets_by_key
    own = _own_partitions(visit, services)
    wanted = {key: _read_partitions(visit, services, key, own) for key in visit.reads}
    memoized = run.tags.get(MEMOIZED_TAG) == "true"
    if memoized:
        # What turns out to be fresh is not made again, and the cells below read what is stored of it.
        wanted |= {key: own if _is_partitioned(known, key) else (None,) for key in visit.assets}
    refs, partition_versions = [], {}
    for key, partitions in wanted.items():
        named = [one for one in partitions if one is not None]
        if _is_partitioned(known, key) and named:
            refs += _refs(services.find_ref, key, named)
            partition_versions[key.to_user_string()] = dict(services.find_partition_versions(key, named))
        else:
            refs += _refs(services.find_ref, key, (*partitions, None))
    versions = services.find_versions(sorted(wanted))
    return StepMessage(
        run_id=run.run_id,
        job_name=run.job_name,
        step_key=visit.key,
        attempt=services.attempt,
        notebook=visit.name,
        selection=visit.assets,
        partition_key=run.tags.get(PARTITION_TAG),
        tags=dict(run.tags),
        run_config=dict(run.run_config),
        reads=tuple(visit.reads),
        refs=tuple(refs),
        versions={key.to_user_string(): version for key, version in versions.items()},
        partition_versions=partition_versions,
        partitions={
            key.to_user_string(): dict(entry.partitions)
            for key in wanted
            if (entry := known.get(key.parts)) is not None and entry.partitions is not None
        },
        stored=_stored(visit, services, own) if memoized else (),
        home=str(services.home),
        scheduled_at=services.scheduled_at,
    )


def _is_partitioned(known: Mapping[tuple[str, ...], AssetEntry], key: AssetKey) -> bool:
    entry = known.get(key.parts)
    return entry is not None and entry.partitions is not None


def _refs(
    find: Callable[[AssetKey, str | None], ValueRef | None], key: AssetKey, partitions: Sequence[Partition]
) -> list[tuple[AssetKey, str, ValueRef]]:
    found = ((one, find(key, one)) for one in dict.fromkeys(partitions))
    return [(key, one or "", ref) for one, ref in found if ref is not None]


def _own_partitions(visit: Visit, services: VisitServices) -> Sequence[Partition]:
    """The partitions that the run makes: one, those of its range, or None."""
    tags = services.run.tags
    if PARTITION_RANGE_START_TAG not in tags:
        return (tags.get(PARTITION_TAG),)
    known = services.workspace.assets_by_key
    found = (known[key.parts].partitions for key in visit.assets if key.parts in known)
    declared = next(filter(None, found), None)
    if declared is None:
        return (None,)
    return visit_partitions.partitions_of_range(declared, tags, services.dynamic_partitions)


def _read_partitions(
    visit: Visit, services: VisitServices, key: AssetKey, own: Sequence[Partition]
) -> Sequence[Partition]:
    """The partitions of an upstream that go into what this visit makes; None for an upstream without any."""
    known = services.workspace.assets_by_key
    upstream = known.get(key.parts)
    if upstream is None or upstream.partitions is None:
        return (None,)
    readers = [
        entry for made in visit.assets if (entry := known.get(made.parts)) is not None and key.parts in entry.upstream
    ]
    try:
        return visit_partitions.read_partitions(readers, upstream, services.dynamic_partitions, own)
    except CellmillError:
        return own  # only the notebook knows its partitions: those of the same name are meant


def _stored(
    visit: Visit, services: VisitServices, own: Sequence[Partition]
) -> tuple[tuple[AssetKey, str, str | None, Mapping[str, str]], ...]:
    """What is stored of the assets that the visit would make: by partition, the code and the inputs it was made of."""
    known = services.workspace.assets_by_key
    found = []
    for key in visit.assets:
        for one in own if _is_partitioned(known, key) else (None,):
            state = services.find_state(key, one)
            if state is not None and state.is_materialized:
                found.append((key, one or "", state.code_version, dict(state.inputs)))
    return tuple(found)
