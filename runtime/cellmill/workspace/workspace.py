"""The workspace: all code locations as one catalogue of definitions, broken ones beside the others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.definitions.config.secrets import masked
from cellmill.definitions.selection_graph import SelectionGraph
from cellmill.first_use import on_first_use
from cellmill.instance.home import FOLDER
from cellmill.notebooks.collector import paused_collector
from cellmill.workspace.cache import ScanCache
from cellmill.workspace.config import LocationConfig, WorkspaceConfig, find_workspace, read_config
from cellmill.workspace.location import Hosted, Location, ModuleLocation
from cellmill.workspace.manifest import AssetEntry, JobEntry, Manifest, ProblemEntry, merge_manifests
from cellmill.workspace.notebook_location import NotebookLocation
from cellmill.workspace.watching import FileWatch

if TYPE_CHECKING:
    from cellmill.definitions import selection as asset_selection
    from cellmill.definitions.selection import CoercibleToAssetSelection
else:
    asset_selection = on_first_use("cellmill.definitions.selection")

HOME_VARIABLE = "CELLMILL_HOME"
#: Hosts that are asked at the same time when a workspace is read.
_READERS = 4


def find_home(config: WorkspaceConfig, given: str | Path | None = None) -> Path:
    """Return the instance's folder: the one given, `CELLMILL_HOME`, the file's `home`, else `.cellmill` at the root."""
    chosen = given or os.environ.get(HOME_VARIABLE) or config.home
    return Path(chosen).expanduser().absolute() if chosen else config.root / FOLDER


class Workspace:
    """All code locations of a workspace; reads them when asked, and again when their files changed.

    One broken location is a problem among `manifest.problems` and touches no other. Without `describe` no cell of a
    notebook is run to learn what its text does not show.
    """

    def __init__(self, config: WorkspaceConfig, home: Path | None = None, *, describe: bool = True) -> None:
        self.config = config
        self._describe = describe
        self.home = home or find_home(config)
        self.cache = ScanCache(self.home)
        host = config.settings.get("host")
        self._settings: Mapping[str, Any] = host if isinstance(host, dict) else {}
        self.locations: dict[str, Location] = {loc.name: self._make(loc) for loc in config.locations}
        self._manifest: Manifest | None = None
        self._watch: FileWatch | None = None
        self._reading = Lock()

    @classmethod
    def open(cls, start: Path | None = None, *, home: str | Path | None = None, describe: bool = True) -> Workspace:
        """Return the workspace that `start` (a folder, or a workspace file; default: here) lies in."""
        config = read_config(start) if start is not None and start.is_file() else find_workspace(start)
        return cls(config, find_home(config, home), describe=describe)

    def _make(self, config: LocationConfig) -> Location:
        if config.kind == "notebooks":
            return NotebookLocation(
                config,
                self._settings,
                self.cache,
                root=self.config.root,
                all_load=self.config.implicit,
                describe=self._describe,
            )
        return ModuleLocation(config, self._settings, self.cache, self.home)

    # -- reading -----------------------------------------------------------------------------------------------

    @property
    def manifest(self) -> Manifest:
        """What all locations offer, read once; `refresh` reads again."""
        if self._manifest is None:
            self._manifest = self._read()
        return self._manifest

    def refresh(self) -> Manifest:
        """Read again what changed, and return the new whole; where nothing did, it is the same object as before."""
        before, found = self._manifest, self._read()
        self._manifest = before if before == found else found
        return self._manifest

    def reload(self, *locations: str) -> Manifest:
        """Read again what changed and, of these locations (default: all), what failed before; return the new whole."""
        for name in locations or self.locations:
            self.locations[name].forget_failure()
        return self.refresh()

    def _read(self) -> Manifest:
        with paused_collector():
            return self._read_locations()

    def _read_locations(self) -> Manifest:
        hosted = [loc for loc in self.locations.values() if not isinstance(loc, NotebookLocation)]
        if len(hosted) > 1:
            with ThreadPoolExecutor(_READERS) as pool:
                read = list(pool.map(lambda location: location.read(), hosted))
        else:
            read = [location.read() for location in hosted]
        known = frozenset(entry.key for manifest in read for entry in manifest.assets)
        for location in self.locations.values():
            if isinstance(location, NotebookLocation):
                read.append(location.read(known))
        order = {name: at for at, name in enumerate(self.locations)}
        whole = merge_manifests(*read)
        assets, problems = _unique_assets(sorted(whole.assets, key=lambda entry: order[entry.location]))
        problems += _unique_names(whole)
        return replace(whole, assets=tuple(assets), problems=(*whole.problems, *problems))

    # -- questions ---------------------------------------------------------------------------------------------

    def asset(self, key: AssetKey) -> AssetEntry | None:
        """Return the entry of `key`."""
        return self.assets_by_key.get(key.parts)

    @property
    def assets_by_key(self) -> Mapping[tuple[str, ...], AssetEntry]:
        """All assets by the parts of their keys."""
        return {entry.key: entry for entry in self.manifest.assets}

    def selection_graph(self, status_of: Callable[[AssetKey], str] | None = None) -> SelectionGraph:
        """Return the assets as selections see them; `status_of` answers ``status:`` terms."""
        manifest = self.manifest
        checks = [check.check_key for check in manifest.checks]
        checks += [_check_key(entry, name) for entry in manifest.assets for name in entry.checks]
        return SelectionGraph((entry.facts() for entry in manifest.assets), checks, status_of)

    def select(
        self, selection: CoercibleToAssetSelection, status_of: Callable[[AssetKey], str] | None = None
    ) -> list[AssetEntry]:
        """Return the selected assets in dependency order, upstreams first."""
        chosen = asset_selection.AssetSelection.from_coercible(selection).resolve(self.selection_graph(status_of))
        by_key = self.assets_by_key
        return sort_assets([by_key[key.parts] for key in chosen if key.parts in by_key])

    # -- evaluating user code ----------------------------------------------------------------------------------

    def shown_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return run config as it may be shown: without the secrets of any location."""
        shown: dict[str, Any] = masked(dict(config), [entry.path for entry in self.manifest.secrets])
        return shown

    def assets_of(self, job: JobEntry) -> list[AssetEntry]:
        """Return the assets that a job makes; none for a job of ops."""
        if job.selection:
            return [entry for entry in self.select(job.selection) if entry.materializable]
        known = self.assets_by_key
        return [known[path] for path in job.assets if path in known]

    def hosted(self, location: str) -> Hosted:
        """Return the location of that name, which has a host."""
        found = self.locations[location]
        assert isinstance(found, Hosted)
        return found

    # -- following changes -------------------------------------------------------------------------------------

    def follow(self) -> Manifest:
        """Return the manifest, read again where files were touched since the last call; cheap where none was.

        The first call begins to watch the workspace's folders. A thread that comes while another one reads gets what
        was known before.
        """
        if not self._reading.acquire(blocking=self._manifest is None):
            return self.manifest
        try:
            if self._watch is None:
                self._watch = FileWatch([self.config.root, *(loc.working_directory for loc in self.config.locations)])
            if self._watch.touched():
                began = time.monotonic()
                try:
                    self.refresh()
                finally:
                    self._watch.looked(time.monotonic() - began)
            return self.manifest
        finally:
            self._reading.release()

    @property
    def watches(self) -> bool:
        """Whether the system tells of every change of the workspace's files from now on."""
        return self._watch is not None and self._watch.watches

    def close(self) -> None:
        """Stop all hosts, end the watch and close the cache."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        for location in self.locations.values():
            location.close()
        self.cache.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def sort_assets(entries: list[AssetEntry]) -> list[AssetEntry]:
    """Return entries upstreams first, by name where the graph leaves a choice; members of a cycle come last."""
    inside = {entry.key: entry for entry in sorted(entries, key=lambda entry: entry.key)}
    waiting = {key: {up for up in entry.upstream if up in inside and up != key} for key, entry in inside.items()}
    followers: dict[tuple[str, ...], list[tuple[str, ...]]] = {key: [] for key in inside}
    for key, ups in waiting.items():
        for up in ups:
            followers[up].append(key)
    ready = [key for key, ups in waiting.items() if not ups]
    ordered: list[AssetEntry] = []
    for key in ready:
        ordered.append(inside.pop(key))
        for follower in followers[key]:
            waiting[follower].discard(key)
            if not waiting[follower]:
                ready.append(follower)
    return ordered + list(inside.values())


def _check_key(entry: AssetEntry, name: str) -> AssetCheckKey:
    return AssetCheckKey(entry.asset_key, name)


def _unique_assets(entries: list[AssetEntry]) -> tuple[list[AssetEntry], list[ProblemEntry]]:
    """Return one entry a key: the first that can be made; another that can be made too is a problem."""
    chosen: dict[tuple[str, ...], AssetEntry] = {}
    problems = []
    for entry in entries:
        other = chosen.get(entry.key)
        if other is None or (entry.materializable and not other.materializable):
            chosen[entry.key] = entry
        elif entry.materializable:
            problems.append(
                ProblemEntry(
                    message=f"asset {entry.name!r} is made at {other.place} (location {other.location!r}) too, "
                    "and that one counts",
                    kind="duplicate",
                    remedy="Rename one of them, or give it a key prefix.",
                    location=entry.location,
                    **{name: getattr(entry, name) for name in ("notebook", "cell_id", "cell", "file", "line")},
                )
            )
    return list(chosen.values()), problems


def _unique_names(manifest: Manifest) -> list[ProblemEntry]:
    problems = []
    for what, entries in (("job", manifest.jobs), ("schedule", manifest.schedules), ("sensor", manifest.sensors)):
        seen: dict[tuple[str, str], Any] = {}
        for entry in entries:
            where = (entry.location, entry.name)
            if where in seen:
                problems.append(
                    ProblemEntry(
                        message=f"two {what}s are named {entry.name!r}",
                        kind="duplicate",
                        remedy=f"Rename one of the {what}s.",
                        location=entry.location,
                        notebook=entry.notebook,
                        cell=entry.cell,
                        cell_id=entry.cell_id,
                    )
                )
            seen[where] = entry
    return problems
