"""A notebook, or all notebooks of a workspace, read without running them: text in, asset cells out.

`scan_notebook` reads one notebook; `workspace.link_workspace` then decides what needs what, because
a name that a body reads may be an asset of another notebook.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cellmill.definitions.asset_key import AssetKey

from .asset_cell import CellDefinition, Declaration, NotebookOrigin, Unknown, read_definition
from .cache import FactsCache
from .cells import StarNames
from .decorators import find_definitions
from .document import Cell, Notebook, read_notebook
from .facts import BROKEN, EMPTY_FACTS, CellFacts
from .link import Linker
from .magic import Header, parse_cell
from .problem import CellSyntaxError, NotebookError


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedCell:
    """A code cell and what was read in it."""

    cell: Cell
    facts: CellFacts
    definition: CellDefinition | None = None

    @property
    def is_plain(self) -> bool:
        """True for a cell without a header of ours."""
        return self.definition is None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookScan:
    """One notebook, read: cells with facts, definitions, problems; nothing is linked yet."""

    notebook: Notebook
    cells: tuple[ScannedCell, ...] = ()
    definitions: tuple[CellDefinition, ...] = ()
    declarations: tuple[Declaration, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    problems: tuple[NotebookError, ...] = ()

    @property
    def path(self) -> str:
        """The notebook's path, as given."""
        return self.notebook.path

    def linker(self) -> Linker:
        """The def-use links of its plain cells."""
        names = {
            name: definition.origin.cell_index
            for definition in self.definitions
            if definition.kind == "asset"
            for name in definition.names
        }
        plain = [(cell.cell.index, cell.facts) for cell in self.cells if cell.is_plain]
        return Linker(plain, names)


def scan_notebook(
    notebook: Notebook | str | bytes,
    path: str = "",
    *,
    cache: FactsCache | None = None,
    python: tuple[int, int] = (3, 11),
    star_names: StarNames | None = None,
) -> NotebookScan:
    """One notebook, read; a mistake in a cell is a problem of the scan, a file that is no notebook raises."""
    if not isinstance(notebook, Notebook):
        notebook = read_notebook(notebook, path)
    if not notebook.is_python:
        return NotebookScan(notebook=notebook)
    reader = _Reader(notebook, FactsCache() if cache is None else cache, python, star_names)
    with _paused_collector():
        for cell in notebook.cells:
            if cell.kind == "code":
                reader.read(cell)
    return reader.result()


@contextmanager
def _paused_collector() -> Iterator[None]:
    """Syntax trees make the cycle collector walk them again and again: a third of the time when measured."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():
                # what was read is kept: it goes to the oldest generation unwalked (a tenth of the time when measured)
                gc.freeze()
                gc.unfreeze()
            gc.enable()


class _Reader:
    """Reads the cells of one notebook and gathers what they define."""

    def __init__(
        self, notebook: Notebook, cache: FactsCache, python: tuple[int, int], star_names: StarNames | None
    ) -> None:
        self.notebook = notebook
        self.cache = cache
        self.python = python
        self.star_names = star_names
        self.cells: list[ScannedCell] = []
        self.definitions: list[CellDefinition] = []
        self.declarations: list[Declaration] = []
        self.unknowns: list[Unknown] = []
        self.problems: list[NotebookError] = []

    def read(self, cell: Cell) -> None:
        """One code cell."""
        path = self.notebook.path
        parsed, facts = self.cache.analyse(cell.source, self.python, self.star_names)
        definition: CellDefinition | None = None
        if facts.flags and BROKEN in facts.flags:
            self.problems.append(_syntax_problem(cell, facts, path))
        try:
            header = parse_cell(cell.source, notebook=path, cell=cell.index, cell_id=cell.id)
            if header is not None and BROKEN not in facts.flags:
                definition = read_definition(cell, header, parsed, facts, path)
                self.definitions.append(definition)
            elif header is not None:
                facts = EMPTY_FACTS
                definition = _broken_definition(cell, path)
        except NotebookError as error:
            self.problems.append(error)
            definition, facts = _broken_definition(cell, path), EMPTY_FACTS
        self.cells.append(ScannedCell(cell=cell, facts=facts, definition=definition))
        if definition is None:
            for found in find_definitions(cell, facts, path):
                if isinstance(found, CellDefinition):
                    self.definitions.append(found)
                elif isinstance(found, Declaration):
                    self.declarations.append(found)
                else:
                    self.unknowns.append(found)

    def result(self) -> NotebookScan:
        """What was read."""
        return NotebookScan(
            notebook=self.notebook,
            cells=tuple(self.cells),
            definitions=tuple(self.definitions),
            declarations=tuple(self.declarations),
            unknowns=tuple(self.unknowns),
            problems=tuple(self.problems),
        )


def _broken_definition(cell: Cell, path: str) -> CellDefinition:
    """A cell whose header or body is broken: it takes no part, but it is no plain cell either."""
    return CellDefinition(
        kind="broken", form="magic", names=(), keys=(AssetKey([]),), header=Header(kind="broken"), facts=EMPTY_FACTS,
        origin=NotebookOrigin(path=path, cell_id=cell.id, cell_index=cell.index),
    )  # fmt: skip


def _syntax_problem(cell: Cell, facts: CellFacts, path: str) -> CellSyntaxError:
    lines = cell.source.split("\n")
    line = facts.problem_line
    return CellSyntaxError(
        facts.problem, notebook=path, cell=cell.index, cell_id=cell.id, line=line,
        source=lines[line - 1] if line and line <= len(lines) else "",
        remedy="Correct the cell; until then its names are not known.",
    )  # fmt: skip
