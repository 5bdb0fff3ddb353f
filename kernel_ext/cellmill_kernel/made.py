"""Definitions that cells have made: those under a name, in a list, and all that a loop made under one name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cellmill.first_use import on_first_use

from .values import is_definition

if TYPE_CHECKING:
    from cellmill.definitions import assets, collected
    from cellmill.notebooks import described
    from cellmill.notebooks.scan import NotebookScan
else:
    collected = on_first_use("cellmill.definitions.collected")
    assets = on_first_use("cellmill.definitions.assets")
    described = on_first_use("cellmill.notebooks.described")

_COLLECTED = "cellmill.definitions.collected"
_ASSETS = "cellmill.definitions.assets"


class MadeDefinitions:
    """What the cells of this kernel have made, by cell: running a cell again replaces what it made before.

    Nothing is imported before a cell has imported definitions itself.
    """

    def __init__(self) -> None:
        self._open: list[Any] = []
        self._by_cell: dict[str, list[Any]] = {}
        #: identity of a definition -> the cell behind which it was there, and the name that holds it
        self._places: dict[int, tuple[str, str]] = {}

    def begin(self) -> None:
        """A cell starts."""
        self._open = []
        collected.collect_into(self._open)

    def end(self, cell_id: str, namespace: Mapping[str, Any]) -> None:
        """A cell ended; what it made is its own."""
        if _ASSETS not in sys.modules:
            return
        collected.collect_into(None)
        here = [one for one in self._open if collected.made_in_cell(one)]
        self._open = []
        if here or cell_id in self._by_cell:
            self._by_cell[cell_id] = here
        for holder, one, _ in self._held(namespace):
            self._places.setdefault(id(one), (cell_id, holder))
        for one in here:
            self._places.setdefault(id(one), (cell_id, ""))

    def _held(self, namespace: Mapping[str, Any]) -> list[tuple[str, Any, bool]]:
        if _ASSETS not in sys.modules:
            return []
        return [
            item for item in collected.held_definitions(namespace, (assets.AssetsDefinition,)) if is_definition(item[1])
        ]

    def definitions(self, namespace: Mapping[str, Any]) -> list[Any]:
        """The assets of functions that the namespace holds, and those that loops have made under one name."""
        held = [one for _, one, _ in self._held(namespace)]
        if not self._by_cell:
            return held
        found = {id(collected.function_of(one)): one for one in held}
        for one in (one for made in self._by_cell.values() for one in made):
            found.setdefault(id(collected.function_of(one)), one)  # a copy with other attributes has the same function
        keys = {key for one in held for key in one.keys}
        loops = list(found.values())[len(held) :]
        return [*held, *(one for one in loops if not keys & one.keys)]

    def described(self, scan: NotebookScan, namespace: Mapping[str, Any]) -> list[described.DescribedAsset]:
        """What of these the notebook's text does not show; an imported asset of a module stays that module's."""
        if not self._places:
            return []
        cells = {scanned.cell.id: scanned for scanned in scan.cells}
        bound = {id(one) for _, one, own in self._held(namespace) if own}
        known = {key for definition in scan.definitions for key in definition.keys}
        found = []
        for one in self.definitions(namespace):
            cell_id, holder = self._places.get(id(one), ("", ""))
            if cell_id in cells and one.keys and not known & one.keys and not collected.is_imported(one):
                found.append(
                    described.DescribedAsset(
                        keys=tuple(sorted(one.keys)),
                        upstream=tuple(sorted(one.dependency_keys)),
                        cell=cells[cell_id].cell.index,
                        line=described.line_of_definition(scan, cells[cell_id], one, holder),
                        bound=holder if id(one) in bound else "",
                        code_version=next((spec.code_version or "" for spec in one.specs), ""),
                    )
                )
        return found
