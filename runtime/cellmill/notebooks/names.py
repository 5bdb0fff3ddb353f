"""Scopes: the namespace of a notebook, walked in order, and the body of a function, which waits for its call."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from .expressions import make_mutation, make_use, root_name
from .facts import CERTAIN, GUESS, LIKELY, Bind, Deferred, Mutation, Statement, Use
from .holding import held_names
from .statements import StatementWalker
from .walker import NO_NAMES, Context

_NO_FUNCTION = Deferred({}, {}, frozenset())
_NOTHING: Mapping[str, Any] = {}


class NamespaceWalker(StatementWalker):
    """The notebook's namespace: every name read and not yet bound on all paths is a use."""

    __slots__ = (
        "aliases",
        "bound",
        "calling",
        "deferred",
        "deletes",
        "holds",
        "loose",
        "methods",
        "mutates",
        "trail",
        "uses",
        "waiting",
    )

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.uses: dict[str, Use] = {}
        self.bound: dict[str, Bind] = {}
        self.mutates: dict[str, Mutation] = {}
        self.deletes: set[str] = set()
        self.deferred: dict[str, Deferred] = {}
        self.loose: list[Deferred] = []
        self.aliases: dict[str, tuple[tuple[str, int], ...]] = {}
        self.holds: dict[str, tuple[str, ...]] = {}
        self.methods: list[Deferred] = []
        self.calling: set[str] = set()
        #: names bound inside an expression that may not be evaluated
        self.trail: list[str] = []
        self.waiting = 0

    def load(self, name: str, node: Any, kind: str = "name", confidence: int = CERTAIN, via: str = "") -> None:
        if name in self.local or (self.cls is not None and name in self.cls):
            return
        if name not in self.must:
            old = self.uses.get(name)
            if old is None:
                self._add_use(name, node, kind, confidence, via)
            elif old.confidence < confidence or (old.covered and not old.covered <= self.must):
                self.uses[name] = old._replace(
                    confidence=max(confidence, old.confidence), covered=old.covered & frozenset(self.must),
                    kind=kind if confidence > old.confidence else old.kind,
                )  # fmt: skip
        deferred = self.deferred.get(name) if self.deferred else None
        if deferred is not None and name not in self.calling:
            self.calling.add(name)
            self.apply(deferred, node, name)
            self.calling.discard(name)

    def _add_use(self, name: str, node: Any, kind: str, confidence: int, via: str) -> None:
        note = ""
        bound = self.bound.get(name) if self.bound else None
        if bound is not None:
            condition = self.unless.get(name)
            note = f"only if {condition}" if condition else f"only where line {bound.line} did not bind it"
        covered = frozenset(self.must) if self.must else NO_NAMES
        self.uses[name] = make_use(name, self.place or node, kind, confidence, via, note, covered)

    def bind(self, name: str, node: Any, kind: str = "assign") -> None:
        if self.cls is not None:
            if self.depth == 0:
                self.cls.add(name)
            return
        line = getattr(self.place or node, "lineno", 1)
        if self.waiting and name not in self.must:
            self.trail.append(name)
        self.must.add(name)
        self.bound[name] = Bind(name, line, True, kind)
        if self.depth == 0:
            self.deferred.pop(name, None)

    def unbind(self, name: str, node: Any) -> None:
        if self.cls is not None:
            self.cls.discard(name)
            return
        if name in self.must:
            self.must.discard(name)
            if self.depth == 0:
                self.bound.pop(name, None)
                self.deferred.pop(name, None)
            return
        self.load(name, node)
        self.deletes.add(name)
        if self.depth == 0:
            self.bound.pop(name, None)
        else:
            self.bound.setdefault(name, Bind(name, getattr(node, "lineno", 1), False, "del"))

    def mutate(self, name: str, node: Any, confidence: int, how: str, via: str = "") -> None:
        if name in self.local or (self.cls is not None and name in self.cls):
            return
        old = self.mutates.get(name)
        if old is None or old.confidence < confidence:
            self.mutates[name] = make_mutation(name, self.place or node, confidence, how, via)

    def define(self, name: str, node: Any, deferred: Deferred, kind: str) -> None:
        if self.local:
            deferred = without(deferred, self.local)
        if self.cls is not None:
            self.cls.add(name)
            self.methods.append(deferred)
            return
        earlier = self.deferred.get(name) if self.depth else None
        self.bind(name, node, kind)
        self.deferred[name] = merge((earlier, deferred)) if earlier is not None else deferred

    def apply(self, deferred: Deferred, node: Any, via: str) -> None:
        for use in deferred.uses.values():
            self.load(use.name, node if self.place else use_place(use), use.kind, use.confidence, use.via or via)
        for change in deferred.mutates.values():
            self.mutate(change.name, node, change.confidence, change.how, via)
        for name in deferred.binds:
            if name not in self.must:
                self.bound.setdefault(name, Bind(name, getattr(node, "lineno", 1), False, "global"))

    def postpone(self, deferred: Deferred, node: Any) -> None:
        self.loose.append(without(deferred, self.local) if self.local else deferred)

    def conditional(self) -> int:
        self.waiting += 1
        return len(self.trail)

    def unconditional(self, mark: int) -> None:
        self.waiting -= 1
        while len(self.trail) > mark:
            self.must.discard(self.trail.pop())

    def alias(self, name: str, value: ast.expr) -> None:
        if self.cls is not None:
            return
        root = root_name(value)
        if root and root != name:
            sure = LIKELY if isinstance(value, ast.Name) else GUESS
            self.aliases[name] = (*self.aliases.get(name, ()), (root, sure))
        self.hold(name, value)

    def hold(self, name: str, value: ast.expr) -> None:
        held = held_names(value) if name and self.cls is None else ()
        if held:
            self.holds[name] = tuple(dict.fromkeys((*self.holds.get(name, ()), *held)))

    def scan_function(self, args: ast.arguments, body: Sequence[ast.stmt] | ast.expr) -> Deferred:
        return FunctionWalker(self.ctx).scan(args, body)

    def class_body(self, node: ast.ClassDef) -> Deferred:
        saved = self.cls, self.methods
        self.cls, self.methods = set(), []
        depth, self.depth = self.depth, 0
        for parameter in getattr(node, "type_params", ()):
            self.cls.add(parameter.name)
        self.block(node.body)
        methods = merge(self.methods) if self.methods else _NO_FUNCTION
        self.cls, self.methods = saved
        self.depth = depth
        return methods

    def sandbox(self, body: Sequence[ast.stmt]) -> None:
        inner = NamespaceWalker(self.ctx)
        inner.place = self.place
        inner.block(body)
        for use in inner.uses.values():
            self.load(use.name, use_place(use), use.kind, use.confidence, use.via)
        for change in inner.mutates.values():
            if change.name not in inner.must:
                self.mutate(change.name, use_place(change), change.confidence, change.how)

    def finish(self, line: int, end_line: int, nodes: tuple[ast.stmt, ...], foreign: str = "") -> Statement:
        """The facts gathered since the last statement; the walker is then ready for the next one.

        What is empty is shared, and the record is filled field by field: made anew for each statement, containers and
        a constructor of sixteen keywords were a quarter of the walk.
        """
        ctx = self.ctx
        made = Statement.__new__(Statement)
        made.line, made.end_line, made.nodes, made.foreign = line, end_line, nodes, foreign
        made.ends, self.dead = self.dead, False
        made.uses = made.binds = made.mutates = made.deferred = made.aliases = made.holds = _NOTHING
        made.deletes = made.flags = NO_NAMES
        made.loose = made.imports = made.hints = ()
        # what is handed over is replaced for the next statement, what is copied is emptied
        if self.uses:
            made.uses, self.uses = self.uses, {}
        if self.bound:
            made.binds, must = self.bound, self.must
            for name, bind in self.bound.items():
                if bind.must and name not in must:
                    self.bound[name] = bind._replace(must=False)
            self.bound = {}
        if self.must:
            self.must.clear()
        if self.mutates:
            made.mutates, self.mutates = self.mutates, {}
        if self.deferred:
            made.deferred, self.deferred = self.deferred, {}
        if self.aliases:
            made.aliases, self.aliases = self.aliases, {}
        if self.holds:
            made.holds, self.holds = self.holds, {}
        if self.deletes:
            made.deletes = frozenset(self.deletes)
            self.deletes.clear()
        if self.loose:
            made.loose = tuple(self.loose)
            self.loose.clear()
        if self.unless:
            self.unless.clear()
        if ctx.imports or ctx.hints or ctx.flags:
            self._take_gathered(made)
        return made

    def _take_gathered(self, made: Statement) -> None:
        ctx = self.ctx
        made.imports, made.hints, made.flags = tuple(ctx.imports), tuple(ctx.hints), frozenset(ctx.flags)
        ctx.imports.clear()
        ctx.hints.clear()
        ctx.flags.clear()


