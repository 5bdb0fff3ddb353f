"""What one run does: visits to notebooks and to modules, in an order that respects who needs whom."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.errors import InvalidSubsetError
from cellmill.notebooks.asset_cell import AssetCell, CellDefinition, NotebookOrigin, Upstream
from cellmill.notebooks.described import with_described
from cellmill.notebooks.facts import EMPTY_FACTS
from cellmill.notebooks.link import Linker
from cellmill.notebooks.magic import Header
from cellmill.notebooks.scan import NotebookScan, scan_notebook
from cellmill.notebooks.workspace import WorkspaceScan, link_workspace
from cellmill.planning.notebook_step import NotebookStep, made_behind, plan_notebook_steps
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.notebook_location import NotebookLocation
from cellmill.workspace.notebook_reading import described_assets, manifest_of, scan_file
from cellmill.workspace.workspace import Workspace

#: Marks a visit to a module's location among visits to notebooks.
_MODULE = "module:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One step of a run: cells of one notebook, or assets of one module's location."""

    key: str
    location: str
    assets: tuple[AssetKey, ...]
    #: Positions of visits that must have ended before.
    after: tuple[int, ...] = ()
    #: None for a module.
    notebook: Path | None = None
    #: Text of the version to execute instead of the file.
    pinned: str | None = None
    #: The notebook's path from the root, as its assets name it.
    name: str = ""
    #: Positions of the cells to execute; None is all of them.
    cells: tuple[int, ...] | None = None
    #: Asset cells among them and what each makes.
    made_by: Mapping[int, tuple[AssetKey, ...]] = field(default_factory=dict)
    #: Assets of decorated functions, by the position of the cell behind which they are made.
    makes: Mapping[int, tuple[AssetKey, ...]] = field(default_factory=dict)
    #: Stored values to bind before plain cells: position -> name -> asset.
    loads: Mapping[int, Mapping[str, AssetKey]] = field(default_factory=dict)
    #: Assets whose stored values are read.
    reads: frozenset[AssetKey] = frozenset()
    #: `%%check` cells among them, by position.
    checks: Mapping[int, AssetCheckKey] = field(default_factory=dict)
    #: The only checks that are run; None is all of the assets.
    check_selection: frozenset[AssetCheckKey] | None = None
    #: True where a cell loads the extension: the kernel must know the run even if it makes no asset.
    has_session: bool = False
    #: Why each plain cell runs: position -> the names for which it is needed.
    reasons: Mapping[int, str] = field(default_factory=dict)


