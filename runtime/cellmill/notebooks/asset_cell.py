"""An asset cell, and what else a notebook declares: the records of the static scan."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cellmill.definitions.asset_key import AssetKey

from .document import Cell
from .facts import GIVEN, CellFacts, Use
from .magic import Header
from .problem import CellMagicError
from .syntax import Parsed

Form = Literal["magic", "comment", "decorator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookOrigin:
    """Where in a notebook a definition stands."""

    path: str
    cell_id: str
    cell_index: int
    line: int = 1

    def __str__(self) -> str:
        return f"{self.path or 'notebook'}, cell {self.cell_index + 1}, line {self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """An asset that another needs."""

    key: AssetKey
    #: the name that stands for it in the body; empty for one of ``--deps``
    name: str = ""
    #: False for ``--deps``: ordering only
    loaded: bool = True
    confidence: int = 3
    #: line of the read in the cell that reads it, and the helper or plain name through which it is read
    line: int = 0
    via: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Something that the text does not show; the location is then loaded by running it."""

    what: str
    cell_index: int
    line: int
    reason: str
    #: False where running the notebook does not tell either: cells that code makes, which no run could execute
    is_told: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CellDefinition:
    """A definition that is a cell (`%%asset`, `%%op` …) or a literal decorator, before it is linked."""

    kind: str
    form: Form
    names: tuple[str, ...]
    keys: tuple[AssetKey, ...]
    header: Header
    origin: NotebookOrigin
    facts: CellFacts
    description: str = ""
    #: the body as plain Python, line for line with the cell
    code: str = ""
    body: tuple[ast.stmt, ...] = ()
    #: decorator form: parameters that are upstreams
    parameters: tuple[str, ...] = ()
    #: what it reads, where running the cell told it; None where the text does
    described: tuple[AssetKey, ...] | None = None

    @property
    def key(self) -> AssetKey:
        """The first key: of a single asset, its key."""
        return self.keys[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetCell:
    """An asset cell that is linked: its upstreams, its slice, its code version."""

    definition: CellDefinition
    upstreams: tuple[Upstream, ...] = ()
    #: units of plain cells that it needs: (cell index, first line, last line)
    slice: tuple[tuple[int, int, int], ...] = ()
    #: plain cells with one of these units, or in the preamble: executed in a run of this asset
    cells: frozenset[int] = frozenset()
    #: names that the body takes from plain cells
    plain_names: tuple[str, ...] = ()
    code_version: str = ""
    notes: tuple[str, ...] = ()
    #: why each unit of the slice is needed: (cell index, line) -> name
    reasons: Mapping[tuple[int, int], str] = field(default_factory=dict)

    @property
    def key(self) -> AssetKey:
        """The (first) asset key."""
        return self.definition.keys[0]

    @property
    def keys(self) -> tuple[AssetKey, ...]:
        """All keys that the cell makes."""
        return self.definition.keys

    @property
    def origin(self) -> NotebookOrigin:
        """Its place."""
        return self.definition.origin

    @property
    def header(self) -> Header:
        """Its parsed header."""
        return self.definition.header


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A job, schedule, sensor, resource … that a plain cell declares: its kind, its name, its literal arguments."""

    kind: str
    name: str
    origin: NotebookOrigin
    options: Mapping[str, object] = field(default_factory=dict)
    #: arguments that are computed: their values are known by running only
    computed: tuple[str, ...] = ()
    #: for ``%schedule`` and ``%job``: the selection
    selection: str = ""
    description: str = ""


def asset_key_of(header: Header, name: str) -> AssetKey:
    """The key of an asset cell: ``--key``, else ``--key-prefix`` and the name."""
    whole = header.text("key_prefix")
    prefix = [part for part in whole.split("/") if part] if whole else []
    explicit = header.text("key")
    if explicit:
        return AssetKey([*prefix, *explicit.split("/")])
    return AssetKey([*prefix, *name.split("/")])


def read_definition(cell: Cell, header: Header, parsed: Parsed, facts: CellFacts, path: str) -> CellDefinition:
    """The definition that a cell with a header makes; raises where it has no name or no body."""
    _check_body(cell, header, parsed, path)
    names = header.names or _inferred_names(cell, header, parsed, path)
    return CellDefinition(
        kind=header.kind,
        form="comment" if header.form == "comment" else "magic",
        names=tuple(name.rsplit("/", 1)[-1] for name in names),
        keys=tuple(asset_key_of(header, name) for name in names),
        header=header,
        origin=NotebookOrigin(path=path, cell_id=cell.id, cell_index=cell.index, line=header.lines),
        facts=facts,
        description=header.text("description") or leading_string(parsed.body),
        code=parsed.code,
        body=parsed.body,
    )


def _check_body(cell: Cell, header: Header, parsed: Parsed, path: str) -> None:
    """Raise for a body that gives no value: none at all, comments only, or another language."""
    if parsed.body:
        return
    problem, remedy = f"this %%{header.kind} cell has no body", "Write below its first line what gives the value."
    if parsed.foreign is not None:
        problem = f"the body of a %%{header.kind} cell is Python, so that %%{parsed.foreign[0]} cannot stand in it"
        remedy = f"Run %%{parsed.foreign[0]} in a cell of its own, or start a shell line with an exclamation mark."
    raise CellMagicError(
        problem, notebook=path, cell=cell.index, cell_id=cell.id, line=1, source=cell.source.split("\n")[0],
        remedy=remedy,
    )  # fmt: skip


def leading_string(body: tuple[ast.stmt, ...]) -> str:
    """The string that a body starts with, unless it is all of it."""
    if len(body) < 2:
        return ""
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value.value.strip()
    return ""


def _inferred_names(cell: Cell, header: Header, parsed: Parsed, path: str) -> tuple[str, ...]:
    """Without a NAME the last statement names the asset."""
    last = parsed.body[-1] if parsed.body else None
    if isinstance(last, ast.Assign) and len(last.targets) == 1 and isinstance(last.targets[0], ast.Name):
        return (last.targets[0].id,)
    if isinstance(last, ast.AnnAssign | ast.AugAssign) and isinstance(last.target, ast.Name):
        return (last.target.id,)
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Name):
        return (last.value.id,)
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Tuple) and header.kind == "asset":
        names = tuple(item.id for item in last.value.elts if isinstance(item, ast.Name))
        if names and len(names) == len(last.value.elts):
            return names
    raise CellMagicError(
        f"this %%{header.kind} has no name",
        notebook=path, cell=cell.index, cell_id=cell.id, line=1, source=cell.source.split("\n")[0],
        remedy=f"Write %%{header.kind} NAME, or let the last statement assign or name a variable.",
    )  # fmt: skip


def own_uses(definition: CellDefinition) -> Mapping[str, Use]:
    """What the body reads from outside, less what cellmill gives it (`context`)."""
    uses = dict(definition.facts.uses)
    uses.pop(GIVEN, None)
    for name, use in definition.facts.builtin_uses.items():
        uses.setdefault(name, use)
    return uses
