"""Proposing asset headers for the cells of an ordinary notebook, from who makes what others read."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cellmill.notebooks.facts import LIKELY
from cellmill.notebooks.scan import NotebookScan, ScannedCell, scan_notebook
from cellmill.workspace.files import write_text_atomically

Role = Literal["asset", "setup", "helper", "look", "scratch", "kept", "unclear"]

_LOAD_LINE = "%load_ext cellmill"
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellProposal:
    """What a cell is, and the header that it would get."""

    index: int
    role: Role
    names: tuple[str, ...] = ()
    readers: tuple[int, ...] = ()
    why: str = ""

    def header(self, style: str) -> str:
        """Return the header line."""
        word = "%%asset" if style == "magic" else "#| asset"
        return f"{word} {' '.join(self.names)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """The proposal for one notebook: a role for each code cell, and the sources with headers."""

    path: Path
    cells: tuple[CellProposal, ...]
    before: Mapping[int, str] = field(default_factory=dict)
    after: Mapping[int, str] = field(default_factory=dict)

    @property
    def changed(self) -> tuple[int, ...]:
        """Positions of the cells whose source would change."""
        return tuple(index for index in sorted(self.after) if self.after[index] != self.before.get(index))


def propose(path: Path, *, style: str = "magic") -> Adoption:
    """Return which cells of a notebook would be assets, and why the others would not.

    Raises: NotebookError where the file is no notebook.
    """
    scan = scan_notebook(path.read_bytes(), str(path))
    cells = _Roles(scan).all()
    sources = {scanned.cell.index: scanned.cell.source for scanned in scan.cells}
    after = dict(sources)
    for cell in cells:
        if cell.role == "asset":
            after[cell.index] = f"{cell.header(style)}\n{sources[cell.index]}"
    if any(cell.role == "asset" for cell in cells) and not any(_LOAD_LINE in text for text in sources.values()):
        first = min(sources)
        if any(cell.index == first and cell.role == "asset" for cell in cells):
            cells = tuple(
                CellProposal(
                    index=cell.index, role="unclear", why="the first cell is needed to load cellmill: split it"
                )
                if cell.index == first
                else cell
                for cell in cells
            )
            after[first] = sources[first]
        after[first] = f"{_LOAD_LINE}\n{after[first]}"
    return Adoption(path=path, cells=cells, before=sources, after=after)


def apply_adoption(adoption: Adoption) -> None:
    """Write the proposal into the notebook; everything else in the file stays as it is."""
    text = adoption.path.read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    for index in adoption.changed:
        cell = data["cells"][index]
        source = adoption.after[index]
        cell["source"] = source.splitlines(keepends=True) if isinstance(cell["source"], list) else source
    indent = _indent_of(text)
    ending = "\n" if text.endswith("\n") else ""
    write_text_atomically(adoption.path, json.dumps(data, indent=indent, ensure_ascii=False) + ending)


def _indent_of(text: str) -> int | None:
    lines = text.splitlines()
    if len(lines) < 2:
        return None
    return max(len(lines[1]) - len(lines[1].lstrip(" ")), 1)


class _Roles:
    """Finds the role of each code cell."""

    def __init__(self, scan: NotebookScan) -> None:
        self.cells = [cell for cell in scan.cells]
        self.plain = [cell for cell in self.cells if cell.is_plain]
        self.makers: dict[str, list[int]] = {}
        self.changers: dict[str, list[int]] = {}
        for cell in self.plain:
            for name in cell.facts.binds:
                self.makers.setdefault(name, []).append(cell.cell.index)
            for name, change in cell.facts.mutates.items():
                if change.confidence >= LIKELY and name not in cell.facts.binds:
                    self.changers.setdefault(name, []).append(cell.cell.index)
        self.readers: dict[str, list[int]] = {}
        for cell in self.cells:
            for name in cell.facts.uses:
                self.readers.setdefault(name, []).append(cell.cell.index)

    def all(self) -> tuple[CellProposal, ...]:
        """Return every code cell's role."""
        return tuple(self.role(cell) for cell in self.cells)

    def role(self, scanned: ScannedCell) -> CellProposal:
        """Return one cell's role, with the reason."""
        index = scanned.cell.index
        if not scanned.is_plain:
            return CellProposal(index=index, role="kept", why="it has a header already")
        facts = scanned.facts
        nodes = [node for statement in facts.statements for node in statement.nodes]
        if facts.problem or not nodes:
            return CellProposal(
                index=index, role="unclear" if facts.problem else "setup", why=facts.problem or "magics"
            )
        values = self._values(facts.binds, nodes, index)
        helpers = [
            node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        ]
        if not values:
            return self._without_values(index, nodes, helpers, facts.binds)
        if all(_is_constant(node) or isinstance(node, _DEFINITIONS) for node in nodes):
            return CellProposal(index=index, role="setup", why="constants, imports and helpers")
        wanted = {name: [r for r in self.readers.get(name, []) if r > index] for name in values}
        used = tuple(name for name, readers in wanted.items() if readers)
        if not used:
            return self._unread(index, nodes, values)
        problem = self._problem(index, used, helpers, nodes)
        readers = tuple(sorted({reader for name in used for reader in wanted[name]}))
        if problem:
            return CellProposal(index=index, role="unclear", names=used, readers=readers, why=problem)
        shown = ", ".join(str(reader + 1) for reader in readers)
        why = f"cell{'s' if len(readers) > 1 else ''} {shown} read{'' if len(readers) > 1 else 's'} {', '.join(used)}"
        return CellProposal(index=index, role="asset", names=used, readers=readers, why=why)

    def _values(self, binds: Mapping[str, Any], nodes: Sequence[ast.stmt], index: int) -> list[str]:
        """Return the names of values that a cell leaves bound: no functions, classes, modules or private names."""
        return [
            name
            for name, bind in binds.items()
            if bind.kind in ("assign", "with", "magic", "table") and bind.must and not name.startswith("_")
        ]

    def _without_values(
        self, index: int, nodes: Sequence[ast.stmt], helpers: Sequence[str], binds: Mapping[str, Any]
    ) -> CellProposal:
        if helpers:
            return CellProposal(index=index, role="helper", why=f"defines {', '.join(helpers)}")
        if all(isinstance(node, (ast.Import, ast.ImportFrom)) or _is_magic(node) for node in nodes):
            return CellProposal(index=index, role="setup", why="imports and settings")
        changed = [name for name, at in self.changers.items() if index in at]
        if changed:
            why = f"changes {', '.join(changed)} in place: make new values instead"
            return CellProposal(index=index, role="unclear", why=why)
        if isinstance(nodes[-1], ast.Expr):
            return CellProposal(index=index, role="look", why="shows something and leaves nothing behind")
        return CellProposal(index=index, role="setup", why="leaves no value behind")

    def _unread(self, index: int, nodes: Sequence[ast.stmt], values: Sequence[str]) -> CellProposal:
        last = nodes[-1]
        if _shows(last) or _plots(nodes):
            return CellProposal(
                index=index, role="look", why=f"shows something; nothing below reads {', '.join(values)}"
            )
        if len(values) == 1 and len(self.makers[values[0]]) == 1 and values[0] not in self.changers:
            why = "the end of the notebook: nothing below reads it"
            return CellProposal(index=index, role="asset", names=(values[0],), why=why)
        return CellProposal(index=index, role="scratch", why=f"nothing below reads {', '.join(values)}")

    def _problem(self, index: int, used: Sequence[str], helpers: Sequence[str], nodes: Sequence[ast.stmt]) -> str:
        for name in used:
            others = [maker + 1 for maker in self.makers[name] if maker != index]
            if others:
                return f"{name} is bound again in cell {others[0]}: give one of the two values a name of its own"
            changers = [changer + 1 for changer in self.changers.get(name, [])]
            if changers:
                return (
                    f"cell {changers[0]} changes {name} in place: make a new value there, e.g. {name}2 = {name}.copy()"
                )
        below = [name for name in helpers if any(reader > index for reader in self.readers.get(name, []))]
        if below:
            return f"it defines {', '.join(below)} too, which cells below call: split the cell"
        imported = [
            alias.asname or alias.name.partition(".")[0]
            for node in nodes
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        ]
        shared = [name for name in imported if any(reader > index for reader in self.readers.get(name, []))]
        if shared:
            return f"it imports {', '.join(shared)} too, which cells below use: move the import to a cell above"
        return ""


def _is_magic(node: ast.stmt) -> bool:
    """Return whether a statement is a line magic or a shell command."""
    called = getattr(getattr(node, "value", None), "func", None)
    return isinstance(node, ast.Expr) and isinstance(called, ast.Attribute) and called.attr in _MAGIC_CALLS


_MAGIC_CALLS = frozenset({"run_line_magic", "system", "getoutput"})


def _is_constant(node: ast.stmt) -> bool:
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return False
    return True


def _shows(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)


_PLOTTING = frozenset({"plot", "show", "hist", "scatter", "imshow", "savefig", "subplots", "figure", "boxplot"})


def _plots(nodes: Sequence[ast.stmt]) -> bool:
    return any(
        isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in _PLOTTING
        for node in nodes
        for inner in ast.walk(node)
    )
