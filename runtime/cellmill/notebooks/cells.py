"""One cell's facts: its statements walked one by one, then put together in order."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence

from .facts import (
    BROKEN,
    BUILTINS,
    EMPTY_FACTS,
    HISTORY,
    INDIVISIBLE,
    Bind,
    CellFacts,
    Deferred,
    Hint,
    Import,
    Mutation,
    Statement,
    Use,
    is_history,
)
from .linemagics import cell_magic, foreign_cell
from .names import NamespaceWalker
from .statements import STATEMENTS
from .syntax import Parsed, parse_source
from .walker import NO_NAMES, Context

StarNames = Callable[[str], Iterable[str] | None]
_IMPORTS = (ast.Import, ast.ImportFrom)


def analyse_source(
    source: str, *, python: tuple[int, int] = (3, 11), star_names: StarNames | None = None, future: bool = False
) -> CellFacts:
    """The facts of a cell's source."""
    return analyse_parsed(parse_source(source), python=python, star_names=star_names, future=future)


def analyse_parsed(
    parsed: Parsed, *, python: tuple[int, int] = (3, 11), star_names: StarNames | None = None, future: bool = False
) -> CellFacts:
    """The facts of a parsed cell."""
    if parsed.problem:
        return broken_facts(parsed)
    ctx = Context(python, future, star_names)
    walker = NamespaceWalker(ctx)
    statements: list[Statement] = []
    for name, line in parsed.magics:
        if name == "capture":
            statements.append(_magic_statement(walker, name, line, parsed))
    for node in parsed.body:
        if isinstance(node, _IMPORTS) and len(node.names) > 1:
            statements.extend(_walk(walker, part) for part in _single_imports(node))
            continue
        statement = _walk(walker, node)
        statements.append(statement)
        if statement.ends:
            break
    if parsed.foreign is not None:
        statements.append(_foreign_statement(walker, parsed))
    return compose(statements, tuple(ctx.notes))


def broken_facts(parsed: Parsed) -> CellFacts:
    """A cell that does not parse binds nothing that is known."""
    return CellFacts(
        uses={}, builtin_uses={}, binds={}, mutates={}, deletes=frozenset(), imports=(), flags=frozenset((BROKEN,)),
        history=frozenset(), problem=parsed.problem, problem_line=parsed.problem_line,
    )  # fmt: skip


def _walk(walker: NamespaceWalker, node: ast.stmt) -> Statement:
    handler = STATEMENTS.get(node.__class__, NamespaceWalker.generic)
    handler(walker, node)
    return walker.finish(node.lineno, node.end_lineno or node.lineno, (node,))


def _single_imports(node: ast.Import | ast.ImportFrom) -> list[ast.stmt]:
    """One statement per imported name, so that a slice takes only what it needs."""
    parts: list[ast.stmt] = []
    for alias in node.names:
        part: ast.stmt
        if isinstance(node, ast.Import):
            part = ast.Import(names=[alias])
        else:
            part = ast.ImportFrom(module=node.module, names=[alias], level=node.level)
        parts.append(ast.copy_location(part, node))
    return parts


def _magic_statement(walker: NamespaceWalker, name: str, line: str, parsed: Parsed) -> Statement:
    place = ast.Pass(lineno=max(parsed.lead, 1), col_offset=0, end_lineno=max(parsed.lead, 1), end_col_offset=0)
    cell_magic(walker, place, name, line, "")
    return walker.finish(place.lineno, place.lineno, (), f"%%{name} {line}")


def _foreign_statement(walker: NamespaceWalker, parsed: Parsed) -> Statement:
    assert parsed.foreign is not None
    name, line, body = parsed.foreign
    place = ast.Pass(lineno=max(parsed.lead, 1), col_offset=0, end_lineno=max(parsed.lead, 1), end_col_offset=0)
    if name == "timeit":
        cell_magic(walker, place, name, line, body)
    else:
        foreign_cell(walker, place, name, line, body)
    return walker.finish(place.lineno, parsed.lead + body.count("\n") + 1, (), f"%%{name} {line}\n{body}")


