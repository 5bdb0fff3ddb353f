"""Values of assets in a kernel: the one in the namespace while it is the current version, else the stored one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellmill.definitions.asset_key import AssetKey
from cellmill.errors import ExecutionError
from cellmill.first_use import on_first_use
from cellmill.notebooks.problem import AssetCycleError

from . import current_run
from .soundness import fingerprint

if TYPE_CHECKING:
    from cellmill.definitions import code_location
    from cellmill.definitions.value_ref import ValueRef
    from cellmill.execution import entry
    from cellmill.io import default
    from cellmill.notebooks import definition
    from cellmill.notebooks.asset_cell import AssetCell

    from . import partitions as partitioned
    from .host import Host
else:
    default = on_first_use("cellmill.io.default")
    entry = on_first_use("cellmill.execution.entry")
    definition = on_first_use("cellmill.notebooks.definition")
    code_location = on_first_use("cellmill.definitions.code_location")
    partitioned = on_first_use("cellmill_kernel.partitions")

_MISSING = object()


class MissingUpstreamError(ExecutionError):
    """An upstream asset was never materialized; materialize it first."""


@dataclass(slots=True)
class Known:
    """A value that this kernel made or loaded, and the version it is."""

    value: Any
    version: str | None
    partition: str | None = None
    #: what the value looked like: another look later means that somebody changed it in place
    mark: object = None


class Values:
    """The values that this kernel holds, against what the instance says is current."""

    def __init__(self, session: Host) -> None:
        self.session = session
        self.known: dict[AssetKey, Known] = {}
        self._manager: Any = None

    def upstream_values(self, linked: AssetCell, partition_key: str | None) -> dict[str, Any]:
        """The values of the upstreams that a cell reads, by name; raises `MissingUpstreamError` for one never made."""
        wanted = [up for up in linked.upstreams if up.loaded and up.name]
        if not wanted:
            return {}
        versions = self.versions([up.key for up in wanted])
        read_partitions = partitioned.read_partitions
        found: dict[str, Any] = {}
        for upstream in wanted:
            partitions = read_partitions(self.session, linked, upstream, partition_key)
            version = versions.get(upstream.key)
            # what is held of a partitioned asset may be another partition's
            value = self._current(upstream.key, upstream.name, version) if partitions is None else _MISSING
            if value is _MISSING:
                value = self._loaded(upstream.key, linked, partitions, partition_key)
                of = partition_key if partitions is None else ", ".join(partitions)
                self.keep(upstream.key, upstream.name, value, version, bind=True, partition=of)
            found[upstream.name] = value
        return found

    def _current(self, key: AssetKey, name: str, version: str | None) -> Any:
        known = self.known.get(key)
        if known is None or known.partition is not None:
            return _MISSING
        if version is not None and known.version != version:
            return _MISSING
        if known.mark is not None and fingerprint(known.value) != known.mark:
            # a cell changed it in place, under whatever name: what is stored is what assets read
            self.session.note_mutation(key, name)
            return _MISSING
        bound = self.session.namespace.get(name, _MISSING)
        # a plain cell may have bound the name anew: then it is no longer the asset's value
        return bound if bound is known.value else known.value

    def _loaded(
        self, key: AssetKey, linked: AssetCell, partitions: Sequence[str] | None, partition_key: str | None
    ) -> Any:
        try:
            if partitions is None:
                return self.load(key, partition_key)
            if len(partitions) == 1:
                return self.load(key, partitions[0])
            return {partition: self.load(key, partition) for partition in partitions}
        except MissingUpstreamError:
            cell = self.session.registry.find(key)
            text = key.to_user_string()
            self._refuse_circle(linked, key)
            where = f" (it is made in cell {cell.origin.cell_index + 1})" if cell is not None else ""
            raise MissingUpstreamError(
                f"{linked.key.to_user_string()} needs the asset {text!r}, which was never materialized{where}.\n"
                f"Run {_command(key)}, or all that it takes: {_command(linked.key)} --upstream"
            ) from None

    def _refuse_circle(self, linked: AssetCell, above: AssetKey) -> None:
        """What is missing because it needs, over however many notebooks, what is made here will never be there."""
        way = way_up(self.session.graph(), above, linked.key)
        if way:
            names = " → ".join(key.to_user_string() for key in (*reversed(way), linked.key))
            raise AssetCycleError(
                f"assets need each other in a circle: {names}", notebook=linked.origin.path,
                cell=linked.origin.cell_index, cell_id=linked.origin.cell_id, line=linked.origin.line,
                remedy="Break the circle: let one of them read another name.",
            ) from None  # fmt: skip

    def versions(self, keys: Iterable[AssetKey]) -> dict[AssetKey, str | None]:
        """The current version of each asset that is stored: one query."""
        run = current_run.current()
        if run is not None:
            refs = {key: run.find_ref(key, run.message.partition_key) for key in keys}
            return {key: ref.version for key, ref in refs.items() if ref is not None}
        return versions_of(self.session.instance.asset_states(list(keys)))

    def keep(
        self, key: AssetKey, name: str, value: Any, version: str | None, *, bind: bool, partition: str | None = None
    ) -> None:
        """Remember the current value of an asset, or of one of its partitions, and bind it to its name.

        The name of a decorated function stays that of its definition.
        """
        self.known[key] = Known(value, version, partition, fingerprint(value))
        if bind and name.isidentifier() and not is_definition(self.session.namespace.get(name)):
            self.session.namespace[name] = value

    def load_into_namespace(self, key: AssetKey, name: str) -> Any:
        """Load a stored value and bind it."""
        value = self.load(key)
        self.keep(key, name, value, self.versions([key]).get(key), bind=True)
        return value

    def find_ref(self, key: AssetKey, partition_key: str | None = None) -> ValueRef | None:
        """Where an asset's stored value lies: in a run as made in it or as its worker said, else in the instance."""
        run = current_run.current()
        if run is not None:
            ref = run.find_ref(key, partition_key or run.message.partition_key) or run.find_ref(key, None)
            if ref is not None:
                return ref
        found: ValueRef | None = self.session.instance.find_value_ref(key, partition_key)
        return found

    def load(self, key: AssetKey, partition_key: str | None = None) -> Any:
        """The stored value of an asset, through its IO manager; in a run of a range of partitions, by partition."""
        run = current_run.current()
        if run is not None and partition_key is None and (refs := run.range_refs(key)):
            return {partition: self.default_manager().store.read(ref) for partition, ref in refs.items()}
        ref = self.find_ref(key, partition_key)
        if ref is not None:
            return self.default_manager().store.read(ref)
        if self.session.instance.get_latest_materialization_event(key) is None:
            raise MissingUpstreamError(
                f"The asset {key.to_user_string()!r} was never materialized. Run {_command(key)}"
            )
        return self._through_manager(key, partition_key)

    def _through_manager(self, key: AssetKey, partition_key: str | None) -> Any:
        """The stored value of an asset through its own IO manager, with the notebook's resources."""
        session = self.session
        cell = session.registry.find(key)
        # loaded with the first value that needs them
        assets_definition = definition.assets_definition
        assets = [assets_definition(cell, lookup=session.lookup)] if cell is not None else []
        made = code_location.Definitions(assets=assets, resources=session.resources())
        return entry.load_asset_value(made, key, instance=session.instance, partition_key=partition_key)

    def default_manager(self) -> Any:
        """The IO manager by type over the instance's value store."""
        if self._manager is None:
            run = current_run.current()
            if run is not None and run.message.home:
                home = Path(run.message.home)
                self._manager = default.ByTypeIOManager(home / "storage", key_folder=home)
            else:
                instance = self.session.instance
                self._manager = default.ByTypeIOManager(instance.storage_directory(), key_folder=instance.home)
        return self._manager


