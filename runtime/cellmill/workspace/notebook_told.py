"""What a notebook's text shows and what running its definition cells told, as one manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cellmill.workspace.manifest import AssetEntry, Manifest

if TYPE_CHECKING:
    from cellmill.notebooks.workspace import WorkspaceScan

#: Kind of the problem of a definition that the text does not show.
UNKNOWN = "dynamic"
#: Kind of the problem of an argument that the text does not show.
COMPUTED = "computed"
#: What is no problem any more once the cells have told.
UNTOLD = (UNKNOWN, COMPUTED)
#: What the text of a decorated asset shows as well as running it does, or better.
_READ = ("key", "upstream", "code_version", "notebook", "cell", "cell_id", "line", "location", "op", "bound")


def with_told(
    found: Manifest, told: Manifest, variables: Mapping[str, Mapping[str, Any]], linked: WorkspaceScan
) -> Manifest:
    """Return `found`, read of a notebook's text, with what its host `told` of it.

    `variables` are the partitions and conditions that its asset cells are given by name.
    """
    places = {(item.cell_index, item.line) for item in linked.unknowns}
    places |= {(problem.cell or 0, problem.line or 1) for problem in found.problems if problem.kind == COMPUTED}
    by_key = {entry.key: entry for entry in told.assets}
    # of partition mappings in variables nothing is told
    cells = (cell for cell in linked.assets.values() if cell.definition.form != "decorator")
    mapped = {cell.origin.cell_index for cell in cells if cell.header.pairs("partition_mapping")}
    computed = {item.name for item in linked.declarations if (item.origin.cell_index, item.origin.line) in places}
    return replace(
        found,
        assets=tuple(_asset(entry, by_key.get(entry.key), variables, linked) for entry in found.assets),
        jobs=_named(found.jobs, told.jobs, computed),
        schedules=_named(found.schedules, told.schedules, computed),
        sensors=_named(found.sensors, told.sensors, computed),
        secrets=told.secrets,
        problems=tuple(p for p in found.problems if p.kind not in UNTOLD or p.cell in mapped),
    )


def _asset(
    entry: AssetEntry, told: AssetEntry | None, variables: Mapping[str, Mapping[str, Any]], linked: WorkspaceScan
) -> AssetEntry:
    if told is None:
        named = (str((entry.partitions or {}).get("text", "")), entry.automation or "")
        fields = {name: value for text in named for name, value in variables.get(text, {}).items()}
        return replace(entry, **fields) if fields else entry
    kept = {name: getattr(entry, name) for name in _READ}
    if told.code_version:
        kept["code_version"] = told.code_version
    if linked.assets[entry.asset_key].definition.described is not None:
        kept |= {"bound": told.bound, "upstream": told.upstream}
    return replace(told, **kept)


def _named(found: Iterable[Any], told: Iterable[Any], computed: set[str]) -> tuple[Any, ...]:
    """Return the entries that the text shows, and behind them those that were told and that it does not show."""
    shown = [entry for entry in found if entry.name not in computed]
    names = {entry.name for entry in shown}
    return (*shown, *(entry for entry in told if entry.name not in names))
