"""What one request can reach: the workspace's manifest, the instance, and bulk answers shared by all its fields."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.graphql.bulk import Bulk
from cellmill.graphql.cells import CellSources
from cellmill.graphql.freshness import Freshness, freshness_of
from cellmill.graphql.known import Known
from cellmill.instance.automation import InstigatorState, Tick
from cellmill.instance.dynamic_partitions import DynamicPartitionsSeen
from cellmill.instance.event_record import EventRecord
from cellmill.instance.instance import Instance
from cellmill.planning.asset_state import AssetState
from cellmill.planning.partition_staleness import PartitionDecisions
from cellmill.planning.run import Run, RunRecord, RunsFilter
from cellmill.planning.staleness_facts import AssetFacts
from cellmill.workspace.manifest import AssetEntry, JobEntry, Manifest, ScheduleEntry, SensorEntry
from cellmill.workspace.partitions import partitions_from_json
from cellmill.workspace.stale import partition_facts
from cellmill.workspace.staleness_seen import StalenessSeen
from cellmill.workspace.workspace import Workspace

#: The name of every location's one repository, as Dagster names it.
REPOSITORY = "__repository__"
#: The job that any selection of assets runs in.
ASSET_JOB = "__ASSET_JOB"


@dataclass(slots=True)
class Shared:
    """What all requests of a server share."""

    workspace: Workspace
    instance: Instance
    lock: threading.Lock = field(default_factory=threading.Lock)
    closed: bool = False
    cells: CellSources = field(default_factory=CellSources)
    #: The folder that the server shows, from the workspace's root; empty where they are the same.
    folder: str = ""
    #: What the worker of a run is told of the workspace and its locations, where a command line chose them.
    worker_arguments: Sequence[str] = ()
    #: What was worked out of the newest manifest.
    known: Known | None = None
    #: What was decided last about assets and partitions.
    staleness: StalenessSeen = field(default_factory=StalenessSeen)


class Context:
    """One request's view: each thing is loaded at most once, for all assets or runs at a time."""

    def __init__(self, shared: Shared, user: str = "") -> None:
        self.shared = shared
        self.user = user
        self.instance = shared.instance
        self.workspace = shared.workspace
        self.bulk = Bulk()
        self._records: dict[str, RunRecord | None] = {}
        self._asked_latest: AssetKey | None = None

    def for_request(self, user: str) -> Context:
        """A context with nothing loaded yet, for a request by ``user``."""
        return Context(self.shared, user)

    def close(self) -> None:
        """Stop the hosts of the code locations and close the instance."""
        if not self.shared.closed:
            self.shared.closed = True
            self.workspace.close()
            self.instance.dispose()

    # -- definitions ---------------------------------------------------------------------------------------------

    @cached_property
    def manifest(self) -> Manifest:
        """What all locations offer; read by one request at a time."""
        with self.shared.lock:
            return self.workspace.manifest

    def reload(self, *locations: str) -> Manifest:
        """Read what changed in the workspace's files and, of these locations (default: all), what failed before."""
        with self.shared.lock:
            return self._anew(self.workspace.reload(*locations))

    def refresh(self) -> Manifest:
        """Read what changed in the workspace's files."""
        with self.shared.lock:
            return self._anew(self.workspace.refresh())

    def _anew(self, manifest: Manifest) -> Manifest:
        self.__dict__["manifest"] = manifest
        for name in ("states", "planned_runs", "freshness", "staleness", "_all_latest"):
            self.__dict__.pop(name, None)
        return manifest

    @property
    def known(self) -> Known:
        """What follows from the manifest alone, shared by all requests until it changes."""
        found = self.shared.known
        if found is None or found.manifest is not self.manifest:
            found = self.shared.known = Known(self.manifest)
        return found

    @property
    def assets(self) -> Mapping[AssetKey, AssetEntry]:
        """Every asset that has a definition, in the manifest's order."""
        return self.known.assets

    @property
    def children(self) -> Mapping[AssetKey, list[AssetKey]]:
        """The assets that are made from each asset."""
        return self.known.children

    @property
    def location_names(self) -> list[str]:
        """The names of all code locations."""
        return list(self.workspace.locations)

    def job(self, name: str, location: str | None = None) -> JobEntry | None:
        """The job of that name, in any location unless one is given."""
        for entry in self.manifest.jobs:
            if entry.name == name and (not location or entry.location == location):
                return entry
        return None

    def schedule(self, name: str, location: str | None = None) -> ScheduleEntry | None:
        """The schedule of that name."""
        return _named(self.manifest.schedules, name, location)

    def sensor(self, name: str, location: str | None = None) -> SensorEntry | None:
        """The sensor of that name."""
        return _named(self.manifest.sensors, name, location)

    # -- state ---------------------------------------------------------------------------------------------------

    @cached_property
    def states(self) -> Mapping[AssetKey, AssetState]:
        """What the catalog knows of every asset, in one statement."""
        return self.instance.asset_states()

    def latest_materialization(self, key: AssetKey) -> EventRecord | None:
        """The newest materialization of an asset; who asks for a second asset gets those of all in one statement."""
        if self._asked_latest not in (None, key) and key in self.assets:
            return self._all_latest.get(key)
        self._asked_latest = key
        return self.instance.events.latest_materializations([key]).get(key)

    @cached_property
    def _all_latest(self) -> Mapping[AssetKey, EventRecord]:
        return self.instance.events.latest_materializations(self.assets)

    @cached_property
    def planned_runs(self) -> Mapping[str, Run]:
        """The runs that last planned to make an asset, in one statement."""
        ids = {state.planned_run_id for state in self.states.values() if state.planned_run_id}
        if not ids:
            return {}
        runs = self.instance.get_runs(filters=RunsFilter(run_ids=sorted(ids)))
        return {run.run_id: run for run in runs}

    @cached_property
    def freshness(self) -> Mapping[AssetKey, Freshness]:
        """The state of every asset with a definition."""
        return freshness_of(self.known.facts, self.staleness.assets, self.states, self.planned_runs)

    @cached_property
    def staleness(self) -> PartitionDecisions:
        """The decision about every asset and every partition, made when a field first asks for one."""
        self.shared.staleness = self._decide(self.known.facts)
        return self.shared.staleness.decisions

    def decided(self, facts: Iterable[AssetFacts]) -> PartitionDecisions:
        """The decision about assets as `facts` say that they are; what partitions they have the manifest says."""
        return self._decide(facts).decisions

    def _decide(self, facts: Iterable[AssetFacts]) -> StalenessSeen:
        by_key = {fact.key: fact for fact in facts}
        entries = [entry for key, entry in self.assets.items() if key in by_key]
        partitions = partition_facts(entries, self.dynamic_partitions)
        return self.shared.staleness.decide(by_key, partitions, self.states, self.instance, self.dynamic_partitions)

    def partition_keys(self, entry: AssetEntry | JobEntry) -> list[str]:
        """The partitions of an asset or a job; those of a dynamic definition are looked up."""
        if entry.partitions is None:
            return []
        definition = partitions_from_json(entry.partitions)
        return list(definition.get_partition_keys(dynamic_partitions_store=self.dynamic_partitions))

    @cached_property
    def dynamic_partitions(self) -> DynamicPartitionsSeen:
        """The keys of dynamic partitions, each read once for a request."""
        return DynamicPartitionsSeen(self.instance.dynamic_partitions)

    def cell_source(self, entry: AssetEntry) -> str | None:
        """The source of the cell that defines an asset, as its notebook is on disk now."""
        if entry.notebook is None or entry.cell is None:
            return None
        return self.shared.cells.source(self.workspace.config.root / entry.notebook, entry.cell_id, entry.cell)

    def nearest_asset(self, key: AssetKey) -> str | None:
        """The asset whose key looks most like this one."""
        names = [other.to_user_string() for other in self.assets]
        return next(iter(get_close_matches(key.to_user_string(), names, 1)), None)

    @cached_property
    def instigators(self) -> Mapping[str, InstigatorState]:
        """What is remembered of every schedule and sensor, in one statement."""
        return {state.id: state for state in self.instance.automation.instigators()}

    def ticks_of(self, origin: str, *, before: int | None, after: int | None, limit: int) -> list[Tick]:
        """Ticks of one schedule or sensor, newest first."""
        return self.instance.automation.ticks(origin, before=before, after=after, limit=limit)

    def run_record(self, run_id: str) -> RunRecord | None:
        """The record of one run, from what was loaded in bulk where it was."""
        if run_id not in self._records:
            self._records[run_id] = self.instance.get_run_record_by_id(run_id)
        return self._records[run_id]

    def forget_run(self, run_id: str) -> None:
        """Load this run anew when it is asked for again."""
        self._records.pop(run_id, None)

    def daemon_leases(self) -> list[tuple[str, float, float]]:
        """Name, expiry and last renewal of every loop of the daemon."""
        return [(lease.name, lease.expires_at, lease.renewed_at) for lease in self.instance.leases.all()]

    def follow_files(self) -> None:
        """Read the workspace again where its files were touched."""
        with self.shared.lock:
            self._anew(self.workspace.follow())

    def keep_records(self, records: Sequence[RunRecord]) -> None:
        """Remember records that a list loaded, for the fields that ask for them one by one."""
        for record in records:
            self._records[record.run_id] = record

    def notebooks_folder(self) -> Path:
        """The folder that holds the executed notebooks, one folder for each run."""
        return Path(self.workspace.home) / "runs"


def _named(entries: Sequence[Any], name: str, location: str | None) -> Any:
    for entry in entries:
        if entry.name == name and (not location or entry.location == location):
            return entry
    return None


def open_context(root: Path) -> Context:
    """Open the workspace that holds ``root`` and its instance."""
    workspace = Workspace.open(root)
    top, here = workspace.config.root.resolve(), root.resolve()
    below = here != top and here.is_relative_to(top)
    return context_of(workspace, folder=here.relative_to(top).as_posix() if below else "")


def context_of(workspace: Workspace, folder: str = "", worker_arguments: Sequence[str] = ()) -> Context:
    """Return a context on an open workspace and on its instance; closing it closes both."""
    shared = Shared(workspace, Instance.get(workspace.home), folder=folder, worker_arguments=worker_arguments)
    return Context(shared)