def is_definition(value: object) -> bool:
    """True for what `@asset` made of a function; tells without importing definitions."""
    return type(value).__name__ == "AssetsDefinition" and type(value).__module__.startswith("cellmill.")


def way_up(graph: Mapping[AssetKey, Sequence[AssetKey]], start: AssetKey, end: AssetKey) -> list[AssetKey]:
    """The assets from `start` up to `end`, each needing the next; empty where there is no way."""
    came: dict[AssetKey, AssetKey | None] = {start: None}
    todo = [start]
    for key in todo:
        if key == end:
            way: list[AssetKey] = []
            at: AssetKey | None = key
            while at is not None:
                way.append(at)
                at = came[at]
            return way[::-1]
        for up in graph.get(key, ()):
            if up not in came:
                came[up] = key
                todo.append(up)
    return []


def _command(key: AssetKey) -> str:
    """What makes an asset: a magic by hand, a command where this kernel works for a run."""
    return f"{'%' if current_run.current() is None else 'cellmill '}materialize {key.to_user_string()}"


def versions_of(states: Mapping[AssetKey, Any]) -> dict[AssetKey, str | None]:
    """The current version of each asset that is stored, from the catalog's states."""
    return {
        key: state.value_ref.version if state.value_ref is not None else str(state.event_id)
        for key, state in states.items()
        if state.is_materialized
    }