class _Composer:
    """What a sequence of statements needs and leaves, put together in order."""

    def __init__(self) -> None:
        self.must: set[str] = set()
        self.uses: dict[str, Use] = {}
        self.binds: dict[str, Bind] = {}
        self.mutates: dict[str, Mutation] = {}
        self.deletes: set[str] = set()
        self.functions: dict[str, Deferred] = {}
        self.aliases: dict[str, tuple[tuple[str, int], ...]] = {}
        self.flags: frozenset[str] = NO_NAMES
        self.imports: tuple[Import, ...] = ()
        self.hints: tuple[Hint, ...] = ()

    def add(self, statement: Statement) -> None:
        """The next statement."""
        # most statements have few of these: what is empty is not walked
        must, functions = self.must, self.functions
        for name, use in statement.uses.items():
            if name not in must or name in functions:
                self.use(use)
        if statement.mutates:
            for change in statement.mutates.values():
                if change.name not in statement.binds or change.name not in must:
                    self.mutate(change, statement)
        if statement.deletes:
            for name in statement.deletes:
                self._delete(name, name in statement.binds)
        if statement.aliases:
            self.aliases.update(statement.aliases)
        if statement.binds:
            self._bind(statement)
        if statement.deferred:
            functions.update(statement.deferred)
        if statement.flags:
            self.flags |= statement.flags
        if statement.imports:
            self.imports += statement.imports
        if statement.hints:
            self.hints += statement.hints

    def _bind(self, statement: Statement) -> None:
        """The names that a statement leaves bound."""
        must, binds = self.must, self.binds
        for name, bind in statement.binds.items():
            if bind.must:
                must.add(name)
                binds[name] = bind
                if self.aliases and name not in statement.aliases:
                    self.aliases.pop(name, None)
                if self.functions and name not in statement.deferred:
                    self.functions.pop(name, None)
            elif bind.kind == "del":
                continue
            elif name not in binds or not binds[name].must or name not in must:
                binds[name] = bind

    def binds_now(self) -> dict[str, Bind]:
        """What is bound, each name as surely as at this point."""
        must = self.must
        return {name: bind if name in must else bind._replace(must=False) for name, bind in self.binds.items()}

    def use(self, use: Use, seen: frozenset[str] = frozenset()) -> None:
        """A read; a function that is read counts as called."""
        name = use.name
        if name not in self.must:
            old = self.uses.get(name)
            bind = self.binds.get(name) if self.binds else None
            if bind is not None and not use.note:
                use = use._replace(note=f"only where line {bind.line} did not bind it")
            if old is None or old.confidence < use.confidence:
                self.uses[name] = use
        if not self.functions:
            return
        function = self.functions.get(name)
        if function is None or use.name in seen:
            return
        seen = seen | {use.name}
        for inner in function.uses.values():
            if inner.name not in use.covered:
                self.use(inner._replace(via=inner.via or use.name), seen)
        for change in function.mutates.values():
            self.mutate(change._replace(via=use.name), None)
        for name in function.binds:
            if name not in self.must:
                self.binds.setdefault(name, Bind(name, use.line, False, "global"))

    def mutate(self, change: Mutation, statement: Statement | None, depth: int = 0) -> None:
        """A change of an object: of an outside name, or of one that a name of this cell stands for."""
        if change.name not in self.must:
            old = self.mutates.get(change.name)
            if old is None or old.confidence < change.confidence:
                self.mutates[change.name] = change
        aliases: Mapping[str, tuple[tuple[str, int], ...]] = self.aliases
        sources = aliases.get(change.name, ())
        if statement is not None:
            sources = (*sources, *statement.aliases.get(change.name, ()))
        if depth < 8:
            for root, sure in sources:
                confidence = min(sure, change.confidence)
                self.mutate(change._replace(name=root, confidence=confidence, via=change.name), statement, depth + 1)

    def _delete(self, name: str, on_some_path: bool) -> None:
        if name in self.must:
            self.must.discard(name)
        elif name not in self.binds:
            self.deletes.add(name)
        if not on_some_path:
            self.binds.pop(name, None)
            self.functions.pop(name, None)

    def end(self, statements: Sequence[Statement]) -> None:
        """Functions that were only defined read their names at the end of the cell."""
        for name, function in list(self.functions.items()):
            if name in self.binds:
                self._read_all(function, name)
        for statement in statements:
            for function in statement.loose:
                self._read_all(function, "lambda")

    def _read_all(self, function: Deferred, name: str) -> None:
        seen = frozenset((name,))
        for use in function.uses.values():
            self.use(use._replace(via=use.via or name), seen)


def compose(statements: Sequence[Statement], notes: tuple[str, ...] = ()) -> CellFacts:
    """The facts of a cell from those of its statements."""
    if not statements:
        return EMPTY_FACTS
    composer = _Composer()
    for statement in statements:
        composer.add(statement)
    composer.end(statements)
    plain: dict[str, Use] = {}
    special: dict[str, Use] = {}
    past: set[str] = set()
    for name, use in composer.uses.items():
        first = name[0]
        if (first == "_" or first in "IO") and is_history(name):
            past.add(name)
            special[name] = use
        elif name in BUILTINS or (first == "s" and name.startswith("sql:")):
            special[name] = use
        else:
            plain[name] = use
    flags = composer.flags
    return CellFacts(
        uses=plain,
        builtin_uses=special,
        binds=composer.binds_now(),
        mutates=composer.mutates,
        deletes=frozenset(composer.deletes) if composer.deletes else NO_NAMES,
        imports=composer.imports,
        flags=flags | {HISTORY} if past else flags,
        history=frozenset(past) if past else NO_NAMES,
        hints=composer.hints,
        statements=_units(statements, flags),
        notes=notes,
    )


def _units(statements: Sequence[Statement], flags: frozenset[str]) -> tuple[Statement, ...]:
    """Statements as they are linked: an indivisible cell is one unit."""
    if not flags & INDIVISIBLE or len(statements) == 1:
        return tuple(statements)
    composer = _Composer()
    aliases: dict[str, tuple[tuple[str, int], ...]] = {}
    holds: dict[str, tuple[str, ...]] = {}
    for statement in statements:
        composer.add(statement)
        aliases.update(statement.aliases)
        holds.update(statement.holds)
    return (
        Statement(
            line=statements[0].line, end_line=statements[-1].end_line,
            nodes=tuple(node for statement in statements for node in statement.nodes),
            foreign="\n".join(statement.foreign for statement in statements if statement.foreign),
            uses=composer.uses, binds=composer.binds_now(),
            mutates=composer.mutates, deletes=frozenset(composer.deletes), deferred=composer.functions,
            loose=tuple(function for statement in statements for function in statement.loose), aliases=aliases,
            holds=holds, imports=composer.imports, hints=composer.hints, flags=flags,
        ),
    )  # fmt: skip
