"""All notebooks linked: upstreams by name, slices, code versions, and the mistakes that only the whole shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cellmill.definitions.asset_key import AssetKey

from .asset_cell import AssetCell, CellDefinition, Declaration, Unknown
from .cache import FactsCache
from .collector import paused_collector
from .linking import NotebookLinking
from .problem import AssetCycleError, DuplicateAssetError, NotebookError
from .scan import NotebookScan, scan_notebook


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceScan:
    """All notebooks, linked: every asset with upstreams, slice and code version."""

    notebooks: Mapping[str, NotebookScan]
    assets: Mapping[AssetKey, AssetCell] = field(default_factory=dict)
    #: cells of other kinds (`%%op`, `%%check`, `%%sensor`), linked in the same way
    others: tuple[AssetCell, ...] = ()
    problems: tuple[NotebookError, ...] = ()

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """Jobs, schedules, sensors … of all notebooks."""
        return tuple(item for scan in self.notebooks.values() for item in scan.declarations)

    @property
    def unknowns(self) -> tuple[Unknown, ...]:
        """What only running can tell, of all notebooks."""
        return tuple(item for scan in self.notebooks.values() for item in scan.unknowns)

    def in_notebook(self, path: str) -> tuple[AssetCell, ...]:
        """The assets of one notebook in document order."""
        found = {id(cell): cell for cell in self.assets.values() if cell.origin.path == path}
        return tuple(sorted(found.values(), key=lambda cell: (cell.origin.cell_index, cell.origin.line)))


def scan_workspace(
    texts: Mapping[str, str | bytes],
    *,
    cache: FactsCache | None = None,
    python: tuple[int, int] = (3, 11),
    other_assets: Sequence[AssetKey] = (),
    modules: Mapping[str, str] | None = None,
) -> WorkspaceScan:
    """All notebooks of a workspace, read and linked; a file that cannot be read is a problem, the rest still works.

    `other_assets` are assets that Python modules define; `modules` maps names of workspace-local modules to sources.
    """
    problems: list[NotebookError] = []
    scans: list[NotebookScan] = []
    cache = FactsCache() if cache is None else cache
    for path, text in texts.items():
        try:
            scans.append(scan_notebook(text, path, cache=cache, python=python))
        except NotebookError as error:
            problems.append(error)
    return link_workspace(scans, other_assets=other_assets, modules=modules, python=python, problems=problems)


def link_workspace(
    scans: Iterable[NotebookScan],
    *,
    other_assets: Sequence[AssetKey] = (),
    modules: Mapping[str, str] | None = None,
    python: tuple[int, int] = (3, 11),
    problems: Iterable[NotebookError] = (),
) -> WorkspaceScan:
    """Scanned notebooks, linked."""
    scans = list(scans)
    found = [*problems, *(problem for scan in scans for problem in scan.problems)]
    index, duplicates = _index(scans)
    by_name = _by_name(index, other_assets)
    with paused_collector():
        linkings = [NotebookLinking(scan, index, by_name, modules or {}, python) for scan in scans]
        return link_all(linkings, duplicates, found)


def link_notebook(linking: NotebookLinking) -> WorkspaceScan:
    """Every definition of one notebook, as far as they are not linked yet."""
    return link_all([linking], _index([linking.scan])[1], linking.scan.problems)


def link_all(
    linkings: Sequence[NotebookLinking], duplicates: Sequence[Duplicate], problems: Iterable[NotebookError] = ()
) -> WorkspaceScan:
    """Every definition of some notebooks, linked; of two that make one asset the second is left out."""
    found: list[NotebookError] = [*problems, *duplicates]
    dropped = {id(error.definition) for error in duplicates}
    assets: dict[AssetKey, AssetCell] = {}
    others: list[AssetCell] = []
    with paused_collector():
        for linking in linkings:
            for definition in linking.scan.definitions:
                if id(definition) in dropped:
                    continue
                cell, errors = linking.link(definition)
                found.extend(errors)
                if definition.kind == "asset":
                    for key in definition.keys:
                        assets[key] = cell
                else:
                    others.append(cell)
    found.extend(_cycles(assets))
    return WorkspaceScan(
        notebooks={one.scan.path: one.scan for one in linkings},
        assets=assets,
        others=tuple(others),
        problems=tuple(found),
    )


def asset_index(
    scans: Sequence[NotebookScan], others: Sequence[AssetKey] = ()
) -> tuple[dict[AssetKey, CellDefinition], dict[str, list[AssetKey]]]:
    """The definitions by key, and the keys that a name may mean."""
    index, _ = _index(scans)
    return index, _by_name(index, others)


class Duplicate(DuplicateAssetError):
    """Two cells make an asset of one name; rename one of them."""

    definition: CellDefinition


def _index(scans: Sequence[NotebookScan]) -> tuple[dict[AssetKey, CellDefinition], list[Duplicate]]:
    index: dict[AssetKey, CellDefinition] = {}
    duplicates: list[Duplicate] = []
    for scan in scans:
        for definition in scan.definitions:
            if definition.kind != "asset":
                continue
            for key in definition.keys:
                first = index.setdefault(key, definition)
                if first is not definition:
                    error = Duplicate(
                        f"the asset {key.to_user_string()!r} is also made by {first.origin}",
                        notebook=definition.origin.path, cell=definition.origin.cell_index,
                        cell_id=definition.origin.cell_id, line=definition.origin.line,
                        remedy="Rename one of them, or give one a --key-prefix.",
                    )  # fmt: skip
                    error.definition = definition
                    duplicates.append(error)
    return index, duplicates


def _by_name(index: Mapping[AssetKey, CellDefinition], others: Sequence[AssetKey]) -> dict[str, list[AssetKey]]:
    names: dict[str, list[AssetKey]] = {}
    for key in (*index, *others):
        if key.parts and key not in names.get(key.parts[-1], ()):
            names.setdefault(key.parts[-1], []).append(key)
    for definition in index.values():  # a decorated function's asset may bear another name than the function
        for name, key in zip(definition.names, definition.keys, strict=False):
            if key not in names.get(name, ()):
                names.setdefault(name, []).append(key)
    return names


def _cycles(assets: Mapping[AssetKey, AssetCell]) -> list[NotebookError]:
    """The shortest circle through each knot of assets, reported once."""
    errors: list[NotebookError] = []
    state: dict[AssetKey, int] = {}
    for start in assets:
        if start in state:
            continue
        path: list[AssetKey] = []
        stack: list[tuple[AssetKey, int]] = [(start, 0)]
        while stack:
            key, number = stack.pop()
            if number == 0:
                state[key] = 1
                path.append(key)
            upstreams = [u.key for u in assets[key].upstreams if u.key in assets and u.key not in assets[key].keys]
            for at in range(number, len(upstreams)):
                above = upstreams[at]
                if state.get(above) == 1:
                    errors.append(_cycle_error(path[path.index(above) :], assets))
                elif above not in state:
                    stack.append((key, at + 1))
                    stack.append((above, 0))
                    break
            else:
                state[key] = 2
                path.pop()
    return errors


def _cycle_error(circle: list[AssetKey], assets: Mapping[AssetKey, AssetCell]) -> AssetCycleError:
    names = " → ".join(key.to_user_string() for key in [*circle[::-1], circle[-1]])
    first = assets[circle[0]]
    places = ", ".join(f"{key.to_user_string()} in {assets[key].origin}" for key in circle)
    return AssetCycleError(
        f"assets need each other in a circle: {names}", notebook=first.origin.path, cell=first.origin.cell_index,
        cell_id=first.origin.cell_id, line=first.origin.line, remedy=f"Break the circle at one of: {places}.",
    )  # fmt: skip