class LinkedNotebooks:
    """The notebooks of a workspace, linked when asked for, one by one."""

    def __init__(self, workspace: Workspace, pinned: Mapping[str, str] | None = None) -> None:
        self._workspace = workspace
        #: Text of notebooks that are read instead of their files.
        self.pinned = pinned or {}
        #: The only `%%check` cells that are run; None is all.
        self.only_checks: AbstractSet[AssetCheckKey] | None = None
        self._linked: dict[str, WorkspaceScan] = {}
        self.entries: Mapping[tuple[str, ...], AssetEntry] = workspace.assets_by_key
        self.locations: dict[str, NotebookLocation] = {}
        for entry in workspace.manifest.assets:
            location = workspace.locations.get(entry.location)
            if entry.notebook and isinstance(location, NotebookLocation):
                self.locations[entry.notebook] = location
        if self.pinned:
            self.entries = self._with_pinned()

    def _with_pinned(self) -> dict[tuple[str, ...], AssetEntry]:
        """Return all assets, those of pinned notebooks as they were then."""
        found = {path: entry for path, entry in self.entries.items() if entry.notebook not in self.pinned}
        for notebook in self.pinned:
            location = self.locations[notebook].config.name if notebook in self.locations else self._notebooks_name()
            for entry in manifest_of(self.linked(notebook), notebook).assets:
                found[entry.key] = replace(entry, location=location)
        return found

    def _notebooks_name(self) -> str:
        locations = self._workspace.locations.values()
        return next((one.config.name for one in locations if isinstance(one, NotebookLocation)), "")

    def path(self, notebook: str) -> Path:
        """Return the file of a notebook that is named from the root."""
        return self._workspace.config.root / notebook

    def linked(self, notebook: str) -> WorkspaceScan:
        """Return one notebook linked against the assets of all others."""
        found = self._linked.get(notebook)
        if found is None:
            scan = self._read(notebook)
            others = [entry.asset_key for entry in self.entries.values() if entry.notebook != notebook]
            python = (sys.version_info[0], sys.version_info[1])
            modules = self.locations[notebook].modules() if notebook in self.locations else {}
            found = link_workspace([scan], other_assets=others, modules=modules, python=python)
            self._linked[notebook] = found
        return found

    def _read(self, notebook: str) -> NotebookScan:
        if notebook in self.pinned:
            return scan_notebook(self.pinned[notebook], notebook, python=(sys.version_info[0], sys.version_info[1]))
        scan = scan_file(self.path(notebook), notebook)
        return with_described(scan, described_assets(e for e in self.entries.values() if e.notebook == notebook))

    def cell(self, entry: AssetEntry) -> AssetCell:
        """Return the asset cell of an entry.

        Raises: InvalidSubsetError where the notebook does not define it any more.
        """
        assert entry.notebook is not None
        found = self.linked(entry.notebook).assets.get(entry.asset_key)
        if found is None:
            raise InvalidSubsetError(f"{entry.notebook} does not define the asset {entry.name!r} any more.")
        return found

    def loads(
        self, notebook: str, cells: Iterable[int], made: Mapping[int, Sequence[AssetKey]]
    ) -> dict[int, dict[str, AssetKey]]:
        """Return which stored values the plain cells among `cells` read: position -> name -> asset.

        Assets that a cell before it makes are left out: the kernel has them.
        """
        scan = self.linked(notebook).notebooks[notebook]
        linker = scan.linker()
        own = {
            name: key
            for d in scan.definitions
            if d.kind == "asset" and d.form != "decorator"  # the name of a decorated one is its definition
            for name, key in zip(d.names, d.keys, strict=False)
        }
        elsewhere = self._names_elsewhere(notebook)
        by_index = {scanned.cell.index: scanned for scanned in scan.cells}
        found: dict[int, dict[str, AssetKey]] = {}
        there: set[AssetKey] = set()
        for index in cells:
            scanned = by_index.get(index)
            for name in scanned.facts.uses if scanned is not None and scanned.is_plain else ():
                key = own.get(name) or _unbound(linker, name, index, elsewhere)
                if key is not None and key not in there:
                    found.setdefault(index, {})[name] = key
                    there.add(key)
            there.update(made.get(index, ()))
        return found

    def _names_elsewhere(self, notebook: str) -> dict[str, AssetKey]:
        names: dict[str, AssetKey] = {}
        for entry in self.entries.values():
            if entry.notebook != notebook:
                names.setdefault(entry.key[-1], entry.asset_key)
        return names

    def checks(self, notebook: str, made: Iterable[AssetKey] | None = None) -> tuple[AssetCell, ...]:
        """Return the `%%check` cells of a notebook in document order: all, or those of the assets `made`."""
        wanted = None if made is None else frozenset(made)
        cells = [cell for cell in self.linked(notebook).others if cell.definition.kind == "check"]
        return tuple(
            cell
            for cell in cells
            if (wanted is None or checked_asset(cell) in wanted)
            and (self.only_checks is None or _check_key(cell) in self.only_checks)
        )

    def scan(self, notebook: str) -> NotebookScan:
        """Return the scan of a notebook."""
        return self.linked(notebook).notebooks[notebook]


def _unbound(linker: Linker, name: str, index: int, elsewhere: Mapping[str, AssetKey]) -> AssetKey | None:
    key = elsewhere.get(name)
    return key if key is not None and not linker.above(name, linker.position_of(index))[0] else None


def checked_asset(cell: AssetCell) -> AssetKey | None:
    """Return the asset that a `%%check` cell is about: that of ``--asset``, else the only one that it reads."""
    if cell.header.text("asset") or len(cell.upstreams) == 1:
        return cell.upstreams[0].key if cell.upstreams else None
    return None


def with_checks(
    cells: Sequence[int], assets: Mapping[int, Sequence[AssetKey]], checks: Sequence[AssetCell]
) -> tuple[int, ...]:
    """Return the positions to execute with those of `checks` and of the plain cells that these need.

    In document order where that is possible; a check that stands above an asset that it reads runs at the end.
    """
    found = list(cells)
    places = {key: index for index, keys in assets.items() for key in keys}
    for check in checks:
        at = check.origin.cell_index
        late = any(places.get(up.key, -1) > at for up in check.upstreams)
        new = [index for index in (*sorted(check.cells - {at}), at) if index not in found]
        if late or found != sorted(found):
            found.extend(new)
        else:
            found = sorted([*found, *new])
    return tuple(found)


def cell_check_keys(checks: Iterable[AssetCell]) -> dict[int, AssetCheckKey]:
    """Return the checks that cells are, by their positions."""
    found: dict[int, AssetCheckKey] = {}
    for cell in checks:
        key = _check_key(cell)
        if key is not None:
            found[cell.origin.cell_index] = key
    return found


def _check_key(cell: AssetCell) -> AssetCheckKey | None:
    asset = checked_asset(cell)
    return None if asset is None else AssetCheckKey(asset, cell.definition.names[0])