class FunctionWalker(StatementWalker):
    """A function's body: what it reads from, and does to, the namespace once it is called; order does not count."""

    __slots__ = ("bound", "early", "globals", "mutates", "outer", "reads")

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.bound: set[str] = set()
        self.globals: set[str] = set()
        #: nonlocal names: bound by a function around
        self.outer: set[str] = set()
        self.reads: dict[str, Use] = {}
        self.mutates: dict[str, Mutation] = {}
        #: names read before anything bound them here
        self.early: dict[str, int] = {}

    def scan(self, args: ast.arguments, body: Sequence[ast.stmt] | ast.expr) -> Deferred:
        """The free names of a function, and what it does to them."""
        bound = self.bound
        for arg in args.args:
            bound.add(arg.arg)
        for arg in args.posonlyargs:
            bound.add(arg.arg)
        for arg in args.kwonlyargs:
            bound.add(arg.arg)
        if args.vararg is not None:
            bound.add(args.vararg.arg)
        if args.kwarg is not None:
            bound.add(args.kwarg.arg)
        parameters = len(bound)
        if isinstance(body, ast.expr):
            self.expr(body)
        else:
            self.block(body)
        if not self.reads and not self.mutates and not self.globals:
            return _NO_FUNCTION
        local = bound - self.globals
        if len(bound) > parameters:
            for name, line in self.early.items():
                if name in local:
                    self.ctx.notes.append(f"line {line}: the function reads its own {name!r} before it binds it")
        return Deferred(
            {name: use for name, use in self.reads.items() if name not in local},
            {name: change for name, change in self.mutates.items() if name not in local},
            frozenset(bound & self.globals),
        )

    def load(self, name: str, node: Any, kind: str = "name", confidence: int = CERTAIN, via: str = "") -> None:
        if name in self.local or (self.cls is not None and name in self.cls):
            return
        old = self.reads.get(name)
        if old is None or old.confidence < confidence:
            if name not in self.bound and not via:
                self.early.setdefault(name, getattr(node, "lineno", 1))
            self.reads[name] = make_use(name, self.place or node, kind, confidence, via, "", NO_NAMES)

    def bind(self, name: str, node: Any, kind: str = "assign") -> None:
        if self.cls is not None:
            self.cls.add(name)
        else:
            self.bound.add(name)

    def unbind(self, name: str, node: Any) -> None:
        if self.cls is None:
            self.bound.add(name)
            if name in self.globals:
                self.load(name, node)

    def mutate(self, name: str, node: Any, confidence: int, how: str, via: str = "") -> None:
        if name in self.local or (self.cls is not None and name in self.cls):
            return
        old = self.mutates.get(name)
        if old is None or old.confidence < confidence:
            self.mutates[name] = make_mutation(name, self.place or node, confidence, how, via)

    def define(self, name: str, node: Any, deferred: Deferred, kind: str) -> None:
        self.bind(name, node, kind)
        saved, self.cls = self.cls, None
        self.apply(deferred, node, name)
        self.cls = saved

    def apply(self, deferred: Deferred, node: Any, via: str) -> None:
        for use in deferred.uses.values():
            self.load(use.name, use_place(use), use.kind, use.confidence, use.via or via)
        for change in deferred.mutates.values():
            self.mutate(change.name, node, change.confidence, change.how, via)
        if deferred.binds:
            self.globals |= deferred.binds
            self.bound |= deferred.binds

    def postpone(self, deferred: Deferred, node: Any) -> None:
        self.apply(deferred, node, "lambda")

    def scan_function(self, args: ast.arguments, body: Sequence[ast.stmt] | ast.expr) -> Deferred:
        inner = FunctionWalker(self.ctx)
        return inner.scan(args, body)

    def class_body(self, node: ast.ClassDef) -> Deferred:
        saved, self.cls = self.cls, set()
        self.block(node.body)
        self.cls = saved
        return _NO_FUNCTION

    def sandbox(self, body: Sequence[ast.stmt]) -> None:
        self.block(body)

    def block(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            if node.__class__ is ast.Global:
                self.globals.update(node.names)
            elif node.__class__ is ast.Nonlocal:
                self.outer.update(node.names)
        super().block(body)

    run_block = block


class _Place:
    """The place of a use, in the shape of a node."""

    __slots__ = ("col_offset", "end_col_offset", "end_lineno", "lineno")
    lineno: int
    col_offset: int
    end_lineno: int
    end_col_offset: int


def use_place(use: Use | Mutation) -> _Place:
    """A node-like place of a use that is passed on."""
    place = _Place()
    place.lineno = use.line
    place.col_offset = getattr(use, "column", 0)
    place.end_lineno = getattr(use, "end_line", use.line)
    place.end_col_offset = getattr(use, "end_column", 0)
    return place


def without(deferred: Deferred, names: frozenset[str]) -> Deferred:
    """`deferred` less the names that a scope around it binds."""
    if not any(name in names for name in deferred.uses):
        return deferred
    return deferred._replace(
        uses={name: use for name, use in deferred.uses.items() if name not in names},
        mutates={name: change for name, change in deferred.mutates.items() if name not in names},
    )


def merge(parts: Sequence[Deferred | None]) -> Deferred:
    """One function that may be any of `parts`."""
    uses: dict[str, Use] = {}
    mutates: dict[str, Mutation] = {}
    binds: frozenset[str] = frozenset()
    for part in parts:
        if part is not None:
            uses.update(part.uses)
            mutates.update(part.mutates)
            binds |= part.binds
    return Deferred(uses, mutates, binds)
