"""A notebook, or all notebooks of a workspace, read without running them: text in, asset cells out.

`scan_notebook` reads one notebook; `workspace.link_workspace` then decides what needs what, because
a name that a body reads may be an asset of another notebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cellmill.definitions.asset_key import AssetKey

from .asset_cell import CellDefinition, Declaration, NotebookOrigin, Unknown, own_uses, read_definition
from .cache import FactsCache
from .cells import StarNames
from .collector import paused_collector
from .decorators import find_definitions
from .document import Cell, Notebook, read_notebook
from .facts import BROKEN, EMPTY_FACTS, Bind, CellFacts, Deferred, Statement
from .fingerprint import normal_form
from .link import Linker
from .localstars import resolved
from .magic import Header, parse_cell
from .problem import CellSyntaxError, NotebookError
from .runlines import followed, run_targets


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

    def files_run(self) -> list[str]:
        """The files that its plain cells `%run`, by their paths from the workspace's root."""
        return run_targets(self.path, (cell.facts for cell in self.cells if cell.is_plain))

    def linker(self, files: Mapping[str, str] | None = None, python: tuple[int, int] = (3, 11)) -> Linker:
        """The def-use links of its plain cells; `files` has texts, where at hand.

        Those of files that cells `%run` by their paths, those of modules that they star-import by their dotted names.
        """
        names = {
            name: definition.origin.cell_index
            for definition in self.definitions
            if definition.kind == "asset"
            for name in definition.names
        }
        read = [
            (
                cell.cell.index,
                resolved(followed(cell.facts, self.path, files or {}, python), files or {}, python)
                if cell.is_plain
                else named_facts(cell.definition),
            )
            for cell in self.cells
            if cell.is_plain or (cell.definition is not None and cell.definition.kind in CALLED_KINDS)
        ]
        return Linker(read, names)


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
    with paused_collector():
        for cell in notebook.cells:
            if cell.kind == "code":
                reader.read(cell)
    return reader.result()


@dataclass(slots=True)
class _Read:
    """What one code cell gave; kept by the cache as long as the cell stays what it is, where it is."""

    scanned: ScannedCell
    definitions: list[CellDefinition] = field(default_factory=list)
    declarations: list[Declaration] = field(default_factory=list)
    unknowns: list[Unknown] = field(default_factory=list)
    problems: list[NotebookError] = field(default_factory=list)


class _Reader:
    """Reads the cells of one notebook and gathers what they define."""

    def __init__(
        self, notebook: Notebook, cache: FactsCache, python: tuple[int, int], star_names: StarNames | None
    ) -> None:
        self.notebook = notebook
        self.cache = cache
        self.python = python
        self.star_names = star_names
        self.found: list[_Read] = []

    def read(self, cell: Cell) -> None:
        """Read one code cell, or take what it was when it last was the same."""
        place = (self.notebook.path, cell.index, self.python, self.star_names)
        kept = self.cache.cells.get(place)
        if not isinstance(kept, _Read) or kept.scanned.cell != cell:
            kept = self.cache.cells[place] = self._read(cell)
        self.found.append(kept)

    def _read(self, cell: Cell) -> _Read:
        path = self.notebook.path
        parsed, facts = self.cache.analyse(cell.source, self.python, self.star_names)
        definition: CellDefinition | None = None
        problems: list[NotebookError] = []
        if facts.flags and BROKEN in facts.flags:
            problems.append(_syntax_problem(cell, facts, path))
        try:
            header = parse_cell(cell.source, notebook=path, cell=cell.index, cell_id=cell.id)
            if header is not None and BROKEN not in facts.flags:
                definition = read_definition(cell, header, parsed, facts, path)
            elif header is not None:
                facts = EMPTY_FACTS
                definition = _broken_definition(cell, path)
        except NotebookError as error:
            problems.append(error)
            definition, facts = _broken_definition(cell, path), EMPTY_FACTS
        read = _Read(ScannedCell(cell=cell, facts=facts, definition=definition), problems=problems)
        if definition is not None:
            read.definitions = [definition] if definition.kind != "broken" else []
            return read
        for found in find_definitions(cell, facts, path):
            if isinstance(found, CellDefinition):
                read.definitions.append(found)
            elif isinstance(found, Declaration):
                read.declarations.append(found)
            else:
                read.unknowns.append(found)
        return read

    def result(self) -> NotebookScan:
        """What was read."""
        found = self.found
        return NotebookScan(
            notebook=self.notebook,
            cells=tuple(read.scanned for read in found),
            definitions=tuple(item for read in found for item in read.definitions),
            declarations=tuple(item for read in found for item in read.declarations),
            unknowns=tuple(item for read in found for item in read.unknowns),
            problems=tuple(item for read in found for item in read.problems),
        )


#: Kinds of cells whose name is a function that other cells may call.
CALLED_KINDS = frozenset({"op", "sensor"})


def named_facts(definition: CellDefinition | None) -> CellFacts:
    """A `%%op` or `%%sensor` cell as plain cells see it: a function, which reads its names when it is called."""
    if definition is None:
        return EMPTY_FACTS
    facts, line = definition.facts, definition.origin.line
    body = Deferred(own_uses(definition), facts.mutates, frozenset())
    statement = Statement(
        line=line,
        end_line=max([line, *(node.end_lineno or line for node in definition.body)]),
        foreign=f"%%{definition.kind} {normal_form(definition.body)}",
        binds={name: Bind(name, line, True, "def") for name in definition.names},
        deferred=dict.fromkeys(definition.names, body),
        imports=facts.imports,
    )
    return replace(facts, uses={}, builtin_uses={}, binds=statement.binds, mutates={}, statements=(statement,))


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