def plan_visits(
    workspace: Workspace, entries: Sequence[AssetEntry], notebooks: LinkedNotebooks | None = None
) -> tuple[Visit, ...]:
    """Return the visits that make the assets of `entries`, as few as their dependencies allow.

    Raises: InvalidSubsetError where a notebook does not define an asset any more.
    """
    notebooks = notebooks or LinkedNotebooks(workspace)
    cells = [
        notebooks.cell(entry) if entry.notebook else _module_cell(entry, number) for number, entry in enumerate(entries)
    ]
    between = {entry.asset_key: [AssetKey(up) for up in entry.upstream] for entry in workspace.manifest.assets}
    by_key = {entry.asset_key: entry for entry in entries}
    steps = plan_notebook_steps(cells, between)
    return tuple(_visit(step, by_key, notebooks) for step in steps)


def _module_cell(entry: AssetEntry, number: int) -> AssetCell:
    """Return a stand-in by which the planner of notebooks orders an asset of a module."""
    origin = NotebookOrigin(path=_MODULE + entry.location, cell_id="", cell_index=number)
    definition = CellDefinition(
        kind="asset",
        form="decorator",
        names=(entry.key[-1],),
        keys=(entry.asset_key,),
        header=Header(kind="asset"),
        origin=origin,
        facts=EMPTY_FACTS,
    )
    return AssetCell(definition=definition, upstreams=tuple(Upstream(key=AssetKey(up)) for up in entry.upstream))


def _visit(step: NotebookStep, by_key: Mapping[AssetKey, AssetEntry], notebooks: LinkedNotebooks) -> Visit:
    keys = step.asset_keys
    if step.path.startswith(_MODULE):
        location = step.path.removeprefix(_MODULE)
        return Visit(
            key=step.key.removeprefix(_MODULE), location=location, assets=keys, after=step.after, reads=step.reads
        )
    checks = notebooks.checks(step.path, keys)
    cells = with_checks(step.cells, step.assets, checks)
    loads = notebooks.loads(step.path, cells, step.assets)
    read = {up.key for check in checks for up in check.upstreams} - set(keys)
    reasons: dict[int, str] = {}
    for key in keys:
        for (index, _line), why in notebooks.cell(by_key[key]).reasons.items() if key in by_key else ():
            reasons.setdefault(index, why)
    return Visit(
        key=step.key,
        location=next((by_key[key].location for key in keys if key in by_key), ""),
        assets=keys,
        after=step.after,
        notebook=notebooks.path(step.path),
        pinned=notebooks.pinned.get(step.path),
        name=step.path,
        cells=cells,
        made_by=step.assets,
        makes=step.makes,
        checks=cell_check_keys(checks),
        has_session=True,
        loads=loads,
        reads=step.reads | read | {key for names in loads.values() for key in names.values()},
        reasons=reasons,
    )


def whole_notebook(workspace: Workspace, notebook: str, pinned: str | None = None) -> Visit:
    """Return the visit that runs a notebook top to bottom, as its file is or as the text of a `pinned` version says."""
    notebooks = LinkedNotebooks(workspace, None if pinned is None else {notebook: pinned})
    entries = [entry for entry in workspace.manifest.assets if entry.notebook == notebook]
    by_cell: dict[int, list[AssetKey]] = {}
    if pinned is None:
        for entry in entries:
            if entry.cell is not None:
                by_cell.setdefault(entry.cell, []).append(entry.asset_key)
    else:
        for cell in notebooks.linked(notebook).assets.values():
            by_cell[cell.origin.cell_index] = list(cell.keys)
    made_by = {index: tuple(keys) for index, keys in sorted(by_cell.items())}
    made = tuple(key for keys in made_by.values() for key in keys)
    scan = notebooks.scan(notebook)
    loads: dict[int, dict[str, AssetKey]] = {}
    if entries:
        loads = notebooks.loads(notebook, range(len(scan.notebook.cells)), made_by)
    checks = notebooks.checks(notebook)
    reads = {AssetKey(up) for entry in entries for up in entry.upstream} - set(made)
    reads |= {up.key for check in checks for up in check.upstreams} - set(made)
    return Visit(
        key=notebook,
        location=entries[0].location if entries else "",
        assets=made,
        notebook=workspace.config.root / notebook,
        pinned=pinned,
        name=notebook,
        made_by=made_by,
        makes=made_behind(notebooks.linked(notebook).assets.values()) if entries else {},
        checks=cell_check_keys(checks),
        has_session=any(_loads_extension(cell.source) for cell in scan.notebook.code_cells),
        loads=loads,
        reads=frozenset(reads | {key for names in loads.values() for key in names.values()}),
    )


def _loads_extension(source: str) -> bool:
    return any(line.split()[:2] == ["%load_ext", "cellmill"] for line in source.splitlines())
