"""The walk over branches, loops and handlers: states split, and join with "all paths" and "some path"."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .expressions import ExpressionWalker, target_names

_SUPPRESSORS = frozenset({"suppress", "raises", "assertRaises"})


class BranchWalker(ExpressionWalker):
    """Adds control flow; `must` holds the names bound on every path so far, `dead` marks code that is not reached."""

    __slots__ = ("breaks", "dead", "depth", "must", "unless")

    def __init__(self, ctx: Any) -> None:
        super().__init__(ctx)
        self.must: set[str] = set()
        self.dead = False
        #: how many branches deep this point is
        self.depth = 0
        self.breaks: list[list[set[str]]] = []
        #: name -> the condition under which it is *not* bound
        self.unless: dict[str, str] = {}

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Execute statements until one that does not come back."""
        raise AssertionError

    def branches(self, paths: Sequence[Callable[[], None]], start: set[str] | None = None) -> list[set[str]]:
        """Walk alternatives from one state; leaves the join behind and returns the states that arrived."""
        before = self.must if start is None else start
        arrived: list[set[str]] = []
        self.depth += 1
        for path in paths:
            self.must, self.dead = set(before), False
            path()
            if not self.dead:
                arrived.append(self.must)
        self.depth -= 1
        self.dead = not arrived
        self.must = set.intersection(*arrived) if arrived else set(before)
        return arrived

    def if_(self, node: ast.If) -> None:
        self.expr(node.test)
        verdict = fold(node.test)
        if verdict is not None:
            self.block(node.body if verdict else node.orelse)
            return
        arrived = self.branches([lambda: self.block(node.body), lambda: self.block(node.orelse)])
        if len(arrived) == 2 and arrived[0] != arrived[1]:
            text = ast.unparse(node.test)
            for name in arrived[0] - arrived[1]:
                self.unless[name] = f"not {text}" if " " not in text else f"not ({text})"
            for name in arrived[1] - arrived[0]:
                self.unless[name] = text

    def for_(self, node: ast.For | ast.AsyncFor) -> None:
        self.expr(node.iter)
        runs = _surely_runs(node.iter)

        def body() -> None:
            self.target(node.target, "for")
            for name in target_names(node.target):
                self.alias(name, ast.Subscript(node.iter, ast.Constant(0), ast.Load()))
            self.block(node.body)

        self._loop(body, node.orelse, runs, endless=False)

    def while_(self, node: ast.While) -> None:
        self.expr(node.test)
        verdict = fold(node.test)
        if verdict is False:
            self.block(node.orelse)
            return
        self._loop(lambda: self.block(node.body), node.orelse, verdict is True, endless=verdict is True)

    def _loop(self, body: Callable[[], None], orelse: Sequence[ast.stmt], runs: bool, *, endless: bool) -> None:
        before = set(self.must)
        self.breaks.append([])
        self.depth += 1
        body()
        self.depth -= 1
        after = before if self.dead or not runs else self.must
        broken = self.breaks.pop()
        if endless:
            self.dead = not broken
            self.must = set.intersection(*broken) if broken else before
            return
        self.dead = False
        self.must = set(after)
        if orelse:
            self.depth += 1
            self.block(orelse)
            self.depth -= 1
        ends = [*broken, *([] if self.dead else [self.must])]
        self.dead = not ends
        if ends:
            self.must = set.intersection(*ends)

    def with_(self, node: ast.With | ast.AsyncWith) -> None:
        suppressing = False
        for item in node.items:
            self.expr(item.context_expr)
            call = item.context_expr
            suppressing |= isinstance(call, ast.Call) and last_name(call) in _SUPPRESSORS
            if item.optional_vars is not None:
                self.target(item.optional_vars, "with")
        if suppressing:
            self.branches([lambda: self.block(node.body), lambda: None])
        else:
            self.block(node.body)

    def try_(self, node: Any) -> None:
        before = set(self.must)

        def body() -> None:
            self.block(node.body)
            if not self.dead:
                self.block(node.orelse)

        def handler(item: ast.ExceptHandler) -> Callable[[], None]:
            return lambda: self._handler(item)

        arrived = self.branches([body, *(handler(item) for item in node.handlers)])
        if not node.finalbody:
            return
        joined, dead = self.must, not arrived
        self.must, self.dead = set(before), False
        self.block(node.finalbody)
        self.must = joined | self.must
        self.dead = self.dead or dead

    def _handler(self, item: ast.ExceptHandler) -> None:
        if item.type is not None:
            self.expr(item.type)
        if item.name is None:
            self.block(item.body)
            return
        saved = self.local
        self.local = saved | {item.name}
        self.block(item.body)
        self.local = saved

    def match(self, node: ast.Match) -> None:
        self.expr(node.subject)
        paths: list[Callable[[], None]] = []
        irrefutable = False

        def path(case: ast.match_case) -> Callable[[], None]:
            def walk() -> None:
                self.pattern(case.pattern)
                if case.guard is not None:
                    self.expr(case.guard)
                self.block(case.body)

            return walk

        for case in node.cases:
            paths.append(path(case))
            irrefutable |= case.guard is None and _irrefutable(case.pattern)
        self.branches(paths if irrefutable else [*paths, lambda: None])

    def pattern(self, node: ast.pattern) -> None:
        """Bind the captures of a pattern."""
        if isinstance(node, ast.MatchOr):
            self.branches([partial(self.pattern, part) for part in node.patterns])
            return
        for field in node._fields:
            value = getattr(node, field)
            for part in value if isinstance(value, list) else (value,):
                if isinstance(part, ast.pattern):
                    self.pattern(part)
                elif isinstance(part, ast.expr):
                    self.expr(part)
        captured = getattr(node, "name", None) or getattr(node, "rest", None)
        if captured:
            self.bind(captured, node, "match")


def _irrefutable(pattern: ast.pattern) -> bool:
    if isinstance(pattern, ast.MatchAs):
        return pattern.pattern is None or _irrefutable(pattern.pattern)
    return isinstance(pattern, ast.MatchOr) and any(_irrefutable(part) for part in pattern.patterns)


def fold(test: ast.expr) -> bool | None:
    """What a condition is known to be: constants, TYPE_CHECKING, ``__name__ == "__main__"``."""
    if test.__class__ is ast.Constant:
        return bool(test.value)
    if test.__class__ is ast.Name or test.__class__ is ast.Attribute:
        return False if last_name(test) == "TYPE_CHECKING" else None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = fold(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__":
        other = test.comparators[0]
        if isinstance(other, ast.Constant) and other.value == "__main__" and isinstance(test.ops[0], ast.Eq):
            return True
    return None


def _surely_runs(node: ast.expr) -> bool:
    """True for an iterable that is a literal with at least one item, or range of a positive number."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(not isinstance(item, ast.Starred) for item in node.elts)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes) and bool(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords and node.args:
        if node.func.id == "range" and len(node.args) == 1:
            stop = node.args[0]
            return isinstance(stop, ast.Constant) and isinstance(stop.value, int) and stop.value > 0
        if node.func.id in ("enumerate", "sorted", "list", "tuple", "reversed"):
            return _surely_runs(node.args[0])
    return False


def last_name(node: ast.AST) -> str:
    """The last name of a chain of attributes and calls."""
    while isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
