"""What a run does that selects checks: those on assets that it makes run with them, others on stored values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from difflib import get_close_matches

from cellmill.definitions.asset_key import AssetCheckKey, AssetKey
from cellmill.errors import InvalidSubsetError
from cellmill.workspace.manifest import AssetEntry
from cellmill.workspace.run_plan import LinkedNotebooks, Visit, cell_check_keys, plan_visits, with_checks
from cellmill.workspace.workspace import Workspace


def plan_checks(workspace: Workspace, keys: Collection[AssetKey]) -> tuple[Visit, ...]:
    """Return the visits that run the `%%check` cells of these assets on their stored values, and make nothing."""
    notebooks = LinkedNotebooks(workspace)
    named = {check.notebook: check for check in workspace.manifest.checks if check.check_key.asset_key in keys}
    return tuple(
        _cells_visit(notebook, check.location, notebooks, keys)
        for notebook, check in named.items()
        if notebook is not None
    )


def plan_with_checks(
    workspace: Workspace,
    entries: Sequence[AssetEntry],
    checks: AbstractSet[AssetCheckKey],
    notebooks: LinkedNotebooks,
) -> tuple[Visit, ...]:
    """Return the visits that make the assets of `entries` and run these checks and no others.

    Checks that an asset cell declares itself run with the cell whenever it does.

    Raises: InvalidSubsetError for a check that there is not, or that only its asset's cell can run.
    """
    places = _places(workspace)
    unknown = sorted(key.to_user_string() for key in checks if key not in places)
    if unknown:
        near = get_close_matches(unknown[0], [key.to_user_string() for key in places], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidSubsetError(
            f"The run selects checks that no location defines (any more): {', '.join(unknown)}.{hint} "
            "See 'cellmill checks list'."
        )
    notebooks.only_checks = checks
    visits = [_narrowed(visit, checks, places) for visit in plan_visits(workspace, entries, notebooks)]
    done = {key for visit in visits for key in (visit.check_selection or ())}
    return (*visits, *_lone_visits(checks - done, places, visits, notebooks))


def _narrowed(
    visit: Visit, checks: AbstractSet[AssetCheckKey], places: Mapping[AssetCheckKey, tuple[str, str | None]]
) -> Visit:
    """Return a visit that runs those of the checks that its assets have at its place."""
    if visit.notebook is not None:
        with_cells = {key for key in checks if key.asset_key in visit.assets and places[key][1] is None}
        return replace(visit, check_selection=frozenset({*visit.checks.values(), *with_cells}))
    own = {key for key in checks if key.asset_key in visit.assets and places[key] == (visit.location, None)}
    return replace(visit, check_selection=frozenset(own))


def _lone_visits(
    checks: AbstractSet[AssetCheckKey],
    places: Mapping[AssetCheckKey, tuple[str, str | None]],
    visits: Sequence[Visit],
    notebooks: LinkedNotebooks,
) -> Iterator[Visit]:
    by_place: dict[tuple[str, str | None], set[AssetCheckKey]] = {}
    for key in sorted(checks, key=str):
        by_place.setdefault(places[key], set()).add(key)
    for (location, notebook), keys in by_place.items():
        assets = {key.asset_key for key in keys}
        after = tuple(number for number, visit in enumerate(visits) if assets & set(visit.assets))
        if notebook is not None:
            made = replace(_cells_visit(notebook, location, notebooks, assets), after=after)
            yield replace(made, key=f"{notebook}:checks", check_selection=frozenset(keys))
            continue
        in_cells = sorted(key.to_user_string() for key in keys if _is_made_by_cell(key, notebooks))
        if in_cells:
            raise InvalidSubsetError(
                f"The cell of the asset declares the check {in_cells[0]} itself, so that it runs with the cell only: "
                "select the asset too."
            )
        yield Visit(
            key=f"{location}:checks", location=location, assets=(), after=after, check_selection=frozenset(keys)
        )


def _is_made_by_cell(key: AssetCheckKey, notebooks: LinkedNotebooks) -> bool:
    entry = notebooks.entries.get(key.asset_key.parts)
    return entry is not None and entry.notebook is not None and key.name in entry.checks


def _places(workspace: Workspace) -> dict[AssetCheckKey, tuple[str, str | None]]:
    """Return the location of each check, and its notebook where it is a cell of its own."""
    found: dict[AssetCheckKey, tuple[str, str | None]] = {
        AssetCheckKey(entry.asset_key, name): (entry.location, None)
        for entry in workspace.manifest.assets
        for name in entry.checks
    }
    found |= {check.check_key: (check.location, check.notebook) for check in workspace.manifest.checks}
    return found


def _cells_visit(notebook: str, location: str, notebooks: LinkedNotebooks, keys: Collection[AssetKey]) -> Visit:
    checks = notebooks.checks(notebook, keys)
    cells = with_checks((), {}, checks)
    loads = notebooks.loads(notebook, cells, {})
    read = {up.key for check in checks for up in check.upstreams}
    return Visit(
        key=notebook,
        location=location,
        assets=(),
        notebook=notebooks.path(notebook),
        name=notebook,
        cells=cells,
        checks=cell_check_keys(checks),
        has_session=True,
        loads=loads,
        reads=frozenset(read | {key for names in loads.values() for key in names.values()}),
    )
