"""What running a notebook's definition cells told, put into its scan; and which cells those are."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from cellmill.definitions.asset_key import AssetKey
from cellmill.definitions.collected import function_of, made_in_cell

from .asset_cell import CellDefinition, NotebookOrigin
from .cells import compose
from .facts import Statement, Use
from .link import Linker, Unit
from .magic import Header, OptionValue
from .scan import NotebookScan, ScannedCell


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedAsset:
    """An asset that the text of a notebook does not show: its keys, what it reads, and where it is made."""

    keys: tuple[AssetKey, ...]
    upstream: tuple[AssetKey, ...]
    cell: int
    line: int
    #: The notebook's name for it; empty where it has none, as for an element of a list.
    bound: str = ""
    code_version: str = ""


def with_described(scan: NotebookScan, assets: Iterable[DescribedAsset]) -> NotebookScan:
    """Return the scan with these assets among its definitions; those that the text shows stay as the text shows them.

    Their code version is that of the statement that makes them and of all that this needs.
    """
    known = {key for definition in scan.definitions for key in definition.keys}
    cells = {scanned.cell.index: scanned for scanned in scan.cells}
    found = []
    for asset in assets:
        if asset.cell in cells and not known & {*asset.keys}:
            found.append(_definition(scan.path, cells[asset.cell], asset))
            known |= {*asset.keys}
    return replace(scan, definitions=(*scan.definitions, *found)) if found else scan


def _definition(path: str, scanned: ScannedCell, asset: DescribedAsset) -> CellDefinition:
    statement = statement_at(scanned, asset.line)
    statements = (statement,) if statement is not None else scanned.facts.statements
    name = asset.bound or asset.keys[0].parts[-1]
    options: dict[str, OptionValue] = {"infer": False}
    if asset.code_version:
        options["code_version"] = asset.code_version
    facts = compose(statements)
    later = {name: use for one in statements for inner in one.deferred.values() for name, use in inner.uses.items()}
    return CellDefinition(
        kind="asset",
        form="decorator",
        names=(name,),
        keys=asset.keys,
        header=Header(kind="asset", names=(name,), options=options, lines=0),
        origin=NotebookOrigin(
            path=path,
            cell_id=scanned.cell.id,
            cell_index=scanned.cell.index,
            line=statement.line if statement is not None else 1,
        ),
        # a loop binds its variable, perhaps never, and its functions read it
        facts=replace(facts, uses={n: use for n, use in {**later, **facts.uses}.items() if n not in facts.binds}),
        body=tuple(node for one in statements for node in one.nodes),
        described=asset.upstream,
    )


def statement_at(scanned: ScannedCell, line: int) -> Statement | None:
    """Return the statement of a cell that a line belongs to."""
    return next((one for one in scanned.facts.statements if one.line <= line <= one.end_line), None)


def line_of_definition(scan: NotebookScan, scanned: ScannedCell, definition: object, holder: str = "") -> int:
    """Return the first line of the statement of a cell that made a definition, which the name `holder` holds."""
    for statement in reversed(scanned.facts.statements):
        if holder and holder in statement.binds:
            return statement.line
    code = getattr(function_of(definition), "__code__", None)
    if code is not None and made_in_cell(definition):
        inside = statement_at(scanned, code.co_firstlineno)
        if inside is not None:
            return inside.line
    unknown = next((item.line for item in scan.unknowns if item.cell_index == scanned.cell.index), 1)
    inside = statement_at(scanned, unknown)
    return inside.line if inside is not None else 1


def definition_cells(
    scan: NotebookScan, computed: Iterable[tuple[int, int]] = (), variables: Iterable[str] = ()
) -> tuple[int, ...]:
    """Return the positions of the cells that make what the text does not show, and of those that they need.

    That is what the scan does not know, the statements at the places `computed` (cell, line), and those that bind
    `variables`. Cells with assets of their own are never among them.
    """
    linker = scan.linker()
    places = {*computed, *((item.cell_index, item.line) for item in scan.unknowns)}
    wanted = frozenset(variables)
    binding = (unit for unit in linker.units if wanted & unit.statement.binds.keys())
    todo = {unit.cell for unit in (*_making_units(places, linker), *binding)}
    found: set[int] = set()
    while todo:
        cell = todo.pop()
        found.add(cell)
        start, end = linker.spans[cell]
        todo |= {linker.units[at].cell for at in _needed(linker, linker.units[start:end], start)} - found
    return tuple(sorted(found))


def _needed(linker: Linker, units: Iterable[Unit], position: int) -> set[int]:
    needed = set(linker.setup_units(position))
    for unit in units:
        needed |= linker.slice_of(unit.statement.uses.values(), unit.position, infer=False).units
    return needed


def _making_units(places: Collection[tuple[int, int]], linker: Linker) -> Iterator[Unit]:
    """Yield the statements at these places, and those that use a function among them."""
    factories: set[str] = set()
    for unit in linker.units:
        statement = unit.statement
        here = any(cell == unit.cell and statement.line <= line <= statement.end_line for cell, line in places)
        if not here and not factories & _names(statement):
            continue
        if statement.nodes and isinstance(statement.nodes[0], ast.FunctionDef | ast.AsyncFunctionDef):
            factories |= statement.binds.keys()
        yield unit


def _names(statement: Statement) -> set[str]:
    inner: Iterable[Use] = (use for one in statement.deferred.values() for use in one.uses.values())
    return {*statement.uses, *(use.name for use in inner)}
